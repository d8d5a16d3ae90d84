// SPDX-License-Identifier: Apache-2.0

import Computation
import Foundation
import Parallelism
import Quantization
import Testing

/// Products of packed weights against exact sums of what the quantised activations stand for, and
/// the law that a result depends on its own row alone.
@Suite struct PackedProductTests {
    static let types = ElementType.allCases.filter {
        WeightMatrix.canPack($0, columnCount: $0.elementsPerBlock)
    }
    /// Those whose products take activations as int8.
    private static let quantizedTypes = types.filter { $0.elementsPerBlock > 1 }
    private static let kernels = KernelChoice.available.filter { $0.packsWeights }

    private func compute(_ kernels: KernelChoice = .automatic, threads: Int = 2) -> Compute {
        Compute(pool: ThreadPool(threadCount: threads), kernels: kernels)
    }

    private func packed(_ matrices: [WeightMatrix]) throws -> [WeightMatrix] {
        try WeightPacker(pool: ThreadPool(threadCount: 2)).pack(matrices)
    }

    /// What int8 codes of a row of activations stand for: a scale for each `width` of them.
    private func dequantized(_ x: [Float], width: Int) -> [Double] {
        stride(from: 0, to: x.count, by: width).flatMap { start -> [Double] in
            let block = x[start..<min(start + width, x.count)]
            let largest = block.reduce(0) { max($0, abs($1)) }
            return block.map {
                let code = ($0 * (127 / largest)).rounded(.toNearestOrEven)
                return Double(code) * Double(largest / 127)
            }
        }
    }

    /// 1e-6 of the sum of magnitudes: each block's exact sum is rounded once, then added.
    @Test(arguments: kernels, quantizedTypes)
    func `an element is the sum over the quantised activations`(
        kernels: KernelChoice, type: ElementType
    ) throws {
        var random = RandomWeights(seed: 21)
        // A number of columns that ends in half a block where the type allows it.
        let columns = type.elementsPerBlock == 32 ? 352 : 768
        let w = random.matrix(of: type, rows: 83, columns: columns)
        let x = random.buffer(rows: 5, columns: columns)
        let y = FloatBuffer(rowCount: 5, columnCount: 83)
        let panels = try packed([w])[0]
        #expect(panels.layout == .panels)

        compute(kernels).multiply(x, rows: 0..<5, panels, into: y)

        let width = type.elementsPerBlock == 32 ? 32 : 256
        for token in 0..<5 {
            let inputs = dequantized(x.values(row: token), width: width)
            for (row, found) in y.values(row: token).enumerated() {
                let terms = zip(w.decodedRow(row), inputs).map { Double($0) * $1 }
                let size = terms.reduce(0) { $0 + abs($1) }
                #expect(abs(Double(found) - terms.reduce(0, +)) <= 1e-6 * size)
            }
        }
    }

    @Test(arguments: types)
    func `instruction sets change no bit`(type: ElementType) throws {
        var random = RandomWeights(seed: 22)
        let w = try packed([random.matrix(of: type, rows: 83, columns: 512)])[0]
        let x = random.buffer(rows: 17, columns: 512)
        let results = Self.kernels.map { kernels in
            let y = FloatBuffer(rowCount: 17, columnCount: 83)
            compute(kernels).multiply(x, rows: 0..<17, w, into: y)
            return y.bits()
        }
        for result in results { #expect(result == results[0]) }
    }

    @Test(arguments: kernels)
    func `batches and threads change no bit`(kernels: KernelChoice) throws {
        var random = RandomWeights(seed: 22)
        let w = try packed([random.matrix(of: .q4_K, rows: 150, columns: 512)])[0]
        let x = random.buffer(rows: 33, columns: 512)
        let y = FloatBuffer(rowCount: 33, columnCount: 150)
        compute(kernels, threads: 1).multiply(x, rows: 0..<33, w, into: y)
        let expected = y.bits()
        for threadCount in 1...4 {
            let compute = compute(kernels, threads: threadCount)
            for count in [1, 2, 5, 13, 33] {
                let rows = 33 - count..<33
                compute.multiply(x, rows: rows, w, into: y)
                #expect(y.bits(rows: rows) == Array(expected[rows]))
            }
        }
    }

    @Test(arguments: types)
    func `every batch size gives the same bits, gathered rows too`(type: ElementType) throws {
        var random = RandomWeights(seed: 23)
        let w = try packed([random.matrix(of: type, rows: 17, columns: 256)])[0]
        let x = random.buffer(rows: 300, columns: 256)
        let y = FloatBuffer(rowCount: 300, columnCount: 17)
        let compute = compute(threads: 1)
        compute.multiply(x, rows: 0..<300, w, into: y)
        let expected = y.bits()
        for count in 1...33 {
            compute.multiply(x, rows: 7..<7 + count, w, into: y)
            #expect(y.bits(rows: 7..<7 + count) == Array(expected[7..<7 + count]))
            var groups = RowGroups(groupCount: 1)
            let rows = (0..<Int32(count)).map { 299 - 9 * $0 }
            groups.gather(rows.span)
            let z = FloatBuffer(rowCount: count, columnCount: 17)
            compute.multiplyGathered(x, groups, reading: .token, [w], into: z)
            #expect(z.bits() == rows.map { expected[Int($0)] })
        }
    }

    @Test func `packed matrices, rows and floats go together`() throws {
        var random = RandomWeights(seed: 24)
        let matrices = [
            random.matrix(of: .q4_K, rows: 70, columns: 256),
            random.matrix(of: .f32, rows: 9, columns: 256),
            random.matrix(of: .q8_0, rows: 64, columns: 256),
        ]
        let mixed = try packed(matrices) + [matrices[0]]
        let x = random.buffer(rows: 6, columns: 256)
        let outputs = mixed.map { FloatBuffer(rowCount: 6, columnCount: $0.rowCount) }
        let compute = compute()

        compute.multiply(x, rows: 1..<5, mixed, into: outputs)

        for (w, y) in zip(mixed, outputs) {
            let alone = FloatBuffer(rowCount: 6, columnCount: w.rowCount)
            compute.multiply(x, rows: 1..<5, w, into: alone)
            #expect(y.bits() == alone.bits())
        }
    }

    @Test(arguments: types)
    func `embeddings are decoded from panels as from rows`(type: ElementType) throws {
        var random = RandomWeights(seed: 25)
        let w = random.matrix(of: type, rows: 83, columns: 256)
        let tokens: [Int32] = [0, 15, 16, 63, 64, 79, 80, 82]
        let y = FloatBuffer(rowCount: 8, columnCount: 256)
        let z = FloatBuffer(rowCount: 8, columnCount: 256)
        for kernels in Self.kernels {
            compute(kernels).embed(tokens.span, w, into: y)
            compute(kernels).embed(tokens.span, try packed([w])[0], into: z)
            #expect(y.bits() == z.bits())
        }
    }

    @Test func `BLAS multiplies panels as it does rows`() throws {
        var random = RandomWeights(seed: 26)
        let w = random.matrix(of: .q5_K, rows: 83, columns: 256)
        let x = random.buffer(rows: 40, columns: 256)
        let y = FloatBuffer(rowCount: 40, columnCount: 83)
        let z = FloatBuffer(rowCount: 40, columnCount: 83)
        let blas = compute(.blas)

        blas.multiply(x, rows: 0..<40, w, into: y)
        blas.multiply(x, rows: 0..<40, try packed([w])[0], into: z)

        #expect(y.bits() == z.bits())
    }
}
