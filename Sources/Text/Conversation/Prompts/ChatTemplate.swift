// SPDX-License-Identifier: Apache-2.0

package import JSON
package import Jinja
package import Tokenization

/// A chat template of a model: a Jinja template over `messages`, which makes a prompt's segments.
package struct ChatTemplate: Sendable {
    /// The template's source.
    package let source: String

    private let template: Template

    /// The roles that the server itself knows: their names are its own words.
    private static let roles: Set<String> = [
        "system", "developer", "user", "assistant", "tool", "function",
    ]

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
        template = try Template(source: source, limits: limits)
    }

    /// Renders the template to segments that tell its own text from that of messages.
    ///
    /// What a message brought is `.text`, in which no control token is recognised, however the
    /// template cut it up; the template's text and that of `vouched` values is `.templated`.
    ///
    /// - Parameters:
    ///   - context: the variables, such as `messages`.
    ///   - vouched: further variables that the server vouches for, such as `bos_token`.
    ///   - limits: bounds of the rendering.
    ///   - now: what `strftime_now` tells.
    /// - Returns: the segments; concatenated they are the prompt.
    /// - Throws: `TemplateError`; `.raised` when the template refuses the conversation.
    package func renderSegments(
        _ context: JSONObject, vouched: JSONObject = [:],
        limits: TemplateLimits = TemplateLimits(), now: WallClockTime = .now
    ) throws(TemplateError) -> [PromptSegment] {
        var context = TemplateContext(context, vouched: vouched)
        context.vouch(for: Self.roles, as: "role", inEachOf: "messages")
        return try template.render(context, limits: limits, now: now).parts.map { part in
            part.origin == .template ? .templated(part.text) : .text(part.text)
        }
    }
}
