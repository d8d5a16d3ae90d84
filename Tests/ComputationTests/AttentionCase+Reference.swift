// SPDX-License-Identifier: Apache-2.0

import Computation
import Foundation

extension AttentionCase {
    /// The formula, for one row: keys and values as stored, everything else in double precision.
    func expected(row: Int, type: KVElementType) -> [Double] {
        let d = headDimension
        let position = positionCount - queryCount + row
        let seen = max(0, position + 1 - (window ?? position + 1))...position
        let q = queries[row * headCount * d..<(row + 1) * headCount * d].map { Double($0) }
        let k = stored(keys, seen, type, group: 32)
        let v = valuesInKeys == nil ? stored(values, seen, type, group: d) : k
        let width = valuesInKeys ?? d
        var result: [Double] = []
        for head in 0..<headCount {
            let kvHead = head / (headCount / kvHeadCount)
            var sums = [Double](repeating: 0, count: width)
            var total = sinks.isEmpty ? 0 : exp(Double(sinks[head]))
            for p in 0..<seen.count {
                let start = (p * kvHeadCount + kvHead) * d
                var score = 0.0
                for i in 0..<d { score += q[head * d + i] * k[start + i] }
                let power = exp(score / Double(d).squareRoot())
                total += power
                for i in 0..<width { sums[i] += power * v[start + i] }
            }
            result += sums.map { $0 / total }
        }
        return result
    }

    /// What the cache makes of the numbers of some positions.
    private func stored(
        _ numbers: [Float], _ positions: ClosedRange<Int>, _ type: KVElementType, group: Int
    ) -> [Double] {
        let width = kvHeadCount * headDimension
        let part = numbers[positions.lowerBound * width..<(positions.upperBound + 1) * width]
        switch type {
        case .f32: return part.map { Double($0) }
        case .f16: return part.map { Double(Float16($0)) }
        case .bf16: return part.map { Double(nearestBFloat16($0)) }
        case .q8:
            return stride(from: part.startIndex, to: part.endIndex, by: headDimension).flatMap {
                head in
                stride(from: head, to: head + headDimension, by: group).flatMap {
                    eightBits(part[$0..<min($0 + group, head + headDimension)])
                }
            }
        }
    }

    private func nearestBFloat16(_ x: Float) -> Float {
        let bits = x.bitPattern
        return Float(bitPattern: (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000)
    }

    private func eightBits(_ group: ArraySlice<Float>) -> [Double] {
        let largest = group.reduce(0) { max($0, abs($1)) }
        return group.map {
            Double(largest / 127) * Double(($0 * (127 / largest)).rounded(.toNearestOrEven))
        }
    }
}
