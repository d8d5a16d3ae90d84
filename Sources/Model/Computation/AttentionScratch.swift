// SPDX-License-Identifier: Apache-2.0

/// What attention works with, allocated once: its tasks and their memory.
///
/// Used by one thread at a time (and by its thread pool on its behalf).
package final class AttentionScratch {
    let headCount: Int
    /// Query heads that attend together.
    let group: Int
    let threadCount: Int
    let tasks: AttentionTasks
    /// Run a task, and a merge; made once, so that no region allocates memory.
    let runTask: (_ task: Int, _ worker: Int) -> Void
    let runMerge: (_ merge: Int, _ worker: Int) -> Void

    /// Allocates the memory.
    ///
    /// - Parameters:
    ///   - shape: of the cache that is attended to.
    ///   - layer: the layer of it, or one of several that keep the same.
    ///   - headCount: H.
    ///   - threadCount: of the pool.
    package init(shape: KVCacheShape, layer: Int = 0, headCount: Int, threadCount: Int) {
        self.headCount = headCount
        self.threadCount = threadCount
        let states = AttentionStates(
            shape: shape, layer: layer, headCount: headCount, threadCount: threadCount)
        group = states.group
        let tasks = AttentionTasks(states: states, threadCount: threadCount)
        self.tasks = tasks
        runTask = { task, worker in tasks.run(task, worker: worker) }
        runMerge = { merge, _ in tasks.merge(merge) }
    }

    /// Into how many tasks the latest attention was cut.
    package var taskCount: Int { tasks.count }

    /// Bytes that the memory takes for all layers, of which those that keep the same share one.
    package static func byteCount(shape: KVCacheShape, headCount: Int, threadCount: Int) -> Int {
        let kinds = Set(shape.layers).compactMap { shape.layers.firstIndex(of: $0) }
        return kinds.reduce(0) { sum, layer in
            sum + 4
                * AttentionStates(
                    shape: shape, layer: layer, headCount: headCount, threadCount: threadCount
                ).count
        }
    }
}
