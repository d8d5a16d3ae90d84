// SPDX-License-Identifier: Apache-2.0

import CEpoll
import Glibc
import Synchronization

extension Socket {
    /// Takes the edges that the poller saw.
    func handle(_ events: UInt32) {
        let isHungUp = events & (EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0
        let hasEnded = isHungUp || events & EPOLLRDHUP.rawValue != 0
        let (waiters, action) = state.withLock { state in
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
        for waiter in waiters { waiter.continuation.resume() }
        action?()
    }

    /// Wakes the waits whose deadline has passed, and gives the earliest one that has not.
    func expire(_ now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        let (waiters, earliest) = state.withLock { state in
            var expired: [Waiter] = []
            if let deadline = state.receiver?.deadline, deadline <= now {
                expired.append(contentsOf: [state.receiver.take()].compactMap { $0 })
            }
            if let deadline = state.sender?.deadline, deadline <= now {
                expired.append(contentsOf: [state.sender.take()].compactMap { $0 })
            }
            let left = [state.receiver?.deadline, state.sender?.deadline].compactMap { $0 }.min()
            return (expired, left)
        }
        for waiter in waiters { waiter.continuation.resume() }
        return earliest
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
    var hasUnreadInput: Bool { state.withLock { $0.isOpen && hasUnreadRequest() } }

    /// Whether anything but line ends waits in the kernel.
    private func hasUnreadRequest() -> Bool {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = unsafe recv(
            descriptor, &bytes, bytes.count, Int32(MSG_PEEK | MSG_DONTWAIT))
        guard count > 0 else { return false }
        return count == bytes.count
            || bytes.prefix(count).contains { $0 != 0x0D && $0 != 0x0A }
    }
}
