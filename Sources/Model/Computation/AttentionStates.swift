// SPDX-License-Identifier: Apache-2.0

import CKernels

/// Where the states of running softmaxes lie in the scratch, in floats from its start: two of a
/// whole tile for each thread, then those of split rows, one for each span.
struct AttentionStates {
    /// The state of one row's attention to one key/value head.
    let rowCount: Int
    /// How many rows' spans there is room for.
    let spanCount: Int
    private let threadCount: Int

    init(shape: KVCacheShape, headCount: Int, threadCount: Int) {
        self.threadCount = threadCount
        // A maximum, sixteen partial sums and the accumulators for each query head.
        rowCount =
            headCount / shape.kvHeadCount * (1 + Int(CK_ATTENTION_CHUNK) + shape.valueStride)
        // At most four rows for each thread are long enough to be split, and rarely all are; of a
        // row of more than 65,536 positions, fewer.
        let positionCount = min(shape.blockCount, 65_536) * shape.positionsPerBlock
        let longest = min(positionCount / Int(CK_ATTENTION_SPAN) + 1, 128)
        spanCount = threadCount == 1 ? 0 : 2 * threadCount * longest
    }

    /// Floats of all.
    var count: Int { workerCount * threadCount + spanCount * rowCount }

    func start(worker: Int) -> Int { worker * workerCount }

    func start(span: Int) -> Int { workerCount * threadCount + span * rowCount }

    private var workerCount: Int { 2 * AttentionPlan.maxTileRows * rowCount }
}
