// SPDX-License-Identifier: Apache-2.0

internal import Logging
internal import Scheduling

extension GenerationEngine.Loop {
    /// Keeps an event until the step is over, so that whoever sees it finds its blocks freed.
    func emit(_ event: GenerationEvent, of active: ActiveRequest) {
        events.append((active.submission.source, event))
    }

    /// Ends a choice that the scheduler does not know, or will forget with the current step.
    func end(_ choice: ActiveChoice, reason: FinishReason, stop: MatchedStop? = nil) {
        let active = choice.active
        choices[choice.id] = nil
        active.choices.removeAll { $0 === choice }
        ended.append(active.submission.id)
        pace.noteEnd(at: .now)
        emit(.finished(choice: choice.index, reason: reason, stop: stop), of: active)
        guard active.choices.isEmpty else { return }
        requests[active.submission.id] = nil
        statistics.finishedRequests += 1
        active.usage.totalDuration = active.submission.submitted.duration(to: .now)
        metrics.noteEnd(of: active.usage, reason: reason)
        emit(.usage(active.usage), of: active)
    }

    /// Ends what is left of a request between two steps; text that was held back comes out.
    func endAll(_ active: ActiveRequest, reason: FinishReason) {
        for choice in active.choices {
            scheduler.cancel(choice.id)
            release(choice)
            end(choice, reason: reason)
        }
    }

    /// Counts requests that were cancelled before they were taken.
    func noteWithdrawals(_ count: Int) {
        statistics.finishedRequests += UInt64(count)
        metrics.noteWithdrawals(count)
    }

    /// Ends the requests whose time is over, all choices of each.
    func endExpired() {
        for id in scheduled.expired {
            guard let active = choices[id]?.active else { continue }
            for choice in active.choices {
                release(choice)
                end(choice, reason: .expired)
            }
        }
    }

    /// Delivers the text that was held back in case a stop string or a character was beginning.
    func release(_ choice: ActiveChoice) {
        let text = flush(choice)
        if text.isEmpty { return }
        emit(.output(choice: choice.index, text: text, tokens: []), of: choice.active)
    }

    /// Publishes the state of the engine, then delivers what happened since the last time.
    func publish() {
        statistics.runningSequences = scheduler.runningCount
        statistics.waitingSequences = scheduler.waitingCount
        statistics.usedBlocks = scheduler.usedBlockCount
        statistics.freeBlocks = scheduler.freeBlockCount
        statistics.cachedBlocks = scheduler.cachedBlockCount
        statistics.cacheHitTokens = scheduler.cacheStatistics.hitTokens
        statistics.cacheMissTokens = scheduler.cacheStatistics.missTokens
        statistics.evictedBlocks = scheduler.cacheStatistics.evictedBlocks
        mailbox.publish(statistics, ended: ended, placeInterval: pace.interval)
        ended.removeAll(keepingCapacity: true)
        for (source, event) in events { source.send(event) }
        events.removeAll(keepingCapacity: true)
    }

    /// Records which requests left the queue.
    func noteAdmissions(at now: ContinuousClock.Instant) {
        for id in scheduled.admitted {
            guard let active = choices[id]?.active, active.usage.queueDuration == nil else {
                continue
            }
            active.usage.queueDuration = active.submission.submitted.duration(to: now)
        }
    }

    /// Records how long a request's first token took.
    func noteFirstToken(of active: ActiveRequest) {
        guard active.usage.firstTokenDuration == nil else { return }
        active.usage.firstTokenDuration = active.submission.submitted.duration(to: .now)
    }

    /// Records what a step did.
    func noteStep(_ times: StepTimes) {
        statistics.steps += 1
        statistics.prefillTokens += UInt64(scheduled.prefillCount)
        statistics.preemptions += UInt64(scheduled.preempted.count)
        statistics.lastProgress = times.end
        if scheduled.decodeCount == 0, scheduled.prefillCount >= 64 {
            promptPace.note(times.forward / scheduled.prefillCount)
            scheduler.promptTokenTime = promptPace.promptTokenTime
        }
        metrics.noteStep(scheduled, times)
        logger.debug(
            "step",
            metadata: [
                "decodes": "\(scheduled.decodeCount)", "prefill": "\(scheduled.prefillCount)",
                "admitted": "\(scheduled.admitted.count)",
                "preempted": "\(scheduled.preempted.count)",
                "copies": "\(scheduled.copies.count)",
                "running": "\(scheduler.runningCount)", "waiting": "\(scheduler.waitingCount)",
                "free": "\(scheduler.freeBlockCount)", "cached": "\(scheduler.cachedBlockCount)",
                "schedule": "\(times.schedule)", "forward": "\(times.forward)",
                "sample": "\(times.sample)",
            ])
    }
}
