// SPDX-License-Identifier: Apache-2.0

package import AnswerParsing
package import Generation
package import Sampling

/// What happens to an answer, in order.
///
/// For each prompt: first `promptLogprobs` if asked for; then `output`, that of different choices
/// mixed; one `finished` or `failed` for each choice; last `usage`. Those of several prompts are
/// mixed, too. Choices are counted over all prompts: those of the first one, of the second, and so
/// on. The pieces of a choice concatenate to its whole text.
package enum AnswerEvent: Hashable, Sendable {
    /// Why a choice ended.
    package enum End: Hashable, Sendable {
        /// An end-of-sequence token, a stop token or a stop string, which is told if it is known.
        case stop(MatchedStop?)

        /// The model waits for the results of the tools that it has called.
        case toolCalls

        /// As many tokens were generated as were asked for.
        case length

        /// The context is full.
        case contextLength

        /// The choice was repeating itself, and nobody had said how long it may become.
        case repetition
    }

    /// The log probabilities of a prompt's tokens; nil for the first, which nothing precedes.
    case promptLogprobs(prompt: Int, [TokenLogprobs?])

    /// The vector or score of a prompt, where that was asked for instead of an answer.
    case embedding(prompt: Int, [Float])

    /// Generated tokens, and what became certain with them.
    ///
    /// The text is empty while a character is incomplete, or a stop string, thinking or a call of a
    /// tool may be beginning. Tokens that lead to several pieces come with the first of them.
    case output(choice: Int, AnswerPiece, tokens: TokenRun)

    /// The choice is complete.
    case finished(choice: Int, End)

    /// The choice will never be complete; without one, nothing more comes of the whole answer.
    case failed(choice: Int?, ServingError)

    /// What a prompt and its choices consumed.
    case usage(prompt: Int, Usage)
}
