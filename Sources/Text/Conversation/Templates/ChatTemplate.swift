// SPDX-License-Identifier: Apache-2.0

package import JSON
package import Tokenization

/// A Jinja chat template, read once and rendered any number of times.
///
/// It behaves as Jinja2 3.1 does in Hugging Face transformers: the immutable sandbox,
/// `trim_blocks`, `lstrip_blocks`, loop controls, the `tojson` of transformers, `raise_exception`,
/// `strftime_now` (in UTC) and the `generation` tag. Integers have 64 bits; passing them is an error.
///
/// Templates come from model files and are not trusted: parsing and rendering are bounded by
/// `TemplateLimits`, and a template reaches nothing but the values that it is given.
package struct ChatTemplate: Sendable {
    /// The template's source.
    package let source: String

    private let statements: [TemplateStatement]

    /// Reads a template.
    ///
    /// - Parameters:
    ///   - source: Jinja source.
    ///   - limits: bounds of the source.
    /// - Throws: `TemplateError` with the line and column.
    package init(
        source: String, limits: TemplateLimits = TemplateLimits()
    ) throws(TemplateError) {
        self.source = source
        statements = try TemplateParser.parse(source, limits: limits)
    }

    /// Renders the template to text.
    ///
    /// - Parameters:
    ///   - context: the variables, such as `messages`.
    ///   - vouched: further variables that the server vouches for, such as `bos_token`.
    ///   - limits: bounds of the rendering.
    ///   - now: what `strftime_now` tells.
    /// - Returns: the prompt.
    /// - Throws: `TemplateError`; `.raised` when the template refuses the conversation.
    package func render(
        _ context: JSONObject, vouched: JSONObject = [:],
        limits: TemplateLimits = TemplateLimits(), now: WallClockTime = .now
    ) throws(TemplateError) -> String {
        try rendering(context, vouched: vouched, limits: limits, now: now).text
    }

    /// Renders the template to segments that tell its own text from that of messages.
    ///
    /// What a message brought is `.text`, in which no control token is recognised, however the
    /// template cut it up; the template's text and that of `vouched` values is `.templated`.
    /// The segments concatenated are what `render` gives.
    package func renderSegments(
        _ context: JSONObject, vouched: JSONObject = [:],
        limits: TemplateLimits = TemplateLimits(), now: WallClockTime = .now
    ) throws(TemplateError) -> [PromptSegment] {
        let string = try rendering(context, vouched: vouched, limits: limits, now: now)
        var segments: [PromptSegment] = []
        var start = 0
        for run in string.runs {
            let text = string.slice(start..<run.end).text
            segments.append(run.origin == .template ? .templated(text) : .text(text))
            start = run.end
        }
        return segments
    }

    private func rendering(
        _ context: JSONObject, vouched: JSONObject, limits: TemplateLimits, now: WallClockTime
    ) throws(TemplateError) -> TemplateString {
        let scope = TemplateScope(parent: nil)
        for (name, value) in context {
            scope.variables[name] =
                name == "messages"
                ? TemplateValue(messages: value) : TemplateValue(value, origin: .data)
        }
        for (name, value) in vouched {
            scope.variables[name] = TemplateValue(value, origin: .template)
        }
        var size = ContextSize()
        size.add(.object(context))
        let runtime = TemplateRuntime(
            limits: limits.scaled(textLength: size.textLength, valueCount: size.valueCount))
        let interpreter = TemplateInterpreter(runtime: runtime, now: now)
        return try interpreter.render(statements, in: scope)
    }
}

/// How much there is to render.
private struct ContextSize {
    var textLength = 0
    var valueCount = 0

    mutating func add(_ value: JSONValue) {
        valueCount += 1
        switch value {
        case .string(let text): textLength += text.utf8.count
        case .array(let items):
            for item in items { add(item) }
        case .object(let object):
            for (key, value) in object {
                textLength += key.utf8.count
                add(value)
            }
        default: break
        }
    }
}
