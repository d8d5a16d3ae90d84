// SPDX-License-Identifier: Apache-2.0

import Computation
import Parallelism
import Quantization
import Testing

@Suite struct WeightPackerTests {
    private let packer = WeightPacker(pool: ThreadPool(threadCount: 2))

    @Test func `what cannot be packed stays as it is, in its place`() throws {
        var random = RandomWeights(seed: 31)
        let matrices = [
            random.matrix(of: .f32, rows: 3, columns: 64),
            random.matrix(of: .q4_0, rows: 3, columns: 64),
            random.matrix(of: .q4_K, rows: 3, columns: 256),
        ]

        let once = try packer.pack(matrices)
        let twice = try packer.pack(once)

        #expect(once.map(\.layout) == [.rows, .panels, .panels])
        #expect(once.map(\.type) == matrices.map(\.type))
        #expect(once[0].storage === matrices[0].storage)
        #expect(twice[1].storage === once[1].storage)
    }

    @Test func `strips of 16 rows are counted, and one is known before it is made`() throws {
        var random = RandomWeights(seed: 32)
        for (rows, strips) in [(1, 1), (16, 1), (17, 2), (64, 4), (65, 5)] {
            let w = random.matrix(of: .q4_0, rows: rows, columns: 96)
            let packed = try packer.pack([w])[0]
            // 64 columns: 64 bytes of scales and 512 of codes; the 32 that are left: 64 and 256.
            #expect(packed.byteCount == strips * (64 + 512 + 64 + 256))
            #expect(w.packedByteCount(as: w.packedType) == packed.byteCount)
            #expect(packed.packedByteCount(as: packed.packedType) == packed.byteCount)
        }
    }

    @Test func `progress counts packed bytes up to all of them`() throws {
        var random = RandomWeights(seed: 33)
        let matrices = (1...3).map { random.matrix(of: .q8_0, rows: 16 * $0, columns: 64) }
        var seen: [Int] = []

        _ = try packer.pack(matrices) { done, all in
            #expect(all == matrices.reduce(0) { $0 + $1.packedByteCount(as: $1.packedType) })
            seen.append(done)
        }

        let sizes = matrices.map { $0.packedByteCount(as: $0.packedType) }
        #expect(seen == [sizes[0], sizes[0] + sizes[1], sizes[0] + sizes[1] + sizes[2]])
    }

    @Test func `panels are cut between panels`() throws {
        var random = RandomWeights(seed: 34)
        let w = random.matrix(of: .q6_K, rows: 150, columns: 256)
        let part = try packer.pack([w])[0].rows(64..<150)
        let x = random.buffer(rows: 2, columns: 256)
        let all = FloatBuffer(rowCount: 2, columnCount: 150)
        let some = FloatBuffer(rowCount: 2, columnCount: 86)
        let compute = Compute(pool: ThreadPool(threadCount: 1))

        compute.multiply(x, rows: 0..<2, try packer.pack([w])[0], into: all)
        compute.multiply(x, rows: 0..<2, part, into: some)

        #expect(part.rowCount == 86)
        #expect(some.values(row: 1) == Array(all.values(row: 1)[64...]))
    }

    @Test func `shapes that a layout does not take have no size`() {
        let none = WeightMatrix.byteCount(
            of: .f32, rowCount: 4, columnCount: 64, layout: .panels)
        let odd = WeightMatrix.byteCount(of: .q4_K, rowCount: 4, columnCount: 64, layout: .rows)
        let huge = WeightMatrix.byteCount(
            of: .q4_0, rowCount: Int.max / 32, columnCount: 64, layout: .panels)
        #expect(none == nil && odd == nil && huge == nil)
    }
}
