// SPDX-License-Identifier: Apache-2.0

/// A Jinja template, read once and rendered any number of times.
///
/// It behaves as Jinja2 3.1 does in Hugging Face transformers: the immutable sandbox,
/// `trim_blocks`, `lstrip_blocks`, loop controls, the `tojson` of transformers, `raise_exception`,
/// `strftime_now` (in UTC) and the `generation` tag. Integers have 64 bits; passing them is an error.
///
/// Templates come from model files and are not trusted: parsing and rendering are bounded by
/// `TemplateLimits`, and a template reaches nothing but the values that it is given.
package struct Template: Sendable {
    private let statements: [Statement]

    /// Reads a template.
    ///
    /// - Parameters:
    ///   - source: Jinja source.
    ///   - limits: bounds of the source.
    /// - Throws: `TemplateError` with the line and column.
    package init(
        source: String, limits: TemplateLimits = TemplateLimits()
    ) throws(TemplateError) {
        statements = try Parser.parse(source, limits: limits)
    }

    /// Renders the template.
    ///
    /// - Parameters:
    ///   - context: the variables.
    ///   - limits: bounds of the rendering.
    ///   - now: what `strftime_now` tells.
    /// - Returns: the text, whose every character knows whether the template wrote it.
    /// - Throws: `TemplateError`; `.raised` when the template itself refuses what it is given.
    package func render(
        _ context: TemplateContext, limits: TemplateLimits = TemplateLimits(),
        now: WallClockTime = .now
    ) throws(TemplateError) -> TemplateString {
        let runtime = Runtime(
            limits: limits.scaled(
                textLength: context.textLength, valueCount: context.valueCount))
        let interpreter = Interpreter(runtime: runtime, now: now)
        return try interpreter.render(statements, in: context.scope())
    }
}
