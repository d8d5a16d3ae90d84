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

    private static let unlimited = -1

    /// The most tokens of it.
    static let tokenBudget = Field.integer(
        "thinking_token_budget", in: unlimited...GenerationOptions.maxTokenCount,
        "The most tokens that the model thinks with before it answers; -1 for no limit."
    ).peers(
        "thinking_budget", "thinking_budget_tokens", "reasoning_budget", "reasoning_budget_tokens"
    )
    .defaulting(to: unlimited)

    /// Whether there is any, where the template has a switch for it.
    static let isEnabled = Field.boolean(
        "enable_thinking", "Whether the model thinks before it answers.")

    /// How much of it.
    static let effort = Field.choice(
        "reasoning_effort", of: ["none", "minimal", "low", "medium", "high", "xhigh", "max"],
        "How much the model thinks, where its chat template knows degrees; none turns it off.")

    /// What the chat template is told.
    static let templateArguments = Field.map(
        "chat_template_kwargs", of: .any, "Variables for the model's chat template.")

    /// All of them.
    static let list = FieldList {
        tokenBudget
        rendering
    }

    /// Those that the chat template is told.
    static let rendering = FieldList {
        isEnabled
        effort
        templateArguments
    }

    /// The model may think so many tokens, or as many as it likes; or it may not.
    init(isAllowed: Bool, budget: Int? = nil) {
        self.isAllowed = isAllowed
        self.budget = budget
    }

    /// Reads the budget and the switches that turn thinking off.
    init(_ fields: FieldReader) throws(FieldError) {
        let budget = try fields.read(Self.tokenBudget)
        if budget != Self.unlimited { self.budget = budget }
        let variables = try fields.read(Self.templateArguments)?.object ?? [:]
        // In a template, `thinking` may be anything.
        let switches = [variables["enable_thinking"], variables["thinking"]]
        let isEnabled = try fields.read(Self.isEnabled) ?? true
        let effort = try fields.read(Self.effort)
        isAllowed =
            isEnabled && !switches.contains(.bool(false)) && effort != "none"
            && self.budget != 0
    }
}
