// SPDX-License-Identifier: Apache-2.0

import Computation
import ModelFiles

/// The scratch of one step, allocated once.
///
/// T is `maxBatchTokens`; A is 1 for a dense model.
final class Activations {
    /// `[T, D]`: the residual stream.
    let residual: FloatBuffer
    /// `[T, D]`: its normalisation, what attention and experts read.
    let normed: FloatBuffer
    /// `[T, D]`: what attention adds to the residual.
    let projected: FloatBuffer
    /// `[T, H·Dh]`.
    let queries: FloatBuffer
    /// `[T, K·Dh]`.
    let keys: FloatBuffer
    /// `[T, K·Dh]`.
    let values: FloatBuffer
    /// `[T, H·Dh]`: attention's result.
    let attended: FloatBuffer
    /// `[T, ropeDimensionCount]`: cosines and sines of each row's position.
    let rope: FloatBuffer
    /// `[T, E]`: the router's logits; `[T, 1]` and unused for a dense model.
    let routerLogits: FloatBuffer
    /// `[T·A, F]`: silu(w1·x) ⊙ w3·x; row t·A + a is token t's a-th best expert.
    let gated: FloatBuffer
    /// `[T·A, D]`: what the experts add to the residual.
    let down: FloatBuffer
    /// `[maxLogitsRows, V]`.
    let logits: FloatBuffer
    /// Queries, keys and values, which one parallel region computes.
    let queryKeyValue: [FloatBuffer]
    let attention: AttentionScratch
    /// What each row attends to.
    let plan: AttentionPlan
    /// The same for the last layer, where only rows that get logits are left.
    let lastPlan: AttentionPlan
    /// Which experts each row visits; unused for a dense model.
    var routing: ExpertRouting
    /// The rows that get logits.
    var logitsRows: [Int32] = []

    init(_ c: ModelConfiguration, limits: TransformerLimits, threadCount: Int) {
        let buffers = Self.bufferShapes(c, limits: limits).map {
            FloatBuffer(rowCount: $0.rows, columnCount: $0.columns)
        }
        (residual, normed, projected) = (buffers[0], buffers[1], buffers[2])
        (queries, keys, values, attended) = (buffers[3], buffers[4], buffers[5], buffers[6])
        (rope, routerLogits) = (buffers[7], buffers[8])
        (gated, down, logits) = (buffers[9], buffers[10], buffers[11])
        attention = AttentionScratch(
            shape: Self.cacheShape(c, limits: limits), headCount: c.headCount,
            threadCount: threadCount)
        plan = AttentionPlan(
            positionsPerBlock: limits.positionsPerBlock, window: c.slidingWindow,
            maxRowCount: limits.maxBatchTokens)
        lastPlan = AttentionPlan(
            positionsPerBlock: limits.positionsPerBlock, window: c.slidingWindow,
            maxRowCount: limits.maxLogitsRows)
        routing = ExpertRouting(
            expertCount: c.expertCount ?? 1, expertsPerToken: c.expertsPerToken ?? 1,
            maxTokenCount: limits.maxBatchTokens)
        queryKeyValue = [queries, keys, values]
        logitsRows.reserveCapacity(limits.maxLogitsRows)
    }

    /// The shapes of the buffers in the order of their declaration.
    static func bufferShapes(
        _ c: ModelConfiguration, limits: TransformerLimits
    ) -> [(rows: Int, columns: Int)] {
        let t = limits.maxBatchTokens
        let slots = t * (c.isMixtureOfExperts ? c.expertsPerToken ?? 1 : 1)
        let (h, k) = (c.headCount * c.headDimension, c.kvHeadCount * c.headDimension)
        return [
            (t, c.hiddenSize), (t, c.hiddenSize), (t, c.hiddenSize),
            (t, h), (t, k), (t, k), (t, h),
            (t, c.ropeDimensionCount), (t, c.expertCount ?? 1),
            (slots, c.intermediateSize), (slots, c.hiddenSize),
            (limits.maxLogitsRows, c.vocabularySize),
        ]
    }

    static func cacheShape(_ c: ModelConfiguration, limits: TransformerLimits) -> KVCacheShape {
        KVCacheShape(
            layerCount: c.layerCount, kvHeadCount: c.kvHeadCount,
            headDimension: c.headDimension, blockCount: limits.blockCount,
            positionsPerBlock: limits.positionsPerBlock, elementType: limits.kvElementType)
    }
}
