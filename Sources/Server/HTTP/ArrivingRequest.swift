// SPDX-License-Identifier: Apache-2.0

package import HTTPTypes

/// A request whose header has arrived, and whose body nobody has read yet.
package struct ArrivingRequest: Sendable {
    /// Method, path with query, authority and fields.
    package let head: HTTPRequest
    /// The peer's numeric address, without its port.
    package let remoteAddress: String
    /// Whether there are more connections than the server serves, so that only what costs next to
    /// nothing may pass, and no body.
    package let isOverLimit: Bool

    /// An arriving request; tests of admissions make their own.
    package init(head: HTTPRequest, remoteAddress: String = "", isOverLimit: Bool = false) {
        self.head = head
        self.remoteAddress = remoteAddress
        self.isOverLimit = isOverLimit
    }
}
