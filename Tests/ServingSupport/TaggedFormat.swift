// SPDX-License-Identifier: Apache-2.0

package import AnswerParsing
package import Recognition
package import Tokenization

/// Thinking as `<think>…</think>` and calls as `<call NAME>INPUT</call>`, within any text.
package struct TaggedFormat: AnswerFormat {
    package let name = "tagged"

    package let thinking: ThinkingMarks?

    /// A format of models that think or do not.
    package init(thinks: Bool = false) { thinking = thinks ? .tags : nil }

    package func structure(for plan: AnswerPlan, tokenizer: any Tokenizer) -> Structure? {
        if case .required = plan.choice, !plan.tools.isEmpty {
            return .choice(
                plan.tools.map { tool in
                    guard case .arguments(let schema) = tool.input else {
                        return .literal("<call \(tool.name)></call>")
                    }
                    return .sequence([
                        .literal("<call \(tool.name)>"), .schema(schema), .literal("</call>"),
                    ])
                })
        }
        return plan.output
    }

    package func reader(for plan: AnswerPlan, tokenizer: any Tokenizer) -> any AnswerReader {
        TaggedReader()
    }
}

/// Reads text as it comes, but for what may be the beginning of a tag.
private struct TaggedReader: AnswerReader {
    private enum Place {
        case text
        case thinking
        case call(Int)
    }

    private var place = Place.text
    private var rest = ""
    private var callCount = 0
    private(set) var thinkingTokenCount = 0

    mutating func append(
        _ text: String, tokens: [(id: Int32, textOffset: Int)]
    ) -> [AnswerPiece] {
        if case .thinking = place { thinkingTokenCount += tokens.count }
        rest += text
        var pieces: [AnswerPiece] = []
        while let mark = rest.firstIndex(of: "<") {
            emit(String(rest[..<mark]), to: &pieces)
            rest = String(rest[mark...])
            guard let end = rest.firstIndex(of: ">") else { return pieces }
            let tag = rest[rest.index(after: rest.startIndex)..<end]
            rest = String(rest[rest.index(after: end)...])
            switch tag {
            case "think": place = .thinking
            case "/think": place = .text
            case "/call":
                if case .call(let call) = place { pieces.append(.callEnded(call)) }
                place = .text
            default:
                place = .call(callCount)
                let name = String(tag.dropFirst("call ".count))
                pieces.append(.callBegun(callCount, id: "call0000\(callCount)", name: name))
                callCount += 1
            }
        }
        emit(rest, to: &pieces)
        rest = ""
        return pieces
    }

    private func emit(_ text: String, to pieces: inout [AnswerPiece]) {
        guard !text.isEmpty else { return }
        switch place {
        case .text: pieces.append(.text(text))
        case .thinking: pieces.append(.thinking(text))
        case .call(let call): pieces.append(.callArguments(call, text))
        }
    }

    mutating func finish() -> [AnswerPiece] {
        var pieces: [AnswerPiece] = []
        emit(rest, to: &pieces)
        if case .call(let call) = place { pieces.append(.callEnded(call)) }
        return pieces
    }
}
