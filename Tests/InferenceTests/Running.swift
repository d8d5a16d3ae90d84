// SPDX-License-Identifier: Apache-2.0

import Computation
import Inference
import ModelFiles
import Parallelism
import Testing

extension FloatBuffer {
    /// A copy of a row.
    func values(row index: Int) -> [Float] {
        let row = row(index)
        return row.indices.map { row[$0] }
    }
}

/// How a sequence is put through a transformer; nothing of it may matter to the logits.
struct Running: Sendable, CustomTestStringConvertible {
    var kernels = KernelChoice.automatic
    var threadCount = 1
    var positionsPerBlock = 16
    var kvElementType = KVElementType.f32
    /// How many tokens each step takes, again and again.
    var chunks = [1000]
    /// Blocks are handed out in this order: multiplied by an odd number.
    var blockStep = 1
    /// Whether each step is begun once before and given up before some layer, where no state keeps that
    /// from being done.
    var givesUp = false
    /// Other sequences, which are computed in the same steps.
    var neighbours: [[Int32]] = []
    /// What is added to the model for the sequence, and for each of its neighbours; those that are
    /// not named have none.
    var adapters: [AppliedAdapter?] = []

    var testDescription: String {
        "\(kernels), \(givesUp ? "given up, " : "")\(threadCount) threads, S \(positionsPerBlock), \(kvElementType), "
            + "chunks \(chunks), block step \(blockStep), \(neighbours.count) neighbours"
    }

    /// The logits of every token, `[T, V]`.
    func logits(
        _ configuration: ModelConfiguration, _ tensors: ModelTensors, _ tokens: [Int32]
    ) throws -> [[Float]] {
        let sequences = [tokens] + neighbours
        let blocksEach =
            ((sequences.map(\.count).max() ?? 0) + positionsPerBlock - 1) / positionsPerBlock
        // A power of two, so that multiplying by an odd number permutes the blocks.
        var blockCount = 1
        while blockCount < blocksEach * sequences.count { blockCount *= 2 }
        let pool = ThreadPool(threadCount: threadCount)
        let transformer = try Transformer(
            configuration: configuration,
            tensors: kernels.packsWeights
                ? tensors.packed(by: WeightPacker(pool: pool)) : tensors,
            compute: Compute(pool: pool, kernels: kernels),
            limits: TransformerLimits(
                maxBatchTokens: sequences.reduce(0) { $0 + $1.count }, blockCount: blockCount,
                positionsPerBlock: positionsPerBlock, maxLogitsRows: tokens.count,
                kvElementType: kvElementType, stateCount: sequences.count))
        let tables = sequences.indices.map { sequence in
            (0..<blocksEach).map {
                Int32((sequence * blocksEach + $0) * blockStep % blockCount)
            }
        }
        var result: [[Float]] = []
        var done = sequences.map { _ in 0 }
        var step = 0
        while done[0] < tokens.count {
            var batch = ForwardBatch()
            // Neighbours come first and last, and take steps of other sizes.
            let order = neighbours.isEmpty ? [0] : Array(1..<sequences.count) + [0]
            for (index, sequence) in order.enumerated() {
                let chunk = chunks[(step + index) % chunks.count]
                let count = min(
                    sequence == 0 ? chunks[step % chunks.count] : chunk,
                    sequences[sequence].count - done[sequence])
                guard count > 0 else { continue }
                batch.slices.append(
                    SequenceSlice(
                        firstToken: batch.tokens.count, tokenCount: count,
                        startPosition: done[sequence], blockTable: tables[sequence],
                        logitsRows: sequence == 0 ? .all : .none,
                        adapter: adapters.indices.contains(sequence) ? adapters[sequence] : nil,
                        state: Int32(sequences.count - 1 - sequence)))
                batch.tokens += sequences[sequence][done[sequence]..<done[sequence] + count]
                done[sequence] += count
            }
            try transformer.validate(batch)
            let rowCount = batch.logitsRowCount
            if givesUp, transformer.stateCount == 0 {
                var left = step % configuration.layerCount
                let given = transformer.forward(batch) {
                    left -= 1
                    return left < 0
                }
                #expect(given == nil)
            }
            let logits = transformer.forward(batch)
            for row in 0..<rowCount { result.append(logits.values(row: row)) }
            step += 1
        }
        return result
    }
}
