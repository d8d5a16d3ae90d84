// SPDX-License-Identifier: Apache-2.0

import JSON

/// What a chunk of a chat stream says of one choice.
package struct ChatChunkChoice: Hashable, Sendable {
    /// The choice's place, from 0.
    package var index: Int

    /// Whether this is the choice's first chunk, which says who speaks.
    package var opens = false

    /// The text that is added; nil to leave the member out.
    package var content: String?

    /// What the model thought more.
    package var thinking: String?

    /// Whether thoughts are parts of the content (Mistral).
    package var thinksInContent = false

    /// Calls of tools that begin, or more of their arguments, or whole ones.
    package var calls: [WrittenCall] = []

    /// Why the choice ended; nil while it goes on, which the chunk says as null.
    package var finishReason: String?

    /// What else is to be said of that.
    package var stopReason: String?

    /// What the model thought of the added tokens, if asked.
    package var logprobs: [TokenProbability]?

    /// The added ids, if asked.
    package var tokenIDs: [Int32]?

    /// The same under llama.cpp's name, if asked by it.
    package var tokens: [Int32]?

    /// Creates a part of a choice.
    package init(
        index: Int, opens: Bool = false, content: String? = nil, finishReason: String? = nil,
        stopReason: String? = nil, logprobs: [TokenProbability]? = nil, tokenIDs: [Int32]? = nil
    ) {
        self.index = index
        self.opens = opens
        self.content = content
        self.finishReason = finishReason
        self.stopReason = stopReason
        self.logprobs = logprobs
        self.tokenIDs = tokenIDs
    }

    /// Appends the element of `choices`.
    package func append(to bytes: inout [UInt8]) {
        bytes.append(text: #"{"index":"#)
        bytes.append(number: index)
        bytes.append(text: #","delta":{"#)
        if opens { bytes.append(text: #""role":"assistant""#) }
        if let thinking {
            append(thinking: thinking, to: &bytes)
        } else if let content {
            bytes.append(text: opens ? #","content":"# : #""content":"#)
            bytes.append(quoted: content)
        }
        calls.append(to: &bytes, after: content == nil ? "" : ",")
        bytes.append(text: #"},"logprobs":"#)
        bytes.append(json: logprobs?.chatJSON)
        bytes.append(
            finishReason: finishReason, stopReason: stopReason, tokenIDs: tokenIDs, tokens: tokens)
        bytes.append(text: "}")
    }

    private func append(thinking: String, to bytes: inout [UInt8]) {
        if thinksInContent {
            bytes.append(
                text: #""content":[{"type":"thinking","thinking":[{"type":"text","text":"#)
            bytes.append(quoted: thinking)
            bytes.append(text: "}]}]")
        } else {
            bytes.append(text: #""reasoning_content":"#)
            bytes.append(quoted: thinking)
        }
    }
}
