// SPDX-License-Identifier: Apache-2.0

package import HTTPTypes
import Synchronization

/// A complete request, as a handler gets it.
package struct ServerRequest: Sendable {
    private struct Content {
        var bytes: [UInt8]
        /// Its share of the memory for bodies.
        var lease: BodyLease?
    }

    /// A box, so that the bytes can go before the request does.
    private final class Body: Sendable {
        let content: Mutex<Content>

        init(_ content: Content) { self.content = Mutex(content) }
    }

    /// Method, path with query, authority and fields; content codings are already removed.
    package let head: HTTPRequest
    /// The peer's numeric address, without its port.
    package let remoteAddress: String
    /// What took the body; nil where that is in memory.
    package let sink: (any BodySink)?
    private let content: Body

    /// The body, inflated and free of its framing; empty where there was none.
    package var body: [UInt8] { content.content.withLock { $0.bytes } }

    /// A request; tests of handlers make their own.
    package init(head: HTTPRequest, body: [UInt8] = [], remoteAddress: String = "") {
        self.init(head: head, body: body, lease: nil, remoteAddress: remoteAddress)
    }

    init(
        head: HTTPRequest, body: [UInt8], lease: BodyLease?, remoteAddress: String,
        sink: (any BodySink)? = nil
    ) {
        self.head = head
        self.sink = sink
        self.remoteAddress = remoteAddress
        content = Body(Content(bytes: body, lease: lease))
    }

    /// The body, which the request then no longer holds: an answer may take minutes, and its
    /// request should not occupy the memory of a prompt for as long.
    package func takeBody() -> [UInt8] {
        content.content.withLock { content in
            defer { content = Content(bytes: [], lease: nil) }
            return content.bytes
        }
    }
}
