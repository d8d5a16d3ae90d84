// SPDX-License-Identifier: Apache-2.0

package import Sampling

/// What happens to a request, in order.
///
/// First `promptLogprobs` if asked for; then `output` events, those of different choices mixed; one
/// `finished` for each choice; last `usage`, after which the stream ends. The texts of a choice
/// concatenate to its full text.
package enum GenerationEvent: Hashable, Sendable {
    /// One element per token of the prompt; nil for the first, which nothing precedes. Where the
    /// request asked for a scoring, one element for each of its places.
    case promptLogprobs([TokenLogprobs?])

    /// What was made of the prompt's states, if that was asked for.
    case embedding([Float])

    /// Generated tokens, and the text that became certain with them.
    ///
    /// The text is empty while a character is incomplete or a stop string may be beginning.
    /// A reader that keeps up gets what one step gave: one token, or several where a constraint left
    /// no choice or was not certain of them before. One that is behind gets more at a time.
    case output(choice: Int, text: String, tokens: TokenRun)

    /// The choice has ended; `stop` says what matched when the reason is `.stop`.
    case finished(choice: Int, reason: FinishReason, stop: MatchedStop?)

    /// What the whole request consumed; always the last event.
    case usage(Usage)
}

/// One generated token.
package struct TokenOutput: Hashable, Sendable {
    /// The token.
    package let id: Int32

    /// What the model thought of it, if the request asked.
    package let logprobs: TokenLogprobs?

    /// The number of Unicode scalars of the choice's text that earlier tokens completed, including
    /// text still held back.
    package let textOffset: Int

    /// Whether the token ended the choice, and so is no part of the text.
    package let isStop: Bool

    /// Creates the record of one token.
    package init(
        id: Int32, logprobs: TokenLogprobs? = nil, textOffset: Int = 0, isStop: Bool = false
    ) {
        self.id = id
        self.logprobs = logprobs
        self.textOffset = textOffset
        self.isStop = isStop
    }
}

/// Why a choice ended.
package enum FinishReason: Hashable, Sendable {
    /// An end-of-sequence token, a stop token or a stop string.
    case stop

    /// `maxTokens` were generated.
    case length

    /// The context is full.
    case contextLength

    /// The choice was repeating itself, and nobody had said how long it may become.
    case repetition

    /// The request was cancelled, or the engine shut down.
    case cancelled

    /// The request's time limit has passed.
    case expired

    /// The engine could not go on with this choice; the text says why.
    case error(String)

    /// The model could not be loaded for it; the text says why.
    case unavailable(String, retryAfter: Duration)
}

/// What ended a choice with the reason `.stop`.
package enum MatchedStop: Hashable, Sendable {
    /// A stop string appeared.
    case string(String)

    /// A stop token or an end-of-sequence token was generated.
    case token(Int32)
}
