// SPDX-License-Identifier: Apache-2.0

package import Recognition
package import Tokenization

/// Calls of Llama 3.1 and later: a JSON object that is the whole answer, or that comes after
/// `<|python_tag|>`: `{"name": "f", "parameters": {…}}`.
package struct LlamaFormat: AnswerFormat {
    package let name = "llama3"
    package let thinking: ThinkingMarks?

    private static let nameKeys: Set<String> = ["name", "function"]
    private static let argumentKeys: Set<String> = ["parameters", "arguments"]

    /// The first members that make a JSON object a call.
    private static let keys = ["name", "function", "parameters", "arguments", "type", "id"]

    /// The format.
    package init(thinking: ThinkingMarks? = nil) {
        self.thinking = thinking
    }

    package func structure(for plan: AnswerPlan, tokenizer: any Tokenizer) -> Structure? {
        let tag = Mark("<|python_tag|>", tokenizer)
        let layout = AnswerLayout(
            plan: plan, thinking: thinking?.marks(tokenizer), triggers: [tag],
            opening: .expression(Self.textOpening))
        return layout.structure { tools in
            let calls = tools.map { tool in
                Structure.sequence([
                    .literal("{\"name\": \"\(tool.escapedName)\", \"parameters\": "),
                    tool.argumentStructure, .literal("}"),
                ])
            }
            // The templates refuse messages of several calls.
            return .sequence([.optional(tag.structure), .anyOf(calls)])
        }
    }

    /// The beginning of a text that is no call: not with `{`, unless other members follow.
    private static var textOpening: String {
        let keys = Divergence.expression(from: keys.map { $0 + "\"" })
        return "^[ \\t\\r\\n]*(?:[^{ \\t\\r\\n]|\\{[ \\t\\r\\n]*(?:[^\" \\t\\r\\n]|\"\(keys)))$"
    }

    package func reader(for plan: AnswerPlan, tokenizer: any Tokenizer) -> any AnswerReader {
        let marks = MarkedMachine<JSONCallMachine>.Marks(
            thinking: thinking?.marks(tokenizer),
            calls: [Mark("<|python_tag|>", tokenizer)], callsDropLineFeeds: false,
            callsMayBeBare: true,
            makeCall: { mark in
                JSONCallMachine(
                    .init(
                        nameKeys: Self.nameKeys, argumentKeys: Self.argumentKeys,
                        separator: UInt8(ascii: ";"), allowsOtherKeys: mark != nil))
            })
        return SymbolReader(
            MarkedMachine(marks, beginsThinking: plan.beginsThinking), plan: plan)
    }
}
