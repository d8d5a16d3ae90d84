// SPDX-License-Identifier: Apache-2.0

import Computation
import Inference
import ModelFiles

/// Runs one batch of sequences through a transformer and counts tokens per second.
final class EngineBench {
    private let compute: Compute
    private let transformer: Transformer
    private let batch: Int
    private let prompt: Int
    private let generate: Int
    private let chunk: Int
    private let blockTables: [[Int32]]

    init(
        configuration: ModelConfiguration, tensors: ModelTensors, compute: Compute, batch: Int,
        prompt: Int, generate: Int, chunk: Int,
        kvType: KVElementType
    ) throws {
        let positionsPerBlock = 16
        let blocks = (prompt + generate + positionsPerBlock - 1) / positionsPerBlock
        transformer = try Transformer(
            configuration: configuration, tensors: tensors, compute: compute,
            limits: TransformerLimits(
                maxBatchTokens: max(chunk, batch), blockCount: blocks * batch,
                positionsPerBlock: positionsPerBlock, maxLogitsRows: batch,
                kvElementType: kvType, stateCount: batch))
        self.compute = compute
        self.batch = batch
        self.prompt = prompt
        self.generate = generate
        self.chunk = chunk
        blockTables = (0..<batch).map { sequence in
            (0..<blocks).map { Int32(sequence * blocks + $0) }
        }
    }

    /// Touches every weight once, so that the first measurement does not read the disk.
    func warmUp() {
        _ = transformer.forward(
            step(
                start: 0, counts: Array(repeating: min(prompt, max(1, chunk / batch)), count: batch)
            ))
    }

    /// Reads all prompts, sequence after sequence, in steps of `chunk` tokens.
    ///
    /// - Returns: prompt tokens per second.
    func prefill() -> Double {
        let began = ContinuousClock.now
        var batch = ForwardBatch()
        for sequence in 0..<self.batch {
            var done = 0
            while done < prompt {
                let count = min(prompt - done, chunk - batch.tokens.count)
                let isLast = done + count == prompt
                append(
                    to: &batch, sequence: sequence, start: done, count: count,
                    logits: isLast ? .last : .none)
                done += count
                if batch.tokens.count == chunk {
                    _ = transformer.forward(batch)
                    batch = ForwardBatch()
                }
            }
        }
        if !batch.tokens.isEmpty { _ = transformer.forward(batch) }
        return rate(self.batch * prompt, since: began)
    }

    /// Continues every sequence by `generate` tokens, one step for all of them at a time.
    ///
    /// - Returns: generated tokens per second.
    func decode() -> Double {
        let began = ContinuousClock.now
        for index in 0..<generate {
            _ = transformer.forward(
                step(start: prompt + index, counts: Array(repeating: 1, count: batch)))
        }
        return rate(batch * generate, since: began)
    }

    /// Decodes one sequence and reads all weights by turns.
    ///
    /// - Parameter cost: of one token.
    /// - Returns: bytes per second of reading, and of the weights, keys and values that decoding
    ///   reads.
    func decodeAndRead(_ cost: TokenCost) -> (read: Double, decoded: Double) {
        let matrices = transformer.weights.matrices
        let byteCount = matrices.reduce(0) { $0 + $1.byteCount }
        var reading = Duration.zero
        var decoding = Duration.zero
        var sum: UInt64 = 0
        var positionCount = 0
        for index in 0..<generate {
            let position = prompt + index
            positionCount += min(position + 1, transformer.attentionWindow ?? .max)
            let began = ContinuousClock.now
            _ = transformer.forward(step(start: position, counts: [1]))
            let decoded = ContinuousClock.now
            decoding += decoded - began
            // About as many bytes as have been decoded since the last time.
            if (index + 1) * cost.weightByteCount / byteCount
                > index * cost.weightByteCount / byteCount
            {
                sum &+= compute.read(matrices)
                reading += ContinuousClock.now - decoded
            }
        }
        let passes = generate * cost.weightByteCount / byteCount
        let decodedByteCount =
            generate * cost.weightByteCount
            + positionCount * transformer.memoryPlan.kvByteCountPerPosition
            + generate * transformer.stateByteCount
        return withExtendedLifetime(sum) {
            (
                Double(passes * byteCount) / max(reading / .seconds(1), 1e-9),
                Double(decodedByteCount) / max(decoding / .seconds(1), 1e-9)
            )
        }
    }

    private func step(start: Int, counts: [Int]) -> ForwardBatch {
        var batch = ForwardBatch()
        for (sequence, count) in counts.enumerated() {
            append(to: &batch, sequence: sequence, start: start, count: count, logits: .last)
        }
        return batch
    }

    private func append(
        to batch: inout ForwardBatch, sequence: Int, start: Int, count: Int, logits: LogitsRows
    ) {
        batch.slices.append(
            SequenceSlice(
                firstToken: batch.tokens.count, tokenCount: count, startPosition: start,
                blockTable: blockTables[sequence], logitsRows: logits,
                state: Int32(sequence)))
        let vocabulary = UInt64(transformer.configuration.vocabularySize)
        for position in start..<start + count {
            // Any scattered ids do; neighbours should go to different experts.
            let scattered = UInt64(sequence * 7919 + position + 1) &* 0x9E37_79B9_7F4A_7C15
            batch.tokens.append(Int32((scattered >> 33) % vocabulary))
        }
    }

    private func rate(_ tokens: Int, since began: ContinuousClock.Instant) -> Double {
        let seconds = (ContinuousClock.now - began) / .seconds(1)
        return Double(tokens) / max(seconds, 1e-9)
    }
}
