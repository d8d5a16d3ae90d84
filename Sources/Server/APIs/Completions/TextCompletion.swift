// SPDX-License-Identifier: Apache-2.0

package import JSON

/// The answer of `POST /v1/completions`, and each chunk of its stream.
package struct TextCompletion: Hashable, Sendable {
    /// One continuation, or in a stream a part of one.
    package struct Choice: Hashable, Sendable {
        /// Its place, from 0: those of the first prompt come first.
        package var index: Int

        /// The text.
        package var text: String

        /// Why it ended; nil while it goes on.
        package var finishReason: String?

        /// What else is to be said of that.
        package var stopReason: String?

        /// What the model thought of each token, if asked.
        package var logprobs: CompletionLogprobs?

        /// The generated ids, if asked.
        package var tokenIDs: [Int32]?

        /// The same under llama.cpp's name, if asked by it.
        package var tokens: [Int32]?

        /// The ids of its prompt, if asked.
        package var promptTokenIDs: [Int32]?

        /// Creates a choice.
        package init(
            index: Int, text: String, finishReason: String? = nil, stopReason: String? = nil,
            logprobs: CompletionLogprobs? = nil, tokenIDs: [Int32]? = nil,
            promptTokenIDs: [Int32]? = nil
        ) {
            self.index = index
            self.text = text
            self.finishReason = finishReason
            self.stopReason = stopReason
            self.logprobs = logprobs
            self.tokenIDs = tokenIDs
            self.promptTokenIDs = promptTokenIDs
        }

        /// The element of `choices`.
        package var json: JSONValue {
            var object: JSONObject = [
                "index": .integer(index), "text": .string(text),
                "logprobs": logprobs?.json ?? .null,
                "finish_reason": finishReason.map { .string($0) } ?? .null,
            ]
            if let stopReason { object["stop_reason"] = .string(stopReason) }
            if let tokenIDs { object["token_ids"] = tokenIDs.json }
            if let tokens { object["tokens"] = tokens.json }
            if let promptTokenIDs { object["prompt_token_ids"] = promptTokenIDs.json }
            return .object(object)
        }
    }

    /// What the answer begins with.
    package var header: AnswerHeader

    /// The continuations, by index.
    package var choices: [Choice]

    /// The token counts.
    package var usage: UsageReport

    /// The first prompt's ids, if asked.
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
