// SPDX-License-Identifier: Apache-2.0

package import Recognition
package import Tokenization

/// What is asked of one answer, as far as its form goes.
package struct AnswerPlan: Hashable, Sendable {
    /// The tools, in the order of the prompt.
    package var tools: [Tool] = []

    /// Which of them are called.
    package var choice = ToolChoice.auto(allowed: nil)

    /// Whether there may be more than one call.
    package var allowsParallelCalls = true

    /// What the answer's text must look like where it calls no tool; nil for any text.
    package var output: Structure?

    /// Whether the prompt ends within the model's thinking, as some templates leave it.
    package var beginsThinking = false

    /// Whether the model may think before it answers.
    package var allowsThinking = true

    /// A plan without tools or constraints.
    package init() {}
}

/// How a family of models writes thinking, answers and tool calls: declared once, and from it come
/// what reads an answer and what holds it to its form.
package protocol AnswerFormat: Sendable {
    /// What manifests and logs call it.
    var name: String { get }

    /// What an answer must look like, or nil where anything will do.
    ///
    /// Under `auto` the answer is free until a call begins, and from there held to the tools.
    func structure(for plan: AnswerPlan, tokenizer: any Tokenizer) -> Structure?

    /// What reads one answer.
    func reader(for plan: AnswerPlan, tokenizer: any Tokenizer) -> any AnswerReader
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
