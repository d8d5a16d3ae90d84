// SPDX-License-Identifier: Apache-2.0

import JSON

/// What a request says of the model's thinking, by the names of all servers.
package struct ThinkingFields: Hashable, Sendable {
    /// Whether the model may think before it answers.
    package private(set) var isAllowed = true

    /// The most tokens of it; nil for as many as the model likes.
    package private(set) var budget: Int?

    /// The model thinks as it likes.
    package init() {}

    /// Reads the budget and the switches that turn thinking off.
    init(_ fields: FieldReader) throws(FieldError) {
        let names = [
            "thinking_token_budget", "thinking_budget", "thinking_budget_tokens",
            "reasoning_budget",
        ]
        let unlimited = -1
        let budget = try fields.agreed(names, neutral: unlimited) { (name) throws(FieldError) in
            try fields.integer(name, in: unlimited...GenerationOptions.maxTokenCount)
        }
        if let budget, budget != unlimited { self.budget = budget }
        // Their types are checked where they go to the template; there, `thinking` may be anything.
        let variables = fields.value("chat_template_kwargs")
        let switches = [
            fields.value("enable_thinking"), variables?["enable_thinking"],
            variables?["thinking"],
        ]
        isAllowed =
            !switches.contains(.bool(false)) && fields.value("reasoning_effort") != "none"
            && self.budget != 0
    }
}
