// SPDX-License-Identifier: Apache-2.0

package import JSON

/// A token with its text, bytes and log probability.
package struct TokenProbability: Hashable, Sendable {
    /// The token's text; bytes that are no UTF-8 of their own read as U+FFFD.
    package var token: String

    /// The exact bytes; none for a control token.
    package var bytes: [UInt8]

    /// The id.
    package var tokenID: Int32

    /// The natural logarithm of the probability; at least ``least``.
    package var logprob: Double

    /// The most probable tokens in the same place, best first.
    package var top: [TokenProbability]

    /// JSON has no infinity: what cannot occur is written as OpenAI does.
    package static let least = -9999.0

    /// Creates an entry.
    package init(
        token: String, bytes: [UInt8], tokenID: Int32, logprob: Double,
        top: [TokenProbability] = []
    ) {
        self.token = token
        self.bytes = bytes
        self.tokenID = tokenID
        self.logprob = logprob.isNaN ? Self.least : max(logprob, Self.least)
        self.top = top
    }

    /// An element of a chat choice's `logprobs.content`.
    package var json: JSONValue {
        var object = alternative
        object["top_logprobs"] = .array(top.map { .object($0.alternative) })
        return .object(object)
    }

    private var alternative: JSONObject {
        [
            "token": .string(token), "logprob": .number(logprob),
            "bytes": .array(bytes.map { .integer(Int($0)) }),
            "token_id": .integer(Int(tokenID)),
        ]
    }

    /// The token as the keys of `/v1/completions` have it: unique, also for parts of characters.
    package var completionText: String {
        if bytes.isEmpty || Array(token.utf8) == bytes { return token }
        let digits = bytes.map { "\\x" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        return "bytes:" + digits.joined()
    }
}

extension [TokenProbability] {
    /// A chat choice's `logprobs`.
    package var chatJSON: JSONValue { ["content": .array(map(\.json)), "refusal": .null] }
}

/// The `logprobs` of a choice of `/v1/completions`: four arrays of one length.
package struct CompletionLogprobs: Hashable, Sendable {
    private var tokens: [JSONValue] = []
    private var tokenLogprobs: [JSONValue] = []
    private var topLogprobs: [JSONValue] = []
    private var textOffsets: [JSONValue] = []

    /// Arrays without elements.
    package init() {}

    /// Adds a token.
    ///
    /// - Parameters:
    ///   - probability: the token; its `top` gets the token itself if it lacks it.
    ///   - textOffset: where its text begins, in Unicode scalars.
    package mutating func append(_ probability: TokenProbability, textOffset: Int) {
        tokens.append(.string(probability.completionText))
        tokenLogprobs.append(.number(probability.logprob))
        textOffsets.append(.integer(textOffset))
        var top = JSONObject()
        for entry in probability.top where !top.contains(entry.completionText) {
            top[entry.completionText] = .number(entry.logprob)
        }
        if !top.contains(probability.completionText) {
            top[probability.completionText] = .number(probability.logprob)
        }
        topLogprobs.append(.object(top))
    }

    /// Adds a token that has no probability, for nothing precedes it.
    package mutating func appendFirst(_ token: TokenProbability, textOffset: Int) {
        tokens.append(.string(token.completionText))
        tokenLogprobs.append(.null)
        topLogprobs.append(.null)
        textOffsets.append(.integer(textOffset))
    }

    /// The object.
    package var json: JSONValue {
        [
            "tokens": .array(tokens), "token_logprobs": .array(tokenLogprobs),
            "top_logprobs": .array(topLogprobs), "text_offset": .array(textOffsets),
        ]
    }
}
