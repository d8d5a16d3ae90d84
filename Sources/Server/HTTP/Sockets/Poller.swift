// SPDX-License-Identifier: Apache-2.0

import CEpoll
import Foundation
import Glibc
import Synchronization

/// The event loop: one thread that waits for every socket at once and wakes their tasks.
///
/// Sockets are registered once, edge-triggered, so that waiting costs no system call. The thread
/// sleeps until a socket changes or the earliest deadline passes: idle means no CPU at all. Where all
/// that has come are pieces of unfinished lines, it lets more of them come together: a crowd that
/// sends a byte at a time does not wake it for each, between the steps of a model.
package final class Poller: Sendable {
    private struct Registry {
        var sockets: [UInt64: Socket] = [:]
        var nextID: UInt64 = wakeupID + 1
        var deadlines = DeadlineWheel()
        var isStopped = false
    }

    /// Deadlines are checked at most this often.
    private static let tick = Duration.milliseconds(10)
    private static let wakeupID: UInt64 = 0
    private static let eventCount = 256
    /// How long more is let come after what nobody needed to be woken for.
    private static let respite: UInt32 = 2_000

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

    /// Makes sure that a socket is asked for its deadlines at a tick, or before if that is far away.
    ///
    /// - Returns: the tick at which it is asked.
    func watch(_ id: UInt64, at wanted: Int64) -> Int64 {
        let now = tick(of: .now) - 1
        let (watched, isEarlier) = registry.withLock { registry in
            let before = registry.deadlines.earliestTick
            let watched = registry.deadlines.add(id, at: wanted, now: now)
            return (watched, watched < before)
        }
        if isEarlier { wake() }
        return watched
    }

    /// The first tick at which an instant has passed.
    func tick(of instant: ContinuousClock.Instant) -> Int64 {
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
            let (earliestTick, isStopped) = registry.withLock {
                ($0.deadlines.earliestTick, $0.isStopped)
            }
            if isStopped { return abandonSockets() }
            let count = unsafe epoll_wait(
                epoll, &events, Int32(Self.eventCount), milliseconds(until: earliestTick))
            precondition(count >= 0 || errno == EINTR, "epoll_wait: errno \(errno)")
            let isOfUse = unsafe deliver(events.prefix(Int(max(count, 0))))
            if tick(of: .now) > earliestTick { expire() }
            // After a full batch there is more, which may be of use.
            if !isOfUse, count < Self.eventCount { usleep(Self.respite) }
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

    /// Hands events to their sockets.
    ///
    /// - Returns: whether any was more than a piece of an unfinished line.
    private func deliver(_ events: ArraySlice<epoll_event>) -> Bool {
        var isOfUse = unsafe events.isEmpty
        for index in unsafe events.indices {
            let (id, flags) = unsafe (events[index].data.u64, events[index].events)
            if id == Self.wakeupID {
                var count: UInt64 = 0
                _ = unsafe read(wakeup, &count, MemoryLayout<UInt64>.size)
                isOfUse = true
            } else if let socket = registry.withLock({ $0.sockets[id] }) {
                if socket.handle(flags) { isOfUse = true }
            }
        }
        return isOfUse
    }

    /// Wakes those whose time is up.
    private func expire() {
        let now = ContinuousClock.now
        let passedTick = tick(of: now) - 1
        let sockets = registry.withLock { registry in
            registry.deadlines.takeDue(at: passedTick).compactMap { registry.sockets[$0] }
        }
        for socket in sockets { socket.expire(at: now, passedTick) }
    }
}
