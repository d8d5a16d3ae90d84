// SPDX-License-Identifier: Apache-2.0

package import Computation
package import ModelFiles
import Parallelism

/// The transformer of Mixtral and its dense siblings: (ids, positions, block tables) → logits.
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
    let compute: Compute
    let cache: KVCache
    let activations: Activations
    private let layers: [LayerWeights]
    let order: ReadingOrder
    private let frequencies: RopeFrequencies
    private let files: [MappedFile]

    /// Allocates all that steps will need.
    ///
    /// - Parameters:
    ///   - configuration: the model's numbers.
    ///   - tensors: the model's weights.
    ///   - compute: what computes.
    ///   - limits: what a step may consist of.
    /// - Throws: `TransformerError` where limits are unusable, weights have other shapes than the
    ///   configuration says, or memory does not suffice.
    package init(
        configuration: ModelConfiguration, tensors: ModelTensors, compute: Compute,
        limits: TransformerLimits
    ) throws(TransformerError) {
        memoryPlan = try MemoryPlan(
            configuration: configuration, weightByteCount: tensors.byteCount, limits: limits,
            threadCount: compute.pool.threadCount)
        try tensors.checkShapes(configuration)
        self.configuration = configuration
        weights = tensors
        files = tensors.files
        layers = tensors.layers.map { LayerWeights($0) }
        order = ReadingOrder(layers, output: tensors.output, compute: compute)
        self.limits = limits
        self.compute = compute
        do {
            cache = try KVCache(shape: Activations.cacheShape(configuration, limits: limits))
        } catch {
            throw .outOfMemory(what: "the KV cache", byteCount: memoryPlan.kvByteCount)
        }
        activations = Activations(
            configuration, limits: limits, threadCount: compute.pool.threadCount)
        frequencies = RopeFrequencies(configuration)
    }

    /// Throws where `forward` would refuse the batch.
    package func validate(_ batch: borrowing ForwardBatch) throws(TransformerError) {
        try batch.validate(vocabularySize: configuration.vocabularySize, limits: limits)
    }

    /// One step: stores the keys and values of the batch's tokens and computes the logits asked for.
    ///
    /// - Returns: `[logitsRowCount, V]`, rows in the order of the slices; valid until the next step.
    /// - Precondition: `validate(batch)` does not throw, and the KV blocks of each slice hold its
    ///   sequence up to `startPosition`.
    package func forward(_ batch: borrowing ForwardBatch) -> FloatBuffer {
        let a = activations
        let c = configuration
        let affinity = compute.pool.placeCaller()
        defer { compute.pool.releaseCaller(to: affinity) }
        var rowCount = plan(batch)  // T

        compute.embed(batch.tokens.span, weights.tokenEmbedding, into: a.residual)  // [T, D]
        compute.ropeTable(
            positions: a.plan.positions, inverseFrequencies: frequencies.inverseFrequencies,
            scale: frequencies.scale, into: a.rope)  // [T, ropeDimensionCount]

        for (index, layer) in layers.enumerated() {
            compute.rmsNorm(
                a.residual, rowCount: rowCount, weight: layer.attentionNorm,
                epsilon: c.rmsNormEpsilon, into: a.normed)
            project(layer, index: index, rowCount: rowCount)
            if index == layers.count - 1 {
                keepLogitsRows()
                rowCount = a.logitsRows.count
                attend(layer, index: index, plan: a.lastPlan)
            } else {
                attend(layer, index: index, plan: a.plan)
            }

            compute.rmsNorm(
                a.residual, rowCount: rowCount, weight: layer.ffnNorm,
                epsilon: c.rmsNormEpsilon, into: a.normed)
            if let router = layer.router {
                mixtureOfExperts(layer, index: index, router: router, rowCount: rowCount)
            } else {
                denseFeedForward(layer, index: index, rowCount: rowCount)
            }
        }

        compute.rmsNorm(
            a.residual, rowCount: rowCount, weight: weights.outputNorm,
            epsilon: c.rmsNormEpsilon, into: a.normed)  // [logits rows, D]
        compute.multiply(
            a.normed, rows: 0..<rowCount, weights.output, into: a.logits,
            ahead: order.afterOutput)
        return a.logits  // [logits rows, V]
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
        cache.copyBlock(from: source, to: destination)
    }

    /// Lays out the step: positions, blocks and tiles of the rows, and which of them get logits.
    ///
    /// - Returns: T.
    private func plan(_ batch: borrowing ForwardBatch) -> Int {
        do {
            try validate(batch)
        } catch {
            preconditionFailure("\(error)")
        }
        let a = activations
        a.plan.removeAll()
        a.lastPlan.removeAll()
        a.logitsRows.removeAll(keepingCapacity: true)
        for slice in batch.slices {
            a.plan.append(
                startPosition: slice.startPosition, count: slice.tokenCount,
                blockTable: slice.blockTable)
            let count = slice.logitsRowCount
            guard count > 0 else { continue }
            let skipped = slice.tokenCount - count
            a.lastPlan.append(
                startPosition: slice.startPosition + skipped, count: count,
                blockTable: slice.blockTable)
            for row in slice.firstToken + skipped..<slice.firstToken + slice.tokenCount {
                a.logitsRows.append(Int32(row))
            }
        }
        return batch.tokens.count
    }
}
