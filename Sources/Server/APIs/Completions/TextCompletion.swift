// SPDX-License-Identifier: Apache-2.0

import JSON

/// The answer of `POST /v1/completions`, and each chunk of its stream.
struct TextCompletion: Hashable, Sendable {
    /// One continuation, or in a stream a part of one.
    struct Choice: Hashable, Sendable {
        /// Its place, from 0: those of the first prompt come first.
        var index: Int

        /// The text.
        var text: String

        /// Why it ended; nil while it goes on.
        var finishReason: String?

        /// What else is to be said of that.
        var stopReason: String?

        /// What the model thought of each token, if asked.
        var logprobs: CompletionLogprobs?

        /// The generated ids, if asked.
        var tokenIDs: [Int32]?

        /// The same under llama.cpp's name, if asked by it.
        var tokens: [Int32]?

        /// The ids of its prompt, if asked.
        var promptTokenIDs: [Int32]?

        /// Creates a choice.
        init(
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

        /// Appends the element of `choices`.
        func append(to bytes: inout [UInt8]) {
            bytes.append(text: #"{"index":"#)
            bytes.append(number: index)
            bytes.append(text: #","text":"#)
            bytes.append(quoted: text)
            bytes.append(text: #","logprobs":"#)
            bytes.append(json: logprobs?.json)
            bytes.append(
                finishReason: finishReason, stopReason: stopReason, tokenIDs: tokenIDs,
                tokens: tokens)
            if let promptTokenIDs {
                bytes.append(text: #","prompt_token_ids":"#)
                bytes.append(ids: promptTokenIDs)
            }
            bytes.append(text: "}")
        }
    }

    /// What the answer begins with.
    var header: AnswerHeader

    /// The continuations, by index.
    var choices: [Choice]

    /// The token counts.
    var usage: UsageReport

    /// The first prompt's ids, if asked.
    var promptTokenIDs: [Int32]?

    /// Creates an answer.
    init(
        header: AnswerHeader, choices: [Choice], usage: UsageReport,
        promptTokenIDs: [Int32]? = nil
    ) {
        self.header = header
        self.choices = choices
        self.usage = usage
        self.promptTokenIDs = promptTokenIDs
    }

    /// The bytes of the body.
    var serialized: [UInt8] {
        var bytes = header.opened
        bytes.append(text: #","choices":["#)
        for (place, choice) in choices.enumerated() {
            if place > 0 { bytes.append(text: ",") }
            choice.append(to: &bytes)
        }
        bytes.append(text: #"],"usage":"#)
        bytes.append(json: usage.json)
        if let promptTokenIDs {
            bytes.append(text: #","prompt_token_ids":"#)
            bytes.append(ids: promptTokenIDs)
        }
        // llama.cpp answers with a single choice and puts its ids at the top level, so those of the
        // first choice stand there.
        if let tokens = choices.first?.tokens {
            bytes.append(text: #","tokens":"#)
            bytes.append(ids: tokens)
        }
        bytes.append(text: "}")
        return bytes
    }
}
