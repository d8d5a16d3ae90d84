// SPDX-License-Identifier: Apache-2.0

import Computation
import Parallelism
import Quantization
import Testing

/// Products that are cut into tiles, blocks of rows, columns and tokens, and tasks: the cuts change
/// no bit of the documented sums.
@Suite struct ProductTilingTests {
    static let kernels = [KernelChoice.scalar, .avx2, .avx512].filter(\.isAvailable)

    @Test(arguments: ElementType.allCases)
    func `sums are taken in sixteen lanes and then by halving`(type: ElementType) {
        var random = RandomWeights(seed: 7)
        let widths = type == .f32 ? [1, 7, 17, 33, 1025] : [32, 256, 2304]
        for columns in widths where columns % type.elementsPerBlock == 0 {
            let w = random.matrix(of: type, rows: 5, columns: columns)
            let x = random.buffer(rows: 3, columns: columns)
            let weights = (0..<5).map { w.decodedRow($0) }
            let expected = (0..<3).map { token in
                weights.map { sum($0, x.values(row: token)).bitPattern }
            }
            for kernels in Self.kernels {
                let y = FloatBuffer(rowCount: 3, columnCount: 5)
                Compute(pool: ThreadPool(threadCount: 1), kernels: kernels).multiply(
                    x, rows: 0..<3, w, into: y)
                #expect(y.bits() == expected, "\(kernels), \(columns) columns")
            }
        }
    }

    /// Row counts that end within tiles, row blocks and tasks; columns that end within their blocks.
    @Test(arguments: ElementType.allCases)
    func `a row's product has the same bits in every batch and kernel`(type: ElementType) {
        var random = RandomWeights(seed: 11)
        for (rows, columns, tokenCounts) in [
            (1, 256, [1, 5]), (19, 1280, [1, 2, 3, 4, 5, 6, 7, 13, 97, 100]), (35, 512, [197]),
        ] {
            let w = random.matrix(of: type, rows: rows, columns: columns)
            let tokens = tokenCounts.max() ?? 0
            let x = random.buffer(rows: tokens, columns: columns)
            let alone = FloatBuffer(rowCount: tokens, columnCount: rows)
            let scalar = Compute(pool: ThreadPool(threadCount: 1), kernels: .scalar)
            for token in 0..<tokens { scalar.multiply(x, rows: token..<token + 1, w, into: alone) }
            let expected = alone.bits()
            for kernels in Self.kernels {
                let compute = Compute(pool: ThreadPool(threadCount: 2), kernels: kernels)
                for count in tokenCounts {
                    let y = FloatBuffer(rowCount: tokens, columnCount: rows)
                    compute.multiply(x, rows: 0..<count, w, into: y)
                    #expect(y.bits(rows: 0..<count) == Array(expected[..<count]))
                }
            }
        }
    }

    /// Simulated memory nodes, packed and as rows; the matrices are large enough to be cut.
    @Test(arguments: [[4], [2, 2], [1, 1, 1, 1], [3, 1]])
    func `memory nodes change no bit`(workerCounts: [Int]) throws {
        var random = RandomWeights(seed: 17)
        let w = random.matrix(of: .q8_0, rows: 1000, columns: 512)
        let x = random.buffer(rows: 3, columns: 512)
        let cores = workerCounts.reduce(0, +)
        var first = 0
        let nodes = workerCounts.enumerated().map { number, count in
            defer { first += count }
            return NUMATopology.Node(
                number: number, processors: Array(first..<first + count), memoryByteCount: 0)
        }
        let pool = ThreadPool(
            placement: ThreadPlacement(
                threadCount: cores,
                topology: ProcessorTopology(affinity: Array(0..<cores), root: "/nowhere"),
                memory: NUMATopology(nodes: nodes), pinning: .never))
        #expect(
            pool.weightPlacement.slice(of: 0, panelCount: 16, panelByteCount: 34_816)
                == 0..<4 * workerCounts[0])
        let one = ThreadPool(threadCount: 1)
        for (w, same) in [
            (w, w),
            (
                try WeightPacker(pool: pool).pack([w])[0],
                try WeightPacker(pool: one).pack([w])[0]
            ),
        ] {
            let expected = FloatBuffer(rowCount: 3, columnCount: 1000)
            let found = FloatBuffer(rowCount: 3, columnCount: 1000)
            Compute(pool: one).multiply(x, rows: 0..<3, same, into: expected)
            Compute(pool: pool).multiply(x, rows: 0..<3, w, into: found)
            #expect(found.bits() == expected.bits())
        }
    }

    @Test(arguments: 1...4)
    func `neither threads nor the range of rows change a bit`(threadCount: Int) {
        var random = RandomWeights(seed: 13)
        let w = random.matrix(of: .q4_K, rows: 300, columns: 512)
        let x = random.buffer(rows: 20, columns: 512)
        let expected = FloatBuffer(rowCount: 20, columnCount: 300)
        Compute(pool: ThreadPool(threadCount: 1)).multiply(x, rows: 0..<20, w, into: expected)
        let compute = Compute(pool: ThreadPool(threadCount: threadCount))

        for range in [0..<20, 0..<1, 19..<20, 3..<11, 7..<7] {
            let y = FloatBuffer(rowCount: 20, columnCount: 303)
            y.fill(-1, rows: 0..<20)
            compute.multiply(x, rows: range, w, into: y)
            for row in 0..<20 {
                let found = y.values(row: row)
                let product = range.contains(row) ? expected.values(row: row) : found.dropLast(3)
                #expect(Array(found[..<300]) == product)
                #expect(range.contains(row) || found.allSatisfy { $0 == -1 })
                #expect(found[300...].allSatisfy { $0 == -1 }, "columns beyond the outputs stay")
            }
        }
    }

    @Test(arguments: kernels)
    func `floats at odd bytes have the same product as aligned ones`(kernels: KernelChoice) {
        var random = RandomWeights(seed: 23)
        let bytes = random.blocks(of: .f32, elements: 19 * 1025)
        let x = random.buffer(rows: 8, columns: 1025)
        let compute = Compute(pool: ThreadPool(threadCount: 1), kernels: kernels)
        let results = (0..<4).map { offset in
            let w = WeightMatrix(
                storage: AnonymousMemory(bytes: [UInt8](repeating: 0xff, count: offset) + bytes),
                byteOffset: offset, type: .f32, rowCount: 19, columnCount: 1025)
            let y = FloatBuffer(rowCount: 8, columnCount: 19)
            compute.multiply(x, rows: 0..<8, w, into: y)
            return y.bits()
        }
        #expect(results.allSatisfy { $0 == results[0] })
    }

    /// The order that ck_product.h documents.
    private func sum(_ weights: [Float], _ x: [Float]) -> Float {
        var lanes = [Float](repeating: 0, count: 16)
        for k in weights.indices { lanes[k % 16].addProduct(weights[k], x[k]) }
        for half in [8, 4, 2, 1] {
            for j in 0..<half { lanes[j] += lanes[j + half] }
        }
        return lanes[0]
    }
}
