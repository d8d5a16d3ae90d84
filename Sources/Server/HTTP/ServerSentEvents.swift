// SPDX-License-Identifier: Apache-2.0

/// The encoding of server-sent events (HTML Living Standard §9.2).
package enum ServerSentEvents {
    /// The content type of a stream of events.
    package static let contentType = "text/event-stream; charset=utf-8"

    /// One event.
    ///
    /// - Parameters:
    ///   - data: any text; each line end (LF, CR or CRLF) in it reaches the client as LF.
    ///   - event: the event's name, or nil for `message`.
    ///   - id: what the client sends back as `Last-Event-ID`.
    /// - Precondition: name and id are single lines, the id without NUL.
    /// - Returns: the event with its closing empty line.
    package static func encode(data: String, event: String? = nil, id: String? = nil) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(data.utf8.count + 16)
        if let event {
            precondition(event.utf8.allSatisfy(isNotLineEnd), "the event's name has line ends")
            bytes.append(contentsOf: "event: \(event)\n".utf8)
        }
        if let id {
            precondition(id.utf8.allSatisfy { isNotLineEnd($0) && $0 != 0 }, "invalid event id")
            bytes.append(contentsOf: "id: \(id)\n".utf8)
        }
        appendLines(data, prefix: "data: ", to: &bytes)
        bytes.append(0x0A)
        return bytes
    }

    /// A comment: clients ignore it, but it keeps proxies and read timeouts content.
    package static func comment(_ text: String = "") -> [UInt8] {
        var bytes: [UInt8] = []
        appendLines(text, prefix: ": ", to: &bytes)
        bytes.append(0x0A)
        return bytes
    }

    private static func isNotLineEnd(_ byte: UInt8) -> Bool { byte != 0x0A && byte != 0x0D }

    private static func appendLines(_ text: String, prefix: String, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: prefix.utf8)
        var previous: UInt8 = 0
        for byte in text.utf8 {
            if isNotLineEnd(byte) {
                bytes.append(byte)
            } else if !(byte == 0x0A && previous == 0x0D) {
                bytes.append(0x0A)
                bytes.append(contentsOf: prefix.utf8)
            }
            previous = byte
        }
        bytes.append(0x0A)
    }
}
