// SPDX-License-Identifier: Apache-2.0

/// An allowance that comes back evenly: as much as it holds in each period.
///
/// All is whole numbers, so that the time until something fits is exact.
struct TokenBucket: Hashable, Sendable {
    /// What it holds when it is full.
    let capacity: Int

    /// The milliseconds in which it fills.
    let period: Int

    /// What is in it, in parts of a token of which each millisecond brings `capacity` and a token is
    /// `period`; below zero where more was consumed than it held.
    private var level: Int

    /// When that was so, in milliseconds.
    private var time: Int

    /// A full bucket.
    init(capacity: Int, period: Int, at time: Int) {
        precondition(capacity > 0 && period > 0, "a bucket of \(capacity) in \(period) ms")
        self.capacity = capacity
        self.period = period
        self.time = time
        level = capacity * period
    }

    /// A bucket that is as full as another one, of another size.
    init(capacity: Int, like other: TokenBucket?, period: Int, at time: Int) {
        self.init(capacity: capacity, period: period, at: time)
        guard var other, other.capacity != capacity else {
            self = other ?? self
            return
        }
        other.fill(to: time)
        let share = Double(other.level) / Double(other.capacity * other.period)
        // A debt that could be no number is one of a thousand periods.
        level = Int(max(share, -1000) * Double(capacity * period))
    }

    /// Adds what the time has brought.
    mutating func fill(to now: Int) {
        // A clock that goes back brings nothing.
        guard now > time else { return }
        let missing = capacity * period - level
        // Where more has passed than it takes, the product could be too large for a number.
        level =
            now - time >= (missing + capacity - 1) / capacity
            ? capacity * period : level + (now - time) * capacity
        time = now
    }

    /// The whole tokens that are left.
    var remaining: Int { max(0, level) / period }

    /// Whether nothing is missing.
    var isFull: Bool { level == capacity * period }

    /// The milliseconds until it holds so many tokens; nil if it never does.
    func wait(for count: Int) -> Int? {
        if count > capacity { return nil }
        return max(0, (count * period - level + capacity - 1) / capacity)
    }

    /// The milliseconds until it is full.
    var reset: Int { wait(for: capacity) ?? 0 }

    /// Takes tokens out, though they may not be there, or puts them back.
    mutating func take(_ count: Int) { level = min(capacity * period, level - count * period) }
}

/// What was consumed in one day of UTC.
struct DayCount: Hashable, Sendable {
    private static let length = 86_400

    private(set) var day: Int
    private(set) var used = 0

    /// Nothing yet.
    init(at time: Int) { day = time / Self.length }

    /// Begins anew on another day, which is an earlier one where the clock was ahead.
    mutating func turn(to time: Int) {
        guard time / Self.length != day else { return }
        day = time / Self.length
        used = 0
    }

    /// Counts, or takes back what was counted on a day.
    mutating func add(_ count: Int) { used = max(0, used + count) }

    /// The milliseconds until the next day.
    static func wait(at time: Int) -> Int { (length - time % length) * 1000 }
}
