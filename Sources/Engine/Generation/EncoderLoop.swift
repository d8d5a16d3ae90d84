// SPDX-License-Identifier: Apache-2.0

internal import Architectures
internal import Inference

/// What runs on the thread of an engine whose model is an encoder: takes texts fairly between
/// clients, encodes a batch of them, delivers their vectors.
final class EncoderLoop: EngineThreadLoop {
    private let encoder: Encoder
    private let mailbox: Mailbox
    private let metrics: EngineMetrics
    private let passage: ForegroundGate.Passage
    private var queue = EncoderQueue()
    private var statistics = EngineStatistics()
    private var pace = CompletionPace()
    private var messages = Mailbox.Messages()
    private var ended: [RequestID] = []
    private var shutdownDeadline: ContinuousClock.Instant?

    init(_ encoder: Encoder, modelName: String, mailbox: Mailbox, gate: ForegroundGate) {
        self.encoder = encoder
        passage = ForegroundGate.Passage(gate)
        metrics = EngineMetrics(model: modelName)
        self.mailbox = mailbox
    }

    func run() {
        publish()
        while true {
            receiveMessages()
            if let shutdownDeadline, queue.isEmpty || .now >= shutdownDeadline { break }
            let isBusy = queue.count > queue.backgroundCount
            passage.note(isBusy: isBusy)
            if queue.isEmpty {
                mailbox.sleepUntilMessage()
                statistics.wakeUps += 1
                statistics.lastProgress = .now
                pace.resume(at: .now)
            } else if !isBusy, !passage.isOpen {
                mailbox.sleepUntilMessage(orUntil: .now + ForegroundGate.pause)
                statistics.lastProgress = .now
            } else {
                step()
            }
        }
        let rest = mailbox.end()
        noteWithdrawals(rest.withdrawnCount)
        for submission in rest.submissions { queue.append(submission) }
        for submission in queue.removeAll() { finish(submission, .cancelled) }
        publish()
    }

    private func receiveMessages() {
        mailbox.receive(into: &messages)
        if messages.isEmpty { return }
        if let deadline = messages.shutdownDeadline {
            shutdownDeadline = min(shutdownDeadline ?? deadline, deadline)
        }
        if !messages.cancellations.isEmpty {
            for submission in queue.remove(Set(messages.cancellations)) {
                finish(submission, .cancelled)
            }
        }
        noteWithdrawals(messages.withdrawnCount)
        for submission in messages.submissions { queue.append(submission) }
        publish()
    }

    /// Encodes a batch of what waits.
    private func step() {
        let start = ContinuousClock.now
        let batch = queue.take(tokenCount: encoder.batchTokenCount, at: start)
        for submission in batch.expired { finish(submission, .expired) }
        let submissions = batch.submissions
        if submissions.isEmpty { return publish() }
        statistics.runningSequences = submissions.count
        statistics.waitingSequences = queue.count
        statistics.runningBackground = submissions.count { $0.request.isInBackground }
        statistics.waitingBackground = queue.backgroundCount
        mailbox.publish(statistics, ended: [], placeInterval: pace.interval)
        let vectors = encoder.encode(
            submissions.map {
                EncoderText($0.request.promptTokens, secondStart: $0.request.secondTextStart)
            }, submissions.map { $0.request.embedding ?? .score })
        let tokenCount = submissions.reduce(0) { $0 + $1.request.promptTokens.count }
        statistics.steps += 1
        statistics.prefillTokens += UInt64(tokenCount)
        statistics.cacheMissTokens += UInt64(tokenCount)
        statistics.lastProgress = .now
        for (submission, vector) in zip(submissions, vectors) {
            finish(submission, .length, vector, queued: submission.submitted.duration(to: start))
        }
        publish()
    }

    private func finish(
        _ submission: Submission, _ reason: FinishReason, _ vector: [Float]? = nil,
        queued: Duration? = nil
    ) {
        ended.append(submission.id)
        pace.noteEnd(at: .now)
        statistics.finishedRequests += 1
        let usage = Usage(
            promptTokens: submission.request.promptTokens.count, queueDuration: queued,
            totalDuration: submission.submitted.duration(to: .now))
        metrics.noteEnd(of: usage, reason: reason)
        pending.append((submission, reason, vector, usage))
    }

    /// What is told as soon as the places are given back.
    private var pending: [(Submission, FinishReason, [Float]?, Usage)] = []

    private func publish() {
        statistics.runningSequences = 0
        statistics.waitingSequences = queue.count
        statistics.runningBackground = 0
        statistics.waitingBackground = queue.backgroundCount
        mailbox.publish(statistics, ended: ended, placeInterval: pace.interval)
        ended.removeAll(keepingCapacity: true)
        for (submission, reason, vector, usage) in pending {
            let source = submission.source
            if let vector { source.send(.embedding(vector)) }
            for index in 0..<submission.request.choiceCount {
                source.send(.finished(choice: index, reason: reason, stop: nil))
            }
            source.send(.usage(usage))
        }
        pending.removeAll(keepingCapacity: true)
    }

    private func noteWithdrawals(_ count: Int) {
        statistics.finishedRequests += UInt64(count)
        metrics.noteWithdrawals(count)
    }
}

/// The texts that wait for an encoder: those of lower priority numbers first, then clients by turns,
/// each according to its weight.
struct EncoderQueue {
    private struct Line {
        var weight = 1.0
        /// The tokens that were encoded for the client, divided by its weight.
        var served = 0.0
        /// In the order of priority, then of arrival.
        var waiting: [Submission] = []
        /// How many of them are taken already.
        var takenCount = 0

        var first: Submission? {
            takenCount < waiting.count ? waiting[takenCount] : nil
        }

        /// Forgets those that are taken, once they are the larger part.
        mutating func compact() {
            guard takenCount > 64, 2 * takenCount > waiting.count else { return }
            waiting.removeFirst(takenCount)
            takenCount = 0
        }
    }

    private var lines: [Int: Line] = [:]
    /// Where a client stands that comes anew: not before those who wait.
    private var horizon = 0.0

    /// How many texts wait, and how many of them give way to all others.
    private(set) var count = 0
    private(set) var backgroundCount = 0

    /// Whether none does.
    var isEmpty: Bool { count == 0 }

    /// Adds a text at the end of its client's line.
    mutating func append(_ submission: Submission) {
        let request = submission.request
        var line = lines[request.client] ?? Line(served: horizon)
        line.weight = Double(max(1, request.weight))
        var place = line.waiting.count
        while place > line.takenCount,
            line.waiting[place - 1].request.priority > request.priority
        {
            place -= 1
        }
        line.waiting.insert(submission, at: place)
        lines[request.client] = line
        count += 1
        if request.isInBackground { backgroundCount += 1 }
    }

    /// Takes the next texts.
    ///
    /// - Parameters:
    ///   - tokenCount: how many tokens they may have; one text is taken in any case.
    ///   - now: decides whose time is over.
    /// - Returns: what is to be encoded, and what nobody wants any more.
    mutating func take(
        tokenCount: Int, at now: ContinuousClock.Instant
    ) -> (submissions: [Submission], expired: [Submission]) {
        var submissions: [Submission] = []
        var expired: [Submission] = []
        var left = tokenCount
        while let (client, submission) = next {
            let request = submission.request
            // What gives way to all others makes no batch of theirs longer; it comes last.
            if request.isInBackground, let last = submissions.last, !last.request.isInBackground {
                break
            }
            let isExpired = request.timeLimit.map { submission.submitted + $0 <= now } ?? false
            let cost = request.promptTokens.count
            if !isExpired, cost > left, !submissions.isEmpty { break }
            count -= 1
            if request.isInBackground { backgroundCount -= 1 }
            guard var line = lines.removeValue(forKey: client) else { break }
            line.takenCount += 1
            if isExpired {
                expired.append(submission)
            } else {
                submissions.append(submission)
                left -= cost
                horizon = max(horizon, line.served)
                line.served += Double(cost) / line.weight
            }
            line.compact()
            if line.first != nil { lines[client] = line }
        }
        return (submissions, expired)
    }

    /// The text whose turn it is.
    private var next: (client: Int, submission: Submission)? {
        // Among clients that had as much, the one that has waited longest is first.
        func order(_ line: Line, _ first: Submission) -> (Int, Double, UInt64) {
            (first.request.priority, line.served, first.id.rawValue)
        }
        var best: (client: Int, submission: Submission, line: Line)?
        for (client, line) in lines {
            guard let first = line.first else { continue }
            if let best, order(best.line, best.submission) < order(line, first) { continue }
            best = (client, first, line)
        }
        return best.map { ($0.client, $0.submission) }
    }

    /// Takes out some requests.
    mutating func remove(_ ids: Set<RequestID>) -> [Submission] {
        var removed: [Submission] = []
        for client in Array(lines.keys) {
            guard var line = lines.removeValue(forKey: client) else { continue }
            let waiting = line.waiting[line.takenCount...]
            removed += waiting.filter { ids.contains($0.id) }
            line.waiting = waiting.filter { !ids.contains($0.id) }
            line.takenCount = 0
            if !line.waiting.isEmpty { lines[client] = line }
        }
        count -= removed.count
        backgroundCount -= removed.count { $0.request.isInBackground }
        return removed
    }

    /// Takes out all.
    mutating func removeAll() -> [Submission] {
        defer { self = EncoderQueue() }
        return lines.keys.sorted().flatMap { client in
            lines[client].map { Array($0.waiting[$0.takenCount...]) } ?? []
        }
    }
}
