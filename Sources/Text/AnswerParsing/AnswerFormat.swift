// SPDX-License-Identifier: Apache-2.0

package import Recognition
package import Tokenization

/// How a family of models writes thinking, answers and tool calls: declared once, and from it come
/// what reads an answer and what holds it to its form.
package protocol AnswerFormat: Sendable {
    /// What manifests and logs call it.
    var name: String { get }

    /// What opens and closes the model's thinking; nil where it does not think.
    var thinking: ThinkingMarks? { get }

    /// What a model writes before the text of an answer that it does not think about; mostly
    /// nothing.
    var textOpening: String { get }

    /// What an answer must look like, or nil where anything will do.
    ///
    /// Under `auto` the answer is free until a call begins, and from there held to the tools.
    func structure(for plan: AnswerPlan, tokenizer: any Tokenizer) -> Structure?

    /// What reads one answer.
    func reader(for plan: AnswerPlan, tokenizer: any Tokenizer) -> any AnswerReader
}

extension AnswerFormat {
    /// A format whose models do not think, or not so that it shows.
    package var thinking: ThinkingMarks? { nil }

    package var textOpening: String { "" }

    /// The ids that stand between the end of a prompt and the text of an answer without thinking:
    /// what closes thinking that the prompt has opened, and what opens the text.
    package func tokensBeforeText(
        after prompt: [Int32], _ tokenizer: any Tokenizer
    ) -> [Int32] {
        var segments: [PromptSegment] = []
        if let thinking, thinking.areOpen(atEndOf: prompt, tokenizer) {
            segments.append(.templated(thinking.closing))
        }
        if !textOpening.isEmpty { segments.append(.templated(textOpening)) }
        return segments.isEmpty ? [] : tokenizer.encode(segments)
    }
}

/// What stands before and after a model's thinking.
package struct ThinkingMarks: Hashable, Sendable {
    /// What opens it, such as `<think>`.
    package var opening: String

    /// What closes it, such as `</think>`.
    package var closing: String

    /// Whether line feeds next to the marks, within and without, belong to the marks.
    package var dropsLineFeeds = true

    /// Marks that the thinking stands between.
    package init(
        opening: String, closing: String, dropsLineFeeds: Bool = true
    ) {
        self.opening = opening
        self.closing = closing
        self.dropsLineFeeds = dropsLineFeeds
    }

    /// The marks that many models share.
    package static let tags = ThinkingMarks(opening: "<think>", closing: "</think>")

    /// Cohere's control tokens.
    package static let command = ThinkingMarks(
        opening: "<|START_THINKING|>", closing: "<|END_THINKING|>", dropsLineFeeds: false)

    /// Mistral's control tokens.
    package static let mistral = ThinkingMarks(
        opening: "[THINK]", closing: "[/THINK]", dropsLineFeeds: false)

    /// The ids that a model writes to begin its thinking.
    package func openingTokens(_ tokenizer: any Tokenizer) -> [Int32] {
        tokenizer.encode([.templated(opening)])
    }

    /// Whether a prompt ends where thinking has begun, so that the answer goes on with it.
    package func areOpen(atEndOf prompt: [Int32], _ tokenizer: any Tokenizer) -> Bool {
        let end = tokenizer.decode(Array(prompt.suffix(16)), namesControls: true)
        let opening = opening.trimmingSpace()
        let text = end.trimmingSpace()
        return text.utf8.suffix(opening.utf8.count).elementsEqual(opening.utf8)
    }
}

extension String {
    fileprivate func trimmingSpace() -> Substring {
        var text = self[...]
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}

/// Reads one answer as it is generated.
package protocol AnswerReader: Sendable {
    /// How many tokens the model has thought with so far, marks included.
    var thinkingTokenCount: Int { get }

    /// Takes the next tokens and the text that became certain with them.
    ///
    /// - Parameters:
    ///   - text: what the engine's detokenizer gives; control tokens have no part in it.
    ///   - tokens: each with the number of Unicode scalars of the answer's text before it.
    /// - Returns: what is certain now, in order; text that may be the beginning of a call or of
    ///   thinking is held back.
    mutating func append(
        _ text: String, tokens: [(id: Int32, textOffset: Int)]
    ) -> [AnswerPiece]

    /// The answer has ended: gives out what was held back, and ends calls that are open.
    mutating func finish() -> [AnswerPiece]
}

extension AnswerReader {
    package var thinkingTokenCount: Int { 0 }
}
