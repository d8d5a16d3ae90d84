// SPDX-License-Identifier: Apache-2.0

package import Recognition
package import Tokenization

/// Calls as JSON objects between tags, of Hermes, Qwen2.5, Qwen3 and many others:
/// `<tool_call>\n{"name": "f", "arguments": {…}}\n</tool_call>`.
///
/// Small models forget the tags: Qwen2.5-Coder writes the object alone or in a block of Markdown. An
/// answer that begins with such an object, if it is a call of a tool that satisfies its schema, calls
/// the tool, too.
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
        var marks = MarkedMachine<HermesCallMachine>.Marks(
            thinking: thinking?.marks(tokenizer), calls: [Mark("<tool_call>", tokenizer)],
            inner: Set([closing.control].compactMap(\.self)),
            makeCall: { _ in HermesCallMachine(JSONCallMachine(.init(closing: closing))) })
        // Where an object is asked for, it is the answer.
        if plan.output == nil {
            marks.calls.append(Mark(text: "```json"))
            marks.openingCalls = [1]
            marks.bareCalls = .anywhere
            let isSingle = !plan.allowsParallelCalls
            marks.makeCall = { [tools = plan.callableTools] mark in
                if mark == 0 { return HermesCallMachine(JSONCallMachine(.init(closing: closing))) }
                let closing = mark.map { _ in Mark(text: "```") }
                return HermesCallMachine(
                    UntaggedCallMachine(tools, isSingle: isSingle, closing: closing))
            }
        }
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

/// A call has its tags, or none.
private typealias HermesCallMachine = EitherCallMachine<JSONCallMachine, UntaggedCallMachine>
