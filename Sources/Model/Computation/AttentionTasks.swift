// SPDX-License-Identifier: Apache-2.0

import CKernels

/// One layer's attention of a step, cut into tasks that threads can share fairly.
///
/// A task is the attention of a tile in one group of heads. Where that is more than a quarter of a
/// thread's share of the work, the tile is cut into fewer rows, and the attention of a single row
/// into its spans, whose states are merged when all are there. No cut changes a bit of the result.
///
/// Its memory is reused: nothing is allocated once the largest step has been seen.
@safe final class AttentionTasks {
    private struct Task {
        var tile: AttentionPlan.Tile
        var headGroup: Int
        /// The span to attend to, and the index of its state; nil: all of them.
        var part: (span: Int, state: Int)?
    }

    private let states: AttentionStates
    private let memory: FloatBuffer
    private let threadCount: Int
    private var tasks: [Task] = []
    /// The tasks of each row and head that are to be merged.
    private var merges: [Range<Int>] = []
    private var isa = CK_ISA_SCALAR
    private var attention = unsafe ck_attention()
    private var tables: UnsafePointer<Int32>?

    init(states: AttentionStates, threadCount: Int) {
        self.states = states
        self.threadCount = threadCount
        memory = FloatBuffer(rowCount: 1, columnCount: states.count)
        tasks.reserveCapacity(64 * threadCount)
        merges.reserveCapacity(8 * threadCount)
    }

    var count: Int { tasks.count }
    var mergeCount: Int { merges.count }

    /// Lays out the tasks, group by group and the longest of a sequence first.
    ///
    /// So threads read the same keys and values at about the same time. `tables` are the plan's; they
    /// must stay where they are until the last task has run.
    func layOut(
        _ attention: ck_attention, plan: AttentionPlan, tables: UnsafePointer<Int32>?, isa: ck_isa
    ) {
        unsafe self.attention = unsafe attention
        unsafe self.tables = unsafe tables
        self.isa = isa
        tasks.removeAll(keepingCapacity: true)
        merges.removeAll(keepingCapacity: true)
        let groupCount = unsafe attention.kv_head_count * attention.groups_per_kv_head
        let cost = groupCount * plan.tiles.reduce(0) { $0 + $1.rowCount * plan.seenCount(by: $1) }
        let share = threadCount == 1 ? Int.max : max(1, cost / (4 * threadCount))
        for group in 0..<groupCount {
            for tile in plan.tiles.reversed() {
                let perTask = max(1, share / plan.seenCount(by: tile))
                var end = tile.rowCount
                while end > 0 {
                    let start = max(0, end - perTask)
                    add(tile.rows(start..<end), headGroup: group, share: share, plan: plan)
                    end = start
                }
            }
        }
    }

    private func add(
        _ tile: AttentionPlan.Tile, headGroup: Int, share: Int, plan: AttentionPlan
    ) {
        let spans = plan.spans(seenBy: tile)
        let firstState = merges.isEmpty ? 0 : splitCount
        guard tile.rowCount == 1, spans.count > 1, plan.seenCount(by: tile) > share,
            firstState + spans.count <= states.spanCount
        else {
            tasks.append(Task(tile: tile, headGroup: headGroup, part: nil))
            return
        }
        merges.append(tasks.count..<tasks.count + spans.count)
        for (index, span) in spans.enumerated() {
            tasks.append(Task(tile: tile, headGroup: headGroup, part: (span, firstState + index)))
        }
    }

    /// How many states the split rows take.
    private var splitCount: Int {
        guard let last = merges.last, let part = tasks[last.upperBound - 1].part else { return 0 }
        return part.state + 1
    }

    /// Runs a task.
    func run(_ index: Int, worker: Int) {
        let task = tasks[index]
        var attention = unsafe attention
        var tile = unsafe kernelTile(task.tile)
        let turned = unsafe memory.base + states.turnedStart(worker: worker)
        if let part = task.part {
            unsafe ck_attention_run_span(
                isa, &attention, &tile, task.headGroup, part.span,
                memory.base + states.start(span: part.state), turned)
        } else {
            unsafe ck_attention_run(
                isa, &attention, &tile, task.headGroup,
                memory.base + states.start(worker: worker), turned)
        }
    }

    /// Merges the spans of a row and head, after all tasks.
    func merge(_ index: Int) {
        let first = tasks[merges[index].lowerBound]
        guard let part = first.part else { return }
        var attention = unsafe attention
        var tile = unsafe kernelTile(first.tile)
        unsafe ck_attention_merge_spans(
            isa, &attention, &tile, first.headGroup, memory.base + states.start(span: part.state),
            merges[index].count)
    }

    private func kernelTile(_ tile: AttentionPlan.Tile) -> ck_attention_tile {
        unsafe ck_attention_tile(
            block_table: tables.map { unsafe $0 + tile.tableStart }, first_row: tile.firstRow,
            row_count: tile.rowCount, first_position: Int64(tile.firstPosition))
    }
}
