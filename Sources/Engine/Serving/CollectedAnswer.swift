// SPDX-License-Identifier: Apache-2.0

package import Generation
package import Sampling

/// The whole of what one request generated.
package struct CollectedAnswer: Sendable {
    /// One choice.
    package struct Choice: Sendable {
        /// Its text.
        package var text = ""

        /// Its tokens, one that ended it included.
        package var tokens: [TokenOutput] = []

        /// Why it ended; nil until then.
        package var reason: FinishReason?

        /// The mean log probability of the tokens, by which `best_of` chooses.
        var meanLogprob: Double {
            let logprobs = tokens.compactMap { $0.logprobs?.logprob }
            guard !logprobs.isEmpty else { return -.infinity }
            return logprobs.reduce(0, +) / Double(logprobs.count)
        }
    }

    /// The choices, by index.
    package private(set) var choices: [Choice]

    /// The prompt's log probabilities, if asked.
    package private(set) var promptLogprobs: [TokenLogprobs?] = []

    /// What it consumed; nil until the end.
    package private(set) var usage: Usage?

    /// An answer of which nothing has come yet.
    package init(choiceCount: Int) { choices = Array(repeating: Choice(), count: choiceCount) }

    /// Takes in the next event.
    package mutating func receive(_ event: GenerationEvent) {
        switch event {
        case .promptLogprobs(let logprobs): promptLogprobs = logprobs
        case .output(let choice, let text, let tokens):
            choices[choice].text += text
            choices[choice].tokens += tokens
        case .finished(let choice, let reason, _): choices[choice].reason = reason
        case .usage(let usage): self.usage = usage
        }
    }

    /// How many tokens the answer can tell of.
    package var tokenCount: Int {
        choices.reduce(promptLogprobs.count) { $0 + $1.tokens.count }
    }

    /// The choices of the highest mean log probability, best first; all of them in their order if
    /// that many were generated.
    package func best(_ count: Int) -> [Choice] {
        guard count < choices.count else { return choices }
        let ranked = choices.enumerated().sorted {
            ($1.element.meanLogprob, $0.offset) < ($0.element.meanLogprob, $1.offset)
        }
        return ranked.prefix(count).map(\.element)
    }
}
