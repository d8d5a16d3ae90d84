// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A listening socket that the process was started with, as systemd gives it to a service.
///
/// Whoever gave it goes on listening with it, so that clients wait while one server takes the place
/// of another, and none is refused.
package struct InheritedSocket: Sendable, Equatable {
    /// Its number.
    package let descriptor: Int32
    /// Where it listens.
    package let address: SocketAddress

    /// Looks at a descriptor.
    ///
    /// - Throws: ``HTTPServerError/unusable(descriptor:reason:)`` unless a server can accept
    ///   connections of clients from it.
    package init(descriptor: Int32) throws(HTTPServerError) {
        func reject(_ reason: String) -> HTTPServerError {
            .unusable(descriptor: descriptor, reason: reason)
        }
        guard fcntl(descriptor, F_GETFD) >= 0 else { throw reject("it is not open") }
        guard let type = Self.option(SO_TYPE, of: descriptor) else {
            throw reject("it is no socket")
        }
        guard type == Int32(SOCK_STREAM.rawValue) else { throw reject("it is no stream socket") }
        guard Self.option(SO_ACCEPTCONN, of: descriptor) == 1 else {
            throw reject("it does not listen")
        }
        self.descriptor = descriptor
        address = unsafe SocketAddress { unsafe getsockname(descriptor, $0, $1) }
        guard [AF_INET, AF_INET6, AF_UNIX].contains(address.family) else {
            throw reject("it is neither of TCP nor a Unix socket")
        }
    }

    /// Whether only this machine can reach it.
    package var isLocal: Bool { address.isLoopback }

    private static func option(_ option: Int32, of descriptor: Int32) -> Int32? {
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        let result = unsafe getsockopt(descriptor, SOL_SOCKET, option, &value, &size)
        return result == 0 ? value : nil
    }
}
