// SPDX-License-Identifier: Apache-2.0

import Computation
package import ModelFiles

/// How much memory serving a model takes, known before any of it is allocated.
package struct MemoryPlan: Sendable, Equatable {
    /// Bytes of the weights, as mapped from the file.
    package let weightByteCount: Int
    /// Bytes of all keys and values.
    package let kvByteCount: Int
    /// Bytes of scratch for one step.
    package let activationByteCount: Int
    /// How many positions of all sequences together the KV cache holds.
    package let kvPositionCount: Int

    /// Bytes of all.
    package var totalByteCount: Int { weightByteCount + kvByteCount + activationByteCount }

    /// Bytes that one position takes in the KV cache.
    package var kvByteCountPerPosition: Int { kvByteCount / kvPositionCount }

    /// Plans the memory.
    ///
    /// - Parameters:
    ///   - configuration: the model's numbers.
    ///   - weightByteCount: of the model's file.
    ///   - limits: what the transformer shall take.
    ///   - threadCount: of the thread pool.
    /// - Throws: `TransformerError` where a limit is unusable or the sum cannot be counted.
    package init(
        configuration: ModelConfiguration, weightByteCount: Int, limits: TransformerLimits,
        threadCount: Int
    ) throws(TransformerError) {
        try limits.validate()
        let shape = Activations.cacheShape(configuration, limits: limits)
        let (kv, kvOverflow) = shape.blockByteCount.multipliedReportingOverflow(
            by: limits.blockCount)
        guard !kvOverflow, kv < Int.max / 4 else {
            throw .outOfMemory(what: "a KV cache of \(limits.blockCount) blocks", byteCount: nil)
        }
        var floats = 0
        for buffer in Activations.bufferShapes(configuration, limits: limits) {
            let (count, overflow) = buffer.rows.multipliedReportingOverflow(by: buffer.columns + 16)
            guard !overflow, count < Int.max / 64 - floats else {
                throw .outOfMemory(what: "activations", byteCount: nil)
            }
            floats += count
        }
        self.weightByteCount = weightByteCount
        kvByteCount = kv
        // What the products read that the most numbers go into: the experts' second.
        let slots = limits.maxBatchTokens * (configuration.expertsPerToken ?? 1)
        activationByteCount =
            4 * floats
            + Compute.scratchByteCount(
                rowCount: slots,
                columnCount: max(configuration.intermediateSize, configuration.hiddenSize),
                threadCount: threadCount)
            + AttentionScratch.byteCount(
                shape: shape, headCount: configuration.headCount, threadCount: threadCount)
        kvPositionCount = limits.blockCount * limits.positionsPerBlock
    }
}
