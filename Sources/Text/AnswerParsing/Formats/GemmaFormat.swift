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
                Structure.sequence([
                    opening.structure, .literal("call:\(tool.name)"),
                    Values.arguments(of: tool, quote: quote), closing.structure,
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
        private let root: JSONValue
        private let schemas: SchemaParts
        private let quote: Mark
        private let input: Tool.Input
        /// How deep objects and arrays are written; deeper ones are left out.
        private let maxDepth: Int
        /// How many parts the arguments of a tool are written out in.
        private static let maxParts = 1 << 18
        /// How far schemas may still be looked into and written.
        private var stepsLeft = ToolParameters.maxSteps

        /// The arguments of a tool, as deep as it takes a bearable time to write them: a schema that
        /// refers to itself in many places has more values on each level.
        static func arguments(of tool: Tool, quote: Mark) -> Structure {
            let schemas = SchemaParts(of: tool.parameterSchema)
            for depth in [8, 6, 4, 3, 2] {
                var values = Values(tool, schemas, quote: quote, maxDepth: depth)
                let arguments = values.object(tool.parameterSchema, depth: 0)
                if values.stepsLeft > 0, !arguments.isLarger(than: maxParts) { return arguments }
            }
            var values = Values(tool, schemas, quote: quote, maxDepth: 1)
            return values.object(tool.parameterSchema, depth: 0)
        }

        private init(_ tool: Tool, _ schemas: SchemaParts, quote: Mark, maxDepth: Int) {
            root = tool.parameterSchema
            self.schemas = schemas
            self.quote = quote
            input = tool.input
            self.maxDepth = maxDepth
        }

        private mutating func object(_ schema: JSONValue, depth: Int) -> Structure {
            let all = ToolParameters(schema: schema, in: root, steps: &stepsLeft)
            if stepsLeft <= 0, depth > 0 { return .literal("{}") }
            if all.parameters.isEmpty {
                guard let others = all.others, depth < 2 else { return .literal("{}") }
                let member = Structure.sequence([
                    .expression("^[a-zA-Z_][a-zA-Z0-9_]{0,63}$"), .literal(":"),
                    value(others.schema, types: others.types, depth: depth + 1),
                ])
                return .sequence([
                    .literal("{"), .optional(list(member, least: 1, most: nil)), .literal("}"),
                ])
            }
            return .sequence([.literal("{"), members(all.parameters, depth), .literal("}")])
        }

        /// Members in their order, a comma between any two that are there.
        private mutating func members(
            _ parameters: [ToolParameters.Parameter], _ depth: Int
        ) -> Structure {
            var written: [Structure] = []
            for parameter in parameters {
                let value = value(parameter.schema, types: parameter.types, depth: depth + 1)
                written.append(.sequence([key(parameter.name), value]))
            }
            let comma = Structure.literal(",")
            guard let first = parameters.firstIndex(where: \.isRequired) else {
                return .optional(Self.some(of: written[...]))
            }
            var parts = written[..<first].map { Structure.optional(.sequence([$0, comma])) }
            parts.append(written[first])
            for index in parameters.indices.dropFirst(first + 1) {
                let member = Structure.sequence([comma, written[index]])
                parts.append(parameters[index].isRequired ? member : .optional(member))
            }
            return .sequence(parts)
        }

        /// One member or more, in their order.
        ///
        /// By halves, so that no member is written once for each one before it.
        private static func some(of members: ArraySlice<Structure>) -> Structure {
            if members.count == 1, let only = members.first { return only }
            let half = members.count / 2
            let ends = some(of: members.dropFirst(half))
            let both = Structure.sequence([
                some(of: members.prefix(half)), .optional(.sequence([.literal(","), ends])),
            ])
            return .choice([both, ends])
        }

        /// A name and its colon; between quotation marks where the name would not end there.
        private func key(_ name: String) -> Structure {
            let isPlain = name.utf8.allSatisfy { byte in
                byte >= 0x80 || UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20
                    || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || "_-.$".utf8.contains(byte)
            }
            if isPlain, !name.isEmpty { return .literal(name + ":") }
            return .sequence([quoted(.literal(name)), .literal(":")])
        }

        private func list(_ item: Structure, least: Int, most: Int?) -> Structure {
            let others = Structure.sequence([.literal(","), item])
            return .sequence([
                item,
                .repetition(
                    others, least: max(1, least) - 1, most: most.map { max(1, $0) - 1 }),
            ])
        }

        private mutating func value(
            _ schema: JSONValue, types: Set<String>?, depth: Int
        ) -> Structure {
            if depth == 1 {
                switch input {
                case .grammar(let grammar): return quoted(.grammar(grammar))
                case .expression(let pattern): return quoted(.expression("^(?:\(pattern))$"))
                case .text, .arguments: break
                }
            }
            // Long lists of values are copied faster than they are looked into.
            var left = Int.max
            schema.count(&left)
            stepsLeft -= 1 + (.max - left) / 64
            let alone = schemas.alone(schema)
            var options: [Structure] = []
            let all = types ?? ["string", "object", "array", "number", "boolean", "null"]
            let scalars = all.subtracting(["string", "object", "array"]).sorted()
            if !scalars.isEmpty {
                options.append(.schema(SchemaParts.restricted(alone, to: scalars)))
            }
            if all.contains("string") {
                options.append(
                    quoted(
                        .unquoted(
                            schema: SchemaParts.restricted(alone, to: ["string"]),
                            without: quote.control == nil ? [quote.text] : [])))
            }
            if depth < maxDepth, stepsLeft > 0, types != nil || depth < 2 {
                if all.contains("object") { options.append(object(schema, depth: depth)) }
                if all.contains("array") { options.append(array(schema, depth: depth)) }
            }
            return .anyOf(options)
        }

        private mutating func array(_ schema: JSONValue, depth: Int) -> Structure {
            var look = SchemaLook(root: root, stepsLeft: stepsLeft)
            let objects = look.objects(of: schema)
            let items = objects.lazy.compactMap { $0["items"] }.first ?? [:]
            let types = look.types(of: items)
            stepsLeft = look.stepsLeft
            let counts = { (key: String) in objects.compactMap { $0[key]?.intValue } }
            let least = max(0, counts("minItems").max() ?? 0)
            let most = counts("maxItems").min()
            if let most, most <= 0 { return .literal("[]") }
            let some = list(
                value(items, types: types, depth: depth + 1), least: least, most: most)
            return .sequence([
                .literal("["), least > 0 ? some : .optional(some), .literal("]"),
            ])
        }

        private func quoted(_ text: Structure) -> Structure {
            .sequence([quote.structure, text, quote.structure])
        }
    }
}
