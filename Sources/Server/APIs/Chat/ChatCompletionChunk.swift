// SPDX-License-Identifier: Apache-2.0

package import JSON

/// What a chunk of a chat stream says of one choice.
package struct ChatChunkChoice: Hashable, Sendable {
    /// The choice's place, from 0.
    package var index: Int

    /// Whether this is the choice's first chunk, which says who speaks.
    package var opens = false

    /// The text that is added; nil to leave the member out.
    package var content: String?

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

    /// The element of `choices`.
    package var json: JSONValue {
        var delta = JSONObject()
        if opens { delta["role"] = "assistant" }
        if let content { delta["content"] = .string(content) }
        var object: JSONObject = [
            "index": .integer(index), "delta": .object(delta),
            "logprobs": logprobs?.chatJSON ?? .null,
            "finish_reason": finishReason.map { .string($0) } ?? .null,
        ]
        if let stopReason { object["stop_reason"] = .string(stopReason) }
        if let tokenIDs { object["token_ids"] = tokenIDs.json }
        if let tokens { object["tokens"] = tokens.json }
        return .object(object)
    }
}

/// Whether and where a stream tells its usage.
package enum StreamUsage: Hashable, Sendable {
    /// Nowhere (OpenAI when asked for none).
    case omitted

    /// In the chunk that ends the last choice, without a word in the others (OpenAI unless asked).
    ///
    /// Clients that know no `stream_options` find it there, and no chunk is without a choice.
    case unasked

    /// In a chunk of its own at the end, `null` in the others (OpenAI when asked).
    case lastChunk

    /// In the chunk that ends the last choice, `null` in the others (Mistral).
    case finishingChunk

    /// Whether the end of the last choice waits for the usage that belongs to it.
    package var holdsEnd: Bool { self == .unasked || self == .finishingChunk }
}

extension AnswerHeader {
    /// A chunk of a stream.
    ///
    /// - Parameters:
    ///   - choices: the elements of `choices`.
    ///   - usage: what to tell, if this chunk does.
    ///   - style: where usage belongs.
    /// - Returns: the chunk's object.
    package func chunk(
        _ choices: [JSONValue], usage: UsageReport? = nil, style: StreamUsage
    ) -> JSONObject {
        var object = json
        object["choices"] = .array(choices)
        if let usage {
            object["usage"] = usage.json
        } else if style == .lastChunk || style == .finishingChunk {
            object["usage"] = .null
        }
        return object
    }
}
