// SPDX-License-Identifier: Apache-2.0

import Recognition
import Tokenization

/// Puts an answer's structure together from a format's parts.
struct AnswerLayout {
    let plan: AnswerPlan

    /// The marks of thinking, where the model thinks.
    var thinking: (opening: Mark, closing: Mark)?

    /// What the thinking begins with, after its mark.
    var thinkingHeader: Structure?

    /// Whether line feeds may stand between thinking and what follows it.
    var hasLineFeeds = true

    /// What begins a call within an answer's text.
    var triggers: [Mark]

    /// What a text must begin with so as not to be a call, where calls have no trigger.
    var opening: Structure?

    /// What stands around a text that is no call, which may be left out.
    var textMarks: (opening: Mark, closing: Mark)?

    /// The whole structure; nil where anything will do.
    ///
    /// - Parameter calls: one call or more of some tools, which begins with a trigger.
    /// - Returns: thinking, then text, calls or what the plan asks for.
    func structure(calls: (_ tools: [Tool]) -> Structure) -> Structure? {
        if plan.tools.isEmpty, plan.output == nil { return nil }
        let tools = plan.callableTools
        let calls = tools.isEmpty ? nil : calls(tools)
        return withThinking(answer(calls))
    }

    private func answer(_ calls: Structure?) -> Structure {
        guard let calls else { return marked(plan.output ?? text) }
        if plan.requiresCall { return calls }
        if let output = plan.output { return .choice([marked(output), calls]) }
        if opening != nil { return .choice([text, calls]) }
        return .sequence([marked(text), .optional(calls)])
    }

    /// A text between its marks.
    private func marked(_ text: Structure) -> Structure {
        guard let textMarks else { return text }
        return .sequence([
            .optional(textMarks.opening.structure), text, .optional(textMarks.closing.structure),
        ])
    }

    /// Text in which no call begins.
    private var text: Structure {
        let free = Structure.freeText(until: triggers + (textMarks.map { [$0.closing] } ?? []))
        guard let opening else { return free }
        return .optional(.sequence([opening, free]))
    }

    private func withThinking(_ answer: Structure) -> Structure {
        guard let thinking, plan.beginsThinking || plan.allowsThinking else { return answer }
        var after = [Structure.freeText(until: [thinking.closing]), thinking.closing.structure]
        if hasLineFeeds { after.append(.lineFeeds(upTo: 2)) }
        after.append(answer)
        if plan.beginsThinking { return .sequence(after) }
        let begin = [thinking.opening.structure] + (thinkingHeader.map { [$0] } ?? [])
        return .choice([.sequence(begin + after), answer])
    }

    /// One call, or several where the plan allows it.
    ///
    /// - Parameters:
    ///   - call: any call.
    ///   - separator: what stands between two of them.
    /// - Returns: one, or one and more.
    func repeated(_ call: Structure, separator: Structure) -> Structure {
        guard plan.allowsParallelCalls else { return call }
        return .sequence([
            call, .repetition(.sequence([separator, call]), least: 0, most: nil),
        ])
    }
}
