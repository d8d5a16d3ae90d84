// SPDX-License-Identifier: Apache-2.0

import Sampling
import Testing

@Suite struct CounterRandomTests {
    /// The known answers that the authors of Philox publish with Random123.
    @Test(arguments: [
        (
            SIMD4<UInt32>(repeating: 0), SIMD2<UInt32>(repeating: 0),
            SIMD4<UInt32>(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8)
        ),
        (
            SIMD4<UInt32>(repeating: .max), SIMD2<UInt32>(repeating: .max),
            SIMD4<UInt32>(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd)
        ),
        (
            SIMD4<UInt32>(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344),
            SIMD2<UInt32>(0xa409_3822, 0x299f_31d0),
            SIMD4<UInt32>(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1)
        ),
    ])
    func `Philox gives the published answers`(
        counter: SIMD4<UInt32>, key: SIMD2<UInt32>, expected: SIMD4<UInt32>
    ) {
        #expect(CounterRandom.philox(counter: counter, key: key) == expected)
    }

    @Test func `numbers are uniform over positions, seeds and choices`() {
        var sums = SIMD3<Double>(repeating: 0)
        var buckets = Array(repeating: 0, count: 16)
        let count = 20_000
        for index in 0..<count {
            let byPosition = CounterRandom.uniform(seed: 1, position: index, choice: 0)
            sums[0] += byPosition
            sums[1] += CounterRandom.uniform(seed: UInt64(index), position: 0, choice: 0)
            sums[2] += CounterRandom.uniform(seed: 1, position: 0, choice: index)
            buckets[Int(byPosition * 16)] += 1
        }
        // The standard error of the mean is 0.002; of a bucket of 1250, about 34.
        for mean in 0..<3 { #expect(abs(sums[mean] / Double(count) - 0.5) < 0.01) }
        for bucket in buckets { #expect(abs(bucket - count / 16) < 170) }
    }

    @Test func `seed, position and choice each change the number`() {
        let base = CounterRandom.uniform(seed: 7, position: 3, choice: 1)
        #expect(base == CounterRandom.uniform(seed: 7, position: 3, choice: 1))
        #expect(base != CounterRandom.uniform(seed: 8, position: 3, choice: 1))
        #expect(base != CounterRandom.uniform(seed: 7, position: 4, choice: 1))
        #expect(base != CounterRandom.uniform(seed: 7, position: 3, choice: 2))
        #expect(base != CounterRandom.uniform(seed: 7 | 1 << 40, position: 3, choice: 1))
    }
}
