// SPDX-License-Identifier: Apache-2.0

import Computation
import Parallelism
import Quantization
import Testing

/// OpenBLAS gives what our kernels give, and keeps the law of invariance.
@Suite struct BLASTests {
    static let types = [ElementType.f32, .q8_0, .q4_K]

    private func compute(_ kernels: KernelChoice = .blas, threads: Int = 2) -> Compute {
        Compute(pool: ThreadPool(threadCount: threads), kernels: kernels)
    }

    // A sum of 256 products of numbers of this size, in another order, is off by some hundred
    // units in the last place of its largest term at most; a wrong element is off by far more.
    @Test(arguments: types, [1, 5, 64, 150])
    func `results are those of our kernels within rounding`(type: ElementType, tokens: Int) {
        let example = MatrixMultiplyTests.Example(type, tokens: tokens, rows: 150, columns: 256)
        let found = example.product(compute(), rows: 0..<tokens)
        let expected = example.product(compute(.automatic), rows: 0..<tokens)
        for (found, expected) in zip(found, expected) {
            let found = found.map(Float.init(bitPattern:))
            let expected = expected.map(Float.init(bitPattern:))
            let scale = expected.reduce(0) { max($0, abs($1)) }
            let difference = zip(found, expected).reduce(0) { max($0, abs($1.0 - $1.1)) }
            #expect(difference <= 1e-4 * scale)
        }
    }

    @Test(arguments: types)
    func `a token has the same bits among any number of others, at any place`(type: ElementType) {
        let example = MatrixMultiplyTests.Example(type, tokens: 90, rows: 83, columns: 512)
        let compute = compute()
        let alone = (0..<90).flatMap { example.product(compute, rows: $0..<$0 + 1) }
        for count in 1...20 {
            #expect(example.product(compute, rows: 0..<count) == Array(alone[..<count]))
            #expect(example.product(compute, rows: 7..<7 + count) == Array(alone[7..<7 + count]))
        }
        #expect(example.product(compute, rows: 0..<90) == alone)
    }

    @Test(arguments: types)
    func `the number of threads changes no bit`(type: ElementType) {
        let example = MatrixMultiplyTests.Example(type, tokens: 9, rows: 300, columns: 256)
        let one = example.product(compute(threads: 1), rows: 0..<9)
        for threads in 2...4 {
            #expect(example.product(compute(threads: threads), rows: 0..<9) == one)
        }
    }

    @Test(arguments: types)
    func `gathered tokens have the bits that they have in order`(type: ElementType) {
        let experts = (0..<3).map {
            MatrixMultiplyTests.Example(type, tokens: 20, rows: 70 + $0, columns: 256)
        }
        let selection = (0..<40).map { Int32($0 % 2 == 0 ? 2 : $0 % 3) }
        var groups = RowGroups(groupCount: 3)
        groups.assign(selection.span, choiceCount: 2)
        let y = FloatBuffer(rowCount: 40, columnCount: 72)
        let compute = compute()
        compute.multiplyGathered(
            experts[0].input, groups, reading: .token, experts.map(\.w), into: y)
        let expected = experts.map { $0.product(compute, rows: 0..<20) }
        for (slot, expert) in selection.enumerated() {
            let row = expected[Int(expert)][slot / 2]
            #expect(y.values(row: slot).prefix(row.count).map(\.bitPattern) == row)
        }
    }

    @Test func `rows of any length multiply`() {
        for columns in [1, 3, 17, 77, 100, 1025] {
            let example = MatrixMultiplyTests.Example(.f32, tokens: 3, rows: 65, columns: columns)
            let compute = compute()
            let all = example.product(compute, rows: 0..<3)
            for token in 0..<3 {
                #expect(example.product(compute, rows: token..<token + 1) == [all[token]])
            }
        }
    }
}
