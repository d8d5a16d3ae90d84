// SPDX-License-Identifier: Apache-2.0

import JSON
package import Recognition
package import Tokenization

/// Calls of Gemma 4: `<|tool_call>call:f{k:<|"|>v<|"|>}<tool_call|>`.
package struct GemmaFormat: AnswerFormat {
    package let name = "gemma4"

    /// Thinking is a channel of its own.
    package let thinking: ThinkingMarks? = ThinkingMarks(
        opening: "<|channel>thought\n", closing: "<channel|>")

    private static let header = "thought\n"
    private static let maxDepth = 8

    /// The format.
    package init() {}

    package func structure(for plan: AnswerPlan, tokenizer: any Tokenizer) -> Structure? {
        let opening = Mark("<|tool_call>", tokenizer)
        let closing = Mark("<tool_call|>", tokenizer)
        let quote = Mark("<|\"|>", tokenizer)
        let layout = AnswerLayout(
            plan: plan, thinking: thinkingMarks(tokenizer),
            thinkingHeader: .literal(Self.header), triggers: [opening])
        return layout.structure { tools in
            let calls = tools.map { tool in
                let values = Values(root: tool.parameterSchema, quote: quote, tool.input)
                return Structure.sequence([
                    opening.structure, .literal("call:\(tool.name)"),
                    values.object(tool.parameterSchema, depth: 0), closing.structure,
                ])
            }
            return layout.repeated(.anyOf(calls), separator: .nothing)
        }
    }

    private func thinkingMarks(_ tokenizer: any Tokenizer) -> (opening: Mark, closing: Mark) {
        (Mark("<|channel>", tokenizer), Mark("<channel|>", tokenizer))
    }

    package func reader(for plan: AnswerPlan, tokenizer: any Tokenizer) -> any AnswerReader {
        let quote = Mark("<|\"|>", tokenizer)
        let closing = Mark("<tool_call|>", tokenizer)
        let marks = MarkedMachine<GemmaCallMachine>.Marks(
            thinking: thinkingMarks(tokenizer), thinkingHeader: Array(Self.header.utf8),
            calls: [Mark("<|tool_call>", tokenizer)],
            inner: Set([quote.control, closing.control].compactMap(\.self)),
            makeCall: { _ in GemmaCallMachine(quote: quote, closing: closing) })
        return SymbolReader(
            MarkedMachine(marks, beginsThinking: plan.beginsThinking), plan: plan)
    }

    /// Values of a schema, as Gemma writes them.
    private struct Values {
        let root: JSONValue
        let quote: Mark
        let input: Tool.Input

        init(root: JSONValue, quote: Mark, _ input: Tool.Input) {
            self.root = root
            self.quote = quote
            self.input = input
        }

        func object(_ schema: JSONValue, depth: Int) -> Structure {
            let all = ToolParameters(schema: schema, in: root)
            if all.parameters.isEmpty {
                guard all.allowsOthers, depth < 2 else { return .literal("{}") }
                let member = Structure.sequence([
                    .expression("^[a-zA-Z_][a-zA-Z0-9_]{0,63}$"), .literal(":"),
                    value([:], types: nil, depth: depth + 1),
                ])
                return .sequence([
                    .literal("{"), .optional(list(member, least: 1, most: nil)), .literal("}"),
                ])
            }
            return .sequence([.literal("{"), members(all.parameters, depth), .literal("}")])
        }

        /// Members in their order, a comma between any two that are there.
        private func members(
            _ parameters: [ToolParameters.Parameter], _ depth: Int
        ) -> Structure {
            let written = parameters.map { parameter in
                Structure.sequence([
                    .literal(parameter.name + ":"),
                    value(parameter.schema, types: parameter.types, depth: depth + 1),
                ])
            }
            var options: [Structure] = []
            for (index, parameter) in parameters.enumerated() {
                // The first member that is there, and those after it.
                var parts = [written[index]]
                for next in parameters.indices.dropFirst(index + 1) {
                    let member = Structure.sequence([.literal(","), written[next]])
                    parts.append(parameters[next].isRequired ? member : .optional(member))
                }
                options.append(.sequence(parts))
                if parameter.isRequired { return .anyOf(options) }
            }
            return .choice(options + [.nothing])
        }

        private func list(_ item: Structure, least: Int, most: Int?) -> Structure {
            let others = Structure.sequence([.literal(","), item])
            return .sequence([
                item,
                .repetition(
                    others, least: max(0, least - 1), most: most.map { max(0, $0 - 1) }),
            ])
        }

        private func value(_ schema: JSONValue, types: Set<String>?, depth: Int) -> Structure {
            if depth == 1 {
                switch input {
                case .grammar(let grammar): return quoted(.grammar(grammar))
                case .expression(let pattern): return quoted(.expression("^(?:\(pattern))$"))
                case .text, .arguments: break
                }
            }
            var options: [Structure] = []
            let all = types ?? ["string", "object", "array", "number", "boolean", "null"]
            let scalars = all.subtracting(["string", "object", "array"]).sorted()
            if !scalars.isEmpty {
                options.append(.schema(restricted(schema, to: scalars)))
            }
            if all.contains("string") {
                options.append(
                    quoted(
                        .unquoted(
                            schema: restricted(schema, to: ["string"]),
                            without: quote.control == nil ? [quote.text] : [])))
            }
            if depth < GemmaFormat.maxDepth, types != nil || depth < 2 {
                if all.contains("object") { options.append(object(schema, depth: depth)) }
                if all.contains("array") { options.append(array(schema, depth: depth)) }
            }
            return .anyOf(options)
        }

        private func array(_ schema: JSONValue, depth: Int) -> Structure {
            let schema = ToolParameters.resolved(schema, in: root)
            let items = ToolParameters.withDefinitions(schema["items"] ?? [:], of: root)
            let least = schema["minItems"]?.intValue ?? 0
            let item = value(
                items, types: ToolParameters.types(items, in: root, depth: 0), depth: depth + 1)
            let some = list(item, least: least, most: schema["maxItems"]?.intValue)
            return .sequence([
                .literal("["), least > 0 ? some : .optional(some), .literal("]"),
            ])
        }

        private func quoted(_ text: Structure) -> Structure {
            .sequence([quote.structure, text, quote.structure])
        }

        private func restricted(_ schema: JSONValue, to types: [String]) -> JSONValue {
            var object: JSONObject = ["type": .array(types.map { .string($0) })]
            if let schema = schema.objectValue, !schema.isEmpty {
                object["allOf"] = [.object(schema)]
                for key in ["$defs", "definitions"] {
                    if let definitions = root[key] { object[key] = definitions }
                }
            }
            return .object(object)
        }
    }
}
