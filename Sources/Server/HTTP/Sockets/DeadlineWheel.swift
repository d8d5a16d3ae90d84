// SPDX-License-Identifier: Apache-2.0

/// Which sockets are to be looked at, and when, in ticks of a clock.
///
/// What is further away than the wheel is long is looked at after one turn, and put in again. A socket
/// that is gone stays until its turn comes: nobody has to look for it.
///
/// - Complexity: O(1) to add; each tick that passes costs O(1), and O(1) for each socket that is due.
package struct DeadlineWheel {
    /// The wheel's length in ticks.
    package static let slotCount = 1_024

    private var slots = [[UInt64]](repeating: [], count: slotCount)
    /// Nothing is due up to this tick.
    private var passed: Int64 = 0
    /// No socket is due before this tick; it may be early, never late.
    package private(set) var earliestTick = Int64.max

    /// A wheel without sockets.
    package init() {}

    /// Puts a socket where it is found at a tick, or before.
    ///
    /// - Parameters:
    ///   - id: the socket.
    ///   - tick: when it is to be looked at.
    ///   - now: the present tick.
    /// - Returns: the tick at which it is found.
    package mutating func add(_ id: UInt64, at tick: Int64, now: Int64) -> Int64 {
        if earliestTick == .max { passed = max(passed, now) }
        let tick = min(max(tick, passed + 1), passed + Int64(Self.slotCount))
        slots[Self.slot(of: tick)].append(id)
        earliestTick = min(earliestTick, tick)
        return tick
    }

    /// Takes the sockets whose ticks have come.
    ///
    /// - Parameter now: the present tick.
    /// - Returns: the sockets, some perhaps more than once.
    package mutating func takeDue(at now: Int64) -> [UInt64] {
        var due: [UInt64] = []
        let end = min(now, passed + Int64(Self.slotCount))
        while passed < end {
            passed += 1
            let slot = Self.slot(of: passed)
            if slots[slot].isEmpty { continue }
            due.append(contentsOf: slots[slot])
            slots[slot] = []
        }
        passed = max(passed, now)
        earliestTick = firstTick
        return due
    }

    private var firstTick: Int64 {
        for distance in 1...Int64(Self.slotCount)
        where !slots[Self.slot(of: passed + distance)].isEmpty { return passed + distance }
        return .max
    }

    private static func slot(of tick: Int64) -> Int { Int(tick % Int64(slotCount)) }
}
