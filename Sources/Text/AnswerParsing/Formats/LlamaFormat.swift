// SPDX-License-Identifier: Apache-2.0

package import Recognition
package import Tokenization

/// Calls of Llama 3.1 and later: a JSON object that is the whole answer, or that comes after
/// `<|python_tag|>`: `{"name": "f", "parameters": {…}}`.
///
/// The models also know `<function=f>{…}</function>`, which is read wherever it stands, and may come
/// where calls are not asked for.
package struct LlamaFormat: AnswerFormat {
    package let name = "llama3"
    package let thinking: ThinkingMarks?

    private static let functionOpening = "<function="
    private static let functionClosing = "</function>"

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
        let function = Mark(Self.functionOpening, tokenizer)
        let layout = AnswerLayout(
            plan: plan, thinking: thinking?.marks(tokenizer), triggers: [tag, function],
            opening: .expression(Self.textOpening))
        return layout.structure { tools in
            let calls = tools.map { tool in
                Structure.sequence([
                    .literal("{\"name\": \"\(tool.escapedName)\", \"parameters\": "),
                    tool.argumentStructure, .literal("}"),
                ])
            }
            // The templates refuse messages of several calls.
            let object = Structure.sequence([.optional(tag.structure), .anyOf(calls)])
            if plan.requiresCall { return object }
            let tagged = tools.map { tool in
                Structure.sequence([
                    function.structure, .literal("\(tool.name)>"), tool.argumentStructure,
                    Mark(Self.functionClosing, tokenizer).structure,
                ])
            }
            return .choice([object] + tagged)
        }
    }

    /// The beginning of a text that is no call: not with `{`, unless other members follow, nor with
    /// `<function=`.
    private static var textOpening: String {
        let space = "[ \\t\\r\\n]*"
        let keys = Divergence.expression(from: keys.map { $0 + "\"" })
        let object = "\\{\(space)(?:[^\" \\t\\r\\n]|\"\(keys))"
        let tag = "<" + Divergence.expression(from: [String(functionOpening.dropFirst())])
        return "^\(space)(?:[^{< \\t\\r\\n]|\(object)|\(tag))$"
    }

    package func reader(for plan: AnswerPlan, tokenizer: any Tokenizer) -> any AnswerReader {
        let closing = Mark(Self.functionClosing, tokenizer)
        let marks = MarkedMachine<LlamaCallMachine>.Marks(
            thinking: thinking?.marks(tokenizer),
            calls: ["<|python_tag|>", Self.functionOpening].map { Mark($0, tokenizer) },
            callsDropLineFeeds: false, inner: Set([closing.control].compactMap(\.self)),
            bareCalls: .first,
            makeCall: { mark in
                if mark == 1 { return LlamaCallMachine(FunctionTagMachine(closing: closing)) }
                return LlamaCallMachine(
                    JSONCallMachine(
                        .init(
                            nameKeys: Self.nameKeys, argumentKeys: Self.argumentKeys,
                            separator: UInt8(ascii: ";"), allowsOtherKeys: mark != nil)))
            })
        return SymbolReader(
            MarkedMachine(marks, beginsThinking: plan.beginsThinking), plan: plan)
    }
}

/// A call is an object, or a tag with a name in it.
private typealias LlamaCallMachine = EitherCallMachine<JSONCallMachine, FunctionTagMachine>
