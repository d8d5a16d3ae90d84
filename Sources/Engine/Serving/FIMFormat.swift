// SPDX-License-Identifier: Apache-2.0

import Conversation
package import Tokenization

/// How a vocabulary marks the text before and after a gap to fill.
package struct FIMFormat: Sendable {
    private enum Order {
        /// Mistral: BOS, suffix, prefix.
        case suffixFirst
        /// Most others: prefix, suffix, middle.
        case prefixFirst
    }

    private let order: Order
    private let prefix: String
    private let suffix: String
    private let middle: String

    /// The format that the vocabulary has tokens for, or nil if it has none.
    package init?(tokenizer: any Tokenizer) {
        let known: [(Order, String, String, String)] = [
            (.suffixFirst, "[PREFIX]", "[SUFFIX]", "[MIDDLE]"),
            (.prefixFirst, "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
            (.prefixFirst, "<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
            (.prefixFirst, "<|fim_begin|>", "<|fim_hole|>", "<|fim_end|>"),
            (.prefixFirst, "<PRE>", "<SUF>", "<MID>"),
        ]
        let format = known.first { order, prefix, suffix, middle in
            tokenizer.id(ofControl: prefix) != nil && tokenizer.id(ofControl: suffix) != nil
                && (order == .suffixFirst || tokenizer.id(ofControl: middle) != nil)
        }
        guard let format else { return nil }
        (order, prefix, suffix, middle) = format
    }

    /// The prompt that asks for the text between the two.
    ///
    /// - Parameters:
    ///   - before: the text before the gap.
    ///   - after: the text after it.
    ///   - tokenizer: the vocabulary that the format was found in.
    ///   - limit: how many ids there may be.
    /// - Returns: the ids.
    /// - Throws: `TokenLimitError`, before all has been tokenized.
    /// - Source: mistral-common `encode_fim`: `[BOS][SUFFIX]suffix[PREFIX]prompt`.
    package func tokens(
        before: String, after: String, tokenizer: any Tokenizer, limit: Int = .max
    ) throws(TokenLimitError) -> [Int32] {
        let segments: [PromptSegment]
        switch order {
        case .suffixFirst:
            do throws(ConversationError) {
                // Unlike plain segments, this keeps SentencePiece's space out of the suffix.
                return try MistralFormat.encodeInfilling(
                    prompt: before, suffix: after, tokenizer: tokenizer, limit: limit)
            } catch {
                if case .tooLong(let excess) = error { throw excess }
                // The tokens were found above; only BOS can be missing.
                segments = [.control(suffix), .text(after), .control(prefix), .text(before)]
            }
        case .prefixFirst:
            segments = [
                .control(prefix), .text(before), .control(suffix), .text(after), .control(middle),
            ]
        }
        let tokens = try tokenizer.encode(segments, limit: limit)
        guard tokenizer.addsBOS, let bos = tokenizer.bosTokenID else { return tokens }
        return [bos] + tokens
    }
}
