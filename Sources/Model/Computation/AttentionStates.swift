// SPDX-License-Identifier: Apache-2.0

import CKernels

/// Where the states of running softmaxes lie in the scratch, in floats from its start: two of a
/// whole tile for each thread and the values that it turns, then those of split rows, one for each
/// span.
struct AttentionStates {
    /// Query heads that attend together.
    let group: Int
    /// The state of one row's attention in one group of heads.
    let rowCount: Int
    /// How many rows' spans there is room for.
    let spanCount: Int
    private let threadCount: Int
    /// The values of a step, where they are parts of the keys.
    private let turnedCount: Int

    /// The most heads of a group, where several groups attend to the same key/value head: enough for
    /// them to share what they turn, and few enough for threads to share the heads of one row.
    private static let maxSharingGroup = 16

    init(shape cache: KVCacheShape, layer: Int, headCount: Int, threadCount: Int) {
        let shape = cache.layers[layer]
        self.threadCount = threadCount
        let all = headCount / shape.kvHeadCount
        group =
            shape.valuesInKeys == nil
            ? all : (1...min(all, Self.maxSharingGroup)).last { all % $0 == 0 } ?? 1
        turnedCount = ck_attention_turned_count(
            shape.valueDimension, shape.valuesInKeys == nil ? 1 : 0)
        // A maximum, sixteen partial sums and the accumulators for each query head.
        rowCount = group * (1 + Int(CK_ATTENTION_CHUNK) + shape.valueStride)
        // At most four rows for each thread are long enough to be split, and rarely all are; of a
        // row of more than 65,536 positions, fewer.
        let positionCount = min(cache.blockCount, 65_536) * cache.positionsPerBlock
        let longest = min(positionCount / Int(CK_ATTENTION_SPAN) + 1, 128)
        spanCount = threadCount == 1 ? 0 : 2 * threadCount * longest
    }

    /// Floats of all.
    var count: Int { workerCount * threadCount + spanCount * rowCount }

    func start(worker: Int) -> Int { worker * workerCount }

    /// Where a worker's turned values are.
    func turnedStart(worker: Int) -> Int {
        start(worker: worker) + 2 * AttentionPlan.maxTileRows * rowCount
    }

    func start(span: Int) -> Int { workerCount * threadCount + span * rowCount }

    private var workerCount: Int { 2 * AttentionPlan.maxTileRows * rowCount + turnedCount }
}
