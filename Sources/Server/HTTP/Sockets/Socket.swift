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
    struct Waiter {
        let continuation: CheckedContinuation<Void, Never>
        let deadline: ContinuousClock.Instant?
    }

    struct PeerCloseObserver {
        /// Whether a request already received waits behind the one being served.
        let hasPendingInput: Bool
        /// Finds out whether a peer that has ended its side is still there.
        var probe: (@Sendable () -> Void)?
        let action: @Sendable () -> Void
    }

    struct State {
        var id: UInt64 = 0
        var isOpen = true
        var isShutDown = false
        var isInterrupted = false
        /// Cleared before a system call, set by an edge: whether trying may be worth it.
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
        var isSending = false
        var sendQueue: [CheckedContinuation<Void, Never>] = []
        var peerCloseObserver: PeerCloseObserver?
    }

    let descriptor: Int32
    let poller: Poller
    let state = Mutex(State())

    /// Takes over a non-blocking descriptor and closes it in the end.
    ///
    /// `maySend` is false for a connection being made, whose first edge must not be missed.
    init(
        descriptor: Int32, poller: Poller, maySend: Bool = true
    ) throws(SocketError) {
        self.descriptor = descriptor
        self.poller = poller
        state.withLock { $0.maySend = maySend }
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

    /// Tells the peer that nothing more will be sent.
    package func endSending() {
        state.withLock { state in
            if state.isOpen { _ = Glibc.shutdown(descriptor, Int32(SHUT_WR)) }
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

    /// Suspends until `isOver` or the deadline.
    ///
    /// - Returns: whether it was over before the deadline passed.
    func wait(
        for direction: any WritableKeyPath<State, Waiter?> & Sendable,
        until deadline: ContinuousClock.Instant?, _ isOver: @Sendable (State) -> Bool
    ) async -> Bool {
        while true {
            if state.withLock({ isOver($0) || !$0.isOpen || $0.isShutDown }) { return true }
            if let deadline, deadline <= .now { return false }
            await withCheckedContinuation { continuation in
                let waits = state.withLock { state in
                    if isOver(state) || !state.isOpen || state.isShutDown { return false }
                    precondition(state[keyPath: direction] == nil, "two tasks wait for a socket")
                    state[keyPath: direction] = Waiter(
                        continuation: continuation, deadline: deadline)
                    return true
                }
                if !waits {
                    continuation.resume()
                } else if let deadline {
                    poller.note(deadline)
                }
            }
        }
    }
}

extension Socket.State {
    mutating func takeWaiters() -> [Socket.Waiter] {
        [receiver.take(), sender.take()].compactMap { $0 }
    }
}
