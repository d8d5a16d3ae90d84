// SPDX-License-Identifier: Apache-2.0

import Computation
import Foundation
import Testing

/// Products, norms and attention of encoders, against plain loops, with the same bits on every
/// instruction set.
@Suite struct FloatPanelsTests {
    private static let choices: [KernelChoice] = [.scalar, .avx2, .avx512].filter(\.isAvailable)

    private static func numbers(_ count: Int, seed: UInt64) -> [Float] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(Int32(truncatingIfNeeded: state >> 32)) / Float(Int32.max)
        }
    }

    private static func buffer(_ rows: Int, _ columns: Int, seed: UInt64) -> FloatBuffer {
        let buffer = FloatBuffer(rowCount: rows, columnCount: columns)
        for row in 0..<rows { buffer.setRow(row, to: numbers(columns, seed: seed &+ UInt64(row))) }
        return buffer
    }

    private static func rows(_ buffer: FloatBuffer, _ count: Int, _ columns: Int) -> [[Float]] {
        (0..<count).map { row in
            let span = buffer.row(row)
            return (0..<columns).map { span[$0] }
        }
    }

    @Test(arguments: [(1, 16, 5), (12, 33, 64), (29, 7, 31), (150, 400, 33)])
    func `a product is the sum of its terms, and a row's depends on that row alone`(
        rowCount: Int, columnCount: Int, outputCount: Int
    ) throws {
        let x = Self.buffer(rowCount, columnCount, seed: 1)
        let weights = Self.numbers(outputCount * columnCount, seed: 77)
        let bias = Self.numbers(outputCount, seed: 99)
        let panels = try FloatPanels(
            [WeightMatrix.of(weights, rows: outputCount, columns: columnCount)], bias: bias)
        let width = FloatPanels.writtenCount(outputCount)
        for activation in [SerialCompute.Activation.none, .gelu, .tanh] {
            var bits: [[[Float]]] = []
            for choice in Self.choices {
                let y = FloatBuffer(rowCount: rowCount, columnCount: width)
                SerialCompute(choice).multiply(
                    x, rowCount: rowCount, by: panels, activation, into: y)
                bits.append(Self.rows(y, rowCount, outputCount))
                let one = FloatBuffer(rowCount: 1, columnCount: width)
                let last = FloatBuffer(rowCount: 1, columnCount: columnCount)
                last.setRow(0, to: Self.rows(x, rowCount, columnCount)[rowCount - 1])
                SerialCompute(choice).multiply(
                    last, rowCount: 1, by: panels, activation, into: one)
                #expect(Self.rows(one, 1, outputCount)[0] == bits[0][rowCount - 1])
            }
            #expect(bits.allSatisfy { $0 == bits[0] })
            for (t, row) in Self.rows(x, rowCount, columnCount).enumerated() {
                for n in 0..<outputCount {
                    var sum = Double(bias[n])
                    for k in 0..<columnCount {
                        sum += Double(row[k]) * Double(weights[n * columnCount + k])
                    }
                    let expected =
                        switch activation {
                        case .none: sum
                        case .gelu: sum / 2 * (1 + erf(sum / 2.squareRoot()))
                        case .tanh: tanh(sum)
                        }
                    // Four hundred roundings one after another.
                    #expect(abs(Double(bits[0][t][n]) - expected) < 2e-5 * (1 + abs(sum)))
                }
            }
        }
    }

    @Test func `a gelu of any number is near that of libm`() throws {
        let values = stride(from: Float(-12), through: 12, by: 0.01).map { $0 }
        let panels = try FloatPanels(
            [WeightMatrix.of([1], rows: 1, columns: 1)], bias: [0])
        let x = FloatBuffer(rowCount: values.count, columnCount: 1)
        for (row, value) in values.enumerated() { x.setRow(row, to: [value]) }
        let y = FloatBuffer(rowCount: values.count, columnCount: FloatPanels.writtenCount(1))
        SerialCompute().multiply(x, rowCount: values.count, by: panels, .gelu, into: y)
        let results = Self.rows(y, values.count, 1)
        for (row, value) in values.enumerated() {
            let expected = Double(value) / 2 * (1 + erf(Double(value) / 2.squareRoot()))
            #expect(abs(Double(results[row][0]) - expected) < 1e-6)
        }
    }

    @Test(arguments: [1, 15, 16, 17, 50])
    func `a layer norm has mean 0 and variance 1 before its weights`(count: Int) {
        let x = Self.buffer(3, count, seed: 5)
        let added = Self.buffer(3, count, seed: 50)
        let norm = LayerNormWeights(
            weight: Self.numbers(count, seed: 7), bias: Self.numbers(count, seed: 8),
            epsilon: 1e-12)
        var bits: [[[Float]]] = []
        for choice in Self.choices {
            let y = FloatBuffer(rowCount: 3, columnCount: count)
            SerialCompute(choice).layerNorm(x, adding: added, rowCount: 3, norm, into: y)
            bits.append(Self.rows(y, 3, count))
        }
        #expect(bits.allSatisfy { $0 == bits[0] })
        for row in 0..<3 {
            let sums = zip(Self.rows(x, 3, count)[row], Self.rows(added, 3, count)[row])
                .map { Double($0) + Double($1) }
            let mean = sums.reduce(0, +) / Double(count)
            let variance = sums.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)
            for k in 0..<count where count > 1 {
                let expected =
                    (sums[k] - mean) / (variance + 1e-12).squareRoot() * Double(norm.weight[k])
                    + Double(norm.bias[k])
                #expect(abs(Double(bits[0][row][k]) - expected) < 1e-5)
            }
        }
    }

    @Test(arguments: [(1, 2, 8), (5, 3, 12), (17, 1, 40), (100, 2, 32)])
    func `every row attends to all rows of its text`(
        count: Int, headCount: Int, headDimension: Int
    ) {
        let width = headCount * headDimension
        let before = 3
        let x = Self.buffer(before + count + 2, 3 * width, seed: 11)
        var bits: [[[Float]]] = []
        for choice in Self.choices {
            let y = FloatBuffer(rowCount: before + count + 2, columnCount: width)
            let scratch = TextAttentionScratch(
                maxTokenCount: count, headDimension: headDimension)
            SerialCompute(choice).attend(
                x, rows: before..<before + count, headCount: headCount,
                headDimension: headDimension, scratch, into: y)
            bits.append(Self.rows(y, before + count + 2, width))
        }
        #expect(bits.allSatisfy { $0 == bits[0] })
        let rows = Self.rows(x, before + count, 3 * width).dropFirst(before).map {
            $0.map(Double.init)
        }
        for query in 0..<count {
            for head in 0..<headCount {
                let offset = head * headDimension
                let scores = rows.map { key in
                    (0..<headDimension).reduce(0.0) {
                        $0 + rows[query][offset + $1] * key[width + offset + $1]
                    } / Double(headDimension).squareRoot()
                }
                let largest = scores.max() ?? 0
                let weights = scores.map { exp($0 - largest) }
                let sum = weights.reduce(0, +)
                for d in 0..<headDimension {
                    let expected =
                        zip(weights, rows).reduce(0.0) {
                            $0 + $1.0 * $1.1[2 * width + offset + d]
                        } / sum
                    let own = bits[0][before + query][offset + d]
                    #expect(abs(Double(own) - expected) < 1e-5)
                }
            }
        }
        #expect(bits[0][0].allSatisfy { $0 == 0 } && bits[0][before + count].allSatisfy { $0 == 0 })
    }
}
