// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// A listening TCP socket.
package final class Listener: Sendable {
    /// What became of one attempt to accept.
    package enum Acceptance: Sendable {
        case accepted(Socket, remoteAddress: String)
        /// The process or the system is out of descriptors or memory; one connection was closed
        /// unanswered if that was possible.
        case exhausted
    }

    /// The port, chosen by the kernel if 0 was asked for.
    package let port: UInt16
    private let socket: Socket
    private let poller: Poller
    private let spare = SpareDescriptor()

    /// Listens on an address.
    package init(
        address: SocketAddress, backlog: Int32 = 1_024, poller: Poller
    ) throws(SocketError) {
        let descriptor = Glibc.socket(
            address.family,
            Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .last("socket") }
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
            guard listen(descriptor, backlog) == 0 else { throw .last("listen") }
        } catch {
            Glibc.close(descriptor)
            throw error
        }
        port = unsafe SocketAddress { unsafe getsockname(descriptor, $0, $1) }.port
        self.poller = poller
        socket = try Socket(descriptor: descriptor, poller: poller)
    }

    /// Sets what accepted sockets inherit.
    private static func setInheritedOptions(_ descriptor: Int32) throws(SocketError) {
        let tcp = Int32(IPPROTO_TCP)
        // Tokens are small and urgent: no Nagle delay.
        try Socket.set(descriptor, tcp, TCP_NODELAY, 1)
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
                unsafe descriptor = Glibc.accept(socket.descriptor, address, length)
                return descriptor
            }
            if descriptor >= 0 {
                guard fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0,
                    fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0
                else {
                    Glibc.close(descriptor)
                    continue
                }
                let socket = try Socket(descriptor: descriptor, poller: poller)
                return .accepted(socket, remoteAddress: address.host)
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

    /// Stops listening and ends ``accept()``.
    package func close() {
        socket.shutDown()
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
