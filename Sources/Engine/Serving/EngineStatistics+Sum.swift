// SPDX-License-Identifier: Apache-2.0

import Generation

extension EngineStatistics {
    /// The sums of both; the later of their last steps, and the experts of the other.
    func adding(_ other: EngineStatistics) -> EngineStatistics {
        var sum = self
        sum.runningSequences += other.runningSequences
        sum.waitingSequences += other.waitingSequences
        sum.runningBackground += other.runningBackground
        sum.waitingBackground += other.waitingBackground
        sum.usedBlocks += other.usedBlocks
        sum.freeBlocks += other.freeBlocks
        sum.cachedBlocks += other.cachedBlocks
        sum.cacheHitTokens += other.cacheHitTokens
        sum.cacheMissTokens += other.cacheMissTokens
        sum.evictedBlocks += other.evictedBlocks
        sum.steps += other.steps
        sum.prefillTokens += other.prefillTokens
        sum.generatedTokens += other.generatedTokens
        sum.forcedTokens += other.forcedTokens
        sum.drafts += other.drafts
        sum.draftTokens += other.draftTokens
        sum.acceptedDraftTokens += other.acceptedDraftTokens
        sum.masks += other.masks
        sum.maskWait += other.maskWait
        sum.rewinds += other.rewinds
        sum.decodedTokens += other.decodedTokens
        sum.decodingReadBytes += other.decodingReadBytes
        sum.decodingDuration += other.decodingDuration
        sum.expertUsage = other.expertUsage ?? expertUsage
        sum.preemptions += other.preemptions
        sum.abandonedSteps += other.abandonedSteps
        sum.finishedRequests += other.finishedRequests
        sum.wakeUps += other.wakeUps
        sum.lastProgress = max(lastProgress, other.lastProgress)
        return sum
    }

    /// Leaves only what counts from the start on: an engine that has ended holds nothing.
    mutating func forgetLevels() {
        runningSequences = 0
        waitingSequences = 0
        runningBackground = 0
        waitingBackground = 0
        usedBlocks = 0
        freeBlocks = 0
        cachedBlocks = 0
        expertUsage = nil
    }
}
