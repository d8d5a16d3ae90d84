// SPDX-License-Identifier: Apache-2.0

package import Recognition
package import Tokenization

/// Calls as a JSON list after a mark, of Granite 3 and of Command R7B and its successors.
package struct ListedCallFormat: AnswerFormat {
    /// How a family writes its list.
    package struct Family: Sendable {
        let name: String
        let opening: String
        var closing: String?
        let nameKey: String
        let argumentKey: String
        /// Whether each call begins with a number, as a string.
        var numberKey: String?
        /// What stands around the elements of the list, and between them.
        var space = (opening: "", separator: ", ", closing: "")
        /// What stands around a text that is no call.
        var text: (opening: String, closing: String)?

        /// `<|tool_call|>[{"name": "f", "arguments": {…}}]`.
        package static let granite = Family(
            name: "granite", opening: "<|tool_call|>", nameKey: "name", argumentKey: "arguments")

        /// `<|START_ACTION|>[\n    {"tool_call_id": "0", "tool_name": "f", "parameters": {…}}\n]`.
        package static let commandR = Family(
            name: "command-r", opening: "<|START_ACTION|>", closing: "<|END_ACTION|>",
            nameKey: "tool_name", argumentKey: "parameters", numberKey: "tool_call_id",
            space: ("\n    ", ",\n    ", "\n"),
            text: ("<|START_RESPONSE|>", "<|END_RESPONSE|>"))
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
        let opening = Mark(family.opening, tokenizer)
        let layout = AnswerLayout(
            plan: plan, thinking: thinking?.marks(tokenizer),
            hasLineFeeds: thinking?.dropsLineFeeds ?? true, triggers: [opening],
            textMarks: family.text.map {
                (Mark($0.opening, tokenizer), Mark($0.closing, tokenizer))
            })
        return layout.structure { tools in
            let calls = layout.repeated(
                .anyOf(tools.map(element)), separator: .literal(family.space.separator))
            var parts = [
                opening.structure, .literal("[" + family.space.opening), calls,
                .literal(family.space.closing + "]"),
            ]
            if let closing = family.closing { parts.append(Mark(closing, tokenizer).structure) }
            return .sequence(parts)
        }
    }

    private func element(_ tool: Tool) -> Structure {
        var parts = [Structure.literal("{")]
        if let key = family.numberKey {
            parts += [.literal("\"\(key)\": \""), .expression("^[0-9]{1,4}$"), .literal("\", ")]
        }
        parts += [
            .literal("\"\(family.nameKey)\": \"\(tool.escapedName)\", "),
            .literal("\"\(family.argumentKey)\": "), tool.argumentStructure, .literal("}"),
        ]
        return .sequence(parts)
    }

    package func reader(for plan: AnswerPlan, tokenizer: any Tokenizer) -> any AnswerReader {
        let closing = family.closing.map { Mark($0, tokenizer) }
        let syntax = JSONCallMachine.Syntax(
            nameKeys: [family.nameKey], argumentKeys: [family.argumentKey], closing: closing)
        let marks = MarkedMachine<JSONCallMachine>.Marks(
            thinking: thinking?.marks(tokenizer),
            thinkingDropsLineFeeds: thinking?.dropsLineFeeds ?? true,
            calls: [Mark(family.opening, tokenizer)],
            inner: Set([closing?.control].compactMap(\.self)),
            makeCall: { _ in JSONCallMachine(syntax) })
        return SymbolReader(
            MarkedMachine(marks, beginsThinking: plan.beginsThinking), plan: plan)
    }
}
