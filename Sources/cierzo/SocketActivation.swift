// SPDX-License-Identifier: Apache-2.0

import Glibc
package import HTTP

/// The listening sockets that a service manager has opened for this process (sd_listen_fds(3)).
package enum SocketActivation {
    /// Their first number, which the protocol says.
    package static let firstDescriptor: Int32 = 3

    /// The sockets, in the order of the socket units; none where this process was not given any.
    ///
    /// - Parameters:
    ///   - environment: the process's variables.
    ///   - processID: the process's own number: they may be meant for another.
    ///   - first: the first descriptor.
    /// - Returns: the sockets, which no child process inherits any more.
    /// - Throws: `HTTPServerError` for what is no listening socket, ``SettingsError`` for a number of
    ///   them that is none.
    package static func sockets(
        environment: [String: String], processID: Int32 = getpid(), first: Int32 = firstDescriptor
    ) throws -> [InheritedSocket] {
        guard let text = environment["LISTEN_FDS"], environment["LISTEN_PID"] == String(processID)
        else { return [] }
        guard let count = Int32(text), (0...1_024).contains(count) else {
            throw SettingsError.invalid(
                key: "LISTEN_FDS", source: "environment", expected: "a number from 0 to 1024",
                found: text)
        }
        return try (0..<count).map { index in
            let socket = try InheritedSocket(descriptor: first + index)
            _ = fcntl(socket.descriptor, F_SETFD, FD_CLOEXEC)
            return socket
        }
    }
}
