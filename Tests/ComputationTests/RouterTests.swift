// SPDX-License-Identifier: Apache-2.0

import Computation
import Foundation
import Parallelism
import Testing

@Suite struct RouterTests {
    private func route(
        _ logits: [[Float]], expertsPerToken: Int, kernels: KernelChoice = .automatic
    ) -> ExpertRouting {
        let buffer = FloatBuffer(rowCount: logits.count, columnCount: logits[0].count)
        for (row, values) in logits.enumerated() { buffer.setRow(row, to: values) }
        var routing = ExpertRouting(
            expertCount: logits[0].count, expertsPerToken: expertsPerToken,
            maxTokenCount: logits.count)
        Compute(pool: ThreadPool(threadCount: 1), kernels: kernels).route(
            buffer, rowCount: logits.count, into: &routing)
        return routing
    }

    @Test func `the best experts come first, with the softmax of their logits alone`() {
        let routing = route([[1, 4, 2, 3], [0, -5, -1, -9]], expertsPerToken: 2)

        #expect(routing.selection == [1, 3, 0, 2])
        let first = Float(1 / (1 + exp(-1.0)))
        for (found, expected) in zip(routing.weights, [first, 1 - first, first, 1 - first]) {
            #expect(abs(found - expected) < 1e-6)
        }
    }

    @Test func `ties go to the lower index`() {
        #expect(route([[2, 7, 7, 7, 2]], expertsPerToken: 4).selection == [1, 2, 3, 0])
        #expect(route([[0, 0, 0]], expertsPerToken: 3).selection == [0, 1, 2])
    }

    @Test func `one expert has all the weight and all experts share it`() {
        #expect(route([[3, 9, 1]], expertsPerToken: 1).weights == [1])
        let all = route([(0..<20).map { Float($0 % 7) }], expertsPerToken: 20)
        #expect(Set(all.selection).count == 20)
        #expect(abs(all.weights.reduce(0, +) - 1) < 1e-6)
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity])
    func `odd logits still select distinct experts`(odd: Float) {
        for place in 0..<4 {
            var logits: [Float] = [1, 4, 2, 3]
            logits[place] = odd
            let selection = route([logits], expertsPerToken: 3).selection
            #expect(Set(selection).count == 3)
            #expect(selection.allSatisfy { (0..<4).contains($0) })
        }
    }

    private func route(
        _ logits: [[Float]], expertsPerToken: Int, by rule: RouterRule, bias: [Float] = [],
        kernels: KernelChoice = .automatic, threadCount: Int = 1
    ) -> ExpertRouting {
        let buffer = FloatBuffer(rowCount: logits.count, columnCount: logits[0].count)
        for (row, values) in logits.enumerated() { buffer.setRow(row, to: values) }
        var routing = ExpertRouting(
            expertCount: logits[0].count, expertsPerToken: expertsPerToken,
            maxTokenCount: logits.count)
        Compute(pool: ThreadPool(threadCount: threadCount), kernels: kernels).route(
            buffer, rowCount: logits.count, by: rule, bias: bias, into: &routing)
        return routing
    }

    /// Random logits, some of which are equal.
    private func logits(_ rowCount: Int, _ expertCount: Int) -> [[Float]] {
        var state: UInt64 = 7
        return (0..<rowCount).map { _ in
            (0..<expertCount).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Float(Int(state >> 57) - 64) / 16
            }
        }
    }

    @Test(arguments: [(8, 2), (5, 5), (128, 8), (512, 10), (31, 17)])
    func `Mixtral's rule gives the same bits whichever way it is computed`(
        expertCount: Int, expertsPerToken: Int
    ) {
        let logits = logits(300, expertCount)
        let expected = route(logits, expertsPerToken: expertsPerToken)
        for kernels in [KernelChoice.scalar, .avx2, .avx512] where kernels.isAvailable {
            let found = route(
                logits, expertsPerToken: expertsPerToken, by: RouterRule(), kernels: kernels,
                threadCount: 3)
            #expect(found.selection == expected.selection)
            #expect(found.weights == expected.weights)
            #expect(found.groups.slots == expected.groups.slots)
        }
    }

    private static let rules: [RouterRule] = {
        var rules: [RouterRule] = []
        for scoring in [RouterRule.Scoring.softmax, .sigmoid] {
            for normalizes in [false, true] {
                for (groups, open) in [(1, 1), (4, 2), (16, 3)] {
                    var rule = RouterRule()
                    rule.scoring = scoring
                    rule.normalizesWeights = normalizes
                    (rule.groupCount, rule.groupsPerToken) = (groups, open)
                    (rule.epsilon, rule.floor, rule.scale) = (1e-20, 1e-12, normalizes ? 2.5 : 1)
                    rules.append(rule)
                }
            }
        }
        return rules
    }()

    /// What a rule's formulas give in double precision.
    private func expected(
        _ logits: [Float], _ count: Int, _ rule: RouterRule, _ bias: [Float]
    ) -> (experts: [Int], weights: [Double]) {
        let powers = logits.map { exp(Double($0)) }
        let total = powers.reduce(0, +)
        let scores =
            rule.scoring == .softmax ? powers.map { $0 / total } : powers.map { $0 / (1 + $0) }
        let values =
            bias.isEmpty ? scores : zip(scores, bias).map { (a: Double, b: Float) in a + Double(b) }
        let size = logits.count / rule.groupCount
        let worth = (0..<rule.groupCount).map { group in
            values[group * size..<(group + 1) * size].sorted(by: >).prefix(2).reduce(0, +)
        }
        let open = worth.indices.sorted { (worth[$1], $0) < (worth[$0], $1) }
            .prefix(rule.groupsPerToken)
        let experts = values.indices.filter { open.contains($0 / size) }
            .sorted { (values[$1], $0) < (values[$0], $1) }.prefix(count)
        let sum = experts.reduce(0) { $0 + scores[$1] }
        let divisor = rule.normalizesWeights ? sum : 1
        return (Array(experts), experts.map { scores[$0] / divisor * Double(rule.scale) })
    }

    @Test(arguments: rules, [false, true])
    func `a rule chooses and weighs as its formulas say`(rule: RouterRule, hasBias: Bool) {
        // Each logit once, so that no rounding decides.
        let rows: [[Float]] = (0..<20).map { (row: Int) -> [Float] in
            (0..<64).map { (expert: Int) -> Float in
                let place = (expert * 37 + row * 11) % 64
                return Float(place) / 16 - 2
            }
        }
        let biases: [Float] = (0..<64).map { (expert: Int) -> Float in
            let place = expert * 29 % 64
            return Float(place) / 640 + 0.0003 * Float(expert)
        }
        let bias = hasBias ? biases : []
        let all = KernelChoice.allCases.filter(\.isAvailable).map {
            route(rows, expertsPerToken: 6, by: rule, bias: bias, kernels: $0)
        }
        for (index, row) in rows.enumerated() {
            let (experts, weights) = expected(row, 6, rule, bias)
            let places = 6 * index..<6 * index + 6
            #expect(all[0].selection[places].map { Int($0) } == experts)
            for (found, weight) in zip(all[0].weights[places], weights) {
                let difference = abs(Double(found) - weight)
                #expect(difference < 1e-5 * max(weight, 1e-3))
            }
        }
        for other in all {
            #expect(other.selection == all[0].selection && other.weights == all[0].weights)
        }
    }

    @Test func `experts and groups that tie are taken from the lowest index on`() {
        var rule = RouterRule()
        (rule.scoring, rule.groupCount, rule.groupsPerToken) = (.sigmoid, 4, 2)
        let routing = route([[Float](repeating: 1, count: 12)], expertsPerToken: 5, by: rule)
        #expect(routing.selection == [0, 1, 2, 3, 4])
        #expect(Set(routing.weights).count == 1)
    }

    @Test func `a bias chooses, but has no weight`() {
        var rule = RouterRule()
        rule.scoring = .sigmoid
        let routing = route(
            [[0, 0, 0, 0]], expertsPerToken: 2, by: rule, bias: [0, -1, 0.5, 0.25])
        #expect(routing.selection == [2, 3])
        #expect(routing.weights == [0.5, 0.5])
    }

    @Test func `weights that are all nothing stay so where the sum has a floor`() {
        var rule = RouterRule()
        rule.floor = 1e-12
        let routing = route(
            [[200, 0, 0, 0]], expertsPerToken: 2, by: rule, bias: [-9, 0, 1, 0])
        #expect(routing.selection == [2, 1])
        #expect(routing.weights == [0, 0])
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity])
    func `odd logits still select distinct experts by any rule`(odd: Float) {
        for rule in Self.rules {
            for place in [0, 17, 63] {
                var logits = (0..<64).map { Float($0) / 64 }
                logits[place] = odd
                let selection = route([logits], expertsPerToken: 6, by: rule).selection
                #expect(Set(selection).count == 6)
                #expect(selection.allSatisfy { (0..<64).contains($0) })
            }
        }
    }

    @Test func `a gate is the sigmoid of its row`() {
        for kernels in KernelChoice.allCases where kernels.isAvailable {
            let x = FloatBuffer(rowCount: 2, columnCount: 35)
            let y = FloatBuffer(rowCount: 2, columnCount: 3)
            for row in 0..<2 {
                x.setRow(row, to: (0..<35).map { (k: Int) -> Float in Float(k % 5 - 2 + row) })
                y.setRow(row, to: [1, -2, 4])
            }
            let weight: [Float] = (0..<35).map { (k: Int) -> Float in Float(k % 3 - 1) / 8 }
            Compute(pool: ThreadPool(threadCount: 1), kernels: kernels).gate(
                y, by: x, rowCount: 2, weight: weight)
            for row in 0..<2 {
                var sum = 0.0
                for (a, b) in zip(x.values(row: row), weight) { sum += Double(a) * Double(b) }
                let factor = Float(1 / (1 + exp(-sum)))
                for (found, value) in zip(y.values(row: row), [1, -2, 4] as [Float]) {
                    #expect(abs(found - value * factor) < 1e-6)
                }
            }
        }
    }

    @Test func `visits are sorted by expert, in the order of the tokens`() {
        let routing = route([[1, 2, 0], [0, 2, 1], [2, 0, 1]], expertsPerToken: 2)

        #expect(routing.selection == [1, 0, 1, 2, 0, 2])
        #expect(routing.groups.offsets == [0, 2, 4, 6])
        #expect(routing.groups.slots == [1, 4, 0, 2, 3, 5])
        #expect(routing.groups.tokens == [0, 2, 0, 1, 1, 2])
    }

    @Test func `experts are mixed by their weights`() {
        let routing = route([[1, 2, 0], [0, 2, 1]], expertsPerToken: 2)
        let y = FloatBuffer(rowCount: 4, columnCount: 3)
        for row in 0..<4 { y.setRow(row, to: [Float(row), 10, -Float(row)]) }
        let x = FloatBuffer(rowCount: 2, columnCount: 3)
        x.fill(100, rows: 0..<2)

        Compute(pool: ThreadPool(threadCount: 1)).addExperts(
            y, routing: routing, rowCount: 2, to: x)

        let weights = routing.weights
        for token in 0..<2 {
            let mixed =
                weights[2 * token] * Float(2 * token) + weights[2 * token + 1]
                * Float(2 * token + 1)
            let found = x.values(row: token)
            #expect(abs(found[0] - (100 + mixed)) < 1e-4)
            #expect(abs(found[1] - 110) < 1e-4)
            #expect(abs(found[2] - (100 - mixed)) < 1e-4)
        }
    }

    @Test func `the biases of experts are mixed with their results`() {
        let routing = route([[1, 2, 0], [0, 2, 1]], expertsPerToken: 2)
        let y = FloatBuffer(rowCount: 4, columnCount: 2)
        y.fill(1, rows: 0..<4)
        let x = FloatBuffer(rowCount: 2, columnCount: 2)
        x.fill(100, rows: 0..<2)

        Compute(pool: ThreadPool(threadCount: 1)).addExperts(
            y, routing: routing, biases: [10, 20, 30, 40, 50, 60], rowCount: 2, to: x)

        for token in 0..<2 {
            let (first, second) = (routing.weights[2 * token], routing.weights[2 * token + 1])
            // The best is expert 1, then 0 or 2.
            let other: Float = token == 0 ? 10 : 50
            let expected = 101 + first * 30 + second * other
            #expect(abs(x.values(row: token)[0] - expected) < 1e-4)
            #expect(abs(x.values(row: token)[1] - expected - 10) < 1e-4)
        }
    }
}
