// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

extension Socket {
    /// Connects to an address, for health probes and tests.
    package static func connect(
        to address: SocketAddress, poller: Poller, until deadline: ContinuousClock.Instant
    ) async throws(SocketError) -> Socket {
        let descriptor = Glibc.socket(
            address.family,
            Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .last("socket") }
        let result = unsafe address.withPointer { unsafe Glibc.connect(descriptor, $0, $1) }
        guard result == 0 || errno == EINPROGRESS else {
            let error = SocketError.last("connect")
            Glibc.close(descriptor)
            throw error
        }
        let socket = try Socket(descriptor: descriptor, poller: poller, maySend: result == 0)
        let isReady = await socket.wait(for: \.sender, until: deadline) { $0.maySend }
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        _ = unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
        guard isReady, code == 0 else {
            socket.close()
            throw isReady ? .system(call: "connect", code: code) : .timedOut
        }
        try? set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        return socket
    }

    /// Sets an option that is an `int`.
    static func set(
        _ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32
    ) throws(SocketError) {
        var value = value
        let size = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe setsockopt(descriptor, level, option, &value, size) == 0 else {
            throw .last("setsockopt")
        }
    }
}
