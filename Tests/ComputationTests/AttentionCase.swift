// SPDX-License-Identifier: Apache-2.0

import Computation
import Foundation
import Parallelism
import Testing

/// Random queries, keys and values of one sequence, and ways to attend.
struct AttentionCase: Sendable, CustomTestStringConvertible {
    var headCount = 4
    var kvHeadCount = 2
    var headDimension = 6
    var positionsPerBlock = 16
    var window: Int?
    var positionCount = 70
    /// A logit for each head that takes a share of the softmax; empty: none.
    var sinks: [Float] = []
    /// Values are the first so many components of keys; nil: they are numbers of their own.
    var valuesInKeys: Int?
    /// How many of the last positions have queries; nil: all.
    var rowCount: Int?

    var testDescription: String {
        "H \(headCount), K \(kvHeadCount), Dh \(headDimension), S \(positionsPerBlock), "
            + "window \(window.map { "\($0)" } ?? "none"), \(positionCount) positions"
            + (valuesInKeys.map { ", values in keys \($0)" } ?? "")
    }

    var queryCount: Int { rowCount ?? positionCount }

    private var queryWidth: Int { headCount * headDimension }
    private var keyWidth: Int { kvHeadCount * headDimension }
    var queries: [Float] { Self.numbers(queryCount * queryWidth, seed: 1) }
    var keys: [Float] { Self.numbers(positionCount * keyWidth, seed: 2) }
    var values: [Float] { Self.numbers(positionCount * keyWidth, seed: 3) }

    /// Numbers from -1 to 1.
    private static func numbers(_ count: Int, seed: UInt64) -> [Float] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(state >> 40) * 0x1p-23 - 1
        }
    }

    /// The result of each row, after all keys and values have been stored.
    ///
    /// `cuts` are the rows of each step, over and over, none for one step; `blockStep` is the distance
    /// of neighbouring blocks in the cache, modulo a prime; `garbage` is what the cache was full of;
    /// `poisoned` positions are overwritten with what is not a number before attention.
    func attend(
        kernels: KernelChoice = .automatic, type: KVElementType, threadCount: Int = 1,
        cuts: [Int] = [], blockStep: Int = 1, garbage: Float? = nil, poisoned: Range<Int> = 0..<0
    ) throws -> [[Float]] {
        let cache = try KVCache(shape: shape(type))
        let compute = Compute(pool: ThreadPool(threadCount: threadCount), kernels: kernels)
        let blocks = (0..<blockCount).map { Int32(($0 + 1) * blockStep % 97) }
        if let garbage {
            store(
                0..<blockCount * positionsPerBlock, compute, cache, blocks,
                keys: { _ in garbage }, values: { _ in garbage })
        }
        let (keys, values, queries) = (keys, values, queries)
        store(
            0..<positionCount, compute, cache, blocks, keys: { keys[$0] }, values: { values[$0] })
        store(
            poisoned, compute, cache, blocks, keys: { _ in .nan }, values: { _ in .nan })
        let scratch = AttentionScratch(
            shape: cache.shape, headCount: headCount, threadCount: threadCount)
        var results: [[Float]] = []
        while results.count < queryCount {
            let cut = cuts.isEmpty ? queryCount : cuts[results.count % cuts.count]
            let rows = results.count..<min(queryCount, results.count + cut)
            let input = buffer(rows.count, queryWidth) {
                queries[rows.lowerBound * queryWidth + $0]
            }
            let output = outputBuffer(rows.count)
            compute.attend(
                queries: input, cache: cache, layer: 1,
                plan: plan(positionCount - queryCount + rows.lowerBound, rows.count, blocks),
                scratch: scratch, sinks: sinks, into: output)
            let rowsEach = output.rowCount / rows.count
            results += (0..<rows.count).map { row in
                (row * rowsEach..<(row + 1) * rowsEach).flatMap { output.values(row: $0) }
            }
        }
        return results
    }

    /// Into how many tasks attention in one step is cut.
    func taskCount(threadCount: Int) throws -> Int {
        let cache = try KVCache(shape: shape(.f32))
        let compute = Compute(pool: ThreadPool(threadCount: threadCount))
        let scratch = AttentionScratch(
            shape: cache.shape, headCount: headCount, threadCount: threadCount)
        compute.attend(
            queries: FloatBuffer(rowCount: queryCount, columnCount: queryWidth), cache: cache,
            layer: 0,
            plan: plan(positionCount - queryCount, queryCount, (0..<Int32(blockCount)).map { $0 }),
            scratch: scratch, into: outputBuffer(queryCount))
        return scratch.taskCount
    }

    private func outputBuffer(_ rowCount: Int) -> FloatBuffer {
        guard let width = valuesInKeys else {
            return FloatBuffer(rowCount: rowCount, columnCount: queryWidth)
        }
        return FloatBuffer(rowCount: rowCount * headCount, columnCount: width)
    }

    private var blockCount: Int { (positionCount + positionsPerBlock - 1) / positionsPerBlock }

    private func shape(_ type: KVElementType) -> KVCacheShape {
        KVCacheShape(
            layerCount: 2, kvHeadCount: kvHeadCount, headDimension: headDimension,
            valuesInKeys: valuesInKeys, blockCount: max(97, blockCount),
            positionsPerBlock: positionsPerBlock,
            elementType: type)
    }

    private func store(
        _ positions: Range<Int>, _ compute: Compute, _ cache: KVCache, _ blocks: [Int32],
        keys: (Int) -> Float, values: (Int) -> Float
    ) {
        guard !positions.isEmpty else { return }
        compute.store(
            keys: buffer(positions.count, keyWidth, keys),
            values: valuesInKeys == nil ? buffer(positions.count, keyWidth, values) : nil,
            in: cache, layer: 1,
            plan: plan(positions.lowerBound, positions.count, blocks))
    }

    private func plan(_ start: Int, _ count: Int, _ blocks: [Int32]) -> AttentionPlan {
        let plan = AttentionPlan(
            positionsPerBlock: positionsPerBlock, window: window, maxRowCount: count)
        plan.append(startPosition: start, count: count, blockTable: blocks)
        return plan
    }

    private func buffer(
        _ rowCount: Int, _ columnCount: Int, _ value: (Int) -> Float
    ) -> FloatBuffer {
        let buffer = FloatBuffer(rowCount: rowCount, columnCount: columnCount)
        for row in 0..<rowCount {
            buffer.setRow(row, to: (0..<columnCount).map { value(row * columnCount + $0) })
        }
        return buffer
    }
}
