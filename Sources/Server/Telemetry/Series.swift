// SPDX-License-Identifier: Apache-2.0

import Metrics
import Synchronization

/// A value that only grows.
final class CounterSeries: CounterHandler, FloatingPointCounterHandler {
    private let total = Mutex(0.0)

    func increment(by amount: Int64) { increment(by: Double(amount)) }

    func increment(by amount: Double) {
        // A counter never falls and never becomes NaN, whatever a caller does.
        guard amount > 0, amount.isFinite else { return }
        total.withLock { $0 += amount }
    }

    func reset() { total.withLock { $0 = 0 } }

    var value: Double { total.withLock { $0 } }
}

/// A value that rises and falls.
final class GaugeSeries: RecorderHandler, MeterHandler {
    private let current = Mutex(0.0)

    func record(_ value: Int64) { set(Double(value)) }

    func record(_ value: Double) { set(value) }

    func set(_ value: Int64) { set(Double(value)) }

    func set(_ value: Double) { current.withLock { $0 = value } }

    func increment(by amount: Double) { current.withLock { $0 += amount } }

    func decrement(by amount: Double) { current.withLock { $0 -= amount } }

    var value: Double { current.withLock { $0 } }
}

/// Values counted by size.
final class HistogramSeries: RecorderHandler, TimerHandler {
    /// What has been recorded; `counts` is not cumulative and ends with what is beyond all bounds.
    struct Snapshot {
        var counts: [UInt64]
        var sum = 0.0
        var count: UInt64 = 0
    }

    /// The upper bounds of the buckets, ascending, without infinity.
    let bounds: [Double]

    private struct State {
        var snapshot: Snapshot
        /// What was recorded since it was taken last; nil where nobody takes it.
        var kept: [Double]?
    }

    /// Beyond that, values are only counted.
    private static let mostKept = 4096

    private let state: Mutex<State>

    init(bounds: [Double]) {
        self.bounds = bounds
        let snapshot = Snapshot(counts: Array(repeating: 0, count: bounds.count + 1))
        state = Mutex(State(snapshot: snapshot))
    }

    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        guard value.isFinite else { return }
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock { state in
            state.snapshot.counts[bucket] += 1
            state.snapshot.count += 1
            state.snapshot.sum += value
            if let count = state.kept?.count, count < Self.mostKept { state.kept?.append(value) }
        }
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

    var snapshot: Snapshot { state.withLock { $0.snapshot } }

    /// What was recorded since this was last called; from then on it is kept.
    func takeValues() -> [Double] {
        state.withLock { state in
            defer { state.kept = [] }
            return state.kept ?? []
        }
    }

    /// Keeps no more values.
    func forgetValues() { state.withLock { $0.kept = nil } }

    /// Seconds, from a millisecond to ten minutes.
    static let durationBounds: [Double] = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300,
        600,
    ]

    /// Counts and sizes, by powers of two.
    static let sizeBounds: [Double] = (0...20).map { Double(1 << $0) }
}
