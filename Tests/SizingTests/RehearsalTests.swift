// SPDX-License-Identifier: Apache-2.0

import Architectures
import Computation
import Inference
import ModelFiles
import Parallelism
import Quantization
import Sizing
import TestSupport
import Testing

/// Steps of models that there is no file of.
@Suite struct RehearsalTests {
    private let configuration = ModelConfiguration(
        architecture: "MixtralForCausalLM", hiddenSize: 256, intermediateSize: 512, layerCount: 5,
        headCount: 4, kvHeadCount: 2, headDimension: 64, vocabularySize: 320, expertCount: 4,
        expertsPerToken: 2, contextLength: 4096, ropeTheta: 10_000, ropePairing: .halves,
        ropeDimensionCount: 64, rmsNormEpsilon: 1e-5)

    private func tensors(layerCount: Int = 5) throws -> ModelTensors {
        try #require(
            try ModelTensors.shaped(like: configuration, type: .q4_K, layerCount: layerCount))
    }

    @Test func `where some layers are delta nets, as many of those that stand for all are`() {
        #expect(Rehearsal.someLayers(of: .mixtral8x7B) == [1, 3])
        #expect(Rehearsal.someLayers(of: .qwen36MoE35B) == [4, 8])
        #expect(Rehearsal.someLayers(of: .qwen3Next80B) == [4, 8])
        var odd = ModelConfiguration.qwen3Next80B
        (odd.layerCount, odd.deltaLayers) = (47, odd.deltaLayers.filter { $0 < 47 })
        #expect(Rehearsal.someLayers(of: odd) == [47])
    }

    @Test func `a shape has the bytes that are counted without one, and no tied output`() throws {
        let tensors = try tensors()
        #expect(!tensors.isTied)
        #expect(
            tensors.byteCount == configuration.weightByteCount(of: .q4_K, layout: .rows))
        #expect(
            Architecture.of(configuration).schema.mismatch(of: tensors, with: configuration) == nil)
        let rows = try ModelTensors.shaped(like: .mixtral8x7B, type: .q4_K, layerCount: 1)
        #expect(rows != nil)
        // Rows of 64 numbers are no whole blocks of 256.
        var narrow = configuration
        narrow.hiddenSize = 64
        #expect(try ModelTensors.shaped(like: narrow, type: .q4_K, layerCount: 1) == nil)
    }

    @Test func `stand-ins have the shapes and packed types of the model's weights`() throws {
        let tensors = try tensors()
        var weights = try StandInWeights(
            byteCount: StandInWeights.largestByteCount(of: tensors))
        let made = weights.tensors(like: tensors, layerCount: 3)
        #expect(made.layers.count == 3 && !made.isTied)
        let originals = Array(tensors.parts.filter { $0.layer ?? 0 < 3 })
        #expect(made.parts.count == originals.count)
        for (part, original) in zip(made.parts, originals) {
            #expect(part.declaration.role == original.declaration.role)
            #expect(part.vector == original.vector)
            guard let matrix = part.matrix, let source = original.matrix else { continue }
            #expect(matrix.rowCount == source.rowCount && matrix.columnCount == source.columnCount)
            let isEmbedding = part.declaration.role == .tokenEmbedding
            #expect(matrix.layout == (source.type == .q4_K && !isEmbedding ? .panels : .rows))
        }
    }

    @Test func `the layers that are tried are the last, which have experts`() throws {
        var mixed = configuration
        mixed.architecture = "Ernie4_5_MoeForCausalLM"
        mixed.mixture.denseLayers = [0, 3]
        let tensors = try #require(
            try ModelTensors.shaped(like: mixed, type: .q4_K, layerCount: 5))
        var weights = try StandInWeights(
            byteCount: StandInWeights.largestByteCount(of: tensors))
        let last = mixed.lastLayers(3)
        #expect(last.mixture.denseLayers == [1] && last.layerCount == 3)
        #expect(
            Architecture.of(last).schema.mismatch(
                of: weights.tensors(like: tensors, layerCount: 3), with: last) == nil)
    }

    @Test func `a tied output stays the embedding`() throws {
        let tensors = try tensors()
        let outputs = tensors.outputs.members.map { member in
            member.declaration.role == .output
                ? .init(declaration: member.declaration, matrices: [tensors.tokenEmbedding])
                : member
        }
        let tied = ModelTensors(
            inputs: tensors.inputs, layers: tensors.layers, outputs: TensorGroup(outputs))
        var weights = try StandInWeights(byteCount: 1 << 20)
        let made = weights.tensors(like: tied, layerCount: 1)
        #expect(made.isTied && made.output.layout == .panels)
    }

    @Test(arguments: [[1], [3, 1]])
    func `a rehearsal says how long a prompt and steps of some users take`(
        _ userCounts: [Int]
    ) throws {
        var rehearsal = try Rehearsal(
            configuration: configuration, tensors: tensors(),
            compute: Compute(pool: ThreadPool(threadCount: 1)),
            load: .init(promptCount: 40, answerCount: 9, chunk: 16, kvType: .f16))
        let seconds = try rehearsal.run(userCounts: userCounts)
        #expect(seconds.prompt > 0 && seconds.prompt.isFinite)
        #expect(seconds.decode.count == userCounts.count)
        #expect(seconds.decode.allSatisfy { $0 > 0 && $0.isFinite })
    }

    @Test func `what users get follows from the times of steps`() {
        let plan = SpeedPlan(userCount: 4, answerCount: 100, prompt: 2, step: 0.5)
        #expect(plan.firstTokenAlone == 2 && plan.firstTokenLast == 8)
        #expect(plan.tokensPerSecondEach == 2 && plan.tokensPerSecond == 8)
        // Eight seconds of prompts and fifty of steps for four hundred tokens.
        #expect(plan.tokensPerSecondBusy == 400.0 / 58)
    }
}
