// SPDX-License-Identifier: Apache-2.0

import Generation
package import JSON
import Serving

/// The body of `POST /v1/completions`.
package struct CompletionRequest: Hashable, Sendable {
    /// One prompt: a text to be tokenized, or the ids themselves.
    package enum Prompt: Hashable, Sendable {
        case text(String)
        case tokens([Int32])
    }

    /// Which model is asked.
    package var model: String

    /// The prompts; never empty.
    package var prompts: [Prompt]

    /// How to generate.
    package var options: GenerationOptions

    /// How many choices to generate, of which `options.choiceCount` are returned.
    package var bestOf: Int

    /// Log probabilities: nil for none, else how many alternatives.
    package var topLogprobs: Int?

    /// Whether the prompt is part of the answer.
    package var echoes = false

    /// The text after the gap to fill; nil if there is none.
    package var suffix: String?

    /// Whether a text gets the vocabulary's BOS in front.
    package var addsSpecialTokens = true
}

extension CompletionRequest {
    /// How many tokens are generated where the request does not say.
    package static let defaultMaxTokens = 16

    /// Reads and checks the body.
    ///
    /// - Throws: `FieldError`, which names the field.
    package init(
        _ body: JSONObject, dialect: Dialect, limits: RequestLimits = .init()
    ) throws(FieldError) {
        let fields = FieldReader(body, by: FieldRules(dialect: dialect, limits: limits))
        let name = try fields.string("model", maxCharacters: 1024)
        // Who asks in llama-server's way knows one model only (mistral-common's server names none).
        let isLlamaServers = try fields.bool("return_tokens") ?? false
        model = try fields.require("model", name ?? (isLlamaServers ? "default" : nil))
        prompts = try Self.prompts(fields, limits: limits)
        options = try GenerationOptions(
            fields, dialect: dialect, limits: limits, leastMaxTokens: 0,
            defaultMaxTokens: Self.defaultMaxTokens)
        let choiceCount = options.choiceCount
        bestOf =
            try fields.integer(
                "best_of", in: 1...Swift.max(1, Swift.min(20, limits.maxChoices))) ?? choiceCount
        if bestOf < choiceCount {
            throw .invalid(
                fields.path.appending("best_of"), expected: "at least n (\(choiceCount))")
        }
        let isSearch = options.question.generation.beamSearch != nil
        options.question.generation.beamSearch?.width = bestOf
        if bestOf > choiceCount, options.streams, !isSearch {
            throw .invalid(
                fields.path.appending("best_of"), expected: "n (\(choiceCount)) in a stream")
        }
        if prompts.count * bestOf > limits.maxPrompts {
            throw .invalid(
                fields.path.appending("prompt"),
                expected: "at most \(limits.maxPrompts) choices of all prompts together")
        }
        topLogprobs = try Self.logprobs(fields)
        options.question.generation.logprobTokenIDs = try SamplerOptions.namedTokens(
            fields, beside: "logprobs", isOn: topLogprobs != nil)
        echoes = try fields.bool("echo") ?? false
        let suffix = try fields.string("suffix")
        self.suffix = suffix == "" ? nil : suffix
        if self.suffix != nil, echoes {
            throw .unsupported(fields.path.appending("echo"), reason: "not together with suffix")
        }
        addsSpecialTokens = try fields.bool("add_special_tokens") ?? true
        try ChatCompletionRequest.checkHints(fields)
        try PeerField.refuse(
            ["prompt_logprobs"], fields, reason: "not supported; use echo with logprobs")
        try PeerField.refuse(["top_logprobs"], fields, reason: "not read here; use logprobs")
        try PeerField.refuse(
            ["tools", "functions"], fields, reason: "not read here; use /v1/chat/completions")
    }

    /// How many alternatives, by OpenAI's name or llama.cpp's (where 0 means none).
    private static func logprobs(_ fields: FieldReader) throws(FieldError) -> Int? {
        let alternatives = 0...20
        let count =
            fields.value("logprobs") == .bool(false)
            ? nil : try fields.integer("logprobs", in: alternatives)
        guard let peers = try fields.integer("n_probs", in: alternatives), peers > 0 else {
            return count
        }
        if let count, count != peers {
            throw .invalid(
                fields.path.appending("n_probs"), expected: "the same as logprobs (\(count))")
        }
        return peers
    }

    private static func prompts(
        _ fields: FieldReader, limits: RequestLimits
    ) throws(FieldError) -> [Prompt] {
        let path = fields.path.appending("prompt")
        let expected = "a string, or an array of strings, of token ids or of arrays of token ids"
        switch try fields.require("prompt", fields.value("prompt")) {
        case .string(let text): return [.text(text)]
        case .array(let values):
            guard let first = values.first else {
                throw .invalid(path, expected: "at least one prompt")
            }
            if first.doubleValue != nil { return [.tokens(try tokens(values, at: path))] }
            var prompts: [Prompt] = []
            for (value, path) in try FieldReader.elements(
                of: values, at: path, maxCount: limits.maxPrompts)
            {
                switch (first, value) {
                case (.string, .string(let text)): prompts.append(.text(text))
                case (.array, .array(let ids)):
                    prompts.append(.tokens(try tokens(ids, at: path)))
                default: throw .wrongType(path, expected: expected, found: value.kindName)
                }
            }
            return prompts
        case let value: throw .wrongType(path, expected: expected, found: value.kindName)
        }
    }

    private static func tokens(
        _ values: [JSONValue], at path: FieldPath
    ) throws(FieldError) -> [Int32] {
        guard !values.isEmpty else { throw .invalid(path, expected: "at least one token id") }
        return try TokenList.read(values, at: path)
    }
}
