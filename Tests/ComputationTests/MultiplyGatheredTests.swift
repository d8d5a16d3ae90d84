// SPDX-License-Identifier: Apache-2.0

import Computation
import Parallelism
import Quantization
import Testing

/// Products of groups of rows, such as the tokens of each expert, against products row by row.
@Suite struct MultiplyGatheredTests {
    private static let columns = 256

    /// Slots of 2 choices per token among 4 groups, of which one gets no row.
    private static func groups(tokenCount: Int) -> RowGroups {
        var groups = RowGroups(groupCount: 4)
        let selection = (0..<Int32(tokenCount)).flatMap { [$0 % 2, 3 - 3 * ($0 % 2)] }
        groups.assign(selection.span, choiceCount: 2)
        return groups
    }

    private static func group(ofSlot slot: Int) -> Int {
        let token = slot / 2
        return slot % 2 == 0 ? token % 2 : 3 - 3 * (token % 2)
    }

    @Test(
        arguments: [KernelChoice.scalar, .avx2, .avx512].filter(\.isAvailable),
        [ElementType.f32, .q8_0, .q3_K, .iq4_xs])
    func `slots that read their token get its product with their group's matrix`(
        kernels: KernelChoice, type: ElementType
    ) {
        for tokenCount in [1, 2, 13, 200] {
            var random = RandomWeights(seed: 3)
            let matrices = (0..<4).map { _ in
                random.matrix(of: type, rows: 21, columns: Self.columns)
            }
            let x = random.buffer(rows: tokenCount, columns: Self.columns)
            let y = FloatBuffer(rowCount: 2 * tokenCount, columnCount: 21)
            let compute = Compute(pool: ThreadPool(threadCount: 2), kernels: kernels)

            compute.multiplyGathered(
                x, Self.groups(tokenCount: tokenCount), reading: .token, matrices, into: y)

            for slot in 0..<2 * tokenCount {
                #expect(
                    y.bits(rows: slot..<slot + 1)
                        == product(x, row: slot / 2, matrices[Self.group(ofSlot: slot)], compute))
            }
        }
    }

    @Test(arguments: 1...4)
    func `slots that read their own row get its product, with any threads`(threadCount: Int) {
        var random = RandomWeights(seed: 5)
        let matrices = (0..<4).map { _ in
            random.matrix(of: .q4_0, rows: 150, columns: Self.columns)
        }
        let x = random.buffer(rows: 60, columns: Self.columns)
        let y = FloatBuffer(rowCount: 60, columnCount: 150)
        let compute = Compute(pool: ThreadPool(threadCount: threadCount))

        compute.multiplyGathered(
            x, Self.groups(tokenCount: 30), reading: .slot, matrices, into: y)

        for slot in 0..<60 {
            let group = Self.group(ofSlot: slot)
            #expect(
                y.bits(rows: slot..<slot + 1) == product(x, row: slot, matrices[group], compute))
        }
    }

    @Test func `gathered rows are packed`() {
        var random = RandomWeights(seed: 9)
        let w = random.matrix(of: .f16, rows: 30, columns: 48)
        let x = random.buffer(rows: 8, columns: 48)
        let y = FloatBuffer(rowCount: 3, columnCount: 30)
        var groups = RowGroups(groupCount: 1)
        let rows: [Int32] = [1, 6, 7]
        groups.gather(rows.span)
        let compute = Compute(pool: ThreadPool(threadCount: 2))

        compute.multiplyGathered(x, groups, reading: .token, [w], into: y)

        #expect(y.bits() == rows.flatMap { product(x, row: Int($0), w, compute) })
    }

    private func product(
        _ x: FloatBuffer, row: Int, _ w: WeightMatrix, _ compute: Compute
    ) -> [[UInt32]] {
        let y = FloatBuffer(rowCount: x.rowCount, columnCount: w.rowCount)
        compute.multiply(x, rows: row..<row + 1, w, into: y)
        return y.bits(rows: row..<row + 1)
    }
}
