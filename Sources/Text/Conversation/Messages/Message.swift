// SPDX-License-Identifier: Apache-2.0

package import JSON

/// One message of a conversation, whichever dialect it came in.
package struct Message: Hashable, Sendable {
    /// Who speaks.
    package struct Role: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
        /// The role as requests spell it.
        package let rawValue: String

        /// A role by its name; any name is a role.
        package init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// Instructions of the operator.
        package static let system = Role(rawValue: "system")

        /// Instructions of the application, OpenAI's newer name for `system`.
        package static let developer = Role(rawValue: "developer")

        /// The person or program that asks.
        package static let user = Role(rawValue: "user")

        /// The model.
        package static let assistant = Role(rawValue: "assistant")

        /// The result of a tool.
        package static let tool = Role(rawValue: "tool")

        /// The result of a function, OpenAI's older name for `tool`.
        package static let function = Role(rawValue: "function")

        /// The role's name.
        package var description: String { rawValue }
    }

    /// Who speaks.
    package var role: Role

    /// What is said: the text parts, in order; empty for none.
    package var parts: [String]

    /// The tools that an assistant called.
    package var toolCalls: [ToolCall]

    /// The call that a tool's message answers.
    package var toolCallID: String?

    /// The name of the tool or of the speaker.
    package var name: String?

    /// Whether an assistant's message is the beginning of the answer to be generated.
    package var isPrefix: Bool

    /// Further fields that a template may read, such as `reasoning_content`.
    package var extra: JSONObject

    /// A message.
    package init(
        role: Role, parts: [String], toolCalls: [ToolCall] = [], toolCallID: String? = nil,
        name: String? = nil, isPrefix: Bool = false, extra: JSONObject = [:]
    ) {
        self.role = role
        self.parts = parts
        self.toolCalls = toolCalls
        self.toolCallID = toolCallID
        self.name = name
        self.isPrefix = isPrefix
        self.extra = extra
    }

    /// A message of one text.
    package init(
        _ role: Role, _ content: String?, toolCalls: [ToolCall] = [], toolCallID: String? = nil,
        name: String? = nil, isPrefix: Bool = false, extra: JSONObject = [:]
    ) {
        self.init(
            role: role, parts: content.map { [$0] } ?? [], toolCalls: toolCalls,
            toolCallID: toolCallID, name: name, isPrefix: isPrefix, extra: extra)
    }

    /// The names by which messages carry what an assistant thought before it spoke.
    static let thinkingKeys = ["reasoning_content", "thinking", "reasoning"]

    /// What an assistant thought before it spoke: a text in ``extra`` under one of the names by
    /// which templates and clients know it.
    ///
    /// An empty one counts where it is Mistral's, `thinking`; other clients send it for none.
    package var thinking: String? {
        if let thinking = extra["thinking"]?.stringValue { return thinking }
        return Self.thinkingKeys.lazy.compactMap { extra[$0]?.stringValue }.first { !$0.isEmpty }
    }

    /// Whether the thinking goes on in the answer: `thinking_closed` in ``extra`` is false.
    package var isThinkingOpen: Bool { extra["thinking_closed"] == false }

    /// All parts, a line each, as a client reads them back; nil if there is none.
    package var content: String? {
        parts.isEmpty ? nil : parts.joined(separator: "\n")
    }

    /// The parts that are not empty, joined.
    ///
    /// - Parameter separator: what stands between two parts.
    /// - Returns: the text; empty if there is none.
    package func text(joinedBy separator: String = "\n\n") -> String {
        parts.filter { !$0.isEmpty }.joined(separator: separator)
    }
}

/// A call of a tool by an assistant.
package struct ToolCall: Hashable, Sendable {
    /// The call's identity, which the result repeats.
    package var id: String?

    /// The tool's name.
    package var name: String

    /// The arguments as JSON text; what a client sent, valid or not.
    package var arguments: String

    /// A call.
    package init(id: String?, name: String, arguments: String) {
        self.id = id
        self.name = name
        self.arguments = arguments
    }

    /// The arguments as a JSON value; text where they are not JSON, no arguments where it is empty.
    var parsedArguments: JSONValue {
        if arguments.isEmpty { return .object([:]) }
        do {
            // The limits of a body do not hold within its strings; beyond these it stays text.
            return try JSONParser.parse(
                arguments,
                limits: .init(maxDepth: 64, maxValues: 1 << 16, replacesLoneSurrogates: true))
        } catch {
            return .string(arguments)
        }
    }
}
