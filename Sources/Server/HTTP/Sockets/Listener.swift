// SPDX-License-Identifier: Apache-2.0

import CEpoll
import Glibc
import Synchronization

/// A listening socket: of TCP, or a Unix socket.
package final class Listener: Sendable {
    /// What became of one attempt to accept.
    package enum Acceptance: Sendable {
        case accepted(Socket, remoteAddress: String)
        /// The process or the system is out of descriptors or memory; one connection was closed
        /// unanswered if that was possible.
        case exhausted
    }

    /// Where it listens, with the port that the kernel chose if 0 was asked for.
    package let address: SocketAddress
    /// The port.
    package var port: UInt16 { address.port }
    private let socket: Socket
    private let poller: Poller
    private let spare = SpareDescriptor()
    /// The file of a Unix socket that is ours.
    private let file: UnixSocketFile?
    /// Whether somebody else goes on listening with the same socket.
    private let isShared: Bool

    /// How many connections wait in the kernel, as far as `net.core.somaxconn` lets them.
    ///
    /// Clients beyond these try again after a second, so there should be room for a crowd.
    private static let backlog: Int32 = 4_096

    /// Takes over a descriptor that listens, and closes it in the end.
    private init(
        descriptor: Int32, file: UnixSocketFile?, isShared: Bool, poller: Poller
    ) throws(SocketError) {
        address = unsafe SocketAddress { unsafe getsockname(descriptor, $0, $1) }
        self.poller = poller
        self.file = file
        self.isShared = isShared
        socket = try Socket(descriptor: descriptor, poller: poller)
    }

    /// Listens with a socket that the process was started with, and that others keep.
    package convenience init(_ inherited: InheritedSocket, poller: Poller) throws(SocketError) {
        let descriptor = inherited.descriptor
        guard fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0,
            fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0
        else { throw .last("fcntl") }
        if inherited.address.family != AF_UNIX { try Self.setInheritedOptions(descriptor) }
        try self.init(descriptor: descriptor, file: nil, isShared: true, poller: poller)
    }

    /// Listens under a path.
    ///
    /// - Parameters:
    ///   - path: of the socket's file, or `@` and an abstract name.
    ///   - access: who may connect, where there is a file.
    ///   - poller: wakes those who wait.
    /// - Throws: `SocketError`.
    package convenience init(
        path: String, access: SocketAccess, poller: Poller
    ) throws(SocketError) {
        let descriptor = try Self.socket(AF_UNIX)
        var file: UnixSocketFile?
        do throws(SocketError) {
            if path.hasPrefix("@") {
                let address = try SocketAddress(path: path)
                let bound = unsafe address.withPointer { unsafe bind(descriptor, $0, $1) }
                guard bound == 0 else { throw .last("bind") }
                guard listen(descriptor, Self.backlog) == 0 else { throw .last("listen") }
            } else {
                file = try UnixSocketFile(
                    path, access: access, descriptor: descriptor, backlog: Self.backlog)
            }
        } catch {
            Glibc.close(descriptor)
            throw error
        }
        do throws(SocketError) {
            try self.init(descriptor: descriptor, file: file, isShared: false, poller: poller)
        } catch {
            file?.remove()
            throw error
        }
    }

    /// Listens on an address of TCP.
    package convenience init(address: SocketAddress, poller: Poller) throws(SocketError) {
        let descriptor = try Self.socket(address.family)
        do throws(SocketError) {
            // So that a restart need not wait for connections in TIME_WAIT.
            try Socket.set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
            if address.family == AF_INET6 {
                let isAny = address.host == "::"
                try Socket.set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, isAny ? 0 : 1)
            }
            try Self.setInheritedOptions(descriptor)
            let bound = unsafe address.withPointer { unsafe bind(descriptor, $0, $1) }
            guard bound == 0 else { throw .last("bind") }
            guard listen(descriptor, Self.backlog) == 0 else { throw .last("listen") }
        } catch {
            Glibc.close(descriptor)
            throw error
        }
        try self.init(descriptor: descriptor, file: nil, isShared: false, poller: poller)
    }

    private static func socket(_ family: Int32) throws(SocketError) -> Int32 {
        let descriptor = Glibc.socket(
            family,
            Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .last("socket") }
        return descriptor
    }

    /// Sets what accepted sockets of TCP inherit.
    private static func setInheritedOptions(_ descriptor: Int32) throws(SocketError) {
        let tcp = Int32(IPPROTO_TCP)
        // Tokens are small and urgent: no Nagle delay.
        try Socket.set(descriptor, tcp, TCP_NODELAY, 1)
        // What a client that does not read can make the kernel hold; twice as much as it says.
        try Socket.set(descriptor, SOL_SOCKET, SO_SNDBUF, 64 << 10)
        // A client that vanished without a word, while its answer is made, is noticed in 2 min.
        try Socket.set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1)
        try Socket.set(descriptor, tcp, TCP_KEEPIDLE, 60)
        try Socket.set(descriptor, tcp, TCP_KEEPINTVL, 15)
        try Socket.set(descriptor, tcp, TCP_KEEPCNT, 4)
    }

    /// Waits for the next connection.
    ///
    /// - Throws: `SocketError.closed` after ``close()``.
    package func accept() async throws(SocketError) -> Acceptance {
        while true {
            try socket.willTakeInput()
            var descriptor: Int32 = -1
            let address = unsafe SocketAddress { address, length in
                unsafe descriptor = accept4(
                    socket.descriptor, address, length,
                    Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue))
                return descriptor
            }
            if descriptor >= 0 {
                let socket = try Socket(descriptor: descriptor, poller: poller)
                return .accepted(
                    socket, remoteAddress: self.address.family == AF_UNIX ? "unix" : address.host)
            }
            switch errno {
            case EAGAIN: await socket.waitForInput()
            case EMFILE, ENFILE, ENOBUFS, ENOMEM:
                // Without the spare the connection would stay in the backlog, unanswered.
                spare.sacrifice { Glibc.close(Glibc.accept(socket.descriptor, nil, nil)) }
                return .exhausted
            case EINVAL, EBADF: throw .closed
            default: continue  // The peer gave up in the backlog: ECONNABORTED and its like.
            }
        }
    }

    /// Stops listening and ends ``accept()``; where others listen with the same socket, clients
    /// wait for them from now on.
    package func close() {
        file?.remove()
        if isShared { socket.abandon() } else { socket.shutDown() }
        socket.close()
    }
}

/// A descriptor kept so that there is one to give up when there are no more.
private final class SpareDescriptor: Sendable {
    private let descriptor: Mutex<Int32>

    init() { descriptor = unsafe Mutex(open("/dev/null", O_RDONLY | O_CLOEXEC)) }

    deinit { _ = descriptor.withLock { Glibc.close($0) } }

    func sacrifice(_ body: () -> Void) {
        descriptor.withLock { descriptor in
            // It is negative if another thread took the last free descriptor before this one
            // could reopen it.
            if descriptor >= 0 { Glibc.close(descriptor) }
            body()
            descriptor = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
        }
    }
}
