// SPDX-License-Identifier: Apache-2.0

internal import Inference
internal import Logging
internal import Sampling
internal import Scheduling
internal import Tokenization

extension GenerationEngine {
    /// What runs on the engine's thread, and everything that only that thread touches.
    final class Loop {
        let model: any LanguageModel
        let tokenizer: any Tokenizer
        let mailbox: Mailbox
        let logger: Logger
        let metrics = EngineMetrics()

        var scheduler: Scheduler
        var sampler: Sampler
        var statistics = EngineStatistics()
        var pace = CompletionPace()
        var promptPace = PromptPace()

        /// Memory that every step uses again.
        var scheduled = ScheduledStep()
        var batch = ForwardBatch()
        var outcomes: [SliceOutcome] = []
        var events: [(source: EventSource, event: GenerationEvent)] = []
        var messages = Mailbox.Messages()

        var requests: [RequestID: ActiveRequest] = [:]
        var choices: [SequenceID: ActiveChoice] = [:]
        /// The requests of choices that have ended, since the last time that it was published.
        var ended: [RequestID] = []
        private var nextSequence: UInt64 = 1
        private var shutdownDeadline: ContinuousClock.Instant?

        init(
            model: any LanguageModel, tokenizer: any Tokenizer, configuration: Configuration,
            maxSequences: Int, mailbox: Mailbox, logger: Logger
        ) {
            self.model = model
            self.tokenizer = tokenizer
            self.mailbox = mailbox
            self.logger = logger
            let limit = maxSequences + configuration.maxQueuedSequences
            scheduler = Scheduler(
                configuration: Scheduler.Configuration(
                    maxBatchTokens: model.maxBatchTokens, maxLogitsRows: model.maxLogitsRows,
                    maxSequences: maxSequences,
                    maxQueuedSequences: configuration.maxQueuedSequences
                        + OutstandingPlaces.reserve(of: limit),
                    blockCount: model.blockCount, positionsPerBlock: model.positionsPerBlock,
                    prefillChunkTokens: configuration.prefillChunkTokens,
                    prefillChunkTokensWhileDecoding: configuration
                        .prefillChunkTokensWhileDecoding,
                    attentionWindow: model.attentionWindow))
            sampler = Sampler(vocabularyCount: model.vocabularyCount)
            statistics.freeBlocks = model.blockCount
        }

        /// Runs until a shutdown; sleeps while there is nothing to do.
        func run() {
            publish()
            while true {
                receiveMessages()
                if let shutdownDeadline, requests.isEmpty || .now >= shutdownDeadline { break }
                if scheduler.sequenceCount == 0 {
                    mailbox.sleepUntilMessage()
                    statistics.wakeUps += 1
                    statistics.lastProgress = .now
                    pace.resume(at: .now)
                } else {
                    step()
                }
            }
            endEverything()
            let rest = mailbox.end()
            noteWithdrawals(rest.withdrawnCount)
            for submission in rest.submissions { start(submission) }
            endEverything()
        }

        private func endEverything() {
            for request in requests.values { endAll(request, reason: .cancelled) }
            publish()
        }

        private func receiveMessages() {
            mailbox.receive(into: &messages)
            if messages.isEmpty { return }
            if let deadline = messages.shutdownDeadline {
                shutdownDeadline = min(shutdownDeadline ?? deadline, deadline)
            }
            // First, since the new ones may have their places.
            for id in messages.cancellations {
                guard let request = requests[id] else { continue }
                endAll(request, reason: .cancelled)
            }
            noteWithdrawals(messages.withdrawnCount)
            for submission in messages.submissions { start(submission) }
            publish()
        }

        /// Queues the first choice of a request; the others are forked from it when the prompt is
        /// computed.
        private func start(_ submission: Submission) {
            let active = ActiveRequest(submission)
            requests[submission.id] = active
            for index in 0..<submission.request.choiceCount {
                let id = SequenceID(rawValue: nextSequence)
                nextSequence += 1
                let choice = ActiveChoice(of: active, index: index, id: id, tokenizer: tokenizer)
                active.choices.append(choice)
                choices[id] = choice
            }
            if !active.isScoring { finishScoring(active) }
            if submission.maxTokens == 0, !active.isScoring {
                for choice in active.choices { end(choice, reason: submission.limitReason) }
                return
            }
            active.unforked = Array(active.choices.dropFirst())
            do {
                try scheduler.add(
                    active.choices[0].id, active.sequenceRequest, at: submission.submitted)
            } catch {
                for choice in active.choices { end(choice, reason: .error("\(error)")) }
            }
        }

        /// Delivers the scores of a prompt, if they were asked for.
        func finishScoring(_ active: ActiveRequest) {
            guard active.request.promptLogprobs != nil else { return }
            emit(.promptLogprobs(active.promptLogprobs), of: active)
        }
    }
}
