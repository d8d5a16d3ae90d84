// SPDX-License-Identifier: Apache-2.0

import Scheduling

/// The real scheduler, driven through a load in the time that a cost model tells.
struct Simulation {
    /// A request that has arrived.
    private struct Request {
        let demand: Demand
        var generatedCount = 0
        var lastToken: Double?
    }

    let costs: CostModel
    let pause: Double
    let duration: Double
    private var workload: Workload
    private var arrivals: [Demand]
    private var scheduler: Scheduler
    private var step = ScheduledStep()
    private var outcomes: [SliceOutcome] = []
    private var requests: [SequenceID: Request] = [:]
    private var nextID: UInt64 = 1
    private var time = 0.0
    private let epoch = ContinuousClock.now
    private(set) var report = Report()

    /// Prepares a run.
    ///
    /// - Parameters:
    ///   - configuration: the policy.
    ///   - costs: what a step takes.
    ///   - arrivals: the load; users come again after their answers.
    ///   - workload: what users ask.
    ///   - pause: how long users think, on average.
    ///   - duration: when nobody comes any more, in seconds.
    init(
        configuration: Scheduler.Configuration, costs: CostModel, arrivals: [Demand],
        workload: Workload, pause: Double, duration: Double
    ) {
        self.costs = costs
        self.pause = pause
        self.duration = duration
        self.workload = workload
        // The last one comes first off the end.
        self.arrivals = arrivals.sorted { $0.arrival > $1.arrival }
        scheduler = Scheduler(configuration: configuration)
    }

    /// Runs until everybody has an answer.
    mutating func run() {
        while true {
            while let next = arrivals.last, next.arrival <= time { submit(arrivals.removeLast()) }
            let now = epoch + .seconds(time)
            scheduler.schedule(into: &step, at: now)
            if step.slices.isEmpty {
                guard let next = arrivals.last else { break }
                time = next.arrival
                continue
            }
            time += costs.seconds(of: step)
            complete()
        }
        report.seconds = time
        report.hitTokens = scheduler.cacheStatistics.hitTokens
        report.missTokens = scheduler.cacheStatistics.missTokens
    }

    private mutating func submit(_ demand: Demand) {
        let id = SequenceID(rawValue: nextID)
        nextID += 1
        let tokens = (0..<demand.promptCount).map {
            workload.token($0, of: demand.conversation)
        }
        do {
            try scheduler.add(
                id,
                SequenceRequest(
                    promptTokens: tokens, maxTokens: demand.outputCount,
                    client: ClientID(rawValue: demand.client)), at: epoch + .seconds(demand.arrival)
            )
            requests[id] = Request(demand: demand)
        } catch {
            report.refusedCount += 1
            askAgain(demand)
        }
    }

    private mutating func complete() {
        report.preemptionCount += step.preempted.count
        report.stepCount += 1
        outcomes.removeAll(keepingCapacity: true)
        for slice in step.slices {
            guard slice.samples, var request = requests[slice.id] else {
                outcomes.append(.progressed)
                continue
            }
            if let last = request.lastToken {
                report.gaps.append(time - last)
            } else {
                report.firstTokens.append(time - request.demand.arrival)
            }
            request.lastToken = time
            request.generatedCount += 1
            report.outputCount += 1
            requests[slice.id] = request
            if request.generatedCount == request.demand.outputCount {
                outcomes.append(.finished)
                requests[slice.id] = nil
                report.finishedCount += 1
                askAgain(request.demand)
            } else {
                let position = request.demand.promptCount + request.generatedCount - 1
                outcomes.append(
                    .sampled(workload.token(position, of: request.demand.conversation)))
            }
        }
        scheduler.commit(step, outcomes: outcomes)
    }

    private mutating func askAgain(_ demand: Demand) {
        guard demand.user != nil, time < duration else { return }
        let next = workload.followUp(of: demand, at: time, pause: pause)
        let place = arrivals.firstIndex { $0.arrival < next.arrival } ?? arrivals.count
        arrivals.insert(next, at: place)
    }
}
