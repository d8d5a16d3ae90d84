// SPDX-License-Identifier: Apache-2.0

import Quantization
import Testing

/// The encoders beside the plainest way to choose scales: the least and the largest element of
/// every sub-block meet the ends of the codes, and every number is rounded to the nearest.
@Suite struct PlainRoundingTests {
    /// How the elements of a type are rounded.
    struct Plan: Sendable, CustomTestStringConvertible {
        let type: ElementType
        let subBlockSize: Int
        /// The levels that codes stand for.
        let levels: [Float]
        /// Whether a sub-block has a least value beside its scale.
        let hasMinimum: Bool
        /// The largest whole-number scale; nil: the scale is a half of its own.
        let largestScale: Float?

        var testDescription: String { type.name }
    }

    static let plans: [Plan] = {
        func range(_ low: Int, _ high: Int) -> [Float] { (low...high).map { Float($0) } }
        let uneven: [Float] = [
            -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
        ]
        return [
            Plan(
                type: .q4_0, subBlockSize: 32, levels: range(-8, 7), hasMinimum: false,
                largestScale: nil),
            Plan(
                type: .q5_0, subBlockSize: 32, levels: range(-16, 15), hasMinimum: false,
                largestScale: nil),
            Plan(
                type: .q4_1, subBlockSize: 32, levels: range(0, 15), hasMinimum: true,
                largestScale: nil),
            Plan(
                type: .q5_1, subBlockSize: 32, levels: range(0, 31), hasMinimum: true,
                largestScale: nil),
            Plan(
                type: .q2_K, subBlockSize: 16, levels: range(0, 3), hasMinimum: true,
                largestScale: 15),
            Plan(
                type: .q3_K, subBlockSize: 16, levels: range(-4, 3), hasMinimum: false,
                largestScale: 32),
            Plan(
                type: .q4_K, subBlockSize: 32, levels: range(0, 15), hasMinimum: true,
                largestScale: 63),
            Plan(
                type: .q5_K, subBlockSize: 32, levels: range(0, 31), hasMinimum: true,
                largestScale: 63),
            Plan(
                type: .q6_K, subBlockSize: 16, levels: range(-32, 31), hasMinimum: false,
                largestScale: 128),
            Plan(
                type: .iq4_nl, subBlockSize: 32, levels: uneven, hasMinimum: false,
                largestScale: nil),
            Plan(
                type: .iq4_xs, subBlockSize: 32, levels: uneven, hasMinimum: false, largestScale: 32
            ),
        ]
    }()

    /// The values that plain rounding leaves of a block.
    static func rounded(_ values: ArraySlice<Float>, _ plan: Plan) -> [Float] {
        func half(_ value: Float) -> Float { Float(Float16(value)) }
        let parts = stride(from: values.startIndex, to: values.endIndex, by: plan.subBlockSize)
            .map { values[$0..<$0 + plan.subBlockSize] }
        var scales: [Float] = []
        var least: [Float] = []
        for part in parts {
            if plan.hasMinimum {
                let low = min(part.min() ?? 0, plan.largestScale == nil ? .infinity : 0)
                scales.append(((part.max() ?? 0) - low) / (plan.levels.last ?? 1))
                least.append(low)
            } else {
                let extreme = part.max { abs($0) < abs($1) } ?? 0
                scales.append(extreme / plan.levels[0])
                least.append(0)
            }
        }
        func shared(_ numbers: [Float], largest: Float) -> [Float] {
            let extreme = numbers.max { abs($0) < abs($1) } ?? 0
            let factor = half(extreme / -largest)
            return numbers.map { factor == 0 ? 0 : factor * ($0 / factor).rounded() }
        }
        if let largest = plan.largestScale {
            scales = shared(scales, largest: largest)
            least = shared(least, largest: largest)
        }
        return zip(parts, zip(scales, least)).flatMap { part, line in
            let scale = plan.largestScale == nil ? half(line.0) : line.0
            let low = plan.largestScale == nil ? half(line.1) : line.1
            let levels = plan.levels.map { scale * $0 + low }
            return part.map { value in
                var nearest = levels[0]
                for level in levels where abs(level - value) < abs(nearest - value) {
                    nearest = level
                }
                return nearest
            }
        }
    }

    @Test(arguments: plans)
    func `no block is worse than by plain rounding`(plan: Plan) {
        let bell = EncodingTests.bell(512)
        let samples: [(String, [Float])] = [
            ("bell", bell), ("heavy", bell.map { $0 * $0 * $0 }),
            ("positive", bell.map { abs($0) + 0.1 }), ("offset", bell.map { $0 * 0.1 - 1 }),
            ("ramp", (0..<512).map { Float($0) / 512 - 0.3 }),
            ("sparse", bell.enumerated().map { $0.offset % 7 == 0 ? $0.element : 0 }),
            ("uneven", bell.enumerated().map { $0.element * Float(1 + $0.offset / 16 % 16) }),
            ("two-valued", bell.map { $0 > 0 ? 0.7 : -0.4 }),
        ]
        for (name, values) in samples {
            let decoded = plan.type.decoded(plan.type.encoded(values))
            for first in stride(from: 0, to: 512, by: plan.type.elementsPerBlock) {
                let block = values[first..<first + plan.type.elementsPerBlock]
                let plain = EncodingTests.squares(
                    Array(block), minus: Self.rounded(block, plan))
                let found = EncodingTests.squares(
                    Array(block), minus: Array(decoded[block.indices]))
                // Halves that the plain way leaves out round the scale once more.
                #expect(found <= plain * 1.0001 + 1e-9, "\(plan.type.name) \(name) at \(first)")
            }
        }
    }
}
