// SPDX-License-Identifier: Apache-2.0

package import Recognition

/// What is asked of one answer, as far as its form goes.
package struct AnswerPlan: Hashable, Sendable {
    /// The tools, in the order of the prompt.
    package var tools: [Tool] = []

    /// Which of them are called.
    package var choice = ToolChoice.auto(allowed: nil)

    /// Whether there may be more than one call.
    package var allowsParallelCalls = true

    /// What the answer's text must look like where it calls no tool; nil for any text.
    package var output: Structure?

    /// Whether the prompt ends within the model's thinking, as some templates leave it.
    package var beginsThinking = false

    /// Whether the prompt ends within the answer's text, which goes on.
    package var continuesText = false

    /// Whether the model may think before it answers.
    package var allowsThinking = true

    /// What the identities of calls are made of.
    ///
    /// They are equal for equal seeds: each choice of each request needs one of its own. Nil for
    /// identities of chance.
    package var seed: UInt64?

    /// A plan without tools or constraints.
    package init() {}

    /// The tools that the answer may call, in the order of the prompt.
    package var callableTools: [Tool] {
        switch choice {
        case .none: []
        case .auto(nil), .required(nil): tools
        case .auto(let names?), .required(let names?): tools.filter { names.contains($0.name) }
        }
    }

    /// Whether the answer has to call a tool.
    package var requiresCall: Bool {
        if case .required = choice { true } else { false }
    }
}
