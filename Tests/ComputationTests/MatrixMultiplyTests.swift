// SPDX-License-Identifier: Apache-2.0

import Computation
import Foundation
import Parallelism
import Quantization
import Testing

/// Products against plain sums, and the law that a result depends on its own row alone.
@Suite struct MatrixMultiplyTests {
    static let kernels = [KernelChoice.scalar, .avx2, .avx512].filter(\.isAvailable)

    /// A product of random values, and the specification of its results.
    struct Example {
        let x: [[Float]]
        let w: WeightMatrix
        let weights: [Float]

        init(_ type: ElementType, tokens: Int, rows: Int, columns: Int) {
            var state: UInt64 = 99
            func next() -> Float {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Float(Int32(truncatingIfNeeded: state >> 32)) * 0x1p-31
            }
            x = (0..<tokens).map { _ in (0..<columns).map { _ in next() } }
            let values = (0..<rows * columns).map { _ in next() }
            let bytes: [UInt8]
            if type.elementsPerBlock == 1 || type == .q8_0 {
                bytes = type.encoded(values)
            } else {
                let count = rows * columns / type.elementsPerBlock
                bytes = Self.tamed(
                    KernelSpecificationTests.blocks(type, count: count, seed: 3), type)
            }
            weights = type.decoded(bytes)
            w = WeightMatrix(
                storage: AnonymousMemory(bytes: bytes), byteOffset: 0, type: type, rowCount: rows,
                columnCount: columns)
        }

        /// Random blocks whose half-precision scales are below 1.
        private static func tamed(_ bytes: [UInt8], _ type: ElementType) -> [UInt8] {
            let scales: [Int] =
                switch type {
                case .q5_1, .q4_K, .q5_K: [0, 2]
                case .q2_K: [80, 82]
                case .q3_K: [108]
                case .q6_K: [208]
                case .iq1_m: [54]
                case .tq1_0: [52]
                case .tq2_0: [64]
                case .mxfp4: [-1]
                case .nvfp4: []
                default: [0]
                }
            var bytes = bytes
            for block in stride(from: 0, to: bytes.count, by: type.bytesPerBlock) {
                for scale in scales { bytes[block + scale + 1] = type == .mxfp4 ? 0x78 : 0x20 }
            }
            return bytes
        }

        var input: FloatBuffer {
            let buffer = FloatBuffer(rowCount: x.count, columnCount: w.columnCount)
            for (row, values) in x.enumerated() { buffer.setRow(row, to: values) }
            return buffer
        }

        /// Sixteen lanes by fused multiply-add, then halves: the order that `ck_product.h` states.
        func expected(token: Int, row: Int) -> UInt32 {
            var lanes = [Float](repeating: 0, count: 16)
            for k in 0..<w.columnCount {
                lanes[k % 16].addProduct(weights[row * w.columnCount + k], x[token][k])
            }
            for half in [8, 4, 2, 1] { for j in 0..<half { lanes[j] += lanes[j + half] } }
            return lanes[0].bitPattern
        }

        func product(_ compute: Compute, rows: Range<Int>) -> [[UInt32]] {
            let y = FloatBuffer(rowCount: x.count, columnCount: w.rowCount)
            compute.multiply(input, rows: rows, w, into: y)
            return rows.map { y.values(row: $0).map(\.bitPattern) }
        }
    }

    private func compute(_ kernels: KernelChoice = .automatic, threads: Int = 2) -> Compute {
        Compute(pool: ThreadPool(threadCount: threads), kernels: kernels)
    }

    @Test func `a product has the sums of rows by rows`() {
        let x = FloatBuffer(rowCount: 2, columnCount: 3)
        x.setRow(0, to: [1, 2, 3])
        x.setRow(1, to: [-1, 0, 1])
        let w = WeightMatrix.of([1, 0, 0, 1, 1, 1], rows: 2, columns: 3)
        let y = FloatBuffer(rowCount: 2, columnCount: 2)
        compute().multiply(x, rows: 0..<2, w, into: y)
        #expect(y.values(row: 0) == [1, 6])
        #expect(y.values(row: 1) == [-1, 0])
    }

    @Test(arguments: kernels, ElementType.allCases)
    func `each element is the stated sum, in every type and instruction set`(
        kernels: KernelChoice, type: ElementType
    ) {
        let columns = type.elementsPerBlock == 1 ? 77 : type.elementsPerBlock
        let example = Example(type, tokens: 3, rows: 6, columns: columns)
        let found = example.product(compute(kernels), rows: 0..<3)
        for token in 0..<3 {
            for row in 0..<6 {
                #expect(found[token][row] == example.expected(token: token, row: row))
            }
        }
    }

    @Test(arguments: kernels, [1, 15, 16, 17, 32, 1023, 1024, 1025, 2080])
    func `any row length gives the stated sum`(kernels: KernelChoice, columns: Int) {
        let example = Example(.f32, tokens: 2, rows: 5, columns: columns)
        let found = example.product(compute(kernels), rows: 0..<2)
        for token in 0..<2 {
            for row in 0..<5 {
                #expect(found[token][row] == example.expected(token: token, row: row))
            }
        }
    }

    @Test(arguments: kernels + [.blas], [ElementType.f32, .q4_1, .q6_K])
    func `a row's result is the same alone and among others, whatever their number`(
        kernels: KernelChoice, type: ElementType
    ) {
        let example = Example(type, tokens: 100, rows: 83, columns: 256)
        let compute = compute(kernels)
        let all = example.product(compute, rows: 0..<100)
        for range in [0..<1, 7..<9, 20..<23, 30..<34, 40..<45, 50..<56, 90..<97, 3..<100] {
            #expect(example.product(compute, rows: range) == Array(all[range]))
        }
    }

    @Test(arguments: [ElementType.f32, .q8_0])
    func `the number of threads changes nothing`(type: ElementType) {
        let example = Example(type, tokens: 7, rows: 200, columns: 96)
        let one = example.product(compute(threads: 1), rows: 0..<7)
        for threads in 2...4 {
            #expect(example.product(compute(threads: threads), rows: 0..<7) == one)
        }
    }

    @Test func `instruction sets agree to the last bit`() {
        let example = Example(.q4_0, tokens: 13, rows: 37, columns: 2080)
        let results = Self.kernels.map { example.product(compute($0), rows: 0..<13) }
        for result in results { #expect(result == results[0]) }
    }

    /// 3e-4: 256 additions in another order, each of which rounds a sum below 32 by at most 1e-6.
    @Test(arguments: [1, 3, 40])
    func `BLAS finds the same sums up to their order`(tokens: Int) {
        let example = Example(.q8_0, tokens: tokens, rows: 130, columns: 256)
        let ours = example.product(compute(), rows: 0..<tokens)
        let found = example.product(compute(.blas), rows: 0..<tokens)
        for token in 0..<tokens {
            for row in 0..<130 {
                let difference =
                    Float(bitPattern: found[token][row]) - Float(bitPattern: ours[token][row])
                #expect(abs(difference) < 3e-4)
            }
        }
    }

    @Test func `BLAS multiplies slots of groups`() {
        let example = Example(.q4_0, tokens: 6, rows: 70, columns: 64)
        var groups = RowGroups(groupCount: 1)
        groups.gather(([5, 0, 5] as [Int32]).span)
        let y = FloatBuffer(rowCount: 3, columnCount: 70)
        let z = FloatBuffer(rowCount: 6, columnCount: 70)
        let blas = compute(.blas)
        blas.multiplyGathered(example.input, groups, reading: .token, [example.w], into: y)
        blas.multiply(example.input, rows: 0..<6, example.w, into: z)
        for (row, token) in [5, 0, 5].enumerated() {
            #expect(y.values(row: row) == z.values(row: token))
        }
    }

    @Test func `several matrices at once are the same as one after another`() {
        let first = Example(.f32, tokens: 5, rows: 70, columns: 64)
        let second = Example(.q8_0, tokens: 5, rows: 9, columns: 64)
        let compute = compute()
        let y = FloatBuffer(rowCount: 5, columnCount: 70)
        let z = FloatBuffer(rowCount: 5, columnCount: 9)
        compute.multiply(first.input, rows: 1..<5, [first.w, second.w], into: [y, z])
        for token in 1..<5 {
            #expect(y.values(row: token)[69].bitPattern == first.expected(token: token, row: 69))
            #expect(z.values(row: token)[8].bitPattern == second.expected(token: token, row: 8))
        }
        #expect(y.values(row: 0) == [Float](repeating: 0, count: 70))
    }

    @Test(arguments: kernels)
    func `groups multiply each slot by its own matrix`(kernels: KernelChoice) {
        let experts = (0..<4).map { expert in
            Example(expert == 2 ? .f16 : .q4_0, tokens: 9, rows: 20 + expert, columns: 64)
        }
        // Token 4's two choices are experts 3 and 0; nobody chooses expert 1.
        let selection: [Int32] = [0, 2, 3, 2, 2, 0, 0, 3, 3, 0, 2, 3, 0, 2, 2, 3, 3, 0]
        var groups = RowGroups(groupCount: 4)
        groups.assign(selection.span, choiceCount: 2)
        let y = FloatBuffer(rowCount: 18, columnCount: 23)
        compute(kernels).multiplyGathered(
            experts[0].input, groups, reading: .token, experts.map(\.w), into: y)
        for (slot, expert) in selection.enumerated() {
            let example = experts[Int(expert)]
            let expected = (0..<example.w.rowCount).map {
                example.expected(token: slot / 2, row: $0)
            }
            #expect(y.values(row: slot).prefix(expected.count).map(\.bitPattern) == expected)
        }
    }

    @Test func `a slot may read its own row`() {
        let example = Example(.f32, tokens: 4, rows: 3, columns: 16)
        var groups = RowGroups(groupCount: 1)
        groups.assign(([0, 0, 0, 0] as [Int32]).span, choiceCount: 2)
        let y = FloatBuffer(rowCount: 4, columnCount: 3)
        compute().multiplyGathered(example.input, groups, reading: .slot, [example.w], into: y)
        for slot in 0..<4 {
            #expect(y.values(row: slot)[2].bitPattern == example.expected(token: slot, row: 2))
        }
    }

    @Test func `gathered rows come out in the order asked for`() {
        let example = Example(.f32, tokens: 6, rows: 3, columns: 16)
        var groups = RowGroups(groupCount: 1)
        groups.gather(([5, 0, 5] as [Int32]).span)
        let y = FloatBuffer(rowCount: 3, columnCount: 3)
        compute().multiplyGathered(example.input, groups, reading: .token, [example.w], into: y)
        for (row, token) in [5, 0, 5].enumerated() {
            #expect(y.values(row: row)[1].bitPattern == example.expected(token: token, row: 1))
        }
    }

    @Test func `some rows of a matrix are a matrix`() {
        let example = Example(.q4_0, tokens: 1, rows: 6, columns: 32)
        let part = example.w.rows(2..<5)
        let y = FloatBuffer(rowCount: 1, columnCount: 3)
        compute().multiply(example.input, rows: 0..<1, part, into: y)
        #expect(y.values(row: 0)[0].bitPattern == example.expected(token: 0, row: 2))
    }
}
