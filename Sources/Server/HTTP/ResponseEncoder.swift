// SPDX-License-Identifier: Apache-2.0

package import HTTPTypes

/// Turns responses into the bytes of HTTP/1.1, for one request.
package struct ResponseEncoder: Sendable {
    /// How the client finds the end of the body (RFC 9112 §6.3).
    package enum Framing: Sendable, Equatable {
        /// There is no body, whatever the fields say.
        case none
        case length(Int)
        case chunked
        /// HTTP/1.0 knows no chunks.
        case untilClose
    }

    /// The method of the request, nil if it was never understood.
    package let method: HTTPRequest.Method?
    /// The version of the request.
    package let version: HTTPVersion
    /// Whether the connection may serve another request after this one.
    package let keepsAlive: Bool
    /// The `Server` field, or nil for none.
    package let serverName: String?

    /// An encoder for the response to one request.
    package init(
        method: HTTPRequest.Method?, version: HTTPVersion, keepsAlive: Bool, serverName: String?
    ) {
        self.method = method
        self.version = version
        self.keepsAlive = keepsAlive
        self.serverName = serverName
    }

    /// The framing of a response.
    ///
    /// - Parameters:
    ///   - head: the response's status and fields.
    ///   - byteCount: the length of the body, nil if it is streamed.
    /// - Returns: the framing that status, method and version allow.
    package func framing(of head: HTTPResponse, byteCount: Int?) -> Framing {
        if method == .head || [204, 304].contains(head.status.code) { return .none }
        if let byteCount { return .length(byteCount) }
        return version == .http11 ? .chunked : .untilClose
    }

    /// Whether the connection stays open after this response.
    package func keepsAlive(after head: HTTPResponse, _ framing: Framing) -> Bool {
        keepsAlive && framing != .untilClose
            && head.headerFields[.connection]?.isASCIIEqual(to: "close") != true
    }

    /// The bytes up to the body.
    ///
    /// - Parameters:
    ///   - head: status and fields; those that the framing decides are replaced.
    ///   - byteCount: the length of the body, nil if it is streamed.
    ///   - date: an IMF-fixdate.
    /// - Returns: status line, fields and the empty line.
    package func encode(_ head: HTTPResponse, byteCount: Int?, date: String) -> [UInt8] {
        let framing = framing(of: head, byteCount: byteCount)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256)
        bytes.append(contentsOf: Self.startOfResponse)
        bytes.append(contentsOf: "\(head.status.code) \(Self.reasonPhrase(of: head.status))".utf8)
        for field in head.headerFields where !replaced.contains(field.name) {
            Self.append(field.name.rawName, field.value, to: &bytes)
        }
        if head.headerFields[.date] == nil { Self.append("Date", date, to: &bytes) }
        if let serverName, head.headerFields[.server] == nil {
            Self.append("Server", serverName, to: &bytes)
        }
        appendFraming(framing, head, byteCount, to: &bytes)
        if !keepsAlive(after: head, framing) {
            Self.append("Connection", "close", to: &bytes)
        } else if version == .http10 {
            Self.append("Connection", "keep-alive", to: &bytes)
        }
        bytes.append(contentsOf: "\r\n\r\n".utf8)
        return bytes
    }

    private var replaced: [HTTPField.Name] {
        [.connection, .contentLength, .transferEncoding]
    }

    private func appendFraming(
        _ framing: Framing, _ head: HTTPResponse, _ byteCount: Int?, to bytes: inout [UInt8]
    ) {
        switch framing {
        case .length(let count): Self.append("Content-Length", String(count), to: &bytes)
        case .chunked: Self.append("Transfer-Encoding", "chunked", to: &bytes)
        case .untilClose: break
        case .none:
            // RFC 9110 §8.6: HEAD tells the length that GET would; 204 must not; 304 need not.
            guard method == .head, ![204, 304].contains(head.status.code) else { return }
            if let byteCount, byteCount > 0 {
                Self.append("Content-Length", String(byteCount), to: &bytes)
            } else if let length = head.headerFields[.contentLength] {
                Self.append("Content-Length", length, to: &bytes)
            } else if byteCount != nil {
                Self.append("Content-Length", "0", to: &bytes)
            }
        }
    }

    /// The status's own phrase, or the one that the standards give its code.
    private static func reasonPhrase(of status: HTTPResponse.Status) -> String {
        status.reasonPhrase.isEmpty ? standardPhrases[status.code] ?? "" : status.reasonPhrase
    }

    private static let standardPhrases: [Int: String] = {
        let statuses: [HTTPResponse.Status] = [
            .ok, .created, .accepted, .noContent, .partialContent, .movedPermanently, .found,
            .seeOther, .notModified, .temporaryRedirect, .permanentRedirect, .badRequest,
            .unauthorized, .forbidden, .notFound, .methodNotAllowed, .notAcceptable,
            .requestTimeout, .conflict, .gone, .lengthRequired, .preconditionFailed,
            .contentTooLarge, .uriTooLong, .unsupportedMediaType, .rangeNotSatisfiable,
            .expectationFailed, .misdirectedRequest, .unprocessableContent, .tooEarly,
            .upgradeRequired, .preconditionRequired, .tooManyRequests,
            .requestHeaderFieldsTooLarge, .unavailableForLegalReasons, .internalServerError,
            .notImplemented, .badGateway, .serviceUnavailable, .gatewayTimeout,
            .httpVersionNotSupported, .networkAuthenticationRequired,
        ]
        return Dictionary(
            statuses.map { ($0.code, $0.reasonPhrase) }, uniquingKeysWith: { first, _ in first })
    }()

    private static func append(_ name: String, _ value: String, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: "\r\n".utf8)
        bytes.append(contentsOf: name.utf8)
        bytes.append(contentsOf: ": ".utf8)
        bytes.append(contentsOf: value.utf8)
    }

    /// One chunk of a chunked body.
    ///
    /// - Precondition: `bytes` is not empty; an empty chunk would end the body.
    package static func chunk(_ bytes: [UInt8]) -> [UInt8] {
        precondition(!bytes.isEmpty, "an empty chunk ends the body")
        var chunk: [UInt8] = []
        // The size has at most 16 digits, and two line ends follow.
        chunk.reserveCapacity(bytes.count + 20)
        chunk.append(contentsOf: String(bytes.count, radix: 16).utf8)
        chunk.append(contentsOf: "\r\n".utf8)
        chunk.append(contentsOf: bytes)
        chunk.append(contentsOf: "\r\n".utf8)
        return chunk
    }

    /// What every response begins with, whatever its status.
    package static let startOfResponse = Array("HTTP/1.1 ".utf8)
    /// The end of a chunked body.
    package static let lastChunk = Array("0\r\n\r\n".utf8)
    /// The interim response that asks for the body.
    package static let continueResponse = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)
}
