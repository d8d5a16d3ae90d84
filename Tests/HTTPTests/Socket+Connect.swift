// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTP

extension Socket {
    /// Connects to a listener on this machine, which takes no waiting: the kernel completes the
    /// connection before anybody accepts it.
    static func connect(
        to address: SocketAddress, from source: SocketAddress? = nil, poller: Poller
    ) throws(SocketError) -> Socket {
        let descriptor = Glibc.socket(
            address.family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .system(call: "socket", code: errno) }
        if let source {
            let bound = unsafe source.withPointer { unsafe bind(descriptor, $0, $1) }
            guard bound == 0 else { throw .system(call: "bind", code: errno) }
        }
        let result = unsafe address.withPointer { unsafe Glibc.connect(descriptor, $0, $1) }
        guard result == 0, fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 else {
            let code = errno
            Glibc.close(descriptor)
            throw .system(call: "connect", code: code)
        }
        var noDelay: Int32 = 1
        _ = unsafe setsockopt(
            descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &noDelay,
            socklen_t(MemoryLayout<Int32>.size))
        return try Socket(descriptor: descriptor, poller: poller)
    }
}
