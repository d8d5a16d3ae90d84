// SPDX-License-Identifier: Apache-2.0

import HTTPTypes

/// An incremental parser of HTTP/1.x requests (RFC 9112) that does no input of its own.
///
/// ``append(_:)`` takes bytes as they come, in pieces of any size; ``next()`` gives what they
/// complete. It is strict where leniency has let requests be smuggled past proxies: lines end in
/// CRLF, no folded fields, no space before a colon, one `Content-Length` or one
/// `Transfer-Encoding: chunked` and never both. Once it has thrown it must be discarded.
package struct RequestParser {
    /// How much of a request the parser is willing to take.
    package struct Limits: Sendable, Equatable {
        /// The longest request line.
        package var maxRequestLineBytes: Int
        /// All header lines together; again for all trailers, again for all chunk extensions.
        package var maxHeaderBytes: Int
        /// The number of header fields, again of trailer fields.
        package var maxHeaderCount: Int
        /// The body, with chunked framing removed.
        package var maxBodyBytes: Int

        /// Limits for long prompts and images in JSON.
        package init(
            maxRequestLineBytes: Int = 8 << 10, maxHeaderBytes: Int = 64 << 10,
            maxHeaderCount: Int = 100, maxBodyBytes: Int = 16 << 20
        ) {
            self.maxRequestLineBytes = maxRequestLineBytes
            self.maxHeaderBytes = maxHeaderBytes
            self.maxHeaderCount = maxHeaderCount
            self.maxBodyBytes = maxBodyBytes
        }
    }

    /// What the bytes so far have completed.
    package enum Event: Equatable {
        /// The header section has ended.
        case head(RequestHead)
        /// A piece of the body.
        case body([UInt8])
        /// The request is complete; what follows belongs to the next one.
        case end
    }

    private enum State {
        case requestLine
        case header(RequestLine)
        case body(remaining: Int)
        case chunkLine
        case chunk(remaining: Int)
        case chunkEnd
        case trailers
    }

    /// The longest line that may introduce a chunk.
    private static let maxChunkLineBytes = 1_024
    /// Empty lines tolerated before a request line (RFC 9112 §2.2 asks for at least one).
    private static let maxEmptyLineCount = 8

    /// The largest body of the request that is being read; by the limits, until it is set otherwise
    /// after a head.
    package var maxBodyBytes: Int

    private let limits: Limits
    private var state = State.requestLine
    private var buffer: [UInt8] = []
    /// The first byte of ``buffer`` not consumed.
    private var offset = 0
    /// The first byte of ``buffer`` not yet searched for a line feed.
    private var searched = 0
    private var fields = HTTPFields()
    private var fieldCount = 0
    private var headerByteCount = 0
    private var bodyByteCount = 0
    private var extensionByteCount = 0
    private var emptyLineCount = 0

    /// A parser at the start of a connection.
    package init(limits: Limits = .init()) {
        self.limits = limits
        maxBodyBytes = limits.maxBodyBytes
    }

    /// Whether part of a request has been seen, of which the end has not.
    package var isWithinRequest: Bool {
        if case .requestLine = state { hasPendingInput } else { true }
    }

    /// Whether bytes are waiting other than line ends between requests.
    package var hasPendingInput: Bool {
        buffer[offset...].contains { $0 != 0x0D && $0 != 0x0A }
    }

    /// As much of a header as has come, while its end has not or where it was refused; nil before
    /// the end of the request line, and once there is a head.
    var unfinishedHead: HTTPRequest? {
        guard case .header(let line) = state else { return nil }
        return HTTPRequest(
            method: line.method, scheme: "http", authority: line.authority, path: line.path,
            headerFields: fields)
    }

    /// Takes the bytes that came next.
    package mutating func append(_ bytes: [UInt8]) {
        if offset == buffer.count {
            buffer = bytes
        } else {
            buffer.removeSubrange(..<offset)
            buffer.append(contentsOf: bytes)
        }
        searched -= min(searched, offset)
        offset = 0
    }

    /// The next event, or nil until more bytes are appended.
    ///
    /// - Complexity: O(n) over all bytes appended, however they are cut.
    package mutating func next() throws(RequestError) -> Event? {
        while true {
            switch state {
            case .requestLine:
                guard let line = try requestLine() else { return nil }
                state = .header(line)
            case .header(let line):
                guard try fieldLines() else { return nil }
                let head = try RequestHead(line: line, fields: fields)
                enterBody(head.framing)
                return .head(head)
            case .body(let remaining):
                if remaining == 0 { return end() }
                // Checked here and not when the header is read, so that a client that may not
                // send a body at all is told that first.
                guard remaining <= maxBodyBytes else {
                    throw .bodyTooLarge(maxBytes: maxBodyBytes)
                }
                guard let piece = take(upTo: remaining) else { return nil }
                state = .body(remaining: remaining - piece.count)
                return .body(piece)
            case .chunkLine:
                guard let size = try chunkLine() else { return nil }
                state = size == 0 ? .trailers : .chunk(remaining: size)
            case .chunk(let remaining):
                guard let piece = take(upTo: remaining) else { return nil }
                state =
                    piece.count == remaining
                    ? .chunkEnd : .chunk(remaining: remaining - piece.count)
                return .body(piece)
            case .chunkEnd:
                guard let line = try takeLine(maxBytes: 0, { .malformed("an overlong chunk") })
                else { return nil }
                guard line.isEmpty else { throw .malformed("an overlong chunk") }
                state = .chunkLine
            case .trailers:
                guard try fieldLines() else { return nil }
                return end()
            }
        }
    }

    private mutating func requestLine() throws(RequestError) -> RequestLine? {
        while true {
            if offset < buffer.count, buffer[offset] < 0x20,
                buffer[offset] != 0x0D, buffer[offset] != 0x0A
            {
                // A TLS handshake, for one; there may never be a line feed to wait for.
                throw .malformed("the first byte cannot begin an HTTP request")
            }
            let maxBytes = limits.maxRequestLineBytes
            guard
                let line = try takeLine(
                    maxBytes: maxBytes, { .requestLineTooLong(maxBytes: maxBytes) })
            else { return nil }
            if !line.isEmpty { return try RequestLine(line) }
            emptyLineCount += 1
            guard emptyLineCount <= Self.maxEmptyLineCount else {
                throw .malformed("empty lines instead of a request")
            }
        }
    }

    /// Consumes field lines; true once the empty line after them is consumed.
    private mutating func fieldLines() throws(RequestError) -> Bool {
        let limits = limits
        while true {
            let maxBytes = limits.maxHeaderBytes - headerByteCount
            guard
                let line = try takeLine(
                    maxBytes: maxBytes,
                    { .headerTooLarge(limit: "bytes", maximum: limits.maxHeaderBytes) })
            else { return false }
            if line.isEmpty { return true }
            headerByteCount += line.count
            fieldCount += 1
            guard fieldCount <= limits.maxHeaderCount else {
                throw .headerTooLarge(limit: "fields", maximum: limits.maxHeaderCount)
            }
            let field = try Self.field(line)
            if case .header = state { fields.append(field) }  // Trailers are checked and dropped.
        }
    }

    private static func field(_ line: ArraySlice<UInt8>) throws(RequestError) -> HTTPField {
        guard line.first != 0x20, line.first != 0x09 else {
            throw .malformed("a folded header field")
        }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
            throw .malformed("a header field without a colon")
        }
        guard let name = HTTPField.Name(String(decoding: line[..<colon], as: UTF8.self)) else {
            throw .malformed("a header field's name is not a token")
        }
        var value = line[(colon + 1)...]
        while let first = value.first, first == 0x20 || first == 0x09 { value.removeFirst() }
        while let last = value.last, last == 0x20 || last == 0x09 { value.removeLast() }
        guard value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
            throw .malformed("the header field \(name) has a control character")
        }
        return HTTPField(name: name, value: value)
    }

    private mutating func enterBody(_ framing: RequestHead.Framing) {
        (fields, fieldCount, headerByteCount) = (HTTPFields(), 0, 0)
        switch framing {
        case .none: state = .body(remaining: 0)
        case .length(let count): state = .body(remaining: count)
        case .chunked: state = .chunkLine
        }
    }

    /// Consumes `chunk-size [chunk-ext] CRLF` (RFC 9112 §7.1).
    private mutating func chunkLine() throws(RequestError) -> Int? {
        guard
            let line = try takeLine(
                maxBytes: Self.maxChunkLineBytes, { .malformed("an overlong chunk line") })
        else { return nil }
        let digits = line.prefix { $0 != UInt8(ascii: ";") && $0 != 0x20 && $0 != 0x09 }
        guard (1...15).contains(digits.count),
            let size = Int(String(decoding: digits, as: UTF8.self), radix: 16),
            digits.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") })
        else { throw .malformed("a chunk size is not a hexadecimal number") }
        let rest = line.dropFirst(digits.count)
        let text = rest.drop { $0 == 0x20 || $0 == 0x09 }
        guard text.isEmpty || text.first == UInt8(ascii: ";"),
            text.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 })
        else { throw .malformed("a chunk extension is malformed") }
        extensionByteCount += rest.count
        guard extensionByteCount <= limits.maxHeaderBytes else {
            throw .malformed("more than \(limits.maxHeaderBytes) bytes of chunk extensions")
        }
        guard size <= maxBodyBytes - bodyByteCount else {
            throw .bodyTooLarge(maxBytes: maxBodyBytes)
        }
        bodyByteCount += size
        return size
    }

    private mutating func end() -> Event {
        state = .requestLine
        maxBodyBytes = limits.maxBodyBytes
        (fieldCount, headerByteCount, bodyByteCount) = (0, 0, 0)
        (extensionByteCount, emptyLineCount) = (0, 0)
        return .end
    }

    private mutating func take(upTo count: Int) -> [UInt8]? {
        guard offset < buffer.count else { return nil }
        let piece = [UInt8](buffer[offset...].prefix(count))
        offset += piece.count
        searched = offset
        return piece
    }

    /// Consumes a line and gives it without its CRLF, or nil while it is incomplete.
    private mutating func takeLine(
        maxBytes: Int, _ tooLong: () -> RequestError
    ) throws(RequestError) -> ArraySlice<UInt8>? {
        guard let lineFeed = buffer[searched...].firstIndex(of: 0x0A) else {
            searched = buffer.count
            // One more than the limit may be the CR.
            guard buffer.count - offset <= maxBytes + 1 else { throw tooLong() }
            return nil
        }
        guard lineFeed - offset <= maxBytes + 1 else { throw tooLong() }
        guard lineFeed > offset, buffer[lineFeed - 1] == 0x0D else {
            throw .malformed("a line ends without CR")
        }
        let line = buffer[offset..<(lineFeed - 1)]
        offset = lineFeed + 1
        searched = offset
        return line
    }
}
