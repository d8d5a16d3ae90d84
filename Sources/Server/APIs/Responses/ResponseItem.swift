// SPDX-License-Identifier: Apache-2.0

import JSON

/// One thing that a response consists of: what was thought, said or called.
struct ResponseItem: Sendable {
    /// What it is.
    enum Kind: Hashable, Sendable {
        /// What the model thought.
        case reasoning

        /// What it says.
        case message

        /// A call of a function, or of a tool that takes any text.
        case call(id: String, name: String, namespace: String?, isCustom: Bool)

        /// What the API calls it.
        var type: String {
            switch self {
            case .reasoning: "reasoning"
            case .message: "message"
            case .call(_, _, _, isCustom: false): "function_call"
            case .call(_, _, _, isCustom: true): "custom_tool_call"
            }
        }

        /// What its identity begins with.
        fileprivate var prefix: String {
            switch self {
            case .reasoning: "rs_"
            case .message: "msg_"
            case .call(_, _, _, isCustom: false): "fc_"
            case .call(_, _, _, isCustom: true): "ctc_"
            }
        }
    }

    /// How far it has come.
    enum Status: String, Sendable {
        case inProgress = "in_progress"
        case completed
        case incomplete
    }

    /// What it is.
    let kind: Kind

    /// Its identity.
    let id: String

    /// What was thought or said, or what a call carries.
    var text = ""

    /// What the model thought of each token of a text, if asked.
    var logprobs: [TokenProbability] = []

    /// How far it has come.
    var status = Status.inProgress

    /// How thoughts are told.
    let style: ThinkingStyle

    /// An item that has just begun.
    ///
    /// - Parameters:
    ///   - kind: what it is.
    ///   - name: the letters and digits that no other response has.
    ///   - index: its place in the response.
    ///   - style: how thoughts are told.
    init(_ kind: Kind, of name: String, at index: Int, telling style: ThinkingStyle) {
        self.kind = kind
        self.style = style
        id = kind.prefix + name + String(index)
    }

    /// The item as the API writes it; one that is in progress has no content yet.
    var json: JSONValue {
        var object: JSONObject = ["id": .string(id), "type": .string(kind.type)]
        object["status"] = .string(status.rawValue)
        let hasContent = status != .inProgress
        switch kind {
        case .reasoning:
            object["summary"] = hasContent && style.isSummarized ? [summaryPart] : []
            object["content"] = hasContent ? [part] : []
            if style.isSealed {
                object["encrypted_content"] =
                    hasContent ? .string(SealedThinking.content(text)) : .null
            }
        case .message:
            object["role"] = "assistant"
            object["content"] = hasContent ? [part] : []
        case .call(let id, let name, let namespace, let isCustom):
            object["call_id"] = .string(id)
            object["name"] = .string(name)
            if let namespace { object["namespace"] = .string(namespace) }
            object[isCustom ? "input" : "arguments"] = .string(text)
        }
        return .object(object)
    }

    /// The one part of its content.
    var part: JSONValue {
        if kind == .reasoning { return ["type": "reasoning_text", "text": .string(text)] }
        return [
            "type": "output_text", "text": .string(text), "annotations": [],
            "logprobs": .array(logprobs.map(\.json)),
        ]
    }

    /// The one part of a summary of thoughts: nothing shortens them.
    var summaryPart: JSONValue { ["type": "summary_text", "text": .string(text)] }
}

/// How a response tells what the model thought.
struct ThinkingStyle: Hashable, Sendable {
    /// As a summary, too.
    var isSummarized = false

    /// In a form for the client to send back, too.
    var isSealed = false
}
