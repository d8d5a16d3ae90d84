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

    /// The member of a call's arguments that carries a custom tool's input.
    package static let inputKey = "input"

    /// Its name, `[a-zA-Z0-9_-]{1,64}`.
    package var name: String

    /// What it does, for the model.
    package var description: String?

    /// What a call carries.
    package var input: Input

    /// The definition as templates read it: `{"type": "function", "function": {…}}`.
    package var definition: JSONValue

    /// Describes a tool.
    ///
    /// - Parameters:
    ///   - name: its name.
    ///   - description: what it does.
    ///   - input: what a call carries.
    ///   - definition: the client's definition of a function; nil to make one. One is made for
    ///     custom tools in any case, which models see as functions of one text, `input`.
    package init(
        name: String, description: String? = nil, input: Input = .arguments([:]),
        definition: JSONValue? = nil
    ) {
        self.name = name
        self.description = description
        self.input = input
        if case .arguments = input, let definition {
            self.definition = definition
        } else {
            self.definition = Self.definition(name: name, description: description, input: input)
        }
    }

    /// The arguments of a call of a custom tool, as the conversation's history has them.
    package static func arguments(ofInput input: String) -> String {
        JSONValue.object([inputKey: .string(input)]).serialized(.python)
    }

    private static func definition(
        name: String, description: String?, input: Input
    ) -> JSONValue {
        var function: JSONObject = ["name": .string(name)]
        if let description { function["description"] = .string(description) }
        function["parameters"] = parameters(of: input)
        return ["type": "function", "function": .object(function)]
    }

    private static func parameters(of input: Input) -> JSONValue {
        var schema: JSONObject = ["type": "string"]
        switch input {
        case .arguments(let parameters): return parameters
        case .text: break
        case .grammar(let grammar):
            schema["description"] = .string("A text of this grammar (Lark):\n\(grammar)")
        case .expression(let pattern):
            schema["description"] = .string("A text that this expression matches: \(pattern)")
        }
        return [
            "type": "object", "properties": .object([inputKey: .object(schema)]),
            "required": [.string(inputKey)],
        ]
    }
}
