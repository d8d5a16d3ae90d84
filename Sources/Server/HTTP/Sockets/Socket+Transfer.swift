// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

extension Socket {
    /// Receives what has arrived, waiting for at least one byte.
    ///
    /// - Parameters:
    ///   - maxBytes: the most to take at once.
    ///   - deadline: when to give up.
    ///   - isInterruptible: whether ``interrupt()`` ends the wait.
    /// - Returns: the bytes, or nil once the peer has ended its side.
    /// - Throws: ``SocketError``, `timedOut` at the deadline.
    package func receive(
        maxBytes: Int, until deadline: ContinuousClock.Instant?, isInterruptible: Bool = false
    ) async throws(SocketError) -> [UInt8]? {
        while true {
            let mayReceive = try state.withLock { state throws(SocketError) in
                guard state.isOpen, !state.isShutDown else { throw .closed }
                defer { state.mayReceive = false }
                return state.mayReceive || state.hasPeerEnded
            }
            if mayReceive, let bytes = try receiveNow(maxBytes: maxBytes) {
                return bytes.isEmpty ? nil : bytes
            }
            if isInterruptible, state.withLock({ $0.isInterrupted }) { throw .interrupted }
            let isReady = await wait(for: \.receiver, until: deadline) { state in
                state.mayReceive || state.hasPeerEnded
                    || (isInterruptible && state.isInterrupted)
            }
            guard isReady else { throw .timedOut }
        }
    }

    /// One system call: nil if nothing has arrived, no bytes at the end.
    private func receiveNow(maxBytes: Int) throws(SocketError) -> [UInt8]? {
        var failure: SocketError?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: maxBytes) { buffer, count in
            var received: Int
            repeat {
                received = unsafe recv(descriptor, buffer.baseAddress, maxBytes, 0)
            } while received < 0 && errno == EINTR
            if received < 0 { failure = .last("recv") }
            count = max(received, 0)
        }
        switch failure {
        case .system(_, EAGAIN): return nil
        case let failure?: throw failure
        case nil: break
        }
        // With edge triggering a short read means that the next byte brings a new edge.
        if bytes.count == maxBytes || bytes.isEmpty { state.withLock { $0.mayReceive = true } }
        return bytes
    }

    /// Sends all bytes, waiting while the peer takes none.
    ///
    /// - Parameters:
    ///   - bytes: what to send; nothing comes between them.
    ///   - stallTimeout: how long the peer may take none at all.
    ///   - needsPeer: whether to fail as soon as the peer is judged to have left, rather than when
    ///     the kernel says so.
    /// - Throws: ``SocketError``, `timedOut` when the peer stalls.
    package func send(
        _ bytes: [UInt8], stallTimeout: Duration, needsPeer: Bool = false
    ) async throws(SocketError) {
        await beginSending()
        defer { endOfSending() }
        var offset = 0
        while offset < bytes.count {
            try state.withLock { state throws(SocketError) in
                guard state.isOpen, !state.isShutDown else { throw .closed }
                guard !(needsPeer && state.isPeerGone) else { throw .peerClosed }
                state.maySend = false
            }
            let sent = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.send(
                    descriptor, buffer.baseAddress?.advanced(by: offset), bytes.count - offset,
                    Int32(MSG_NOSIGNAL))
            }
            if sent >= 0 {
                offset += sent
            } else if errno == EAGAIN {
                let isReady = await wait(for: \.sender, until: .now + stallTimeout) { state in
                    state.maySend || (needsPeer && state.isPeerGone)
                }
                guard isReady else { throw .timedOut }
            } else if errno != EINTR {
                throw .last("send")
            }
        }
    }

    /// Sends one byte at once, unless something is being sent or the kernel takes no more.
    ///
    /// A peer that does not acknowledge it within the timeout breaks the connection.
    ///
    /// - Returns: whether it was sent.
    func sendAhead(_ byte: UInt8, timeout: Duration) -> Bool {
        state.withLock { state in
            guard state.isOpen, !state.isShutDown, !state.isSending else { return false }
            let milliseconds = Int32(clamping: Int64(timeout / .milliseconds(1)))
            try? Socket.set(descriptor, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, milliseconds)
            var byte = byte
            return unsafe Glibc.send(
                descriptor, &byte, 1, Int32(MSG_NOSIGNAL | MSG_DONTWAIT)) == 1
        }
    }

    /// Waits until no other task is sending.
    private func beginSending() async {
        func take(_ state: inout State) -> Bool {
            defer { state.isSending = true }
            return !state.isSending
        }
        if state.withLock({ take(&$0) }) { return }
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                if take(&state) { return true }
                state.sendQueue.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    private func endOfSending() {
        let next = state.withLock { state in
            guard !state.sendQueue.isEmpty else {
                state.isSending = false
                return CheckedContinuation<Void, Never>?.none
            }
            return state.sendQueue.removeFirst()
        }
        next?.resume()
    }

    /// Lets the peer read what was sent before the connection closes.
    ///
    /// Closing with unread input resets the connection, and a reset may overtake the response
    /// (RFC 9112 §9.6). So: end our side, then discard input until the peer ends its own.
    package func linger(until deadline: ContinuousClock.Instant, maxBytes: Int) async {
        endSending()
        var discarded = 0
        while discarded < maxBytes {
            guard let bytes = try? await receive(maxBytes: 64 << 10, until: deadline) else {
                return
            }
            discarded += bytes.count
        }
    }
}
