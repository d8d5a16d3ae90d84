// SPDX-License-Identifier: Apache-2.0

package import JSON

/// A tool that a model may call.
package struct Tool: Hashable, Sendable {
    /// What a call carries.
    package enum Input: Hashable, Sendable {
        /// A JSON object that satisfies a schema; `{}` allows any object.
        case arguments(JSONValue)

        /// Any text (OpenAI's custom tools).
        case text

        /// A text of a grammar in Lark's syntax.
        case grammar(String)

        /// A text that an expression matches.
        case expression(String)
    }

    /// Its name, `[a-zA-Z0-9_-]{1,64}`.
    package var name: String

    /// What it does, for the model.
    package var description: String?

    /// What a call carries.
    package var input: Input

    /// The definition as the client wrote it, for templates.
    package var definition: JSONValue

    /// Describes a tool.
    package init(
        name: String, description: String? = nil, input: Input = .arguments([:]),
        definition: JSONValue
    ) {
        self.name = name
        self.description = description
        self.input = input
        self.definition = definition
    }
}

/// Which tools an answer calls.
package enum ToolChoice: Hashable, Sendable {
    /// None, though the prompt may show them.
    case none

    /// Those of these names, or none of them, as the model likes; nil for all.
    case auto(allowed: Set<String>?)

    /// At least one, of these names; nil for any.
    case required(allowed: Set<String>?)
}
