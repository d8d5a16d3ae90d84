// SPDX-License-Identifier: Apache-2.0

import JSON
import Jinja
import Tokenization

/// Renders one request's conversation with a template, mending what the template refuses.
struct PromptRenderer {
    let template: ChatTemplate
    let style: MessageStyle
    let specialTokens: JSONObject
    let limits: TemplateLimits
    let tools: [JSONValue]
    let addGenerationPrompt: Bool
    let extra: JSONObject
    /// Whether an order of roles that the template refuses is mended.
    var mendsOrder = true

    /// What marks the end of the last message while it is rendered; no message can contain it,
    /// since it is taken out of them.
    private static let mark = "\u{F8FF}\u{E000}cierzo\u{E001}\u{F8FF}"

    /// The prompt's segments; with `continuesLast`, up to the end of the last message's text.
    func segments(
        _ messages: [Message], continuesLast: Bool
    ) throws(ConversationError) -> [PromptSegment] {
        let messages = style.completed(messages)
        let first: TemplateError
        do {
            return try render(messages, continuesLast: continuesLast)
        } catch {
            first = error
        }
        if !mendsOrder { throw .template(first) }
        // Only a template's own refusal, or its failing on the data, can be about the roles.
        switch first {
        case .raised, .evaluation: break
        default: throw .template(first)
        }
        var tried = messages
        for repair in ConversationRepair.allCases {
            let mended = repair.apply(to: messages)
            if mended == tried { continue }
            tried = mended
            do {
                return try render(mended, continuesLast: continuesLast)
            } catch {
                continue
            }
        }
        throw .template(first)
    }

    private func render(
        _ messages: [Message], continuesLast: Bool
    ) throws(TemplateError) -> [PromptSegment] {
        do {
            return try renderOnce(messages, continuesLast: continuesLast, emptyTools: .null)
        } catch {
            // Some templates iterate over the tools without asking whether there are any.
            guard tools.isEmpty, case .evaluation = error else { throw error }
            return try renderOnce(messages, continuesLast: continuesLast, emptyTools: .array([]))
        }
    }

    private func renderOnce(
        _ messages: [Message], continuesLast: Bool, emptyTools: JSONValue
    ) throws(TemplateError) -> [PromptSegment] {
        guard continuesLast, let last = messages.last else {
            return try template.renderSegments(
                context(messages, emptyTools), vouched: specialTokens, limits: limits)
        }
        var marked = messages
        let text = Self.withoutMark(last.text(joinedBy: "\n"))
        marked[marked.count - 1].parts = [text + Self.mark + " "]
        let segments = try template.renderSegments(
            context(marked, emptyTools), vouched: specialTokens, limits: limits)
        if let cut = Self.cut(segments) { return cut }
        // The template does not show the last message; it is written after what opens a turn.
        var opened = self.context(Array(messages.dropLast()), emptyTools)
        opened["add_generation_prompt"] = true
        return try template.renderSegments(opened, vouched: specialTokens, limits: limits)
            + [.text(text)]
    }

    private func context(_ messages: [Message], _ emptyTools: JSONValue) -> JSONObject {
        var context: JSONObject = [:]
        for (key, value) in extra { context[key] = value }
        context["messages"] = .array(messages.map { style.context(of: $0) })
        context["tools"] = tools.isEmpty ? emptyTools : .array(tools)
        if context["documents"] == nil { context["documents"] = .null }
        context["add_generation_prompt"] = .bool(addGenerationPrompt)
        return context
    }

    /// The segments up to the last mark, which may have lost the space after it to a `trim`; then
    /// the text before it loses its own trailing space, too.
    private static func cut(_ segments: [PromptSegment]) -> [PromptSegment]? {
        for index in segments.indices.reversed() {
            guard case .text(let text) = segments[index],
                let range = lastMark(in: text)
            else { continue }
            var kept = String(text[..<range.lowerBound])
            if text[range.upperBound...].unicodeScalars.first != " " {
                kept = kept.droppingTrailing(PythonText.isSpace)
            }
            return Array(segments[..<index]) + [.text(kept)]
        }
        return nil
    }

    private static func withoutMark(_ text: String) -> String {
        guard lastMark(in: text) != nil else { return text }
        let mark = Array(mark.unicodeScalars)
        var kept: [Unicode.Scalar] = []
        for scalar in text.unicodeScalars {
            kept.append(scalar)
            if kept.suffix(mark.count).elementsEqual(mark) { kept.removeLast(mark.count) }
        }
        var result = String.UnicodeScalarView()
        result.append(contentsOf: kept)
        return String(result)
    }

    /// Where the mark stands last, found by its code points: as a sequence of characters it may be
    /// hidden, since what stands before or after it can join them.
    private static func lastMark(in text: String) -> Range<String.Index>? {
        let scalars = text.unicodeScalars
        let length = mark.unicodeScalars.count
        guard let first = mark.unicodeScalars.first else { return nil }
        var start = scalars.endIndex
        while start > scalars.startIndex {
            start = scalars.index(before: start)
            guard scalars[start] == first, scalars[start...].starts(with: mark.unicodeScalars)
            else { continue }
            return start..<scalars.index(start, offsetBy: length)
        }
        return nil
    }
}

extension StringProtocol {
    /// The text without the code points at its end that are of that kind; O(n) in what is left out.
    ///
    /// The view of code points is walked by its indices: to drop its last element again and again
    /// takes a walk of the whole text each time.
    func droppingTrailing(_ isDropped: (Unicode.Scalar) -> Bool) -> String {
        let scalars = unicodeScalars
        var end = scalars.endIndex
        while end > scalars.startIndex {
            let last = scalars.index(before: end)
            guard isDropped(scalars[last]) else { break }
            end = last
        }
        return String(self[..<end])
    }
}
