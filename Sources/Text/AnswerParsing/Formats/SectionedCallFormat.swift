// SPDX-License-Identifier: Apache-2.0

package import Recognition
package import Tokenization

/// Calls in a section of their own, each with a name and arguments as JSON between marks, of Kimi K2
/// and DeepSeek.
package struct SectionedCallFormat: AnswerFormat {
    /// How a family writes its section.
    package struct Family: Sendable {
        let name: String
        /// What opens and closes the section, and each call in it.
        let section: (opening: String, closing: String)
        let call: (opening: String, closing: String)
        /// The mark between a call's name and its arguments, or before its name.
        let separator: String
        /// The kind of a call, which stands before the separator where the name comes after it.
        var kind: String?
        /// What stands before the name, and after it: a number from 0 where there is a colon.
        var namePrefix = ""
        var isNumbered = false
        /// What stands around the arguments.
        var fence: (opening: String, closing: String)?
        /// What parts two calls.
        var gap = ""

        /// `<|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{…}<|tool_call_end|>`.
        package static let kimi = Family(
            name: "kimi-k2",
            section: ("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"),
            call: ("<|tool_call_begin|>", "<|tool_call_end|>"),
            separator: "<|tool_call_argument_begin|>", namePrefix: "functions.", isNumbered: true)

        private static let deepSeekSection = ("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>")
        private static let deepSeekCall = ("<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>")

        /// `<｜tool▁call▁begin｜>f<｜tool▁sep｜>{…}<｜tool▁call▁end｜>`.
        package static let deepSeek = Family(
            name: "deepseek-v3.1", section: deepSeekSection, call: deepSeekCall,
            separator: "<｜tool▁sep｜>")

        /// The older one, with the kind of the call before the separator and a fence around the
        /// arguments.
        package static let deepSeekFenced = Family(
            name: "deepseek-v3", section: deepSeekSection, call: deepSeekCall,
            separator: "<｜tool▁sep｜>", kind: "function", fence: ("\n```json\n", "\n```"),
            gap: "\n")
    }

    private let family: Family
    package let thinking: ThinkingMarks?

    /// The format of a family.
    package init(_ family: Family, thinking: ThinkingMarks? = nil) {
        self.family = family
        self.thinking = thinking
    }

    package var name: String { family.name }

    package func structure(for plan: AnswerPlan, tokenizer: any Tokenizer) -> Structure? {
        let section = Mark(family.section.opening, tokenizer)
        let layout = AnswerLayout(
            plan: plan, thinking: thinking?.marks(tokenizer), triggers: [section])
        return layout.structure { tools in
            let calls = tools.map { call($0, tokenizer) }
            return .sequence([
                section.structure,
                layout.repeated(.anyOf(calls), separator: .literal(family.gap)),
                Mark(family.section.closing, tokenizer).structure,
            ])
        }
    }

    private func call(_ tool: Tool, _ tokenizer: any Tokenizer) -> Structure {
        let separator = Mark(family.separator, tokenizer).structure
        var parts = [Mark(family.call.opening, tokenizer).structure]
        if let kind = family.kind { parts += [.literal(kind), separator] }
        parts.append(.literal(family.namePrefix + tool.name))
        if family.isNumbered { parts += [.literal(":"), .expression("^[0-9]{1,4}$")] }
        if family.kind == nil { parts.append(separator) }
        if let fence = family.fence { parts.append(.literal(fence.opening)) }
        parts.append(tool.argumentStructure)
        if let fence = family.fence { parts.append(.literal(fence.closing)) }
        parts.append(Mark(family.call.closing, tokenizer).structure)
        return .sequence(parts)
    }

    package func reader(for plan: AnswerPlan, tokenizer: any Tokenizer) -> any AnswerReader {
        // Some models leave the mark of the section out.
        let openings = [family.section.opening, family.call.opening].map { Mark($0, tokenizer) }
        let inner = [family.section.closing, family.call.closing, family.separator].map {
            Mark($0, tokenizer)
        }
        let syntax = SectionedCallMachine.Syntax(
            marks: openings.suffix(1) + [inner[2], inner[1], inner[0]],
            hasKind: family.kind != nil, namePrefix: Array(family.namePrefix.utf8),
            isNumbered: family.isNumbered, endsNameWithLine: family.fence != nil)
        let marks = MarkedMachine<SectionedCallMachine>.Marks(
            thinking: thinking?.marks(tokenizer), calls: openings,
            inner: Set(inner.compactMap(\.control)),
            makeCall: { SectionedCallMachine(syntax, isInCall: $0 == 1) })
        return SymbolReader(
            MarkedMachine(marks, beginsThinking: plan.beginsThinking), plan: plan)
    }
}
