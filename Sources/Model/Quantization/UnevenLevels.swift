// SPDX-License-Identifier: Apache-2.0

/// Sixteen numbers of growing size.
struct UnevenLevels: LevelSet {
    let lowest: Float
    let highest: Float
    /// Half way from every level to the next.
    private let borders: [Float]
    /// From every level to the next.
    private let steps: [Float]

    init(_ levels: [Float]) {
        precondition(levels.count == 16, "\(levels.count) levels")
        lowest = levels[0]
        highest = levels[15]
        borders = (1..<16).map { (levels[$0 - 1] + levels[$0]) / 2 }
        steps = (1..<16).map { levels[$0] - levels[$0 - 1] }
    }

    @inline(__always) func nearest(_ lanes: Lanes) -> Lanes {
        var level = Lanes(repeating: lowest)
        for index in 0..<15 {
            level += Lanes().replacing(with: steps[index], where: lanes .> borders[index])
        }
        return level
    }

    @inline(__always) func code(_ value: Float) -> UInt8 {
        var code: UInt8 = 0
        for border in borders where value > border { code += 1 }
        return code
    }
}
