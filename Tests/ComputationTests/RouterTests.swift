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
}
