// SPDX-License-Identifier: Apache-2.0

package import Conversation
package import Recognition
package import Tokenization

/// Calls after control tokens, as the versions of Mistral's tokenizers have them.
///
/// - Source: mistral-common 1.13 `tokens/tokenizers/instruct.py` and `guidance`.
package struct MistralAnswerFormat: AnswerFormat {
    private let version: MistralFormat
    package let thinking: ThinkingMarks?

    /// A format of a version that has tools.
    package init(version: MistralFormat, thinking: ThinkingMarks? = nil) {
        self.version = version
        self.thinking = thinking
    }

    package var name: String { "mistral-\(version.rawValue)" }

    /// Whether an answer that is held to a form may think before: not between tags that only some
    /// models of the version know.
    private var mayThink: Bool { version != .v11 || thinking != .tags }

    /// Whether each call has control tokens of its own, and is not an element of a JSON list.
    private var isNamed: Bool {
        switch version {
        case .v1, .v2, .v3, .v7: false
        case .v11, .v13, .v15: true
        }
    }

    package func structure(for plan: AnswerPlan, tokenizer: any Tokenizer) -> Structure? {
        let opening = Mark("[TOOL_CALLS]", tokenizer)
        let layout = AnswerLayout(
            plan: plan, thinking: mayThink ? thinking?.marks(tokenizer) : nil,
            hasLineFeeds: thinking?.dropsLineFeeds ?? false, triggers: [opening])
        return layout.structure { tools in
            if isNamed {
                let calls = tools.map { named($0, opening, tokenizer) }
                return layout.repeated(.anyOf(calls), separator: .nothing)
            }
            let calls = layout.repeated(.anyOf(tools.map(element)), separator: .literal(", "))
            return .sequence([opening.structure, .literal("["), calls, .literal("]")])
        }
    }

    private func named(_ tool: Tool, _ opening: Mark, _ tokenizer: any Tokenizer) -> Structure {
        var parts = [opening.structure, .literal(tool.name)]
        if version == .v11 {
            parts.append(Mark("[CALL_ID]", tokenizer).structure)
            parts.append(.expression("^[a-zA-Z0-9]{9}$"))
        }
        parts.append(Mark("[ARGS]", tokenizer).structure)
        parts.append(tool.argumentStructure)
        return .sequence(parts)
    }

    private func element(_ tool: Tool) -> Structure {
        var parts: [Structure] = [
            .literal("{\"name\": \"\(tool.escapedName)\", \"arguments\": "),
            tool.argumentStructure,
        ]
        if version != .v2 {
            parts += [
                .literal(", \"id\": \""), .expression("^[a-zA-Z0-9]{9}$"), .literal("\""),
            ]
        }
        return .sequence(parts + [.literal("}")])
    }

    package func reader(for plan: AnswerPlan, tokenizer: any Tokenizer) -> any AnswerReader {
        isNamed ? namedReader(plan, tokenizer) : listReader(plan, tokenizer)
    }

    private func namedReader(
        _ plan: AnswerPlan, _ tokenizer: any Tokenizer
    ) -> any AnswerReader {
        let identity = Mark("[CALL_ID]", tokenizer)
        let arguments = Mark("[ARGS]", tokenizer)
        let marks = MarkedMachine<NamedCallMachine>.Marks(
            thinking: thinking?.marks(tokenizer),
            thinkingDropsLineFeeds: thinking?.dropsLineFeeds ?? false,
            calls: [Mark("[TOOL_CALLS]", tokenizer)], callsDropLineFeeds: false,
            inner: Set([identity.control, arguments.control].compactMap(\.self)),
            makeCall: { _ in NamedCallMachine(identity: identity, arguments: arguments) })
        return SymbolReader(
            MarkedMachine(marks, beginsThinking: plan.beginsThinking), plan: plan)
    }

    private func listReader(
        _ plan: AnswerPlan, _ tokenizer: any Tokenizer
    ) -> any AnswerReader {
        let marks = MarkedMachine<JSONCallMachine>.Marks(
            thinking: thinking?.marks(tokenizer),
            thinkingDropsLineFeeds: thinking?.dropsLineFeeds ?? false,
            calls: [Mark("[TOOL_CALLS]", tokenizer)], callsDropLineFeeds: false,
            makeCall: { _ in JSONCallMachine(.init()) })
        return SymbolReader(
            MarkedMachine(marks, beginsThinking: plan.beginsThinking), plan: plan)
    }
}
