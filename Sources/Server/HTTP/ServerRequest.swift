// SPDX-License-Identifier: Apache-2.0

package import HTTPTypes

/// A complete request, as a handler gets it.
package struct ServerRequest: Sendable {
    /// Method, path with query, authority and fields; content codings are already removed.
    package let head: HTTPRequest
    /// The body, inflated and free of its framing; empty where there was none.
    package let body: [UInt8]
    /// The peer's numeric address, without its port.
    package let remoteAddress: String

    /// A request; tests of handlers make their own.
    package init(head: HTTPRequest, body: [UInt8] = [], remoteAddress: String = "") {
        self.head = head
        self.body = body
        self.remoteAddress = remoteAddress
    }
}
