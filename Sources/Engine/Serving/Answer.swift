// SPDX-License-Identifier: Apache-2.0

import AnswerParsing
package import Generation

/// An answer that is being generated; it is cancelled when nobody reads it any more.
package struct Answer: Sendable {
    /// What comes next.
    package enum Item: Hashable, Sendable {
        /// Something happened.
        case event(AnswerEvent)

        /// The interval has passed once more.
        case tick
    }

    private let stream: GenerationStream
    private let promptCount: Int
    /// The choices of each prompt.
    private let choiceCount: Int
    /// How it is read, where it may be more than text.
    private let reading: AnswerReading?

    /// Submits requests of one question, all of them or none.
    ///
    /// - Parameters:
    ///   - requests: one for each prompt, with the same number of choices.
    ///   - engine: what generates.
    ///   - reading: how the choices are read; nil where they are text and nothing else.
    ///   - queued: is told where each request stands in the queue.
    /// - Throws: `ServingError` for an empty prompt and for what the engine refuses.
    init(
        to requests: [GenerationRequest], by engine: any CompletionEngine,
        reading: AnswerReading? = nil, queued: (QueuePlace) -> Void
    ) throws(ServingError) {
        // What was accepted before a refusal is cancelled when this goes away.
        let stream = GenerationStream()
        var placeCount = 0
        for (prompt, var request) in requests.enumerated() {
            guard !request.promptTokens.isEmpty else {
                throw .invalid(.prompt(prompt), expected: "a prompt of at least one token")
            }
            request.placesBefore = placeCount
            placeCount += request.placeCount
            do throws(SubmissionError) {
                queued(try engine.accept(request, to: stream))
            } catch {
                throw ServingError(error, prompt: prompt)
            }
        }
        self.stream = stream
        self.reading = reading
        promptCount = requests.count
        choiceCount = requests.first?.choiceCount ?? 1
    }

    /// Calls the body with one item after the other until everything has been said.
    ///
    /// When the task is cancelled or the body throws, the answer is cancelled.
    ///
    /// - Parameters:
    ///   - interval: the time between ticks.
    ///   - body: takes the next item.
    /// - Throws: what the body throws, or `CancellationError`.
    package func forEach(
        tickingEvery interval: Duration, _ body: (Item) async throws -> Void
    ) async throws {
        var openCount = promptCount
        var read = makeRead()
        try await stream.forEach(tickingEvery: interval) { item in
            switch item {
            case .tick: try await body(.tick)
            case .event(let event, let prompt):
                if case .usage = event { openCount -= 1 }
                let event = answerEvent(event, ofPrompt: prompt)
                guard read != nil else { return try await body(.event(event)) }
                for event in read?.receive(event) ?? [] { try await body(.event(event)) }
            }
        }
        if openCount > 0 { try await body(.event(.failed(choice: nil, .cancelled))) }
    }

    /// Waits for the whole answer.
    ///
    /// - Parameter consumed: is told what each prompt that has ended has consumed, also if the answer
    ///   broke off.
    /// - Returns: all that was said.
    /// - Throws: `ServingError.cancelled` if the answer broke off.
    package func collected(
        consumed: (Usage) -> Void = { _ in }
    ) async throws(ServingError) -> CollectedAnswer {
        var answer = CollectedAnswer(promptCount: promptCount, choiceCount: choiceCount)
        var read = makeRead()
        for (prompt, event) in await stream.collect() {
            let event = answerEvent(event, ofPrompt: prompt)
            guard read != nil else {
                answer.receive(event)
                continue
            }
            for event in read?.receive(event) ?? [] { answer.receive(event) }
        }
        for part in answer.parts {
            if let usage = part.usage { consumed(usage) }
        }
        guard answer.isComplete else { throw .cancelled }
        return answer
    }

    private func makeRead() -> ReadAnswer? {
        reading.map { ReadAnswer($0, promptCount: promptCount, choiceCount: choiceCount) }
    }

    private func answerEvent(_ event: GenerationEvent, ofPrompt prompt: Int) -> AnswerEvent {
        switch event {
        case .promptLogprobs(let logprobs): .promptLogprobs(prompt: prompt, logprobs)
        case .embedding(let numbers): .embedding(prompt: prompt, numbers)
        case .output(let choice, let text, let tokens):
            .output(choice: prompt * choiceCount + choice, .text(text), tokens: tokens)
        case .finished(let choice, let reason, let stop):
            end(of: prompt * choiceCount + choice, reason, stop)
        case .usage(let usage): .usage(prompt: prompt, usage)
        }
    }

    private func end(
        of choice: Int, _ reason: FinishReason, _ stop: MatchedStop?
    ) -> AnswerEvent {
        switch reason {
        case .stop: .finished(choice: choice, .stop(stop))
        case .length: .finished(choice: choice, .length)
        case .contextLength: .finished(choice: choice, .contextLength)
        case .repetition: .finished(choice: choice, .repetition)
        // An answer that its client cancels has nobody left to be told.
        case .cancelled: .failed(choice: choice, .stopping)
        case .expired: .failed(choice: choice, .expired)
        case .error(let reason): .failed(choice: choice, .failed(reason: reason))
        case .unavailable(let reason, let delay):
            .failed(choice: choice, .unavailable(reason: reason, retryAfter: delay))
        }
    }
}
