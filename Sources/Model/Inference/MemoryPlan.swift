// SPDX-License-Identifier: Apache-2.0

import Architectures
import Computation
package import ModelFiles
import Parallelism

/// How much memory serving a model takes, known before any of it is allocated.
package struct MemoryPlan: Sendable, Equatable {
    /// Bytes of the weights, as mapped from the file.
    package let weightByteCount: Int
    /// Bytes of all keys and values.
    package let kvByteCount: Int
    /// Bytes of all states of layers that keep some; 0 in models without.
    package let stateByteCount: Int
    /// How many states that is.
    package let stateCount: Int
    /// Bytes of scratch for one step.
    package let activationByteCount: Int
    /// How many positions of all sequences together the KV cache holds.
    package let kvPositionCount: Int

    /// Bytes of all.
    package var totalByteCount: Int {
        weightByteCount + kvByteCount + stateByteCount + activationByteCount
    }

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
        let architecture = Architecture.of(configuration)
        let shape = limits.cacheShape(of: architecture, configuration)
        let (kv, kvOverflow) = shape.blockByteCount.multipliedReportingOverflow(
            by: limits.blockCount)
        guard !kvOverflow, kv < Int.max / 4 else {
            throw .outOfMemory(what: "a KV cache of \(limits.blockCount) blocks", byteCount: nil)
        }
        let states = limits.stateShape(of: configuration)
        let (stateBytes, stateOverflow) = (states?.slotByteCount ?? 0)
            .multipliedReportingOverflow(by: limits.stateCount)
        guard !stateOverflow, stateBytes < Int.max / 4 else {
            throw .outOfMemory(what: "\(limits.stateCount) states", byteCount: nil)
        }
        stateByteCount = stateBytes
        stateCount = states?.slotCount ?? 0
        var floats = 0
        // Scratch for the inputs of products must fit the largest buffer, logits aside: no product
        // reads those.
        var productByteCount = 0
        for buffer in architecture.scratch(configuration) {
            let rows = buffer.rowCount(
                in: configuration, maxTokenCount: limits.maxBatchTokens,
                maxLogitsRowCount: limits.maxLogitsRows)
            for columns in buffer.columnCounts(in: configuration) {
                let (count, overflow) = rows.multipliedReportingOverflow(by: columns + 16)
                guard !overflow, count < Int.max / 64 - floats else {
                    throw .outOfMemory(what: "activations", byteCount: nil)
                }
                floats += count
                if buffer.rows != .logits {
                    productByteCount = max(
                        productByteCount,
                        Compute.scratchByteCount(
                            rowCount: rows, columnCount: columns, threadCount: threadCount))
                }
            }
        }
        self.weightByteCount = weightByteCount
        kvByteCount = kv
        activationByteCount =
            4 * floats + productByteCount
            + AttentionScratch.byteCount(
                shape: shape, headCount: configuration.headCount, threadCount: threadCount)
        kvPositionCount = limits.blockCount * limits.positionsPerBlock
    }

    /// The memory of an encoder, which keeps nothing of a text.
    ///
    /// - Parameters:
    ///   - configuration: the model's numbers.
    ///   - weightByteCount: of the model's file.
    ///   - maxTokenCount: the most tokens of a text.
    ///   - threadCount: of the thread pool.
    package init(
        encoder configuration: ModelConfiguration, weightByteCount: Int, maxTokenCount: Int,
        threadCount: Int
    ) {
        // The matrices are decoded to f32, whatever they are in the file.
        let decoded = WeightCount(configuration).all
        self.weightByteCount = weightByteCount + 4 * decoded
        kvByteCount = 0
        (stateByteCount, stateCount) = (0, 0)
        kvPositionCount = 1
        activationByteCount =
            threadCount * Encoder.scratchByteCount(configuration, maxTokenCount: maxTokenCount)
    }
}
