// SPDX-License-Identifier: Apache-2.0

/// An incremental parser of `multipart/form-data` (RFC 7578) that does no input of its own.
///
/// ``append(_:)`` takes bytes as they come, in pieces of any size; ``next()`` gives what they
/// complete. It holds no more than a part's header, or a boundary that may be beginning. It is strict:
/// lines end in CRLF, nothing stands before the first boundary or behind the last one, and each part
/// is a field with one name. Once it has thrown it must be discarded.
package struct MultipartParser: Sendable {
    /// What the bytes so far have completed.
    package enum Event: Equatable, Sendable {
        /// A part begins.
        case part(Part)
        /// A piece of the part's content.
        case content([UInt8])
        /// The part has ended.
        case endOfPart
        /// The form has ended.
        case end
    }

    /// What the header of a part says.
    package struct Part: Hashable, Sendable {
        /// The name of the field.
        package let name: String
        /// The name of the file, as the client wrote it; nil where it is no file.
        ///
        /// Only a text: it may have any characters, and means no place.
        package let fileName: String?
    }

    private enum State {
        /// Before the first boundary.
        case start
        /// Behind a boundary: a part or the end follows.
        case boundary
        case header
        case content
        case end
    }

    /// The longest header of a part, all its lines together.
    package static let maxHeaderBytes = 8 << 10
    /// The most parts.
    package static let maxPartCount = 64
    /// The longest boundary (RFC 2046 §5.1.1).
    private static let maxBoundaryBytes = 70

    /// `CRLF--boundary`.
    private let delimiter: [UInt8]
    private var state = State.start
    private var buffer: [UInt8] = []
    /// The first byte of ``buffer`` not consumed.
    private var offset = 0
    private var partCount = 0
    private var headerByteCount = 0
    private var part: Part?

    /// A parser at the start of a body.
    ///
    /// - Parameter contentType: the field of the request, which names the boundary.
    /// - Throws: ``MultipartError`` where it is of another type or names none.
    package init(contentType: String) throws(MultipartError) {
        let field = try HeaderParameters(Array(contentType.utf8)[...])
        guard field.value == "multipart/form-data" else { throw .otherType(field.value) }
        guard let boundary = field["boundary"].map({ Array($0.utf8) }),
            (1...Self.maxBoundaryBytes).contains(boundary.count),
            boundary.allSatisfy(Self.isBoundaryByte), boundary.last != UInt8(ascii: " ")
        else { throw .malformed("its type names no boundary of 1 to 70 characters") }
        delimiter = Array("\r\n--".utf8) + boundary
    }

    private static func isBoundaryByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "'()+_,-./:=? ".utf8.contains(byte)
        }
    }

    /// Whether the form has ended.
    package var isAtEnd: Bool { if case .end = state { true } else { false } }

    /// Takes the bytes that came next.
    package mutating func append(_ bytes: [UInt8]) {
        buffer.removeSubrange(..<offset)
        buffer += bytes
        offset = 0
    }

    /// Confirms that the body has come to its end.
    package func finish() throws(MultipartError) {
        guard isAtEnd else {
            throw .malformed("it ends before its last boundary")
        }
    }

    /// The next event, or nil until more bytes are appended.
    package mutating func next() throws(MultipartError) -> Event? {
        while true {
            switch state {
            case .start:
                // The first boundary has no line before it.
                let first = delimiter.dropFirst(2)
                let found = buffer[offset...].prefix(first.count)
                guard first.starts(with: found) else {
                    throw .malformed("it does not begin with its boundary")
                }
                guard found.count == first.count else { return nil }
                offset += first.count
                state = .boundary
            case .boundary:
                guard buffer.count - offset >= 2 else { return nil }
                let mark = buffer[offset..<offset + 2]
                offset += 2
                if mark.elementsEqual("\r\n".utf8) {
                    partCount += 1
                    guard partCount <= Self.maxPartCount else {
                        throw .malformed("it has more than \(Self.maxPartCount) parts")
                    }
                    (state, headerByteCount, part) = (.header, 0, nil)
                } else if mark.elementsEqual("--".utf8) {
                    state = .end
                    return .end
                } else {
                    throw .malformed("a boundary is followed by something else than a line's end")
                }
            case .header:
                guard let line = try headerLine() else { return nil }
                if !line.isEmpty {
                    try read(line)
                } else if let part {
                    state = .content
                    return .part(part)
                } else {
                    throw .malformed("a part has no Content-Disposition: form-data with a name")
                }
            case .content:
                if let piece = content() { return .content(piece) }
                guard buffer.count - offset >= delimiter.count else { return nil }
                // It stands at the front, for content ends before it.
                offset += delimiter.count
                state = .boundary
                return .endOfPart
            case .end:
                let rest = buffer[offset...]
                guard "\r\n".utf8.starts(with: rest) else {
                    throw .malformed("something stands behind its last boundary")
                }
                // The line's end stays, so that only one is taken.
                return nil
            }
        }
    }

    /// The content before the next boundary, or before what may become one; nil where there is none.
    private mutating func content() -> [UInt8]? {
        let rest = buffer[offset...]
        var end = rest.endIndex
        var searched = rest.startIndex
        while let start = rest[searched...].firstIndex(of: 0x0D) {
            if delimiter.starts(with: rest[start...].prefix(delimiter.count)) {
                end = start
                break
            }
            searched = start + 1
        }
        guard end > offset else { return nil }
        defer { offset = end }
        return Array(rest[..<end])
    }

    /// Consumes a line of a part's header and gives it without its CRLF, or nil while it is incomplete.
    private mutating func headerLine() throws(MultipartError) -> ArraySlice<UInt8>? {
        let tooLong = MultipartError.malformed(
            "the header of a part is longer than \(Self.maxHeaderBytes) bytes")
        let rest = buffer[offset...].prefix(Self.maxHeaderBytes - headerByteCount + 2)
        guard let lineFeed = rest.firstIndex(of: 0x0A) else {
            guard rest.count < Self.maxHeaderBytes - headerByteCount + 2 else { throw tooLong }
            return nil
        }
        guard lineFeed > offset, rest[lineFeed - 1] == 0x0D else {
            throw .malformed("a line in the header of a part ends without CR")
        }
        let line = rest[offset..<lineFeed - 1]
        offset = lineFeed + 1
        headerByteCount += line.count
        guard headerByteCount <= Self.maxHeaderBytes else { throw tooLong }
        return line
    }

    private mutating func read(_ line: ArraySlice<UInt8>) throws(MultipartError) {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex else {
            throw .malformed("a line in the header of a part is no field")
        }
        let value = line[(colon + 1)...]
        switch String(decoding: line[..<colon], as: UTF8.self).lowercased() {
        case "content-disposition":
            guard part == nil else { throw .malformed("a part has two Content-Dispositions") }
            let field = try HeaderParameters(value)
            guard field.value == "form-data", let name = field["name"], !name.isEmpty else {
                throw .malformed("a part is no form-data with a name")
            }
            part = Part(name: name, fileName: try field.extended("filename") ?? field["filename"])
        case "content-transfer-encoding":
            // RFC 7578 §4.7 has done away with the others.
            let coding = String(decoding: value.trimmed, as: UTF8.self).lowercased()
            guard ["7bit", "8bit", "binary"].contains(coding) else {
                throw .malformed("a part has a Content-Transfer-Encoding, which forms have not")
            }
        default: break
        }
    }
}

/// Why a body is no form.
package enum MultipartError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The body is of another type, which is here in lower case.
    case otherType(String)

    /// It is none of that type.
    case malformed(String)

    package var description: String {
        switch self {
        case .otherType: "Content-Type: expected multipart/form-data with a boundary"
        case .malformed(let reason): "the form is malformed: \(reason)"
        }
    }
}

/// A field of a header that has a value and parameters (RFC 9110 §5.6.6).
private struct HeaderParameters {
    /// The value, in lower case.
    let value: String

    private var parameters: [String: ArraySlice<UInt8>] = [:]

    init(_ text: ArraySlice<UInt8>) throws(MultipartError) {
        var rest = text
        value = Self.take(&rest, upTo: ";").lowercased()
        while rest.popFirst() != nil {
            rest = rest.withoutLeadingSpace
            if rest.isEmpty { break }
            let name = Self.take(&rest, upTo: "=;").lowercased()
            guard rest.popFirst() == UInt8(ascii: "="), !name.isEmpty else {
                throw .malformed("a parameter has no name or no value")
            }
            let value = try Self.value(&rest)
            rest = rest.withoutLeadingSpace
            guard rest.isEmpty || rest.first == UInt8(ascii: ";") else {
                throw .malformed("a quoted value is followed by something else than a semicolon")
            }
            guard parameters.updateValue(value, forKey: name) == nil else {
                throw .malformed("a parameter is there twice")
            }
        }
    }

    /// The value of a parameter; what in it is no UTF-8 is replaced.
    subscript(name: String) -> String? {
        parameters[name].map { String(decoding: $0, as: UTF8.self) }
    }

    /// The value of a parameter in its extended form (RFC 8187), which some clients send.
    func extended(_ name: String) throws(MultipartError) -> String? {
        guard let text = parameters[name + "*"] else { return nil }
        let parts = text.split(
            separator: UInt8(ascii: "'"), maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, String(decoding: parts[0], as: UTF8.self).lowercased() == "utf-8"
        else { throw .malformed("the \(name)* of a part is not in UTF-8") }
        var bytes: [UInt8] = []
        var rest = parts[2]
        while let byte = rest.popFirst() {
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            if byte == UInt8(ascii: "%"), digits.utf8.count == 2,
                let code = UInt8(digits, radix: 16)
            {
                bytes.append(code)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Consumes what stands before one of these characters.
    private static func take(_ rest: inout ArraySlice<UInt8>, upTo ends: String) -> String {
        let found = rest.prefix { !ends.utf8.contains($0) }
        rest = rest.dropFirst(found.count)
        return String(decoding: found.trimmed, as: UTF8.self)
    }

    private static func value(
        _ rest: inout ArraySlice<UInt8>
    ) throws(MultipartError) -> ArraySlice<UInt8> {
        rest = rest.withoutLeadingSpace
        let (quote, backslash) = (UInt8(ascii: "\""), UInt8(ascii: "\\"))
        guard rest.first == quote else {
            let found = rest.prefix { $0 != UInt8(ascii: ";") }
            rest = rest.dropFirst(found.count)
            return found.trimmed
        }
        rest = rest.dropFirst()
        var value: ArraySlice<UInt8> = []
        while let byte = rest.popFirst() {
            if byte == quote { return value }
            // Only these are escaped: some clients send the backslashes of a path as they are.
            if byte == backslash, let next = rest.first, next == quote || next == backslash {
                value.append(next)
                rest = rest.dropFirst()
            } else {
                value.append(byte)
            }
        }
        throw .malformed("a quoted value does not end")
    }
}

extension ArraySlice<UInt8> {
    fileprivate var withoutLeadingSpace: ArraySlice { drop { $0 == 0x20 || $0 == 0x09 } }

    /// Without spaces and tabs around it.
    fileprivate var trimmed: ArraySlice {
        var rest = withoutLeadingSpace
        while let last = rest.last, last == 0x20 || last == 0x09 { rest.removeLast() }
        return rest
    }
}
