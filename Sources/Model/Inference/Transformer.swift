// SPDX-License-Identifier: Apache-2.0

import Architectures
package import Computation
package import ModelFiles
import Parallelism

/// Runs a model of any architecture: (ids, positions, block tables) → logits.
///
/// The logits of a token depend on the weights and on the tokens of its sequence up to it, and on
/// nothing else: not on its neighbours in the batch, nor on how its prompt is cut into steps, nor on
/// where its KV blocks lie, nor on the number of threads or the instruction set.
///
/// Used by one thread at a time.
package final class Transformer {
    /// The model's numbers.
    package let configuration: ModelConfiguration
    /// The model's weights.
    package let weights: ModelTensors
    /// What a step may consist of.
    package let limits: TransformerLimits
    /// What the transformer occupies.
    package let memoryPlan: MemoryPlan
    /// How many bytes of weights, keys and values the last step read, each of them once.
    ///
    /// A lower bound: what does not fit the caches is read again for further rows.
    package private(set) var stepReadByteCount = 0
    /// What every step reads of the weights, whichever experts it visits.
    private let steadyByteCount: Int
    private let step: ForwardStep
    private let network: any Network
    private let files: [MappedFile]

    /// Allocates all that steps will need.
    ///
    /// - Parameters:
    ///   - configuration: the model's numbers.
    ///   - tensors: the model's weights.
    ///   - compute: what computes.
    ///   - limits: what a step may consist of.
    /// - Throws: `TransformerError` where limits are unusable, weights have other shapes than the
    ///   configuration says, memory does not suffice, or a file of weights was cut short.
    package init(
        configuration: ModelConfiguration, tensors: ModelTensors, compute: Compute,
        limits: TransformerLimits
    ) throws(TransformerError) {
        memoryPlan = try MemoryPlan(
            configuration: configuration, weightByteCount: tensors.byteCount, limits: limits,
            threadCount: compute.pool.threadCount)
        let architecture = Architecture.of(configuration)
        if let mismatch = architecture.schema.mismatch(of: tensors, with: configuration) {
            throw .wrongShape(
                tensor: mismatch.tensor, expected: mismatch.expected, found: mismatch.found)
        }
        self.configuration = configuration
        for matrix in tensors.matrices where matrix.layout == .rows {
            matrix.storage.bringIn(matrix.byteOffset..<matrix.byteOffset + matrix.byteCount)
        }
        // What was made of a file that had been cut short meanwhile means nothing.
        for matrix in tensors.matrices where matrix.storage.isLost {
            throw .weightsLost(file: matrix.storage.fileName)
        }
        weights = tensors
        files = tensors.files
        let steady = tensors.parts.filter { $0.layer != nil && $0.expert == nil }
        steadyByteCount = steady.reduce(tensors.output.byteCount) {
            $0 + ($1.matrix?.byteCount ?? 0)
        }
        self.limits = limits
        let cache: KVCache
        do {
            cache = try KVCache(shape: limits.cacheShape(of: architecture, configuration))
        } catch {
            throw .outOfMemory(what: "the KV cache", byteCount: memoryPlan.kvByteCount)
        }
        let states: StatePool?
        do {
            states = try limits.stateShape(of: configuration).map { shape throws(KVCacheError) in
                try StatePool(shape: shape)
            }
        } catch {
            throw .outOfMemory(what: "states", byteCount: memoryPlan.stateByteCount)
        }
        step = ForwardStep(
            architecture, configuration, cache: cache, states: states, compute: compute,
            maxTokenCount: limits.maxBatchTokens, maxLogitsRowCount: limits.maxLogitsRows)
        network = architecture.makeNetwork(tensors, configuration, on: step)
    }

    /// V: the number of logits in a row.
    package var vocabularyCount: Int { configuration.vocabularySize }

    /// The most positions that the model was made for.
    package var contextLength: Int { configuration.contextLength }

    /// A token sees so many positions, its own included; nil for all.
    package var attentionWindow: Int? {
        configuration.fullLayers.isEmpty ? configuration.slidingWindow : nil
    }

    /// Reads a row of the last step's logits, in the order of its slices.
    ///
    /// - Parameters:
    ///   - row: below the `logitsRowCount` of the last batch.
    ///   - body: receives `[V]`, valid while it runs.
    /// - Returns: what the body returns.
    package func withLogits<Result>(
        row: Int, _ body: (Span<Float>) throws -> Result
    ) rethrows -> Result {
        precondition(row >= 0 && row < step.logitsRows.count, "row \(row) of logits")
        let logits = step.logits
        return try body(logits.row(row))
    }

    /// Reads the state that a row of the last step's logits was made of, after the last norm.
    ///
    /// - Parameters:
    ///   - row: below the `logitsRowCount` of the last batch.
    ///   - body: receives `[D]`, valid while it runs.
    /// - Returns: what the body returns.
    package func withState<Result>(
        row: Int, _ body: (Span<Float>) throws -> Result
    ) rethrows -> Result {
        precondition(row >= 0 && row < step.logitsRows.count, "row \(row) of states")
        let states = step.normed
        return try body(states.row(row))
    }

    /// Throws where `forward` would refuse the batch.
    package func validate(_ batch: borrowing ForwardBatch) throws(TransformerError) {
        try batch.validate(
            vocabularySize: configuration.vocabularySize, limits: limits,
            stateCount: stateCount)
    }

    /// One step: stores the keys and values of the batch's tokens and computes the logits asked for.
    ///
    /// - Returns: `[logitsRowCount, V]`, rows in the order of the slices; valid until the next step.
    /// - Precondition: `validate(batch)` does not throw, and the KV blocks of each slice hold its
    ///   sequence up to `startPosition`.
    package func forward(_ batch: borrowing ForwardBatch) -> FloatBuffer {
        guard let logits = forward(batch, isUnwanted: nil) else {
            preconditionFailure("a step that nobody gave up was not computed")
        }
        return logits
    }

    /// One step, as far as it is wanted: its KV blocks hold nothing of use where it was given up, and
    /// the same step can be computed again.
    ///
    /// - Parameters:
    ///   - batch: as above.
    ///   - isUnwanted: asked before each layer; once it says so, the rest is not computed.
    /// - Returns: the logits; nil where it was given up.
    /// - Precondition: as above; no layer keeps a state where it may be given up.
    package func forward(
        _ batch: borrowing ForwardBatch, isUnwanted: (() -> Bool)?
    ) -> FloatBuffer? {
        precondition(isUnwanted == nil || stateCount == 0, "states cannot be taken back")
        let affinity = step.compute.pool.placeCaller()
        defer { step.compute.pool.releaseCaller(to: affinity) }
        plan(batch)
        guard network.forward(batch.tokens.span, step, isUnwanted: isUnwanted) else { return nil }
        stepReadByteCount =
            steadyByteCount + step.expertReadByteCount + cachedPositionCount(of: batch)
            * blockByteCount / limits.positionsPerBlock
            + batch.slices.count * stateByteCount
        return step.logits
    }

    /// Whether an adapter may add to a matrix of a layer: whether the forward pass asks for that.
    package func isAdaptable(_ role: TensorRole, layer: Int?) -> Bool {
        step.isAdaptable(role, layer: layer)
    }

    /// How many tokens each expert has computed; nil in a dense model.
    package var expertUsage: ExpertUsage? { step.expertUsage }

    /// How many positions of the cache the sequences of a batch see, those of each once.
    private func cachedPositionCount(of batch: borrowing ForwardBatch) -> Int {
        var count = 0
        for slice in batch.slices {
            let end = slice.startPosition + slice.tokenCount
            count += min(end, (attentionWindow ?? end) + slice.tokenCount)
        }
        return count
    }

    /// Throws where a file of weights was cut short while it was in use: what was computed since
    /// then means nothing.
    ///
    /// - Complexity: one load, unless that has happened.
    package func checkWeights() throws(TransformerError) {
        guard MappedFile.isAnyLost else { return }
        for file in files where file.isLost { throw .weightsLost(file: file.fileName) }
    }

    /// Copies the keys and values of a KV block, so that a second sequence can go on from there.
    package func copyBlock(from source: Int, to destination: Int) {
        step.cache.copyBlock(from: source, to: destination)
    }

    /// Copies a state, so that a second sequence can go on from there, or the same one later.
    package func copyState(from source: Int, to destination: Int) {
        step.states?.copy(from: source, to: destination)
    }

    /// How many states there is room for; 0 where no layer keeps one.
    package var stateCount: Int { step.states?.shape.slotCount ?? 0 }

    /// How many bytes a state has in all layers.
    package var stateByteCount: Int { step.states?.shape.slotByteCount ?? 0 }

    /// How many bytes a KV block has in all layers.
    package var blockByteCount: Int { step.cache.shape.blockByteCount }

    /// Reads what a KV block holds; nothing is allocated if nobody else has the bytes.
    ///
    /// - Parameters:
    ///   - block: the block.
    ///   - bytes: receives them, as many as `blockByteCount`.
    ///   - offset: where in `bytes` they begin.
    package func readBlock(_ block: Int, into bytes: inout [UInt8], at offset: Int) {
        step.cache.read(block, into: &bytes, at: offset)
    }

    /// Makes a KV block hold what ``readBlock(_:into:at:)`` gave, of this model or of another
    /// process's with the same weights, types and sizes.
    ///
    /// - Parameters:
    ///   - block: the block.
    ///   - bytes: as many as a block has.
    package func writeBlock(_ block: Int, from bytes: ArraySlice<UInt8>) {
        step.cache.write(block, from: bytes)
    }

    /// Lays out the step: positions, blocks and tiles of the rows, and which of them get logits.
    private func plan(_ batch: borrowing ForwardBatch) {
        do {
            try validate(batch)
        } catch {
            preconditionFailure("\(error)")
        }
        step.begin()
        for slice in batch.slices {
            step.append(
                startPosition: slice.startPosition, count: slice.tokenCount,
                logitsCount: slice.logitsRowCount, blockTable: slice.blockTable,
                adapter: slice.adapter, state: Int(slice.state))
        }
    }
}
