// SPDX-License-Identifier: Apache-2.0

package import HTTPTypes

/// A handler's answer.
package struct ServerResponse: Sendable {
    /// The content of a response.
    package enum Body: Sendable {
        /// All of it; sent with `Content-Length`.
        case bytes([UInt8])
        /// Produced while it is sent, chunked.
        ///
        /// The head is sent before the closure runs. The body ends when the closure returns; when
        /// it throws, the connection breaks off so that the client cannot take the body for
        /// complete. Not called where the response has no body (`HEAD`, 204, 304).
        case stream(@Sendable (ResponseWriter) async throws -> Void)
    }

    /// Status and fields; framing, `Date` and `Connection` are the server's affair, except that
    /// `Connection: close` is honoured.
    package var head: HTTPResponse
    /// The content.
    package var body: Body
    /// The length of a body that is a stream, where it is known; then that is sent, not chunked.
    package var streamByteCount: Int?

    /// A response from its parts.
    package init(head: HTTPResponse, body: Body) {
        self.head = head
        self.body = body
    }

    /// A response with all of its content.
    package init(
        status: HTTPResponse.Status, contentType: String, fields: HTTPFields = [:],
        body: [UInt8]
    ) {
        head = HTTPResponse(status: status, headerFields: fields)
        head.headerFields[.contentType] = contentType
        self.body = .bytes(body)
    }

    /// A plain text response, one line.
    package static func text(_ status: HTTPResponse.Status, _ text: String) -> ServerResponse {
        ServerResponse(
            status: status, contentType: "text/plain; charset=utf-8", body: Array("\(text)\n".utf8))
    }
}
