// SPDX-License-Identifier: Apache-2.0

package import JSON

/// The body of `POST /v1/fim/completions`: fill the gap between a prompt and a suffix.
package struct FIMCompletionRequest: Hashable, Sendable {
    /// Which model is asked.
    package var model: String

    /// The text before the gap.
    package var prompt: String

    /// The text after the gap; may be empty.
    package var suffix: String

    /// How to generate.
    package var options: GenerationOptions

    /// Reads and checks the body.
    ///
    /// - Throws: `FieldError`, which names the field.
    package init(
        _ body: JSONObject, dialect: Dialect, limits: RequestLimits = .init()
    ) throws(FieldError) {
        let fields = FieldReader(body, by: FieldRules(dialect: dialect, limits: limits))
        model = try fields.require(FIMFields.model)
        prompt = try fields.require(FIMFields.prompt)
        suffix = try fields.read(FIMFields.suffix)
        options = try GenerationOptions(
            fields, dialect: dialect, limits: limits, leastMaxTokens: 0)
        try HintFields.check(fields)
        try OutputFields.refuse(fields, reason: FIMFields.reason)
        for field in FIMFields.refused { try fields.refuse(field) }
        if limits.isStrictMistral, let known = dialect.knownFields {
            try KnownFields.check(body, known.fim)
        }
    }
}
