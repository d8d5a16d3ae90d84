// SPDX-License-Identifier: Apache-2.0

import Computation
import Foundation
import Inference
import ModelFiles
import Parallelism
import Quantization
import Testing

@Suite struct MemoryPlanTests {
    private let mixtral = ModelConfiguration(
        architecture: "llama", hiddenSize: 4096, intermediateSize: 14336, layerCount: 32,
        headCount: 32, kvHeadCount: 8, headDimension: 128, vocabularySize: 32000, expertCount: 8,
        expertsPerToken: 2, contextLength: 32768, ropeTheta: 1e6, ropePairing: .adjacent,
        ropeDimensionCount: 128, rmsNormEpsilon: 1e-5)

    @Test func `Mixtral takes 256 KiB of keys and values per position`() throws {
        let plan = try MemoryPlan(
            configuration: mixtral, weightByteCount: 26_000_000_000,
            limits: TransformerLimits(
                maxBatchTokens: 256, blockCount: 1024, positionsPerBlock: 32, kvElementType: .f32),
            threadCount: 16)

        #expect(plan.kvByteCountPerPosition == 2 * 32 * 8 * 128 * 4)
        #expect(plan.kvPositionCount == 32768)
        #expect(plan.kvByteCount == 8 << 30)
        #expect(
            plan.totalByteCount
                == 26_000_000_000 + plan.kvByteCount + plan.activationByteCount)
    }

    @Test(arguments: [
        (KVElementType.f32, 512), (.f16, 256), (.bf16, 256), (.q8, 128 + 10),
    ])
    func `keys and values take the bytes of their type`(
        type: KVElementType, bytesPerHead: Int
    ) throws {
        let plan = try MemoryPlan(
            configuration: mixtral, weightByteCount: 0,
            limits: TransformerLimits(
                maxBatchTokens: 256, blockCount: 1024, positionsPerBlock: 32, kvElementType: type),
            threadCount: 16)

        #expect(plan.kvByteCountPerPosition == 2 * 32 * 8 * bytesPerHead)
    }

    /// 25 layers of 8 heads of 256, and 5 of 2 heads of 512.
    @Test func `Gemma 4 keeps less of layers that see all`() throws {
        let plan = try MemoryPlan(
            configuration: .gemma4MoE26B, weightByteCount: 0,
            limits: TransformerLimits(
                maxBatchTokens: 256, blockCount: 1024, positionsPerBlock: 32, kvElementType: .f16),
            threadCount: 16)

        #expect(plan.kvByteCountPerPosition == 2 * 2 * (25 * 8 * 256 + 5 * 2 * 512))
    }

    @Test func `layers that borrow keys and values keep none`() throws {
        let plan = try MemoryPlan(
            configuration: .gemma4E2B, weightByteCount: 0,
            limits: TransformerLimits(
                maxBatchTokens: 256, blockCount: 1024, positionsPerBlock: 32, kvElementType: .f16),
            threadCount: 16)

        #expect(plan.kvByteCountPerPosition == 2 * 2 * (12 * 256 + 3 * 512))
    }

    /// 36 layers of 256 + 64 numbers of 16 bits.
    @Test func `Mistral Small 4 takes 22.5 KiB of latents per position`() throws {
        let plan = try MemoryPlan(
            configuration: .mistralSmall4, weightByteCount: 0,
            limits: TransformerLimits(
                maxBatchTokens: 256, blockCount: 1024, positionsPerBlock: 32, kvElementType: .f16),
            threadCount: 16)

        #expect(plan.kvByteCountPerPosition == 36 * (256 + 64) * 2)
        #expect(plan.kvByteCountPerPosition == 45 << 9)
    }

    @Test func `states of delta nets are counted, and keys and values of the other layers alone`()
        throws
    {
        let plan = try MemoryPlan(
            configuration: .qwen36MoE35B, weightByteCount: 0,
            limits: TransformerLimits(
                blockCount: 10, positionsPerBlock: 16, kvElementType: .f16, stateCount: 3),
            threadCount: 4)

        // Thirty layers of 32 states of 128 times 128, and three rows that convolutions remember.
        let state = 30 * (32 * 128 * 128 + 3 * 8192) * 4
        #expect(plan.stateByteCount == 3 * state && plan.stateCount == 3)
        #expect(plan.kvByteCountPerPosition == 10 * 2 * 2 * 256 * 2)
        #expect(plan.totalByteCount == 3 * state + plan.kvByteCount + plan.activationByteCount)
    }

    @Test(arguments: [0, -1, Int.max])
    func `unusable limits are named`(count: Int) {
        #expect(throws: TransformerError.unusableLimit(name: "blockCount", value: count)) {
            try MemoryPlan(
                configuration: mixtral, weightByteCount: 0,
                limits: TransformerLimits(
                    maxBatchTokens: 256, blockCount: count, positionsPerBlock: 32,
                    kvElementType: .f32),
                threadCount: 1)
        }
        #expect(throws: TransformerError.unusableLimit(name: "positionsPerBlock", value: 24)) {
            try MemoryPlan(
                configuration: mixtral, weightByteCount: 0,
                limits: TransformerLimits(blockCount: 1, positionsPerBlock: 24), threadCount: 1)
        }
    }

    @Test func `a transformer refuses weights of another shape`() throws {
        let model = TinyShape.mixtral.model
        var configuration = model.configuration
        configuration.intermediateSize += 1
        let expected = TransformerError.wrongShape(
            tensor: "layer 0 expert 0 w1", expected: [41, 24], found: [40, 24])

        #expect(throws: expected) {
            try Transformer(
                configuration: configuration, tensors: model.tensors,
                compute: Compute(pool: ThreadPool(threadCount: 1)),
                limits: TransformerLimits(blockCount: 1))
        }
    }

    @Test func `a transformer refuses weights made of a file that was cut short`() throws {
        let model = TinyShape.mixtral.model
        let path = NSTemporaryDirectory() + "lost-\(UUID().uuidString).bin"
        defer { try? FileManager.default.removeItem(atPath: path) }
        var matrices = model.tensors.matrices
        let (rows, columns) = (matrices[1].rowCount, matrices[1].columnCount)
        try Data(count: 4 * rows * columns).write(to: URL(fileURLWithPath: path))
        let file = try MappedFile(path: path)
        matrices[1] = WeightMatrix(
            storage: try RearrangedMatrices(
                transposing: (file, 0), elementByteCount: 4,
                (count: 1, rows: rows, columns: columns), rows: (0, 1)),
            byteOffset: 0, type: .f32, rowCount: rows, columnCount: columns)
        let tensors = model.tensors.replacingMatrices(matrices)

        file.markLost()

        #expect(throws: TransformerError.weightsLost(file: file.fileName)) {
            try Transformer(
                configuration: model.configuration, tensors: tensors,
                compute: Compute(pool: ThreadPool(threadCount: 1)),
                limits: TransformerLimits(blockCount: 1))
        }
    }
}
