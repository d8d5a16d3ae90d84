// SPDX-License-Identifier: Apache-2.0

import Sampling
import Tokenization

/// What a question says of its sampling in texts, which a model's vocabulary turns into tokens.
package struct SamplingTexts: Hashable, Sendable {
    /// Words that no answer has.
    package var bannedWords: [String] = []

    /// Where DRY's repetitions end.
    package var sequenceBreakers: [String] = []

    /// What penalties take for the prompt.
    package var penaltyPrompt: String?

    /// llama.cpp's breakers where a request names none.
    package static let defaultBreakers = ["\n", ":", "\"", "*"]

    /// The most breakers of a request, and the most bytes of one.
    package static let mostBreakers = 64
    package static let longestBreaker = 40

    /// Says nothing.
    package init() {}

    /// Turns them into tokens.
    ///
    /// - Parameters:
    ///   - parameters: gets them.
    ///   - tokenizer: of the model.
    ///   - breakers: knows the breakers that were used lately.
    /// - Throws: `ServingError` for a word that has no tokens.
    func resolve(
        into parameters: inout SamplingParameters, _ tokenizer: any Tokenizer,
        _ breakers: BreakerSource
    ) throws(ServingError) {
        for word in bannedWords {
            parameters.bannedSequences += try Self.sequences(of: word, tokenizer)
        }
        if let penaltyPrompt {
            parameters.penaltyPrompt = tokenizer.encode(
                prompt: penaltyPrompt, addSpecial: false)
        }
        if parameters.chain?.dry != nil {
            parameters.chain?.dry?.breakers = breakers.breakers(sequenceBreakers)
        }
    }

    /// The tokens of a word at the beginning of a text, and within one, where a space comes before.
    private static func sequences(
        of word: String, _ tokenizer: any Tokenizer
    ) throws(ServingError) -> [[Int32]] {
        let bare = String(word.drop { $0.isWhitespace })
        let first = tokenizer.encode(bare, addSpecial: false)
        guard !first.isEmpty else {
            throw .invalid(
                .parameter("bad_words"), expected: "words of at least one token each")
        }
        let second = tokenizer.encode(" " + bare, addSpecial: false)
        return second.isEmpty || second == first ? [first] : [first, second]
    }
}
