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
        let fields = FieldReader(body)
        model = try fields.require("model", fields.string("model", maxCharacters: 1024))
        prompt = try fields.require("prompt", fields.string("prompt"))
        suffix = try fields.string("suffix") ?? ""
        options = try GenerationOptions(
            fields, dialect: dialect, limits: limits, leastMaxTokens: 0)
        try ChatCompletionRequest.checkHints(fields)
        try OutputFields.refuse(
            fields, reason: "not a field of fill-in-the-middle requests")
        var refused = [
            "tools", "logprobs", "n_probs", "top_logprobs", "prompt_logprobs", "messages", "echo",
        ]
        if fields.value("best_of")?.doubleValue != 1 { refused.append("best_of") }
        if !["auto", "none"].contains(fields.value("tool_choice")) {
            refused.append("tool_choice")
        }
        for key in refused {
            try fields.refuse(key, reason: "not a field of fill-in-the-middle requests")
        }
        if limits.isStrictMistral, let known = dialect.knownFields {
            try KnownFields.check(body, known.fim)
        }
    }
}
