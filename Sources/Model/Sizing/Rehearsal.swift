// SPDX-License-Identifier: Apache-2.0

import Architectures
package import Computation
import Inference
package import ModelFiles
import Parallelism

/// How long steps of a model take on this machine, found by doing some of them with made-up weights.
///
/// Of a large model it does only some layers, and the rest is as long: all layers are alike, or, where
/// some are delta nets, runs of layers with the same part of them.
package struct Rehearsal {
    /// What is planned for.
    package struct Load: Sendable {
        /// Tokens of a prompt, and of its answer.
        package var promptCount: Int
        package var answerCount: Int
        /// Prompt tokens of a step while nothing else is done.
        package var chunk: Int
        package var kvType: KVElementType

        /// A load.
        package init(promptCount: Int, answerCount: Int, chunk: Int, kvType: KVElementType) {
            self.promptCount = promptCount
            self.answerCount = answerCount
            self.chunk = chunk
            self.kvType = kvType
        }
    }

    private let configuration: ModelConfiguration
    private let tensors: ModelTensors
    private let compute: Compute
    private let load: Load
    /// One number of layers, or two of which the longer is extrapolated from.
    private let layerCounts: [Int]
    private var weights: StandInWeights

    /// The made-up weights of a model that is larger.
    private static let standInByteCount = 512 << 20
    /// Operations of a token from which on only some layers are done.
    private static let wholeOperationCount = 4_000_000_000
    private static let positionsPerBlock = 16

    /// Prepares.
    ///
    /// - Parameters:
    ///   - configuration: the model's numbers.
    ///   - tensors: the model's weights, or what has their shapes and types.
    ///   - compute: what computes.
    ///   - load: what is planned for.
    /// - Throws: where there is no memory for it.
    package init(
        configuration: ModelConfiguration, tensors: ModelTensors, compute: Compute, load: Load
    ) throws {
        let cost = TokenCost(tensors, configuration: configuration)
        self.configuration = configuration
        self.tensors = tensors
        self.compute = compute
        self.load = load
        let layers = tensors.layers.count
        let isSmall = layers <= 4 || cost.layerOperationCount <= Self.wholeOperationCount
        layerCounts = isSmall ? [layers] : Self.someLayers(of: configuration)
        // Not much more than it will read.
        let all = tensors.matrices.reduce(0) {
            $0 + $1.packedByteCount(as: $1.likelyPackedType) + 64
        }
        weights = try StandInWeights(
            byteCount: max(
                StandInWeights.largestByteCount(of: tensors), min(all, Self.standInByteCount)))
    }

    /// The numbers of layers, from the last one on, that stand for all.
    ///
    /// - Parameter configuration: of a model with many.
    /// - Returns: two numbers, of which the longer is extrapolated from, or that of all.
    package static func someLayers(of configuration: ModelConfiguration) -> [Int] {
        let (all, nets) = (configuration.layerCount, configuration.deltaLayers)
        // The last layers alone would have nothing to borrow, or the inputs of all.
        let schema = Architecture.of(configuration).schema
        guard configuration.borrowingLayerCount == 0,
            schema.inputs(of: configuration).count == schema.inputs.count
        else { return [all] }
        if nets.isEmpty { return [1, 3] }
        func isAlike(_ count: Int) -> Bool {
            nets.count { $0 >= all - count } * all == nets.count * count
        }
        // As many of them attend as of all, so at least one does.
        let run = (1...max(1, all / 2)).first { 2 * $0 <= all && isAlike($0) && isAlike(2 * $0) }
        return run.map { [$0, 2 * $0] } ?? [all]
    }

    /// Does steps.
    ///
    /// - Parameter userCounts: how many sequences decode together.
    /// - Returns: the seconds of a prompt, and of a step for each number of users.
    /// - Throws: where there is no memory for it.
    package mutating func run(
        userCounts: [Int]
    ) throws -> (prompt: Double, decode: [Double]) {
        var prompts: [Double] = []
        var decodes: [[Double]] = []
        for count in layerCounts {
            let stage = try Stage(
                configuration: configuration.lastLayers(count),
                tensors: weights.tensors(like: tensors, layerCount: count),
                compute: compute, load: load, maxUserCount: userCounts.max() ?? 1,
                positionsPerBlock: Self.positionsPerBlock)
            prompts.append(stage.promptSeconds())
            decodes.append(userCounts.map { stage.decodeSeconds(userCount: $0) })
        }
        return (
            whole(prompts), userCounts.indices.map { index in whole(decodes.map { $0[index] }) }
        )
    }

    /// The seconds of all layers, from those of some.
    private func whole(_ seconds: [Double]) -> Double {
        guard seconds.count == 2 else { return seconds[0] }
        let each = (seconds[1] - seconds[0]) / Double(layerCounts[1] - layerCounts[0])
        return seconds[0] + max(0, each) * Double(configuration.layerCount - layerCounts[0])
    }
}

/// A transformer with made-up weights, keys and values.
private final class Stage {
    private let transformer: Transformer
    private let load: Rehearsal.Load
    private let tables: [[Int32]]

    /// The most keys and values that are made up; beyond that users share them.
    private static let kvByteCount = 512 << 20

    init(
        configuration: ModelConfiguration, tensors: ModelTensors, compute: Compute,
        load: Rehearsal.Load, maxUserCount: Int, positionsPerBlock: Int
    ) throws {
        let each =
            (load.promptCount + load.answerCount + positionsPerBlock - 1) / positionsPerBlock
        func limits(_ blockCount: Int) -> TransformerLimits {
            TransformerLimits(
                maxBatchTokens: max(load.chunk, maxUserCount), blockCount: blockCount,
                positionsPerBlock: positionsPerBlock, maxLogitsRows: maxUserCount,
                kvElementType: load.kvType, stateCount: maxUserCount)
        }
        let blockByteCount = try MemoryPlan(
            configuration: configuration, weightByteCount: 0, limits: limits(1),
            threadCount: compute.pool.threadCount
        ).kvByteCount
        // A block at the end of each sequence is its own, for that is written to.
        let own = maxUserCount
        let shared = max(
            each, min((each - 1) * maxUserCount, Self.kvByteCount / blockByteCount))
        transformer = try Transformer(
            configuration: configuration, tensors: tensors, compute: compute,
            limits: limits(own + shared))
        self.load = load
        var next = 0
        tables = (0..<maxUserCount).map { user in
            (0..<each).map { index in
                guard index < each - 1 else { return Int32(user) }
                next += 1
                return Int32(own + next % shared)
            }
        }
        // Memory that was never written to is not there.
        let numbers = [UInt8](repeating: 0x2C, count: transformer.blockByteCount)
        for block in 0..<own + shared { transformer.writeBlock(block, from: numbers[...]) }
    }

    /// The seconds in which a prompt is read, its first chunk and its last measured.
    func promptSeconds() -> Double {
        let chunk = min(load.chunk, load.promptCount)
        let last = load.promptCount - chunk
        func seconds(at start: Int) -> Double {
            time(of: [(0, start, chunk, start == last)], atLeast: 2, seconds: 0.5)
        }
        let first = seconds(at: 0)
        guard last > 0 else { return first }
        // Attention grows evenly with the place, and the rest stays as it is.
        return (first + seconds(at: last)) / 2 * Double(load.promptCount) / Double(chunk)
    }

    /// The seconds of a step in which some sequences get a token each, in the middle of their answers.
    func decodeSeconds(userCount: Int) -> Double {
        let position = load.promptCount + load.answerCount / 2
        return time(
            of: (0..<userCount).map { ($0, position, 1, true) }, atLeast: 3, seconds: 1)
    }

    private typealias Slice = (user: Int, start: Int, count: Int, hasLogits: Bool)

    /// The tokens of some slices, other ones each turn: they visit other experts then.
    private func batch(_ slices: [Slice], turn: Int) -> ForwardBatch {
        var batch = ForwardBatch()
        let vocabulary = UInt64(transformer.configuration.vocabularySize)
        for slice in slices {
            batch.slices.append(
                SequenceSlice(
                    firstToken: batch.tokens.count, tokenCount: slice.count,
                    startPosition: slice.start, blockTable: tables[slice.user],
                    logitsRows: slice.hasLogits ? .last : .none, state: Int32(slice.user)))
            for position in slice.start..<slice.start + slice.count {
                // Any scattered ids do; neighbours should go to different experts.
                let number = (turn * 104_729 + slice.user) * 7919 + position + 1
                let scattered = UInt64(number) &* 0x9E37_79B9_7F4A_7C15
                batch.tokens.append(Int32((scattered >> 33) % vocabulary))
            }
        }
        return batch
    }

    /// The median of repetitions, after one that does not count.
    private func time(of slices: [Slice], atLeast count: Int, seconds: Double) -> Double {
        _ = transformer.forward(batch(slices, turn: 0))
        var times: [Double] = []
        var sum = 0.0
        while times.count < count || sum < seconds && times.count < 200 {
            let batch = batch(slices, turn: times.count + 1)
            let began = ContinuousClock.now
            _ = transformer.forward(batch)
            times.append((ContinuousClock.now - began) / .seconds(1))
            sum += times[times.count - 1]
        }
        return times.sorted()[times.count / 2]
    }
}
