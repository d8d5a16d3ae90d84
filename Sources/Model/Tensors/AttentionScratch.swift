// SPDX-License-Identifier: Apache-2.0

import CKernels

/// Memory that attention works in, allocated once.
///
/// Used by one thread at a time (and by its thread pool on its behalf).
package final class AttentionScratch {
    /// One span of one tile's attention to one key/value head.
    struct Part {
        var tile: Int
        var kvHead: Int
        var span: Int
        /// Where its state lies in `memory`.
        var stateStart: Int
    }

    let headCount: Int
    let threadCount: Int
    /// Per row of a tile and query head: maximum, sum and accumulators.
    private let stateCountPerHead: Int
    private let stateCount: Int
    let memory: FloatBuffer
    /// What `split` has found.
    private(set) var parts: [Part] = []
    /// The parts of each tile and head, to be merged.
    private(set) var merges: [Range<Int>] = []

    /// Allocates the memory.
    ///
    /// - Parameters:
    ///   - shape: of the cache that is attended to.
    ///   - headCount: H.
    ///   - threadCount: of the pool.
    package init(shape: KVCacheShape, headCount: Int, threadCount: Int) {
        self.headCount = headCount
        self.threadCount = threadCount
        stateCountPerHead = 2 + shape.valueStride
        let group = headCount / shape.kvHeadCount
        stateCount = 2 * AttentionPlan.maxTileRows * group * stateCountPerHead
        memory = FloatBuffer(
            rowCount: 1,
            columnCount: Self.floatCount(
                shape: shape, headCount: headCount, threadCount: threadCount))
        parts.reserveCapacity(256 * threadCount)
        merges.reserveCapacity(2 * threadCount)
    }

    /// Bytes that the memory takes.
    package static func byteCount(shape: KVCacheShape, headCount: Int, threadCount: Int) -> Int {
        4 * floatCount(shape: shape, headCount: headCount, threadCount: threadCount)
    }

    /// Two states of the largest tile per thread, or what splitting by spans takes where there are
    /// fewer than two tasks per thread: so many states of one row each, for each span of the longest
    /// sequence (of at most 65,536 positions; longer ones are not split).
    private static func floatCount(
        shape: KVCacheShape, headCount: Int, threadCount: Int
    ) -> Int {
        let group = headCount / shape.kvHeadCount
        let rowStateCount = group * (2 + shape.valueStride)
        let positionCount = min(shape.blockCount, 65_536) * shape.positionsPerBlock
        let spanCount = min(positionCount / Int(CK_ATTENTION_SPAN) + 1, 128)
        return 2 * threadCount * rowStateCount * max(AttentionPlan.maxTileRows, spanCount)
    }

    /// Two states for a worker.
    func state(of worker: Int) -> UnsafeMutablePointer<Float> {
        unsafe memory.base + worker * stateCount
    }

    /// Splits the plan's attention by spans into `parts` and `merges`.
    ///
    /// - Returns: false where there is but one span each, or the memory does not suffice.
    func split(plan: AttentionPlan, kvHeadCount: Int) -> Bool {
        parts.removeAll(keepingCapacity: true)
        merges.removeAll(keepingCapacity: true)
        let spanLength = Int(CK_ATTENTION_SPAN)
        var next = 0
        for (index, tile) in plan.tiles.enumerated() {
            let oldest = plan.window.map { max(0, tile.firstPosition - $0 + 1) } ?? 0
            let newest = tile.firstPosition + tile.rowCount - 1
            let count = tile.rowCount * (headCount / kvHeadCount) * stateCountPerHead
            for head in 0..<kvHeadCount {
                let start = parts.count
                for span in oldest / spanLength...newest / spanLength {
                    guard next + count <= memory.columnCount else { return false }
                    parts.append(Part(tile: index, kvHead: head, span: span, stateStart: next))
                    next += count
                }
                merges.append(start..<parts.count)
            }
        }
        return parts.count > merges.count
    }
}
