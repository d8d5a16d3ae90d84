// SPDX-License-Identifier: Apache-2.0

import CEpoll
import Foundation
import Glibc
import Synchronization

/// The event loop: one thread that waits for every socket at once and wakes their tasks.
///
/// Sockets are registered once, edge-triggered, so that waiting costs no system call. The thread
/// sleeps until a socket changes or the earliest deadline passes: idle means no CPU at all.
package final class Poller: Sendable {
    private struct Registry {
        var sockets: [UInt64: Socket] = [:]
        var nextID: UInt64 = wakeupID + 1
        /// No deadline passes before this tick; it may be early, never late.
        var earliestTick = Int64.max
        var isStopped = false
    }

    /// Deadlines are checked at most this often, for each check visits every socket.
    private static let tick = Duration.milliseconds(10)
    private static let wakeupID: UInt64 = 0
    private static let eventCount = 256

    private let epoll: Int32
    private let wakeup: Int32
    private let start = ContinuousClock.now
    private let registry = Mutex(Registry())

    /// A poller whose thread is already running.
    package init() throws(SocketError) {
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        wakeup = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard epoll >= 0, wakeup >= 0 else { throw .last("epoll_create1 or eventfd") }
        try control(EPOLL_CTL_ADD, wakeup, EPOLLIN.rawValue, id: Self.wakeupID)
        let thread = Thread { self.run() }
        thread.name = "cierzo-poller"
        thread.start()
    }

    deinit {
        // Not before: a socket that outlives the thread may still use them.
        Glibc.close(wakeup)
        Glibc.close(epoll)
    }

    /// Ends the thread and shuts down the sockets that are still registered.
    package func stop() {
        registry.withLock { $0.isStopped = true }
        wake()
    }

    /// Watches a socket until ``remove(_:id:)``; the poller keeps it alive.
    ///
    /// - Returns: the id under which it is known.
    func add(_ socket: Socket, _ descriptor: Int32) throws(SocketError) -> UInt64 {
        let id = try registry.withLock { registry throws(SocketError) in
            guard !registry.isStopped else { throw .closed }
            let id = registry.nextID
            registry.nextID += 1
            registry.sockets[id] = socket
            return id
        }
        let events =
            EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
        do throws(SocketError) {
            try control(EPOLL_CTL_ADD, descriptor, events, id: id)
        } catch {
            registry.withLock { $0.sockets[id] = nil }
            throw error
        }
        return id
    }

    /// Forgets a socket; to be called before its descriptor is closed.
    func remove(_ descriptor: Int32, id: UInt64) {
        registry.withLock { $0.sockets[id] = nil }
        // Closing would also remove it; a failure here changes nothing.
        _ = try? control(EPOLL_CTL_DEL, descriptor, 0, id: id)
    }

    /// Makes sure that a deadline, already stored in its socket, is noticed.
    func note(_ deadline: ContinuousClock.Instant) {
        let tick = tick(of: deadline)
        let isEarlier = registry.withLock { registry in
            guard tick < registry.earliestTick else { return false }
            registry.earliestTick = tick
            return true
        }
        if isEarlier { wake() }
    }

    private func tick(of instant: ContinuousClock.Instant) -> Int64 {
        Int64((instant - start) / Self.tick) + 1
    }

    private func control(
        _ operation: Int32, _ descriptor: Int32, _ events: UInt32, id: UInt64
    ) throws(SocketError) {
        var event = unsafe epoll_event()
        unsafe event.events = events
        unsafe event.data.u64 = id
        guard unsafe epoll_ctl(epoll, operation, descriptor, &event) == 0 else {
            throw .last("epoll_ctl")
        }
    }

    private func wake() {
        var one: UInt64 = 1
        // The only failure is a full counter, and then the thread wakes anyway.
        _ = unsafe write(wakeup, &one, MemoryLayout<UInt64>.size)
    }

    private func run() {
        var events = unsafe [epoll_event](repeating: epoll_event(), count: Self.eventCount)
        while true {
            let (earliestTick, isStopped) = registry.withLock { ($0.earliestTick, $0.isStopped) }
            if isStopped { return abandonSockets() }
            let count = unsafe epoll_wait(
                epoll, &events, Int32(Self.eventCount), milliseconds(until: earliestTick))
            precondition(count >= 0 || errno == EINTR, "epoll_wait: errno \(errno)")
            unsafe deliver(events.prefix(Int(max(count, 0))))
            if Int64((ContinuousClock.now - start) / Self.tick) >= earliestTick { expire() }
        }
    }

    private func abandonSockets() {
        let sockets = registry.withLock { registry in
            defer { registry.sockets = [:] }
            return Array(registry.sockets.values)
        }
        for socket in sockets { socket.shutDown() }
    }

    /// The timeout for `epoll_wait`, rounded up so that it never returns just before the tick.
    private func milliseconds(until tick: Int64) -> Int32 {
        guard tick < .max else { return -1 }
        let remaining = Self.tick * Double(tick) - (ContinuousClock.now - start)
        return Int32(min(max((remaining / .milliseconds(1)).rounded(.up), 0), 1e9))
    }

    private func deliver(_ events: ArraySlice<epoll_event>) {
        for index in unsafe events.indices {
            let (id, flags) = unsafe (events[index].data.u64, events[index].events)
            if id == Self.wakeupID {
                var count: UInt64 = 0
                _ = unsafe read(wakeup, &count, MemoryLayout<UInt64>.size)
            } else {
                registry.withLock { $0.sockets[id] }?.handle(flags)
            }
        }
    }

    private func expire() {
        let sockets = registry.withLock { registry in
            registry.earliestTick = .max
            return Array(registry.sockets.values)
        }
        let now = ContinuousClock.now
        let earliest = sockets.compactMap { $0.expire(now) }.min()
        guard let earliest else { return }
        let tick = tick(of: earliest)
        registry.withLock { $0.earliestTick = min($0.earliestTick, tick) }
    }
}
