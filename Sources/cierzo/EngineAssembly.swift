// SPDX-License-Identifier: Apache-2.0

import Computation
import Generation
import Inference
import ModelFiles
import Parallelism

/// How much of the machine an engine gets.
struct EngineAssembly: Sendable {
    var threads: Int?
    var kernels = "automatic"
    var pinning = ThreadPlacement.Pinning.automatic
    /// Tokens; nil: the model's own context, at most ``defaultContext``.
    var context: Int?
    var blockSize = 16
    var kvType = Self.defaultKVType
    /// Bytes; nil: room for ``defaultContextCount`` contexts, at most a quarter of memory.
    var kvByteCount: Int?
    var maxSequences = 64
    var maxQueue = 256
    var maxBatchTokens = 512
    var prefillChunk = 256

    static let defaultContext = 32_768
    static let defaultContextCount = 4

    /// Half precision: half of the memory and of its traffic, for a KL divergence of 1e-6 nats from
    /// f32 (SmolLM2 135M, 1536 positions, 2026-11-21), a fiftieth of what bf16 costs.
    static let defaultKVType = KVElementType.f16

    /// What of the machine does not suffice.
    enum Failure: Error, Equatable, CustomStringConvertible {
        case memory(needed: Int, available: Int)
        case context(kvPositions: Int, key: String)

        var description: String {
            switch self {
            case .memory(let needed, let available):
                "packed weights, KV cache and scratch need \(byteText(needed)), this process may use "
                    + "\(byteText(available)): lower kv-memory, context or max-batch-tokens"
            case .context(let positions, let key):
                "\(key): the KV cache holds only \(positions) positions, fewer than one context"
            }
        }
    }

    /// Packs or maps the weights and allocates all that the model needs to run.
    ///
    /// - Parameters:
    ///   - file: the model.
    ///   - progress: told what is being done and the share of it that is done, on any thread.
    /// - Returns: the model, ready to run.
    /// - Throws: where the machine has too little memory, or a limit is unusable.
    func makeTransformer(
        for file: ModelFile, progress: @Sendable (String, Double) -> Void = { _, _ in }
    ) throws -> sending Transformer {
        let compute = try makeCierzoCompute(
            threads: threads, kernels: kernels, pinning: pinning)
        let memory = MachineMemory.byteCount()
        let contextLength = self.contextLength(for: file)
        let packs = compute.kernels.packsWeights
        let weightByteCount = packs ? file.tensors.packedByteCount : file.tensors.byteCount
        func limits(blockCount: Int) -> TransformerLimits {
            TransformerLimits(
                maxBatchTokens: maxBatchTokens, blockCount: blockCount,
                positionsPerBlock: blockSize, maxLogitsRows: max(maxSequences, 64),
                kvElementType: kvType)
        }
        func plan(blockCount: Int) throws -> MemoryPlan {
            try MemoryPlan(
                configuration: file.configuration, weightByteCount: weightByteCount,
                limits: limits(blockCount: blockCount), threadCount: compute.pool.threadCount)
        }
        let perBlock = try max(1, plan(blockCount: 1).kvByteCount)
        let perContext = (contextLength + blockSize - 1) / blockSize
        let blockCount =
            if let kvByteCount {
                max(1, kvByteCount / perBlock)
            } else {
                max(
                    perContext,
                    min(perContext * Self.defaultContextCount, memory / 4 / perBlock))
            }
        guard blockCount * blockSize >= contextLength else {
            throw Failure.context(kvPositions: blockCount * blockSize, key: "kv-memory")
        }
        let whole = try plan(blockCount: blockCount)
        let owned =
            whole.kvByteCount + whole.activationByteCount
            + (packs ? file.tensors.bytesToPack : 0)
        guard owned < memory else { throw Failure.memory(needed: owned, available: memory) }
        return try Transformer(
            configuration: file.configuration,
            tensors: file.preparedTensors(
                for: compute, progress: progress),
            compute: compute, limits: limits(blockCount: blockCount))
    }

    /// The most positions of one sequence.
    func contextLength(for file: ModelFile) -> Int {
        let own = file.configuration.contextLength
        return min(context ?? min(own, Self.defaultContext), own)
    }

    /// The limits that the engine keeps.
    func engineConfiguration(for file: ModelFile) -> GenerationEngine.Configuration {
        GenerationEngine.Configuration(
            maxSequences: maxSequences, maxQueuedSequences: maxQueue,
            contextLength: contextLength(for: file), prefillChunkTokens: prefillChunk,
            prefillChunkTokensWhileDecoding: min(64, prefillChunk))
    }
}
