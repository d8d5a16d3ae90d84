// SPDX-License-Identifier: Apache-2.0

/// Bounds within which a template is read and rendered, since templates come from model files.
package struct TemplateLimits: Sendable, Equatable {
    /// Longest source in code points.
    package var maxSourceLength: Int

    /// Deepest nesting of expressions and statements in the source.
    package var maxNesting: Int

    /// Deepest nesting of evaluation, counting macro calls and loop recursion.
    package var maxDepth: Int

    /// Deepest nesting of lists and mappings built while rendering.
    package var maxValueDepth: Int

    /// Most steps of evaluation: a node evaluated, an element copied or compared; more for large
    /// contexts.
    package var maxSteps: Int

    /// Most code points read and written by string operations altogether; more for large contexts.
    package var maxTextWork: Int

    /// Longest single string in code points, the output included; more for large contexts.
    package var maxStringLength: Int

    /// Longest list, mapping or range.
    package var maxItems: Int

    /// The default bounds: generous for any real conversation, small for a machine.
    package init(
        maxSourceLength: Int = 1 << 20, maxNesting: Int = 80, maxDepth: Int = 200,
        maxValueDepth: Int = 160, maxSteps: Int = 4_000_000, maxTextWork: Int = 32 << 20,
        maxStringLength: Int = 16 << 20, maxItems: Int = 100_000
    ) {
        self.maxSourceLength = maxSourceLength
        self.maxNesting = maxNesting
        self.maxDepth = maxDepth
        self.maxValueDepth = maxValueDepth
        self.maxSteps = maxSteps
        self.maxTextWork = maxTextWork
        self.maxStringLength = maxStringLength
        self.maxItems = maxItems
    }

    /// The bounds for a context of that size: work may grow with what there is to render, by a
    /// constant factor, and steps to some seconds at most.
    func scaled(textLength: Int, valueCount: Int) -> TemplateLimits {
        var limits = self
        limits.maxTextWork += 64 * textLength
        limits.maxStringLength += 4 * textLength
        limits.maxSteps += min(1000 * valueCount, 16 * maxSteps)
        return limits
    }
}
