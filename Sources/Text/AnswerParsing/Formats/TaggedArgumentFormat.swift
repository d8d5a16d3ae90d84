// SPDX-License-Identifier: Apache-2.0

import JSON
package import Recognition
package import Tokenization

/// Calls whose arguments stand between tags, each by itself, strings as they are.
package struct TaggedArgumentFormat: AnswerFormat {
    /// The families that write so.
    package enum Family: String, Sendable {
        /// Qwen3-Coder, Qwen3.5 and later: `<function=f>\n<parameter=p>\nv\n</parameter>\n…`.
        case qwenCoder = "qwen-coder"

        /// GLM 4.5 and later: `f<arg_key>p</arg_key><arg_value>v</arg_value>…`.
        case glm
    }

    private let family: Family
    package let thinking: ThinkingMarks?

    /// The format of a family.
    package init(_ family: Family, thinking: ThinkingMarks? = nil) {
        self.family = family
        self.thinking = thinking
    }

    package var name: String { family.rawValue }

    private func tags(_ tokenizer: any Tokenizer) -> TaggedCallMachine.Tags {
        func mark(_ text: String) -> Mark { Mark(text, tokenizer) }
        return switch family {
        case .qwenCoder:
            .init(
                name: mark("<function="), nameEnd: mark(">"), key: mark("<parameter="),
                keyEnd: mark(">"), valueEnd: mark("</parameter>"), end: mark("</function>"),
                closing: mark("</tool_call>"), valuesHaveLines: true)
        case .glm:
            .init(
                key: mark("<arg_key>"), keyEnd: mark("</arg_key>"), value: mark("<arg_value>"),
                valueEnd: mark("</arg_value>"), end: mark("</tool_call>"), valuesHaveLines: false)
        }
    }

    // MARK: Structure

    package func structure(for plan: AnswerPlan, tokenizer: any Tokenizer) -> Structure? {
        let opening = Mark("<tool_call>", tokenizer)
        let tags = tags(tokenizer)
        // Models of Qwen forget the outer tag now and then; the inner one begins a call, too.
        let triggers = [opening] + (tags.name.map { [$0] } ?? [])
        let layout = AnswerLayout(
            plan: plan, thinking: thinking?.marks(tokenizer), triggers: triggers)
        return layout.structure { tools in
            let calls = tools.map { call(of: $0, opening, tags) }
            return layout.repeated(.anyOf(calls), separator: .literal("\n"))
        }
    }

    private func call(
        of tool: Tool, _ opening: Mark, _ tags: TaggedCallMachine.Tags
    ) -> Structure {
        let all = ToolParameters(tool)
        let schemas = SchemaParts(of: tool.parameterSchema)
        var parts: [Structure]
        switch family {
        case .qwenCoder:
            parts = [
                .optional(.sequence([opening.structure, .literal("\n")])),
                .literal("<function=\(tool.name)>\n"),
            ]
        case .glm: parts = [opening.structure, .literal(tool.name), .lineFeeds(upTo: 1)]
        }
        for parameter in all.parameters {
            let value = value(of: parameter, schemas.alone(parameter.schema), tool.input, tags)
            let whole = argument(.literal(parameter.name), value, tags)
            parts.append(parameter.isRequired ? whole : .optional(whole))
        }
        if let others = all.others {
            let value = value(of: others, schemas.alone(others.schema), .arguments([:]), tags)
            let any = argument(.expression("^[^<>\\s]{1,64}$"), value, tags)
            parts.append(.repetition(any, least: 0, most: nil))
        }
        parts.append(tags.end.structure)
        if let closing = tags.closing { parts += [.literal("\n"), closing.structure] }
        return .sequence(parts)
    }

    private func argument(
        _ key: Structure, _ value: Structure, _ tags: TaggedCallMachine.Tags
    ) -> Structure {
        switch family {
        case .qwenCoder:
            .sequence([
                tags.key.structure, key, .literal(">\n"), value, .literal("\n"),
                tags.valueEnd.structure, .literal("\n"),
            ])
        case .glm:
            .sequence([
                tags.key.structure, key, tags.keyEnd.structure, .lineFeeds(upTo: 1),
                tags.value?.structure ?? .nothing, value, tags.valueEnd.structure,
                .lineFeeds(upTo: 1),
            ])
        }
    }

    private func value(
        of parameter: ToolParameters.Parameter, _ schema: JSONValue, _ input: Tool.Input,
        _ tags: TaggedCallMachine.Tags
    ) -> Structure {
        switch input {
        case .grammar(let grammar): return .grammar(grammar)
        case .expression(let pattern): return .expression("^(?:\(pattern))$")
        case .text, .arguments: break
        }
        if parameter.isString { return text(schema, tags) }
        guard let types = parameter.types else { return anyValue(schema, tags) }
        if types == ["boolean"] {
            // Prompts have Python's names of them.
            let names = ["true", "false", "True", "False"].map { Structure.literal($0) }
            return .choice(
                [.schema(schema)] + names.filter { _ in allowsBoth(parameter) })
        }
        if !types.contains("string") { return .schema(schema) }
        return anyValue(schema, tags)
    }

    /// Whether a boolean may be either.
    private func allowsBoth(_ parameter: ToolParameters.Parameter) -> Bool {
        parameter.schema["const"] == nil && parameter.schema["enum"] == nil
    }

    private func text(_ schema: JSONValue, _ tags: TaggedCallMachine.Tags) -> Structure {
        .unquoted(schema: schema, without: [tags.valueEnd.text])
    }

    /// A value that may be a string or something else: the latter as JSON.
    private func anyValue(_ schema: JSONValue, _ tags: TaggedCallMachine.Tags) -> Structure {
        .choice([
            .schema(
                SchemaParts.restricted(
                    schema, to: ["object", "array", "number", "boolean", "null"])),
            text(SchemaParts.restricted(schema, to: ["string"]), tags),
        ])
    }

    // MARK: Reading

    package func reader(for plan: AnswerPlan, tokenizer: any Tokenizer) -> any AnswerReader {
        let tags = tags(tokenizer)
        let parameters = Dictionary(
            plan.callableTools.map { ($0.name, ToolParameters($0)) },
            uniquingKeysWith: { first, _ in first })
        let inner = [
            tags.name, tags.nameEnd, tags.key, tags.keyEnd, tags.value, tags.valueEnd, tags.end,
            tags.closing,
        ]
        let marks = MarkedMachine<TaggedCallMachine>.Marks(
            thinking: thinking?.marks(tokenizer),
            calls: [Mark("<tool_call>", tokenizer)] + (tags.name.map { [$0] } ?? []),
            inner: Set(inner.compactMap { $0?.control }),
            makeCall: { mark in TaggedCallMachine(tags, parameters, afterName: mark == 1) })
        return SymbolReader(
            MarkedMachine(marks, beginsThinking: plan.beginsThinking), plan: plan)
    }
}
