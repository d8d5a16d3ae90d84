// SPDX-License-Identifier: Apache-2.0

extension Scheduler {
    /// Adds every sequence that decodes, the senior ones first.
    ///
    /// One that needs a block while none is free takes those of a junior, possibly its own.
    ///
    /// - Returns: whether all of them found a place.
    mutating func scheduleDecodes(into step: inout ScheduledStep) -> Bool {
        let countBefore = step.preempted.count
        var index = 0
        while index < running.count {
            guard running[index].isDecoding else {
                index += 1
                continue
            }
            guard reserveNextPosition(of: index) else {
                // Those before have their slices already; another may stand here afterwards.
                preempt(victim(from: index), into: &step)
                continue
            }
            appendSlice(of: index, tokenCount: 1, into: &step)
            step.decodeCount += 1
            clients.charge(running[index].client, work: configuration.decodeWork)
            index += 1
        }
        return step.preempted.count == countBefore
    }

    /// Makes sure that the next token has a place; false if there is no free block.
    private mutating func reserveNextPosition(of index: Int) -> Bool {
        let capacity = running[index].blockTable.count * configuration.positionsPerBlock
        if running[index].computedCount < capacity { return true }
        guard let block = pool.allocate() else { return false }
        running[index].blockTable.append(block)
        return true
    }

    mutating func appendSlice(of index: Int, tokenCount: Int, into step: inout ScheduledStep) {
        let start = running[index].computedCount
        let end = start + tokenCount
        noteUse(of: index, upTo: end)
        let samples = running[index].maxTokens > 0 && end == running[index].tokens.count
        let isScored =
            running[index].isScoring && start < running[index].promptCount - 1
            && end > running[index].scoredCount
        step.append(
            ScheduledStep.Slice(
                id: running[index].id, startPosition: start, tokenCount: tokenCount,
                logits: isScored ? .all : samples ? .last : .none, samples: samples,
                cachedCount: running[index].cachedCount, runningIndex: index))
    }

    /// Counts which of the prompt's tokens were found and which are computed, once each.
    private mutating func noteUse(of index: Int, upTo end: Int) {
        let known = running[index].countedCount
        guard !running[index].wasPreempted, known < running[index].promptCount else { return }
        let start = running[index].computedCount
        pool.statistics.hitTokens += UInt64(start - known)
        let counted = min(end, running[index].promptCount)
        pool.statistics.missTokens += UInt64(counted - start)
        running[index].countedCount = counted
    }
}
