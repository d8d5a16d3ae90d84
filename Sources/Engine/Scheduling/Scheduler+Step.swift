// SPDX-License-Identifier: Apache-2.0

extension Scheduler {
    /// Adds every sequence that decodes, the oldest first.
    ///
    /// One that needs a block while none is free takes those of the youngest, possibly its own.
    mutating func scheduleDecodes(into step: inout ScheduledStep) {
        var index = 0
        while index < running.count {
            if running[index].isDecoding {
                while !reserveNextPosition(of: index), index < running.count {
                    preemptYoungest(into: &step)
                }
                guard index < running.count else { return }
                appendSlice(of: index, tokenCount: 1, into: &step)
                step.decodeCount += 1
            }
            index += 1
        }
    }

    /// Makes sure that the next token has a place; false if there is no free block, or if the
    /// sequence itself has been preempted.
    private mutating func reserveNextPosition(of index: Int) -> Bool {
        guard index < running.count else { return false }
        let capacity = running[index].blockTable.count * configuration.positionsPerBlock
        if running[index].computedCount < capacity { return true }
        guard let block = pool.allocate() else { return false }
        running[index].blockTable.append(block)
        return true
    }

    /// Shares what is left of the step among the prompts.
    ///
    /// Turns of `prefillQuantumTokens` go round, beginning after the prompt that had the last turn
    /// of the last step, so that a long prompt delays a short one by no more than its share.
    mutating func schedulePrefills(into step: inout ScheduledStep) {
        collectPrefills()
        guard !prefillIndices.isEmpty else { return }
        let chunk =
            step.decodeCount > 0
            ? configuration.prefillChunkTokensWhileDecoding : configuration.prefillChunkTokens
        var budget = min(chunk, configuration.maxBatchTokens - step.tokenCount)
        // Every running sequence may need a row to sample from; scoring takes what is beyond.
        var spareRows = configuration.maxLogitsRows - running.count

        var isSharing = true
        while isSharing, budget > 0 {
            isSharing = false
            for turn in prefillIndices.indices where budget > 0 {
                let sequence = running[prefillIndices[turn]]
                var grant = min(configuration.prefillQuantumTokens, budget)
                grant = min(grant, sequence.remainingCount - prefillShares[turn])
                if sequence.isScoring {
                    // The first token's row is the one that every sequence may have.
                    let free = spareRows + (prefillShares[turn] == 0 ? 1 : 0)
                    grant = min(grant, free)
                    spareRows -= prefillShares[turn] == 0 ? max(grant - 1, 0) : grant
                }
                guard grant > 0 else { continue }
                prefillShares[turn] += grant
                budget -= grant
                lastPrefilledArrival = sequence.arrival
                isSharing = true
            }
        }
        for turn in prefillIndices.indices where prefillShares[turn] > 0 {
            appendSlice(of: prefillIndices[turn], tokenCount: prefillShares[turn], into: &step)
        }
    }

    /// Lists the running prompts, beginning after the one that had the last turn.
    private mutating func collectPrefills() {
        prefillIndices.removeAll(keepingCapacity: true)
        prefillShares.removeAll(keepingCapacity: true)
        let last = lastPrefilledArrival
        let first = running.firstIndex { $0.arrival > last ?? $0.arrival } ?? 0
        for offset in running.indices {
            let index = (first + offset) % running.count
            if running[index].isDecoding { continue }
            prefillIndices.append(index)
            prefillShares.append(0)
        }
    }

    private mutating func appendSlice(
        of index: Int, tokenCount: Int, into step: inout ScheduledStep
    ) {
        let start = running[index].computedCount
        let samples =
            running[index].maxTokens > 0 && start + tokenCount == running[index].tokens.count
        let isScored =
            running[index].isScoring && start < running[index].promptCount - 1
            && start + tokenCount > running[index].scoredCount
        step.append(
            ScheduledStep.Slice(
                id: running[index].id, startPosition: start, tokenCount: tokenCount,
                logits: isScored ? .all : samples ? .last : .none, samples: samples,
                runningIndex: index))
    }
}
