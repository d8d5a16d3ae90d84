// SPDX-License-Identifier: Apache-2.0

package import JSON

/// The answer of `POST /v1/chat/completions`, in the superset that both SDKs read.
package struct ChatCompletion: Hashable, Sendable {
    /// One answer of the model.
    package struct Choice: Hashable, Sendable {
        /// Its place, from 0.
        package var index: Int

        /// The text.
        package var content: String

        /// What the model thought before; empty for nothing.
        package var thinking = ""

        /// Whether thoughts are parts of the content (Mistral), and not a member beside it.
        package var thinksInContent = false

        /// What the content is where there are calls and no text; nil for null.
        package var contentBesideCalls: String?

        /// The tools that are called.
        package var calls: [WrittenCall] = []

        /// Why it ended.
        package var finishReason: String

        /// What else is to be said of that.
        package var stopReason: String?

        /// What the model thought of each token, if asked.
        package var logprobs: [TokenProbability]?

        /// What the model thought of the prompt's tokens from the second on, if asked.
        package var promptLogprobs: [TokenProbability]?

        /// The generated ids, if asked.
        package var tokenIDs: [Int32]?

        /// The same under llama.cpp's name, if asked by it.
        package var tokens: [Int32]?

        /// Creates a choice.
        package init(
            index: Int, content: String, finishReason: String, stopReason: String? = nil,
            logprobs: [TokenProbability]? = nil, promptLogprobs: [TokenProbability]? = nil,
            tokenIDs: [Int32]? = nil
        ) {
            self.index = index
            self.content = content
            self.finishReason = finishReason
            self.stopReason = stopReason
            self.logprobs = logprobs
            self.promptLogprobs = promptLogprobs
            self.tokenIDs = tokenIDs
        }

        fileprivate var json: JSONValue {
            var object: JSONObject = [
                "index": .integer(index),
                "message": message,
                "logprobs": logprobs?.chatJSON ?? .null,
                "finish_reason": .string(finishReason),
            ]
            if let stopReason { object["stop_reason"] = .string(stopReason) }
            if let promptLogprobs { object["prompt_logprobs"] = promptLogprobs.chatJSON }
            if let tokenIDs { object["token_ids"] = tokenIDs.json }
            if let tokens { object["tokens"] = tokens.json }
            return .object(object)
        }

        private var message: JSONValue {
            var message: JSONObject = [
                "role": "assistant", "content": .string(content), "refusal": .null,
                "tool_calls": .null,
            ]
            if !calls.isEmpty, content.isEmpty {
                message["content"] = contentBesideCalls.map { .string($0) } ?? .null
            }
            if let call = calls.first, call.kind == .legacy {
                message["function_call"] = call.json
            } else if !calls.isEmpty {
                message["tool_calls"] = .array(calls.map(\.json))
            }
            if thinking.isEmpty { return .object(message) }
            guard thinksInContent else {
                message["reasoning_content"] = .string(thinking)
                return .object(message)
            }
            let text: [JSONValue] =
                content.isEmpty ? [] : [["type": "text", "text": .string(content)]]
            message["content"] = .array([Self.thought(thinking)] + text)
            return .object(message)
        }

        /// A part of Mistral's content that was thought.
        private static func thought(_ text: String) -> JSONValue {
            [
                "type": "thinking", "thinking": [["type": "text", "text": .string(text)]],
                "closed": true,
            ]
        }
    }

    /// What the answer begins with.
    package var header: AnswerHeader

    /// The answers, by index.
    package var choices: [Choice]

    /// The token counts.
    package var usage: UsageReport

    /// The prompt's ids, if asked.
    package var promptTokenIDs: [Int32]?

    /// Creates an answer.
    package init(
        header: AnswerHeader, choices: [Choice], usage: UsageReport,
        promptTokenIDs: [Int32]? = nil
    ) {
        self.header = header
        self.choices = choices
        self.usage = usage
        self.promptTokenIDs = promptTokenIDs
    }

    /// The body.
    package var json: JSONValue {
        var object = header.json
        object["choices"] = .array(choices.map(\.json))
        object["usage"] = usage.json
        if let promptTokenIDs { object["prompt_token_ids"] = promptTokenIDs.json }
        // Where llama.cpp has the ids of its one answer.
        if let tokens = choices.first?.tokens { object["tokens"] = tokens.json }
        return .object(object)
    }
}
