// SPDX-License-Identifier: Apache-2.0

import CEpoll
import Glibc
import Synchronization

/// A non-blocking stream socket whose operations suspend the task, never the thread.
///
/// At most one task receives; sends of several tasks queue up. Every wait ends with readiness, at
/// its deadline, by ``shutDown()``, or when the peer breaks the connection, so cancelling a task
/// need not disturb a wait: whoever cancels also shuts the socket down if it should stop at once.
package final class Socket: Sendable {
    private struct Waiter {
        let continuation: CheckedContinuation<Void, Never>
        let deadline: ContinuousClock.Instant?
        /// Whether anything less than the end of a line is of no use to it.
        var wantsLine = false
    }

    private struct PeerCloseObserver {
        /// Whether a request already received waits behind the one being served.
        let hasPendingInput: Bool
        /// Finds out whether a peer that has ended its side is still there.
        var probe: (@Sendable () -> Void)?
        let action: @Sendable () -> Void
    }

    private struct State {
        var id: UInt64 = 0
        var isOpen = true
        var isShutDown = false
        var isInterrupted = false
        /// Whether trying to receive or send may be worth it: cleared before a system call, set
        /// when epoll reports a change.
        var mayReceive = true
        var maySend = true
        /// The peer will send no more (FIN or worse).
        var hasPeerEnded = false
        /// The connection is broken, or closed in both directions.
        var isHungUp = false
        /// The peer is judged to have left while its response was being made.
        var isPeerGone = false
        var receiver: Waiter?
        var sender: Waiter?
        /// The tick at which the poller asks for the deadlines of the two.
        var watchedTick = Int64.max
        /// What has come of a line that the receiver waits for.
        var piece: [UInt8] = []
        var isSending = false
        var readerClock = ReaderClock()
        var sendQueue: [CheckedContinuation<Void, Never>] = []
        var peerCloseObserver: PeerCloseObserver?

        mutating func takeWaiters() -> [Waiter] {
            [receiver.take(), sender.take()].compactMap { $0 }
        }
    }

    /// So much is received at once of a line that is to be waited for.
    private static let pieceByteCount = 256
    /// A receiver that waits for a line gets its beginning once it is that long.
    private static let maxPieceByteCount = 1_024

    let descriptor: Int32
    private let poller: Poller
    private let state = Mutex(State())
    /// The encryption, once it has begun; whoever holds this lock asks for no other one.
    private let encryption = Mutex<TLSSession?>(nil)

    /// Takes over a non-blocking descriptor, of a connection or a listening socket, and closes it
    /// in the end.
    package init(descriptor: Int32, poller: Poller) throws(SocketError) {
        self.descriptor = descriptor
        self.poller = poller
        do throws(SocketError) {
            let id = try poller.add(self, descriptor)
            state.withLock { $0.id = id }
        } catch {
            Glibc.close(descriptor)
            state.withLock { $0.isOpen = false }
            throw error
        }
    }

    /// Closes the descriptor; only the task that owns the connection does this, at its end.
    package func close() {
        let (id, waiters) = state.withLock { state in
            guard state.isOpen else { return (UInt64?.none, [Waiter]()) }
            state.isOpen = false
            state.peerCloseObserver = nil
            poller.remove(descriptor, id: state.id)
            encryption.withLock { $0 = nil }
            Glibc.close(descriptor)
            return (state.id, state.takeWaiters())
        }
        if id != nil { for waiter in waiters { waiter.continuation.resume() } }
    }

    /// Ends the connection in both directions: every operation, also one under way, fails soon.
    package func shutDown() {
        let waiters = state.withLock { state in
            state.isShutDown = true
            if state.isOpen { _ = Glibc.shutdown(descriptor, Int32(SHUT_RDWR)) }
            return state.takeWaiters()
        }
        for waiter in waiters { waiter.continuation.resume() }
    }

    /// Ends every operation, also one under way, and leaves the connection or the listening as it
    /// is for others who have the socket, too.
    func abandon() {
        let waiters = state.withLock { state in
            state.isShutDown = true
            return state.takeWaiters()
        }
        for waiter in waiters { waiter.continuation.resume() }
    }

    /// Tells the peer that nothing more will be sent.
    package func endSending() {
        state.withLock { state in
            guard state.isOpen else { return }
            encryption.withLock { $0?.end() }
            _ = Glibc.shutdown(descriptor, Int32(SHUT_WR))
        }
    }

    /// Makes closing reset the connection, so that the peer cannot take the end for a regular one.
    package func resetOnClose() {
        state.withLock { state in
            guard state.isOpen else { return }
            var option = Glibc.linger(l_onoff: 1, l_linger: 0)
            let size = socklen_t(MemoryLayout<Glibc.linger>.size)
            _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, size)
        }
    }

    /// Ends interruptible waits, now and from now on, once nothing is left to receive.
    package func interrupt() {
        let waiter = state.withLock { state in
            state.isInterrupted = true
            return state.receiver.take()
        }
        waiter?.continuation.resume()
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

    /// Receives what has arrived, waiting for at least one byte.
    ///
    /// - Parameters:
    ///   - maxBytes: the most to take at once.
    ///   - deadline: when to give up.
    ///   - isInterruptible: whether ``interrupt()`` ends the wait.
    ///   - wantsLine: whether a wait goes on until a line ends, or much of it has come; a peer that
    ///     sends it byte by byte then wakes no task for each.
    /// - Returns: the bytes, or nil once the peer has ended its side.
    /// - Throws: ``SocketError``, `timedOut` at the deadline.
    package func receive(
        maxBytes: Int, until deadline: ContinuousClock.Instant?, isInterruptible: Bool = false,
        wantsLine: Bool = false
    ) async throws(SocketError) -> [UInt8]? {
        while true {
            let (piece, mayReceive) = try state.withLock { state throws(SocketError) in
                guard state.isOpen, !state.isShutDown else { throw .closed }
                guard state.piece.isEmpty else {
                    defer { state.piece = [] }
                    return (state.piece, false)
                }
                defer { state.mayReceive = false }
                return ([], state.mayReceive || state.hasPeerEnded)
            }
            if !piece.isEmpty { return piece }
            if mayReceive, let bytes = try receiveNow(maxBytes: maxBytes) {
                return bytes.isEmpty ? nil : bytes
            }
            if isInterruptible, state.withLock({ $0.isInterrupted }) { throw .interrupted }
            let isReady = await wait(
                for: \.receiver, until: deadline, wantsLine: wantsLine
            ) { state in
                state.mayReceive || state.hasPeerEnded
                    || (isInterruptible && state.isInterrupted)
            }
            guard isReady else { throw .timedOut }
        }
    }

    /// One system call: nil if nothing has arrived, no bytes at the end.
    private func receiveNow(maxBytes: Int) throws(SocketError) -> [UInt8]? {
        if let read = encryption.withLock({ $0?.read(maxBytes: maxBytes) }) {
            return try received(read.bytes, read.outcome)
        }
        var failure: SocketError?
        // A copy of what has come: it may be kept, and most of the room for it is not needed.
        let bytes = unsafe withUnsafeTemporaryAllocation(
            byteCount: maxBytes, alignment: 1
        ) { buffer in
            var received: Int
            repeat {
                received = unsafe recv(descriptor, buffer.baseAddress, maxBytes, 0)
            } while received < 0 && errno == EINTR
            if received < 0 { failure = .last("recv") }
            return unsafe [UInt8](buffer.prefix(max(received, 0)))
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

    private func received(
        _ bytes: [UInt8], _ outcome: TLSSession.Outcome
    ) throws(SocketError) -> [UInt8]? {
        switch outcome {
        case .wantsInput: return nil
        // A peer that has us answer, and does not read it.
        case .failed, .wantsRoom: throw .peerClosed
        case .broken(let code): throw .failed("recv", code)
        case .done, .ended:
            // More may wait within the encryption, which no edge would tell.
            state.withLock { $0.mayReceive = true }
            return outcome == .ended ? [] : bytes
        }
    }

    /// Sends all bytes, waiting while the peer takes none.
    ///
    /// - Parameters:
    ///   - bytes: what to send; nothing comes between them.
    ///   - stallTimeout: how long the peer may keep them waiting; see ``ReaderClock``.
    ///   - needsPeer: whether to fail as soon as the peer is judged to have left, rather than when
    ///     the kernel says so.
    /// - Throws: ``SocketError``, `timedOut` when the peer stalls.
    package func send(
        _ bytes: [UInt8], stallTimeout: Duration, needsPeer: Bool = false
    ) async throws(SocketError) {
        try await send(stallTimeout: stallTimeout, needsPeer: needsPeer) { bytes }
    }

    /// Sends bytes that are made when all before them are sent, as those of a compressor must be; see
    /// ``send(_:stallTimeout:needsPeer:)``.
    func send(
        stallTimeout: Duration, needsPeer: Bool = false, _ make: @Sendable () -> [UInt8]
    ) async throws(SocketError) {
        await beginSending()
        defer { endOfSending() }
        let bytes = make()
        var offset = 0
        while offset < bytes.count {
            try state.withLock { state throws(SocketError) in
                guard state.isOpen, !state.isShutDown else { throw .closed }
                guard !(needsPeer && state.isPeerGone) else { throw .peerClosed }
                state.maySend = false
            }
            if let count = try sendNow(bytes, from: offset) {
                offset += count
            } else {
                try await waitForReader(stallTimeout, needsPeer: needsPeer)
            }
        }
    }

    /// One system call: how many bytes were taken, nil if none can be.
    private func sendNow(_ bytes: [UInt8], from offset: Int) throws(SocketError) -> Int? {
        if let write = encryption.withLock({ $0?.write(bytes, from: offset) }) {
            switch write.outcome {
            case .done: return write.count
            case .wantsRoom: return nil
            case .wantsInput, .ended, .failed: throw .peerClosed
            case .broken(let code): throw .failed("send", code)
            }
        }
        while true {
            let sent = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.send(
                    descriptor, buffer.baseAddress?.advanced(by: offset), bytes.count - offset,
                    Int32(MSG_NOSIGNAL))
            }
            if sent >= 0 { return sent }
            if errno == EAGAIN { return nil }
            if errno != EINTR { throw .last("send") }
        }
    }

    /// Waits until the kernel takes more, or the peer's patience is used up.
    ///
    /// The kernel says so only when much of what it holds has been taken, which a slow peer may need
    /// long for; so what it still holds decides whether the peer reads.
    private func waitForReader(
        _ patience: Duration, needsPeer: Bool
    ) async throws(SocketError) {
        let began = ContinuousClock.now
        let held = heldByteCount
        let left = state.withLock { $0.readerClock.left(of: patience) }
        let isReady = await wait(for: \.sender, until: began + left) { state in
            state.maySend || (needsPeer && state.isPeerGone)
        }
        let taken = held - heldByteCount
        let rest = state.withLock { state in
            state.readerClock.waited(began.duration(to: .now), taken: taken)
            return state.readerClock.left(of: patience)
        }
        guard isReady || rest > .zero else { throw .timedOut }
    }

    /// What was sent and the peer has not acknowledged.
    private var heldByteCount: Int {
        var count: Int32 = 0
        let result = unsafe ioctl(descriptor, UInt(TIOCOUTQ), &count)
        return result == 0 ? Int(count) : 0
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
            if let isSent = sendEncrypted(byte, &state) { return isSent }
            var byte = byte
            return unsafe Glibc.send(
                descriptor, &byte, 1, Int32(MSG_NOSIGNAL | MSG_DONTWAIT)) == 1
        }
    }

    /// Sends one byte as a record of its own; nil where the connection is not encrypted.
    private func sendEncrypted(_ byte: UInt8, _ state: inout State) -> Bool? {
        guard encryption.withLock({ $0 != nil }) else { return nil }
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard unsafe poll(&entry, 1, 0) == 1, entry.revents & Int16(POLLOUT) != 0 else {
            return false
        }
        let outcome = encryption.withLock { $0?.write([byte], from: 0).outcome }
        if outcome == .done { return true }
        // A part of the record may be on its way, and nothing but its rest could follow.
        state.isShutDown = true
        _ = Glibc.shutdown(descriptor, Int32(SHUT_RDWR))
        return false
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

    // MARK: Encryption

    /// Waits for the peer's first byte, and leaves it where it is.
    ///
    /// - Returns: the byte, or nil once the peer has ended its side.
    /// - Throws: ``SocketError``, `interrupted` by ``interrupt()``.
    func firstByte(until deadline: ContinuousClock.Instant) async throws(SocketError) -> UInt8? {
        while true {
            try willTakeInput()
            var byte: UInt8 = 0
            let count = unsafe recv(descriptor, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT))
            if count == 0 { return nil }
            if count > 0 {
                state.withLock { $0.mayReceive = true }
                return byte
            }
            if errno == EINTR { continue }
            guard errno == EAGAIN else { throw .last("recv") }
            if state.withLock({ $0.isInterrupted }) { throw .interrupted }
            let isReady = await wait(for: \.receiver, until: deadline) {
                $0.mayReceive || $0.hasPeerEnded || $0.isInterrupted
            }
            guard isReady else { throw .timedOut }
        }
    }

    /// Agrees with the peer on encryption, with which all goes on from then.
    ///
    /// - Throws: ``SocketError``, `timedOut` at the deadline.
    func encrypt(
        with context: TLSContext, until deadline: ContinuousClock.Instant
    ) async throws(SocketError) {
        let hasMemory = encryption.withLock { session in
            session = context.makeSession(descriptor)
            return session != nil
        }
        guard hasMemory else { throw .system(call: "SSL_new", code: ENOMEM) }
        while true {
            try state.withLock { state throws(SocketError) in
                guard state.isOpen, !state.isShutDown else { throw .closed }
                (state.mayReceive, state.maySend) = (false, false)
            }
            let isReady: Bool
            switch encryption.withLock({ $0?.shakeHands() }) {
            case .done:
                // The first request may have come along.
                return state.withLock { ($0.mayReceive, $0.maySend) = (true, true) }
            case .wantsInput:
                isReady = await wait(for: \.receiver, until: deadline) {
                    $0.mayReceive || $0.hasPeerEnded
                }
            case .wantsRoom:
                isReady = await wait(for: \.sender, until: deadline) { $0.maySend }
            case .failed(let reason): throw .handshake(reason: reason)
            case .broken(let code): throw .failed("recv", code)
            case .ended, nil: throw .peerClosed
            }
            guard isReady else { throw .timedOut }
        }
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

    /// Says that what has arrived is about to be taken, so that only what comes later ends
    /// ``waitForInput()``.
    func willTakeInput() throws(SocketError) {
        try state.withLock { state throws(SocketError) in
            guard state.isOpen, !state.isShutDown else { throw .closed }
            state.mayReceive = false
        }
    }

    /// Waits until something has arrived since ``willTakeInput()``, a listener's connection or
    /// bytes, or the socket is shut down.
    func waitForInput() async {
        _ = await wait(for: \.receiver, until: nil) { $0.mayReceive }
    }

    /// Suspends until `isOver` or the deadline.
    ///
    /// - Returns: whether it was over before the deadline passed.
    private func wait(
        for direction: any WritableKeyPath<State, Waiter?> & Sendable,
        until deadline: ContinuousClock.Instant?, wantsLine: Bool = false,
        _ isOver: @Sendable (State) -> Bool
    ) async -> Bool {
        while true {
            if state.withLock({ isOver($0) || !$0.isOpen || $0.isShutDown }) { return true }
            if let deadline, deadline <= .now { return false }
            await withCheckedContinuation { continuation in
                let waits = state.withLock { state in
                    if isOver(state) || !state.isOpen || state.isShutDown { return false }
                    precondition(state[keyPath: direction] == nil, "two tasks wait for a socket")
                    state[keyPath: direction] = Waiter(
                        continuation: continuation, deadline: deadline, wantsLine: wantsLine)
                    if let deadline { watch(deadline, &state) }
                    return true
                }
                if !waits { continuation.resume() }
            }
        }
    }

    /// Makes sure that the poller notices a deadline.
    private func watch(_ deadline: ContinuousClock.Instant, _ state: inout State) {
        let tick = poller.tick(of: deadline)
        if tick < state.watchedTick { state.watchedTick = poller.watch(state.id, at: tick) }
    }

    /// Notes the changes that the poller saw, and wakes the tasks that wait for them.
    ///
    /// - Returns: false where all that has come is a piece of a line that a task waits for.
    func handle(_ events: UInt32) -> Bool {
        let isHungUp = events & (EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0
        let hasEnded = isHungUp || events & EPOLLRDHUP.rawValue != 0
        let changes = state.withLock { state -> ([Waiter], (@Sendable () -> Void)?)? in
            // Bytes that are read here without their own event would leave no event for the end of
            // the line.
            if !hasEnded, events & EPOLLIN.rawValue != 0, state.receiver?.wantsLine == true,
                takePiece(&state)
            {
                return nil
            }
            var waiters: [Waiter?] = []
            state.hasPeerEnded = state.hasPeerEnded || hasEnded
            state.isHungUp = state.isHungUp || isHungUp
            if hasEnded || events & EPOLLIN.rawValue != 0 {
                state.mayReceive = true
                waiters.append(state.receiver.take())
            }
            let action = hasEnded ? judgePeer(&state) : nil
            if isHungUp || state.isPeerGone || events & EPOLLOUT.rawValue != 0 {
                state.maySend = true
                waiters.append(state.sender.take())
            }
            return (waiters.compactMap { $0 }, action)
        }
        guard let (waiters, action) = changes else { return false }
        for waiter in waiters { waiter.continuation.resume() }
        action?()
        return true
    }

    /// Receives what has come of a line.
    ///
    /// - Returns: whether all that has come is no whole line yet, and not much.
    private func takePiece(_ state: inout State) -> Bool {
        guard state.isOpen, encryption.withLock({ $0 == nil }) else { return false }
        return unsafe withUnsafeTemporaryAllocation(
            byteCount: Self.pieceByteCount, alignment: 1
        ) { buffer in
            let count = unsafe recv(
                descriptor, buffer.baseAddress, Self.pieceByteCount, Int32(MSG_DONTWAIT))
            guard count > 0 else { return false }
            unsafe state.piece.append(contentsOf: buffer.prefix(count))
            // With edge triggering a short read means that the next byte brings a new edge.
            return unsafe count < Self.pieceByteCount
                && state.piece.count < Self.maxPieceByteCount
                && !buffer.prefix(count).contains(0x0A)
        }
    }

    /// Wakes the waits whose deadlines have passed, and sees to it that the others are noticed.
    ///
    /// - Parameters:
    ///   - now: the time.
    ///   - passedTick: the last tick that has passed.
    func expire(at now: ContinuousClock.Instant, _ passedTick: Int64) {
        let waiters = state.withLock { state in
            // It has been put in again for a deadline that came first.
            guard state.watchedTick <= passedTick else { return [Waiter]() }
            state.watchedTick = .max
            var expired: [Waiter] = []
            if let deadline = state.receiver?.deadline, deadline <= now {
                expired.append(contentsOf: [state.receiver.take()].compactMap { $0 })
            }
            if let deadline = state.sender?.deadline, deadline <= now {
                expired.append(contentsOf: [state.sender.take()].compactMap { $0 })
            }
            let left = [state.receiver?.deadline, state.sender?.deadline].compactMap { $0 }.min()
            if let left { watch(left, &state) }
            return expired
        }
        for waiter in waiters { waiter.continuation.resume() }
    }

    /// Calls `action` once, from any thread, when the peer turns out to have left.
    ///
    /// A FIN cannot tell a client that has left from one that only sends no more. Unless a further
    /// request has already arrived (a pipelining client that has said all it wants), `probe` is
    /// called, once: what it sends makes the kernel of a client that has left answer with a reset,
    /// and that counts.
    ///
    /// - Parameters:
    ///   - hasPendingInput: whether a further request is already buffered.
    ///   - probe: must not block.
    ///   - action: must not block.
    package func whenPeerLeaves(
        hasPendingInput: Bool, probe: @escaping @Sendable () -> Void,
        _ action: @escaping @Sendable () -> Void
    ) {
        let action = state.withLock { state in
            state.peerCloseObserver = PeerCloseObserver(
                hasPendingInput: hasPendingInput, probe: probe, action: action)
            return state.hasPeerEnded ? judgePeer(&state) : nil
        }
        action?()
    }

    /// Ends ``whenPeerLeaves(hasPendingInput:probe:_:)``.
    package func ignorePeerLeaving() {
        state.withLock { state in
            state.peerCloseObserver = nil
            state.isPeerGone = false
        }
    }

    /// Decides whether the peer, which has ended its side, has left, and what to do then.
    private func judgePeer(_ state: inout State) -> (@Sendable () -> Void)? {
        guard state.isOpen, let observer = state.peerCloseObserver else { return nil }
        guard state.isHungUp else {
            guard !observer.hasPendingInput, !hasUnreadRequest() else { return nil }
            state.peerCloseObserver?.probe = nil
            return observer.probe
        }
        state.isPeerGone = true
        state.peerCloseObserver = nil
        return observer.action
    }

    /// Whether a request, or the beginning of one, waits in the kernel.
    var hasUnreadInput: Bool {
        let (hasInput, waiter) = state.withLock { state in
            guard state.isOpen, hasUnreadRequest() else { return (false, Waiter?.none) }
            // The kernel no longer has what encryption took to look at it, and tells nobody of it.
            state.mayReceive = true
            return (true, state.receiver.take())
        }
        waiter?.continuation.resume()
        return hasInput
    }

    /// Whether anything but line ends waits in the kernel.
    ///
    /// Of an encrypted connection, whether anything but the end of it does: only the encryption
    /// can tell. Nobody has asked for anything before that is agreed on.
    private func hasUnreadRequest() -> Bool {
        let isEncrypted = encryption.withLock { session in
            session.map { $0.isEstablished && $0.hasInput }
        }
        if let isEncrypted { return isEncrypted }
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = unsafe recv(
            descriptor, &bytes, bytes.count, Int32(MSG_PEEK | MSG_DONTWAIT))
        guard count > 0 else { return false }
        return count == bytes.count
            || bytes.prefix(count).contains { $0 != 0x0D && $0 != 0x0A }
    }
}
