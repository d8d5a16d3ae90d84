// SPDX-License-Identifier: Apache-2.0

import Generation
import Sampling

/// The whole of what one request generated.
struct CollectedAnswer: Sendable {
    /// One choice.
    struct Choice: Sendable {
        var text = ""
        var tokens: [TokenOutput] = []
        var reason: FinishReason?

        /// The mean log probability of the tokens, by which `best_of` chooses.
        var meanLogprob: Double {
            let logprobs = tokens.compactMap { $0.logprobs?.logprob }
            guard !logprobs.isEmpty else { return -.infinity }
            return logprobs.reduce(0, +) / Double(logprobs.count)
        }
    }

    /// The choices, by index.
    private(set) var choices: [Choice]

    /// The prompt's log probabilities, if asked.
    private(set) var promptLogprobs: [TokenLogprobs?] = []

    /// What it consumed; nil until the end.
    private(set) var usage: Usage?

    /// An answer of which nothing has come yet.
    init(choiceCount: Int) { choices = Array(repeating: Choice(), count: choiceCount) }

    /// Takes in the next event.
    mutating func receive(_ event: GenerationEvent) {
        switch event {
        case .promptLogprobs(let logprobs): promptLogprobs = logprobs
        case .output(let choice, let text, let tokens):
            choices[choice].text += text
            choices[choice].tokens += tokens
        case .finished(let choice, let reason, _): choices[choice].reason = reason
        case .usage(let usage): self.usage = usage
        }
    }

    /// The token counts.
    var report: UsageReport { usage.map { UsageReport($0) } ?? UsageReport() }

    /// How many tokens the answer can tell of.
    var tokenCount: Int {
        choices.reduce(promptLogprobs.count) { $0 + $1.tokens.count }
    }

    /// The choices of the highest mean log probability, best first; all of them in their order if
    /// that many were generated.
    func best(_ count: Int) -> [Choice] {
        guard count < choices.count else { return choices }
        let ranked = choices.enumerated().sorted {
            ($1.element.meanLogprob, $0.offset) < ($0.element.meanLogprob, $1.offset)
        }
        return ranked.prefix(count).map(\.element)
    }
}

extension UsageReport {
    /// The counts of one request.
    init(_ usage: Usage) {
        self.init(
            promptTokens: usage.promptTokens, completionTokens: usage.completionTokens,
            cachedTokens: usage.cachedPromptTokens)
    }
}
