// SPDX-License-Identifier: Apache-2.0

package import Recognition
package import Tokenization

/// Calls as JSON objects between tags, of Hermes, Qwen2.5, Qwen3 and many others:
/// `<tool_call>\n{"name": "f", "arguments": {…}}\n</tool_call>`.
///
/// It is also the format of models whose template has no place for tools: they are told of it in
/// the system message, by `ToolInstructions` of Conversation.
package struct HermesFormat: AnswerFormat {
    package let name: String
    package let thinking: ThinkingMarks?

    /// A format of a name; `hermes`, or `general` where the model is told of it.
    package init(name: String = "hermes", thinking: ThinkingMarks? = nil) {
        self.name = name
        self.thinking = thinking
    }

    package func structure(for plan: AnswerPlan, tokenizer: any Tokenizer) -> Structure? {
        let opening = Mark("<tool_call>", tokenizer)
        let closing = Mark("</tool_call>", tokenizer)
        let layout = AnswerLayout(
            plan: plan, thinking: thinking?.marks(tokenizer), triggers: [opening])
        return layout.structure { tools in
            let objects = tools.map { tool in
                Structure.sequence([
                    .literal("{\"name\": \"\(tool.escapedName)\", \"arguments\": "),
                    tool.argumentStructure, .literal("}"),
                ])
            }
            let call = Structure.sequence([
                opening.structure, .literal("\n"), .anyOf(objects), .literal("\n"),
                closing.structure,
            ])
            return layout.repeated(call, separator: .literal("\n"))
        }
    }

    package func reader(for plan: AnswerPlan, tokenizer: any Tokenizer) -> any AnswerReader {
        let closing = Mark("</tool_call>", tokenizer)
        let marks = MarkedMachine<JSONCallMachine>.Marks(
            thinking: thinking?.marks(tokenizer), calls: [Mark("<tool_call>", tokenizer)],
            inner: Set([closing.control].compactMap(\.self)),
            makeCall: { _ in JSONCallMachine(.init(closing: closing)) })
        return SymbolReader(
            MarkedMachine(marks, beginsThinking: plan.beginsThinking), plan: plan)
    }
}

extension ThinkingMarks {
    /// The marks in a vocabulary.
    func marks(_ tokenizer: any Tokenizer) -> (opening: Mark, closing: Mark) {
        (Mark(opening, tokenizer), Mark(closing, tokenizer))
    }
}
