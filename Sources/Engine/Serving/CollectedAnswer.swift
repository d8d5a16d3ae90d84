// SPDX-License-Identifier: Apache-2.0

package import AnswerParsing
package import Generation
package import Sampling

/// The whole of an answer.
package struct CollectedAnswer: Sendable {
    /// One choice.
    package struct Choice: Sendable {
        /// A call of a tool.
        package struct Call: Hashable, Sendable {
            /// The call's identity.
            package let id: String

            /// The tool's name.
            package let name: String

            /// The JSON text of its arguments, or a custom tool's input.
            package fileprivate(set) var arguments = ""

            /// Whether the answer ended within it.
            package fileprivate(set) var isCut = false
        }

        /// A part of it in which one thing is said.
        private struct Stretch {
            /// What is said, without the text that grows.
            let piece: AnswerPiece
            var text: String
            /// The places of its tokens among all of the choice.
            var tokens: Range<Int>
        }

        private var stretches: [Stretch] = []

        /// What it says, in order.
        ///
        /// Neighbours that say the same thing are one piece, with the tokens of all of them. Tokens
        /// that led to no text stand apart.
        package var pieces: [(piece: AnswerPiece, tokens: ArraySlice<TokenOutput>)] {
            stretches.map { ($0.piece.saying($0.text), tokens[$0.tokens]) }
        }

        /// Its text.
        package private(set) var text = ""

        /// What the model thought before it answered.
        package private(set) var thinking = ""

        /// The tools that it calls, in order.
        package private(set) var calls: [Call] = []

        /// Its tokens, one that ended it included.
        package private(set) var tokens: [TokenOutput] = []

        /// How it ended; nil until then.
        private var outcome: Result<AnswerEvent.End, ServingError>?

        /// Why it ended.
        ///
        /// - Throws: `ServingError` where the choice has no answer to give.
        package func end() throws(ServingError) -> AnswerEvent.End {
            guard let outcome else { throw .stopping }
            return try outcome.get()
        }

        /// The mean log probability of the tokens, by which `best_of` chooses.
        fileprivate var meanLogprob: Double {
            let logprobs = tokens.compactMap { $0.logprobs?.logprob }
            guard !logprobs.isEmpty else { return -.infinity }
            return logprobs.reduce(0, +) / Double(logprobs.count)
        }

        /// Takes in the next piece, with its tokens.
        mutating func receive(_ piece: AnswerPiece, _ tokens: TokenRun) {
            switch piece {
            case .text(let text): self.text += text
            case .thinking(let text): thinking += text
            case .callBegun(_, let id, let name): calls.append(Call(id: id, name: name))
            case .callArguments(let call, let text):
                if calls.indices.contains(call) { calls[call].arguments += text }
            case .callEnded: break
            case .callCut(let call):
                if calls.indices.contains(call) { calls[call].isCut = true }
            }
            let start = self.tokens.count
            self.tokens += tokens
            extend(with: piece, start..<self.tokens.count)
        }

        /// Joins a piece to the last one, if both say the same thing.
        private mutating func extend(with piece: AnswerPiece, _ tokens: Range<Int>) {
            let kind = piece.saying("")
            guard let last = stretches.indices.last, stretches[last].piece == kind,
                stretches[last].text.isEmpty == piece.growingText.isEmpty
            else {
                stretches.append(Stretch(piece: kind, text: piece.growingText, tokens: tokens))
                return
            }
            stretches[last].text += piece.growingText
            stretches[last].tokens = stretches[last].tokens.lowerBound..<tokens.upperBound
        }

        fileprivate mutating func end(_ outcome: Result<AnswerEvent.End, ServingError>) {
            self.outcome = outcome
        }
    }

    /// What belongs to one prompt.
    package struct Part: Sendable {
        /// The choices, by index.
        package fileprivate(set) var choices: [Choice]

        /// The prompt's log probabilities, if asked.
        package fileprivate(set) var promptLogprobs: [TokenLogprobs?] = []

        /// Its vector or score, if that was asked for instead of an answer.
        package fileprivate(set) var embedding: [Float]?

        /// What it consumed; nil until the end.
        package fileprivate(set) var usage: Usage?

        /// The choices of the highest mean log probability, best first; all of them in their order
        /// if that many were generated.
        package func best(_ count: Int) -> [Choice] {
            guard count < choices.count else { return choices }
            let ranked = choices.enumerated().sorted {
                ($1.element.meanLogprob, $0.offset) < ($0.element.meanLogprob, $1.offset)
            }
            return ranked.prefix(count).map(\.element)
        }
    }

    /// What each prompt led to.
    package private(set) var parts: [Part]

    private let choiceCount: Int

    /// An answer of which nothing has come yet.
    ///
    /// - Parameters:
    ///   - promptCount: how many prompts it answers.
    ///   - choiceCount: the choices of each of them.
    package init(promptCount: Int = 1, choiceCount: Int) {
        self.choiceCount = choiceCount
        parts = Array(
            repeating: Part(choices: Array(repeating: Choice(), count: choiceCount)),
            count: promptCount)
    }

    /// Takes in the next event.
    package mutating func receive(_ event: AnswerEvent) {
        switch event {
        case .promptLogprobs(let prompt, let logprobs): parts[prompt].promptLogprobs = logprobs
        case .embedding(let prompt, let numbers): parts[prompt].embedding = numbers
        case .output(let choice, let piece, let tokens):
            parts[choice / choiceCount].choices[choice % choiceCount].receive(piece, tokens)
        case .finished(let choice, let end):
            parts[choice / choiceCount].choices[choice % choiceCount].end(.success(end))
        case .failed(let choice?, let error):
            parts[choice / choiceCount].choices[choice % choiceCount].end(.failure(error))
        case .failed(nil, _): break
        case .usage(let prompt, let usage): parts[prompt].usage = usage
        }
    }

    /// Whether every prompt's answer has come to its end.
    package var isComplete: Bool { parts.allSatisfy { $0.usage != nil } }

    /// How many tokens the answer can tell of.
    package var tokenCount: Int {
        parts.reduce(0) { count, part in
            part.choices.reduce(count + part.promptLogprobs.count) { $0 + $1.tokens.count }
        }
    }
}

extension AnswerPiece {
    /// The text that pieces of its kind add to.
    fileprivate var growingText: String {
        switch self {
        case .text(let text), .thinking(let text), .callArguments(_, let text): text
        case .callBegun, .callEnded, .callCut: ""
        }
    }

    /// The piece with another text in place of its own.
    fileprivate func saying(_ text: String) -> AnswerPiece {
        switch self {
        case .text: .text(text)
        case .thinking: .thinking(text)
        case .callArguments(let call, _): .callArguments(call, text)
        case .callBegun, .callEnded, .callCut: self
        }
    }
}
