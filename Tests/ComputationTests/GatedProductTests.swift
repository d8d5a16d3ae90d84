// SPDX-License-Identifier: Apache-2.0

import Computation
import Foundation
import Parallelism
import Quantization
import Testing

/// silu(x · W1ᵀ) ⊙ (x · W3ᵀ) against the two products and the formula.
@Suite struct GatedProductTests {
    private func compute(_ kernels: KernelChoice = .automatic, threads: Int = 2) -> Compute {
        Compute(pool: ThreadPool(threadCount: threads), kernels: kernels)
    }

    /// 1e-6: the exponential is good to 2 units, a sum, a quotient and a product add one each.
    @Test(arguments: KernelChoice.available)
    func `the gate is x over one plus e to the minus x`(kernels: KernelChoice) {
        let compute = compute(kernels)
        for (tokens, rows) in [(1, 1), (5, 15), (9, 64), (3, 100), (300, 70)] {
            var random = RandomWeights(seed: 17)
            let w1 = random.matrix(of: .f32, rows: rows, columns: 33)
            let w3 = random.matrix(of: .f32, rows: rows, columns: 33)
            let x = random.buffer(rows: tokens, columns: 33)
            let gate = FloatBuffer(rowCount: tokens, columnCount: rows)
            let up = FloatBuffer(rowCount: tokens, columnCount: rows)
            let y = FloatBuffer(rowCount: tokens, columnCount: rows)
            compute.multiply(x, rows: 0..<tokens, [w1, w3], into: [gate, up])

            compute.multiplyGated(x, rows: 0..<tokens, w1: w1, w3: w3, into: y)

            for token in 0..<tokens {
                let (g, u) = (gate.values(row: token), up.values(row: token))
                for (row, found) in y.values(row: token).enumerated() {
                    let expected = Double(g[row]) / (1 + exp(-Double(g[row]))) * Double(u[row])
                    #expect(abs(Double(found) - expected) <= 1e-6 * abs(expected))
                }
            }
        }
    }

    /// 4e-6: the error of the cube, up to 8 units, is multiplied by what the exponential grows with it,
    /// and gates are at most 4 here.
    @Test(arguments: KernelChoice.available)
    func `the gate may be GELU by its approximation with tanh`(kernels: KernelChoice) {
        let compute = compute(kernels)
        for (tokens, rows) in [(1, 1), (5, 15), (9, 64), (300, 70)] {
            var random = RandomWeights(seed: 19)
            let w1 = random.matrix(of: .f32, rows: rows, columns: 33)
            let w3 = random.matrix(of: .f32, rows: rows, columns: 33)
            let x = random.buffer(rows: tokens, columns: 33)
            let gate = FloatBuffer(rowCount: tokens, columnCount: rows)
            let up = FloatBuffer(rowCount: tokens, columnCount: rows)
            let y = FloatBuffer(rowCount: tokens, columnCount: rows)
            compute.multiply(x, rows: 0..<tokens, [w1, w3], into: [gate, up])

            compute.multiplyGated(x, rows: 0..<tokens, w1: w1, w3: w3, by: .gelu, into: y)

            for token in 0..<tokens {
                let (g, u) = (gate.values(row: token), up.values(row: token))
                for (row, found) in y.values(row: token).enumerated() {
                    let z = Double(g[row])
                    let inner = (2 / Double.pi).squareRoot() * (z + 0.044715 * z * z * z)
                    let expected = z / (1 + exp(-2 * inner)) * Double(u[row])
                    #expect(
                        abs(Double(found) - expected)
                            <= 4e-6 * max(1, abs(inner)) * abs(expected) + 1e-30)
                }
            }
        }
    }

    /// Within 3e-7: a quotient, the exponential and a product.
    @Test(arguments: KernelChoice.available)
    func `capped numbers are the limit times the tanh of their share of it`(
        kernels: KernelChoice
    ) {
        let compute = compute(kernels)
        var values: [Float] = [0, -0.0, 1e-30, -1e-8, 29.9, 30, 30.1, -30.1, 1e4, -1e30]
        values += (-300...300).map { Float($0) * 0.37 }
        let x = FloatBuffer(rowCount: 2, columnCount: values.count)
        for row in 0..<2 { x.setRow(row, to: values) }

        compute.cap(x, rowCount: 1, limit: 30)

        for (value, found) in zip(values, x.values(row: 0)) {
            let expected = 30 * tanh(Double(value) / 30)
            #expect(abs(Double(found) - expected) <= 3e-7 * abs(expected), "\(value)")
        }
        #expect(x.values(row: 1) == values)
    }

    /// 2e-6: as above, and the sums with biases.
    @Test(arguments: KernelChoice.available)
    func `a clamped gate limits both products and adds one to up`(kernels: KernelChoice) {
        let compute = compute(kernels)
        for (tokens, rows) in [(1, 1), (5, 15), (9, 64), (300, 70)] {
            var random = RandomWeights(seed: 18)
            let w1 = (0..<2).map { _ in random.matrix(of: .f32, rows: rows, columns: 33) }
            let w3 = (0..<2).map { _ in random.matrix(of: .f32, rows: rows, columns: 33) }
            let x = random.buffer(rows: tokens, columns: 33)
            let gate = ExpertGate(
                clamp: ClampedGate(slope: 1.7, limit: 1.5), biases: random.floats(2 * rows),
                upBiases: random.floats(2 * rows))
            var groups = RowGroups(groupCount: 2)
            let selection = (0..<Int32(tokens)).map { $0 % 2 }
            groups.assign(selection.span, choiceCount: 1)
            let products = (w1 + w3).map { _ in FloatBuffer(rowCount: tokens, columnCount: rows) }
            compute.multiply(x, rows: 0..<tokens, w1 + w3, into: products)
            let y = FloatBuffer(rowCount: tokens, columnCount: rows)

            compute.multiplyGated(x, groups, w1: w1, w3: w3, gate: gate, into: y)

            for token in 0..<tokens {
                let (g, u) = (
                    products[token % 2].values(row: token),
                    products[2 + token % 2].values(row: token)
                )
                for (row, found) in y.values(row: token).enumerated() {
                    let place = token % 2 * rows + row
                    let gated = min(Double(g[row]) + Double(gate.biases[place]), 1.5)
                    let up = min(max(Double(u[row]) + Double(gate.upBiases[place]), -1.5), 1.5)
                    let expected = gated / (1 + exp(-1.7 * gated)) * (up + 1)
                    #expect(abs(Double(found) - expected) <= 2e-6)
                }
            }
        }
    }

    @Test(arguments: KernelChoice.available)
    func `extreme gates stay finite and garbage stays visible`(kernels: KernelChoice) {
        let x = FloatBuffer(rowCount: 1, columnCount: 1)
        x.setRow(0, to: [1])
        let y = FloatBuffer(rowCount: 1, columnCount: 6)

        compute(kernels).multiplyGated(
            x, rows: 0..<1,
            w1: .of([1000, -1000, 88.5, -88.5, 0, .nan], rows: 6, columns: 1),
            w3: .of([1, 1, 1, 1, 1, 1], rows: 6, columns: 1), into: y)

        let found = y.values(row: 0)
        #expect(found[0] == 1000 && found[2] == 88.5 && found[4] == 0)
        #expect(abs(found[1]) < 1e-30 && abs(found[3]) < 1e-30)
        #expect(found[5].isNaN)
    }

    @Test(arguments: [ElementType.f32, .q4_0, .q6_K], 1...4)
    func `groups have the bits of their tokens alone, with any threads`(
        type: ElementType, threadCount: Int
    ) throws {
        var random = RandomWeights(seed: 5)
        let matrices = (0..<6).map { _ in random.matrix(of: type, rows: 150, columns: 256) }
        let packed = try WeightPacker(pool: ThreadPool(threadCount: 1)).pack(matrices)
        let w1 = Array(packed[..<3])
        let w3 = Array(packed[3...])
        let x = random.buffer(rows: 30, columns: 256)
        var groups = RowGroups(groupCount: 3)
        let selection = (0..<Int32(30)).flatMap { [$0 % 2, 2 - $0 % 2] }
        groups.assign(selection.span, choiceCount: 2)
        let y = FloatBuffer(rowCount: 60, columnCount: 150)
        let one = FloatBuffer(rowCount: 30, columnCount: 150)
        let compute = compute(threads: threadCount)

        compute.multiplyGated(x, groups, w1: w1, w3: w3, into: y)

        for group in 0..<3 {
            let slots = Int(groups.offsets[group])..<Int(groups.offsets[group + 1])
            for index in slots {
                let token = Int(groups.tokens[index])
                let slot = Int(groups.slots[index])
                compute.multiplyGated(
                    x, rows: token..<token + 1, w1: w1[group], w3: w3[group], into: one)
                #expect(y.bits(rows: slot..<slot + 1) == one.bits(rows: token..<token + 1))
            }
        }
    }
}
