// SPDX-License-Identifier: Apache-2.0

import Scheduling

/// Plays the engine for a scheduler: every sampled token is 7, a sequence ends at its `maxTokens`.
struct SchedulerDriver {
    var scheduler: Scheduler
    var step = ScheduledStep()
    var generated: [SequenceID: Int] = [:]
    var limits: [SequenceID: Int] = [:]
    var finished: [SequenceID] = []
    var forks: [SequenceID: [SequenceID]] = [:]
    private var forkCounts: [SequenceID: Int] = [:]
    var now = ContinuousClock.now
    private var nextID: UInt64 = 1

    init(_ configuration: Scheduler.Configuration) {
        scheduler = Scheduler(configuration: configuration)
    }

    /// Adds a sequence whose tokens no other one has.
    mutating func add(
        prompt: Int, maxTokens: Int, scoresPrompt: Bool = false
    ) throws -> SequenceID {
        let first = Int32(nextID) * 1_000
        return try add(
            SequenceRequest(
                promptTokens: (0..<Int32(prompt)).map { first + $0 % 1_000 },
                maxTokens: maxTokens, scoresPrompt: scoresPrompt))
    }

    mutating func add(_ request: SequenceRequest) throws -> SequenceID {
        let id = SequenceID(rawValue: nextID)
        nextID += 1
        try scheduler.add(id, request, at: now)
        limits[id] = request.maxTokens
        generated[id] = 0
        forkCounts[id] = request.forkCount
        return id
    }

    mutating func cancel(_ id: SequenceID) {
        scheduler.cancel(id)
        forget(id)
    }

    /// Runs one step; the sequence of every slice that reaches its end is finished.
    mutating func run(scoredEnd: [SequenceID: Int] = [:]) {
        scheduler.schedule(into: &step, at: now)
        for id in step.expired { forget(id) }
        if step.slices.isEmpty { return }
        var outcomes: [SliceOutcome] = []
        for slice in step.slices {
            if slice.samples {
                let count = (generated[slice.id] ?? 0) + 1
                generated[slice.id] = count
                makeForks(of: slice)
                outcomes.append(count == limits[slice.id] ? .finished : .sampled(7))
            } else if limits[slice.id] == 0,
                slice.startPosition + slice.tokenCount == scoredEnd[slice.id]
            {
                outcomes.append(.finished)
            } else {
                outcomes.append(.progressed)
            }
        }
        scheduler.commit(step, outcomes: outcomes)
        for (slice, outcome) in zip(step.slices, outcomes) where outcome == .finished {
            finished.append(slice.id)
            forget(slice.id)
        }
    }

    /// Makes the forks of a sequence that has its first token.
    private mutating func makeForks(of slice: ScheduledStep.Slice) {
        for _ in 0..<(forkCounts.removeValue(forKey: slice.id) ?? 0) {
            let id = SequenceID(rawValue: nextID)
            nextID += 1
            scheduler.fork(slice, into: id, token: 7)
            limits[id] = limits[slice.id]
            generated[id] = 1
            forks[slice.id, default: []].append(id)
        }
    }

    private mutating func forget(_ id: SequenceID) {
        limits[id] = nil
        generated[id] = nil
    }
}
