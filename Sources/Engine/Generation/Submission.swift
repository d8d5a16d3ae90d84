// SPDX-License-Identifier: Apache-2.0

internal import StructuredOutput

/// A request on its way to the engine, checked and with its limits resolved.
struct Submission: Sendable {
    let id: RequestID
    let request: GenerationRequest

    /// The most tokens of a choice, within the context.
    let maxTokens: Int

    /// Why a choice ends that reaches `maxTokens`.
    let limitReason: FinishReason

    let seed: UInt64
    let stopMatcher: StopMatcher

    /// The tokens that end a choice.
    let endTokens: Set<Int32>

    /// The same as a list, and the ignored ones, to be masked while a choice is too short.
    let endTokensInOrder: [Int32]

    /// The vocabulary's own end tokens if a constraint ends the answer; the one to take first.
    let constraintEndTokens: [Int32]

    /// Those of them that the request ignores where the answer need not end.
    let ignoredEndTokens: [Int32]

    /// The only tokens that the request allows; nil for all.
    let allowedMask: TokenMask?

    /// Whether it is one of the later steps of a beam search, and so no request of its own.
    var isLaterStep = false

    let source: EventSource
    let submitted: ContinuousClock.Instant

    /// Ends a request that the engine has never seen.
    func endUnstarted() {
        for index in 0..<request.choiceCount {
            source.send(.finished(choice: index, reason: .cancelled, stop: nil))
        }
        source.send(
            .usage(
                Usage(
                    promptTokens: request.promptTokens.count,
                    totalDuration: submitted.duration(to: .now))))
    }
}
