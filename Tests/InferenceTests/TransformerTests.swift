// SPDX-License-Identifier: Apache-2.0

import Computation
import Inference
import ModelFiles
import Parallelism
import Quantization
import Testing

@Suite struct TransformerTests {
    /// Single against double precision: logits of up to 10 after two layers of sums of at most 136
    /// terms differ by up to 3e-5, which is 3e-6 of them.
    @Test(arguments: TinyShape.allCases)
    func `logits are those of the reference transformer`(shape: TinyShape) throws {
        let model = shape.model
        let tokens = model.tokens(75, seed: 7)
        let expected = ReferenceTransformer(model: model).logits(tokens)

        let found = try Running(chunks: [40, 1, 5]).logits(
            model.configuration, model.tensors, tokens)

        #expect(found.count == expected.count)
        #expect(largestDifference(found, expected) < 1e-4)
    }

    /// The same with weights in blocks of 32, whose decoded values the reference takes.
    @Test(arguments: [ElementType.f16, .bf16, .q8_0, .q4_0, .q4_1])
    func `exact products give the logits of the decoded weights`(type: ElementType) throws {
        let model = TinyShape.quantisable(type)
        let tokens = model.tokens(40, seed: 7)
        let expected = ReferenceTransformer(model: model).logits(tokens)

        let found = try Running(kernels: .exact, chunks: [30, 1]).logits(
            model.configuration, model.tensors, tokens)

        #expect(largestDifference(found, expected) < 1e-4)
    }

    /// A file may say so, though no published one does.
    @Test func `some of the layers of delta nets with experts may be dense`() throws {
        var configuration = TinyShape.qwen35MoE.configuration
        configuration.mixture.denseLayers = [1, 3]
        let model = TinyModel(configuration, seed: 5)
        let transformer = try Transformer(
            configuration: configuration, tensors: model.tensors,
            compute: Compute(pool: ThreadPool(threadCount: 1)),
            limits: TransformerLimits(
                maxBatchTokens: 1, blockCount: 1, positionsPerBlock: 16, maxLogitsRows: 1))
        #expect(transformer.memoryPlan.stateByteCount > 0)
    }

    @Test func `half precision keys and values change logits but little`() throws {
        let model = TinyShape.mixtral.model
        let tokens = model.tokens(75, seed: 7)
        let expected = ReferenceTransformer(model: model).logits(tokens)

        let found = try Running(kvElementType: .f16).logits(
            model.configuration, model.tensors, tokens)

        #expect(largestDifference(found, expected) > 1e-5)
        #expect(largestDifference(found, expected) < 0.05)
    }

    @Test func `each layer counts the tokens of its experts, and a step what it reads`() throws {
        let model = TinyShape.mixtral.model
        let transformer = try Transformer(
            configuration: model.configuration, tensors: model.tensors,
            compute: Compute(pool: ThreadPool(threadCount: 1)),
            limits: TransformerLimits(
                maxBatchTokens: 30, blockCount: 2, positionsPerBlock: 16, maxLogitsRows: 30,
                kvElementType: .f32))
        func step(_ tokens: [Int32], at start: Int) {
            _ = transformer.forward(
                ForwardBatch(
                    tokens: tokens,
                    slices: [
                        SequenceSlice(
                            firstToken: 0, tokenCount: tokens.count, startPosition: start,
                            blockTable: [0, 1], logitsRows: .last)
                    ]))
        }
        let usage = try #require(transformer.expertUsage)
        #expect(usage.tokenCounts == [[0, 0, 0, 0, 0], [0, 0, 0, 0, 0]])

        step(model.tokens(20, seed: 1), at: 0)
        // In the last layer only the row that gets logits is computed; each token visits two of five.
        #expect(usage.tokenCounts.map { $0.reduce(0, +) } == [40, 2])
        step([3], at: 20)
        #expect(usage.tokenCounts.map { $0.reduce(0, +) } == [42, 4])

        // One token reads two experts of each layer, all else of the weights, and 21 positions.
        let cost = TokenCost(model.tensors, configuration: model.configuration)
        let position = transformer.blockByteCount / 16
        #expect(transformer.stepReadByteCount == cost.weightByteCount + 21 * position)
        #expect(
            try Transformer(
                configuration: TinyShape.dense.configuration,
                tensors: TinyShape.dense.model.tensors,
                compute: Compute(pool: ThreadPool(threadCount: 1)),
                limits: TransformerLimits(blockCount: 1)
            ).expertUsage == nil)
    }

    @Test func `only the rows that are asked for get logits, in the order of the slices`() throws {
        let model = TinyShape.dense.model
        let tokens = model.tokens(30, seed: 1)
        let all = try Running().logits(model.configuration, model.tensors, tokens)
        let transformer = try Transformer(
            configuration: model.configuration, tensors: model.tensors,
            compute: Compute(pool: ThreadPool(threadCount: 1)),
            limits: TransformerLimits(
                maxBatchTokens: 90, blockCount: 6, positionsPerBlock: 16, maxLogitsRows: 31,
                kvElementType: .f32))

        let logits = transformer.forward(
            ForwardBatch(
                tokens: tokens + tokens + tokens,
                slices: [
                    SequenceSlice(
                        firstToken: 0, tokenCount: 30, startPosition: 0, blockTable: [0, 1],
                        logitsRows: .last),
                    SequenceSlice(
                        firstToken: 30, tokenCount: 30, startPosition: 0, blockTable: [2, 3],
                        logitsRows: .none),
                    SequenceSlice(
                        firstToken: 60, tokenCount: 30, startPosition: 0, blockTable: [4, 5],
                        logitsRows: .all),
                ]))

        #expect(logits.values(row: 0) == all[29])
        #expect((1..<31).map { logits.values(row: $0) } == all)
    }

    @Test func `sequences may share the blocks of a common prefix`() throws {
        let model = TinyShape.mixtral.model
        let prefix = model.tokens(32, seed: 1)
        let (one, two) = (model.tokens(9, seed: 2), model.tokens(5, seed: 3))
        let alone = try Running().logits(model.configuration, model.tensors, prefix + two)
        let transformer = try Transformer(
            configuration: model.configuration, tensors: model.tensors,
            compute: Compute(pool: ThreadPool(threadCount: 1)),
            limits: TransformerLimits(
                maxBatchTokens: 41, blockCount: 4, positionsPerBlock: 16, maxLogitsRows: 5,
                kvElementType: .f32))
        _ = transformer.forward(
            ForwardBatch(
                tokens: prefix + one,
                slices: [
                    SequenceSlice(
                        firstToken: 0, tokenCount: 41, startPosition: 0, blockTable: [3, 1, 0],
                        logitsRows: .none)
                ]))

        let logits = transformer.forward(
            ForwardBatch(
                tokens: two,
                slices: [
                    SequenceSlice(
                        firstToken: 0, tokenCount: 5, startPosition: 32, blockTable: [3, 1, 2],
                        logitsRows: .all)
                ]))

        #expect((0..<5).map { logits.values(row: $0) } == Array(alone[32...]))
    }

    private func largestDifference(_ found: [[Float]], _ expected: [[Double]]) -> Double {
        zip(found, expected).reduce(0) { largest, rows in
            zip(rows.0, rows.1).reduce(largest) { max($0, abs(Double($1.0) - $1.1)) }
        }
    }
}
