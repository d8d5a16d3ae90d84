// SPDX-License-Identifier: Apache-2.0

import Computation
import Foundation
import Parallelism
import Testing

@Suite struct DeltaNetTests {
    private static let kernels = [KernelChoice.scalar, .avx2, .avx512].filter(\.isAvailable)

    private static func numbers(_ count: Int, seed: Int) -> [Float] {
        (0..<count).map { index in
            let mixed = UInt64(index * 7919 + seed * 104_729 + 1) &* 0x9E37_79B9_7F4A_7C15
            return Float(mixed >> 40) / Float(1 << 23) - 1
        }
    }

    private static func buffer(_ rows: [[Float]]) -> FloatBuffer {
        let buffer = FloatBuffer(rowCount: rows.count, columnCount: rows[0].count)
        for (index, row) in rows.enumerated() { buffer.setRow(index, to: row) }
        return buffer
    }

    private static func values(_ buffer: FloatBuffer) -> [[Float]] {
        (0..<buffer.rowCount).map { index in
            let row = buffer.row(index)
            return row.indices.map { row[$0] }
        }
    }

    /// Forty tokens of a net, all of whose inputs are made up.
    private struct Tokens {
        let net: DeltaNetShape
        let rows: [[Float]]
        let decays: [[Float]]
        let betas: [[Float]]

        init(_ net: DeltaNetShape) {
            self.net = net
            rows = (0..<40).map { DeltaNetTests.numbers(net.channelCount, seed: $0).map { $0 / 3 } }
            decays = (0..<40).map {
                DeltaNetTests.numbers(net.valueHeadCount, seed: 100 + $0).map { 0.9 + $0 / 20 }
            }
            betas = (0..<40).map {
                DeltaNetTests.numbers(net.valueHeadCount, seed: 200 + $0).map { 0.5 + $0 / 3 }
            }
        }

        /// What the states say where the tokens are divided so among steps, each beside other ones.
        func run(
            _ kernels: KernelChoice, threadCount: Int = 1, chunk: Int = 40
        ) throws -> [[Float]] {
            let compute = Compute(pool: ThreadPool(threadCount: threadCount), kernels: kernels)
            let pool = try StatePool(
                shape: StatePoolShape(layerCount: 2, net: net, slotCount: 3))
            let plan = StatePlan(maxRowCount: 80)
            var said: [[Float]] = []
            for start in stride(from: 0, to: 40, by: chunk) {
                let range = start..<min(start + chunk, 40)
                plan.removeAll()
                plan.append(startPosition: start, count: range.count, slot: 2)
                plan.append(startPosition: start, count: range.count, slot: 0)
                let output = FloatBuffer(
                    rowCount: 2 * range.count, columnCount: net.valueHeadCount * net.valueWidth)
                func twice(_ rows: [[Float]]) -> FloatBuffer {
                    DeltaNetTests.buffer(Array(rows[range]) + rows[range].reversed())
                }
                compute.passStates(
                    twice(rows), decay: twice(decays), beta: twice(betas), plan: plan, pool: pool,
                    layer: 1, into: output)
                said += DeltaNetTests.values(output).prefix(range.count)
            }
            return said
        }

        /// The same by the formulas, in double precision.
        var expected: [[Double]] {
            let (dk, dv) = (net.keyWidth, net.valueWidth)
            let keys = net.keyHeadCount * dk
            var states = [Double](repeating: 0, count: net.valueHeadCount * dk * dv)
            return rows.indices.map { t in
                (0..<net.valueHeadCount * dv).map { index in
                    let (head, column) = (index / dv, index % dv)
                    let sharing = net.valueHeadCount / net.keyHeadCount
                    let keyHead = net.isTiled ? head % net.keyHeadCount : head / sharing
                    let state = (0..<dk).map { (head * dk + $0) * dv + column }
                    let k = (0..<dk).map { Double(rows[t][keys + keyHead * dk + $0]) }
                    for place in state { states[place] *= Double(decays[t][head]) }
                    let memory = zip(state, k).reduce(0) { $0 + states[$1.0] * $1.1 }
                    let value = Double(rows[t][2 * keys + index])
                    let delta = Double(betas[t][head]) * (value - memory)
                    for (place, key) in zip(state, k) { states[place] += key * delta }
                    return (0..<dk).reduce(0) {
                        $0 + states[state[$1]] * Double(rows[t][keyHead * dk + $1])
                    }
                }
            }
        }
    }

    private static let nets = [
        DeltaNetShape(keyHeadCount: 1, valueHeadCount: 1, keyWidth: 1, valueWidth: 1, tapCount: 4),
        DeltaNetShape(keyHeadCount: 2, valueHeadCount: 6, keyWidth: 7, valueWidth: 5, tapCount: 2),
        DeltaNetShape(
            keyHeadCount: 3, valueHeadCount: 6, keyWidth: 16, valueWidth: 33, tapCount: 1,
            isTiled: true),
        DeltaNetShape(
            keyHeadCount: 1, valueHeadCount: 2, keyWidth: 128, valueWidth: 128, tapCount: 4),
    ]

    @Test(arguments: kernels, nets)
    func `states are those of the formulas, whatever divides the tokens`(
        kernels: KernelChoice, net: DeltaNetShape
    ) throws {
        let tokens = Tokens(net)

        let found = try tokens.run(kernels)

        // Sums of at most 128 products of thirds of numbers below 1.
        for (row, other) in zip(found, tokens.expected) {
            for (one, double) in zip(row, other) { #expect(abs(Double(one) - double) < 2e-5) }
        }
        #expect(try found == tokens.run(.scalar))
        #expect(try found == tokens.run(kernels, chunk: 1))
        #expect(try found == tokens.run(kernels, threadCount: 3, chunk: 17))
    }

    @Test(arguments: kernels)
    func `gates are those of the formulas, however large`(kernels: KernelChoice) {
        let steps: [Float] = [-200, -87, -20, -3, -0.5, 0, 0.7, 2, 19, 90, 400]
        let compute = Compute(pool: ThreadPool(threadCount: 1), kernels: kernels)
        let decay = Self.buffer([steps.map { $0 - 0.25 }])
        let beta = Self.buffer([steps])
        let rate = steps.indices.map { -0.1 * Float($0 + 1) }

        compute.deltaGates(
            decay: decay, beta: beta, rowCount: 1,
            bias: [Float](repeating: 0.25, count: steps.count), rate: rate)

        for index in steps.indices {
            let x = Double(steps[index])
            let expected = exp(Double(rate[index]) * (x > 30 ? x : log1p(exp(x))))
            let sigmoid = 1 / (1 + exp(-x))
            let (one, other) = (Self.values(decay)[0][index], Self.values(beta)[0][index])
            #expect(abs(Double(one) - expected) <= 4e-6 * expected + 1e-37)
            #expect(abs(Double(other) - sigmoid) <= 1e-6 * sigmoid + 1e-37)
        }
    }

    @Test(arguments: kernels, nets)
    func `convolutions remember the last tokens, and heads have their lengths`(
        kernels: KernelChoice, net: DeltaNetShape
    ) throws {
        let compute = Compute(pool: ThreadPool(threadCount: 1), kernels: kernels)
        let rows = (0..<12).map { Self.numbers(net.channelCount, seed: $0) }
        let weights = Self.numbers(net.tapCount * net.channelCount, seed: 77)
        let pool = try StatePool(shape: StatePoolShape(layerCount: 1, net: net, slotCount: 1))
        let plan = StatePlan(maxRowCount: 12)
        var found: [[Float]] = []
        for range in [0..<1, 1..<3, 3..<4, 4..<12] {
            plan.removeAll()
            plan.append(startPosition: range.lowerBound, count: range.count, slot: 0)
            let output = FloatBuffer(rowCount: range.count, columnCount: net.channelCount)
            compute.convolve(
                Self.buffer(Array(rows[range])), plan: plan, pool: pool, layer: 0,
                weights: weights, into: output)
            found += Self.values(output)
        }

        let keys = net.keyHeadCount * net.keyWidth
        for t in rows.indices {
            let mixed = (0..<net.channelCount).map { c -> Double in
                let sum = (0..<net.tapCount).reduce(0.0) { sum, tap in
                    let from = t + tap - (net.tapCount - 1)
                    guard from >= 0 else { return sum }
                    return sum + Double(rows[from][c]) * Double(weights[tap * net.channelCount + c])
                }
                return sum / (1 + exp(-sum))
            }
            for c in 0..<net.channelCount {
                var expected = mixed[c]
                if c < 2 * keys {
                    let head = c / net.keyWidth * net.keyWidth
                    let squares = mixed[head..<head + net.keyWidth].reduce(0) { $0 + $1 * $1 }
                    expected /= (squares + 1e-6).squareRoot()
                    if c < keys { expected /= Double(net.keyWidth).squareRoot() }
                }
                #expect(abs(Double(found[t][c]) - expected) < 3e-5)
            }
        }
    }
}
