// SPDX-License-Identifier: Apache-2.0

import Generation
import Sampling

/// What a request gave, gathered from its events.
struct Generated: Equatable {
    struct Choice: Equatable {
        var text = ""
        var tokens: [TokenOutput] = []
        var reason: FinishReason?
        var stop: MatchedStop?

        var ids: [Int32] { tokens.map(\.id) }
    }

    var choices: [Int: Choice] = [:]
    var promptLogprobs: [TokenLogprobs?]?
    var promptTokens = 0
    var completionTokens = 0
    var cachedTokens = 0
    var events: [GenerationEvent] = []

    /// What the request consumed.
    var usage: Usage? {
        if case .usage(let usage)? = events.last { usage } else { nil }
    }

    /// The first choice.
    var first: Choice { choices[0] ?? Choice() }

    static func == (one: Generated, other: Generated) -> Bool {
        one.choices == other.choices && one.promptLogprobs == other.promptLogprobs
            && one.promptTokens == other.promptTokens
            && one.completionTokens == other.completionTokens
    }

    init() {}

    init(_ request: SubmittedRequest) async {
        for await event in request.stream { add(event) }
    }

    mutating func add(_ event: GenerationEvent) {
        events.append(event)
        switch event {
        case .promptLogprobs(let logprobs):
            promptLogprobs = logprobs
        case .output(let choice, let text, let tokens):
            choices[choice, default: Choice()].text += text
            choices[choice, default: Choice()].tokens += tokens
        case .finished(let choice, let reason, let stop):
            choices[choice, default: Choice()].reason = reason
            choices[choice, default: Choice()].stop = stop
        case .embedding: break
        case .usage(let usage):
            promptTokens = usage.promptTokens
            completionTokens = usage.completionTokens
            cachedTokens = usage.cachedPromptTokens
        }
    }
}

/// A request with a stream of its own.
struct SubmittedRequest: Sendable {
    let id: RequestID
    let place: QueuePlace
    let stream: GenerationStream
}

extension GenerationEngine {
    /// Submits a request whose events go to a stream of its own.
    func submit(_ request: GenerationRequest) throws(SubmissionError) -> SubmittedRequest {
        let stream = GenerationStream()
        let (id, place) = try submit(request, to: stream)
        return SubmittedRequest(id: id, place: place, stream: stream)
    }

    /// Submits all requests before any of them ends, and gathers what each gives.
    func generate(together requests: [GenerationRequest]) async throws -> [Generated] {
        try await withThrowingTaskGroup(of: (Int, Generated).self) { group in
            for (index, request) in requests.enumerated() {
                let stream = try submit(request)
                group.addTask { (index, await Generated(stream)) }
            }
            var results = Array(repeating: Generated(), count: requests.count)
            for try await (index, result) in group { results[index] = result }
            return results
        }
    }

    /// Submits a request and gathers everything it gives.
    func generate(_ request: GenerationRequest) async throws -> Generated {
        await Generated(try submit(request))
    }
}
