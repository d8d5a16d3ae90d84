// SPDX-License-Identifier: Apache-2.0

/// The numbers that the codes of a block stand for before they are multiplied by a scale.
protocol LevelSet: Sendable {
    /// The level of the first code, the one of largest magnitude.
    var lowest: Float { get }
    /// The level of the last code.
    var highest: Float { get }
    /// The nearest level of every lane.
    func nearest(_ lanes: Lanes) -> Lanes
    /// The code of the nearest level.
    func code(_ value: Float) -> UInt8
}

/// Whole numbers, one after another.
struct IntegerLevels: LevelSet {
    let lowest: Float
    let highest: Float

    init(_ range: ClosedRange<Int>) {
        lowest = Float(range.lowerBound)
        highest = Float(range.upperBound)
    }

    @inline(__always) func nearest(_ lanes: Lanes) -> Lanes {
        lanes.limited(lowest, highest).nearestIntegers
    }

    @inline(__always) func code(_ value: Float) -> UInt8 {
        guard value > lowest else { return 0 }
        let limited = value < highest ? value : highest
        return UInt8(limited.rounded(.toNearestOrEven) - lowest)
    }
}
