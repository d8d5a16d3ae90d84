// SPDX-License-Identifier: Apache-2.0

import JSON

/// The fields that say how to generate, which all generating endpoints share.
package struct GenerationOptions: Hashable, Sendable {
    /// The most tokens of a choice; nil for as many as the context holds.
    package var maxTokens: Int?

    /// The fewest tokens of a choice.
    package var minTokens = 0

    /// Nil for the default of the dialect or the model.
    package var temperature: Double?

    /// In `0...1`; 0 keeps the most probable token only.
    package var topP = 1.0

    /// Nil for all tokens.
    package var topK: Int?

    /// In `0...1`.
    package var minP = 0.0

    /// In `-2...2`.
    package var frequencyPenalty = 0.0

    /// In `-2...2`.
    package var presencePenalty = 0.0

    /// Above 0; 1 changes nothing.
    package var repetitionPenalty = 1.0

    /// Added to logits, by token id; in `-100...100`.
    package var logitBias: [Int32: Double] = [:]

    /// Makes the choice of tokens reproducible.
    package var seed: Int?

    /// Texts that end a choice.
    package var stop: [String] = []

    /// Tokens that end a choice.
    package var stopTokenIDs: [Int32] = []

    /// Whether end-of-sequence tokens are generated like any other.
    package var ignoresEOS = false

    /// Whether the stop string that ended a choice is part of its text.
    package var includesStopString = false

    /// How many choices to return.
    package var choiceCount = 1

    /// Lower ones come first, always.
    package var priority = 0

    /// Separates cached prompts: only requests with the same salt share them.
    package var cacheSalt: String?

    /// The seconds after which the answer is of no use any more.
    package var maxTime: Double?

    /// Whether to return the ids of the prompt and of each choice.
    package var returnsTokenIDs = false

    /// Whether to answer with a stream of events.
    package var streams = false

    /// Whether an OpenAI stream ends with a chunk of usage.
    package var includesUsage = false

    /// Options that ask for nothing.
    package init() {}
}

extension GenerationOptions {
    static let maxTokenCount = Int(Int32.max)

    /// Reads the shared fields of a request.
    ///
    /// - Parameters:
    ///   - fields: the body.
    ///   - dialect: whose ranges hold.
    ///   - limits: how much may be asked for.
    ///   - leastMaxTokens: the smallest `max_tokens` that the endpoint allows.
    /// - Throws: `FieldError`, which names the field.
    init(
        _ fields: FieldReader, dialect: Dialect, limits: RequestLimits, leastMaxTokens: Int
    ) throws(FieldError) {
        let counts = leastMaxTokens...Self.maxTokenCount
        let legacyMaxTokens = try fields.integer("max_tokens", in: counts)
        maxTokens = try fields.integer("max_completion_tokens", in: counts) ?? legacyMaxTokens
        minTokens = try fields.integer("min_tokens", in: 0...Self.maxTokenCount) ?? 0
        if let maxTokens, minTokens > maxTokens {
            throw .invalid(
                fields.path.appending("min_tokens"), expected: "at most max_tokens (\(maxTokens))")
        }
        try readDistribution(fields, dialect: dialect, limits: limits)
        try readEnds(fields, limits: limits)
        choiceCount =
            try fields.integer("n", in: 1...Swift.max(1, Swift.min(128, limits.maxChoices))) ?? 1
        returnsTokenIDs = try fields.bool("return_token_ids") ?? false
        // A client may put itself behind others, not before them.
        priority = try fields.integer("priority", in: 0...1_000) ?? 0
        cacheSalt = try fields.string("cache_salt", maxCharacters: 256)
        maxTime = try fields.number("max_time", in: 0...86_400, excludingLowerBound: true)
        try readStreaming(fields, dialect: dialect)
        try Self.refuseUnsupported(fields)
    }

    private mutating func readDistribution(
        _ fields: FieldReader, dialect: Dialect, limits: RequestLimits
    ) throws(FieldError) {
        temperature = try fields.number(
            "temperature", in: dialect == .mistral ? 0...1.5 : 0...2)
        topP =
            try fields.number(
                "top_p", in: 0...1, excludingLowerBound: dialect == .mistral) ?? 1
        // vLLM and llama.cpp write "all" as 0 or -1.
        let leadingCount = try fields.integer("top_k", in: -1...Self.maxTokenCount) ?? 0
        topK = leadingCount > 0 ? leadingCount : nil
        minP = try fields.number("min_p", in: 0...1) ?? 0
        frequencyPenalty = try fields.number("frequency_penalty", in: -2...2) ?? 0
        presencePenalty = try fields.number("presence_penalty", in: -2...2) ?? 0
        repetitionPenalty =
            try fields.number(
                "repetition_penalty", in: 0...100, excludingLowerBound: true) ?? 1
        logitBias = try Self.logitBias(fields, maxCount: limits.maxLogitBiases)
        let randomSeed = try fields.integer("random_seed", in: 0...Int.max)
        seed = try fields.integer("seed") ?? randomSeed
    }

    private static func logitBias(
        _ fields: FieldReader, maxCount: Int
    ) throws(FieldError) -> [Int32: Double] {
        guard let biases = try fields.object("logit_bias") else { return [:] }
        guard biases.object.count <= maxCount else {
            throw .invalid(biases.path, expected: "at most \(maxCount) members")
        }
        var result: [Int32: Double] = [:]
        for (key, value) in biases.object {
            guard let token = Int32(key), token >= 0 else {
                throw .invalid(biases.path.appending(key), expected: "a token id as the key")
            }
            result[token] = try FieldReader.number(
                value, at: biases.path.appending(key), in: -100...100)
        }
        return result
    }

    private mutating func readEnds(
        _ fields: FieldReader, limits: RequestLimits
    ) throws(FieldError) {
        if case .string? = fields.value("stop") {
            stop = [
                try Self.stopString(fields.value("stop"), fields.path.appending("stop"), limits)
            ]
        } else if let value = fields.value("stop"), value.arrayValue == nil {
            throw .wrongType(
                fields.path.appending("stop"), expected: "a string or an array of strings",
                found: value.kindName)
        } else {
            for (value, path) in try fields.array("stop", maxCount: limits.maxStops) ?? [] {
                stop.append(try Self.stopString(value, path, limits))
            }
        }
        for (value, path) in try fields.array("stop_token_ids", maxCount: limits.maxStops) ?? [] {
            stopTokenIDs.append(
                Int32(try FieldReader.integer(value, at: path, in: 0...Self.maxTokenCount)))
        }
        ignoresEOS = try fields.bool("ignore_eos") ?? false
        includesStopString = try fields.bool("include_stop_str_in_output") ?? false
    }

    private static func stopString(
        _ value: JSONValue?, _ path: FieldPath, _ limits: RequestLimits
    ) throws(FieldError) -> String {
        guard case .string(let text)? = value else {
            throw .wrongType(path, expected: "a string", found: value?.kindName ?? "nothing")
        }
        guard !text.isEmpty, text.utf8.count <= limits.maxStopBytes else {
            throw .invalid(path, expected: "1 to \(limits.maxStopBytes) bytes")
        }
        return text
    }

    private mutating func readStreaming(
        _ fields: FieldReader, dialect: Dialect
    ) throws(FieldError) {
        streams = try fields.bool("stream") ?? false
        guard let options = try fields.object("stream_options") else { return }
        includesUsage = try options.bool("include_usage") ?? false
        _ = try options.bool("include_obfuscation")
        if !streams, dialect == .openAI {
            throw .invalid(
                fields.path.appending("stream_options"), expected: "only together with stream: true"
            )
        }
    }

    /// Refuses what would change the answer and is not built: nothing is silently ignored.
    private static func refuseUnsupported(_ fields: FieldReader) throws(FieldError) {
        for key in [
            "structured_outputs", "guided_json", "guided_regex", "guided_choice",
            "guided_grammar", "grammar", "json_schema", "regex",
        ] {
            try fields.refuse(key, reason: "structured output is not supported by this server")
        }
        try fields.refuse("use_beam_search", reason: "beam search is not supported")
        try fields.refuse(
            "truncate_prompt_tokens", reason: "prompts are never cut; send a shorter one")
        try fields.refuse("bad_words", reason: "not supported; use logit_bias")
        try fields.refuse("logits_processors", reason: "not supported")
        try fields.refuse("lora", reason: "adapters are not supported")
    }
}
