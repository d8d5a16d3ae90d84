// SPDX-License-Identifier: Apache-2.0

import Glibc
package import HTTP

/// The socket on which a service manager hears how a service is doing: the protocol of sd_notify(3),
/// which is a datagram of lines.
package final class NotifySocket: Sendable {
    private let descriptor: Int32
    private let address: SocketAddress

    /// A socket for messages to an address.
    ///
    /// - Parameter name: what `NOTIFY_SOCKET` says: a path, or `@` and an abstract name.
    /// - Throws: `SocketError`.
    package init(_ name: String) throws(SocketError) {
        address = try SocketAddress(path: name)
        descriptor = Glibc.socket(
            AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .system(call: "socket", code: errno) }
        // A manager that reads nothing must not hold up a server that works.
        var patience = timeval(tv_sec: 1, tv_usec: 0)
        _ = unsafe setsockopt(
            descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience,
            socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { Glibc.close(descriptor) }

    /// Sends a message.
    ///
    /// - Parameter lines: assignments such as `READY=1`, without line ends.
    /// - Returns: whether somebody took it.
    @discardableResult package func send(_ lines: [String]) -> Bool {
        let bytes = Array(lines.joined(separator: "\n").utf8)
        while true {
            let sent = unsafe address.withPointer { pointer, length in
                unsafe sendto(
                    descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), pointer, length)
            }
            if sent >= 0 || errno != EINTR { return sent == bytes.count }
        }
    }
}
