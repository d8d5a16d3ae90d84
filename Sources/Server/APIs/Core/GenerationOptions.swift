// SPDX-License-Identifier: Apache-2.0

import AnswerParsing
import Generation
import JSON
import Sampling
package import Serving

/// The fields that all generating endpoints share.
package struct GenerationOptions: Hashable, Sendable {
    /// How to generate; without its prompts.
    package var question = Question(prompts: [])

    /// Whether to return the ids of the prompt and of each choice.
    package var returnsTokenIDs = false

    /// Whether the answer's ids are returned as llama.cpp does, the first choice's beside `choices`.
    package var returnsTokens = false

    /// Whether to answer with a stream of events.
    package var streams = false

    /// Whether an OpenAI stream ends with a chunk of usage; nil where the client did not say.
    package var includesUsage: Bool?

    /// Whether every chunk of a stream tells the usage so far (vLLM).
    package var tellsUsageContinuously = false

    /// What the text that answers must look like; nil for any.
    package var output: RequestedOutput?

    /// How much the model may think.
    package var thinking = ThinkingFields()

    /// How many choices to return of each prompt.
    package var choiceCount: Int { question.generation.choiceCount }

    /// The question with its prompts.
    func asking(_ prompts: [Question.Prompt]) -> Question {
        var question = question
        question.prompts = prompts
        question.plan.output = output?.structure
        question.thinkingBudget = thinking.budget
        return question
    }
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
    ///   - defaultMaxTokens: what is generated where the request does not say; nil for no limit.
    /// - Throws: `FieldError`, which names the field.
    init(
        _ fields: FieldReader, dialect: Dialect, limits: RequestLimits, leastMaxTokens: Int,
        defaultMaxTokens: Int? = nil
    ) throws(FieldError) {
        let minTokens =
            try fields.agreed(["min_tokens", "min_new_tokens"], neutral: 0) {
                (name) throws(FieldError) in
                try fields.integer(name, in: 0...Self.maxTokenCount)
            } ?? 0
        let given = try Self.maxTokens(fields, least: leastMaxTokens)
        let limit = given ?? defaultMaxTokens.map { Swift.max($0, minTokens) }
        let maxTokens = limit == Self.unlimited ? nil : limit
        if let maxTokens, minTokens > maxTokens {
            throw .invalid(
                fields.path.appending("min_tokens"), expected: "at most max_tokens (\(maxTokens))")
        }
        question.generation.minTokens = minTokens
        question.generation.maxTokens = maxTokens
        try readDistribution(fields, dialect: dialect, limits: limits)
        try readEnds(fields, limits: limits)
        let maxChoices = Swift.max(1, Swift.min(128, limits.maxChoices))
        question.generation.choiceCount =
            try fields.agreed(["n", "n_cmpl"], neutral: 1) { (name) throws(FieldError) in
                try fields.integer(name, in: 1...maxChoices)
            } ?? 1
        returnsTokenIDs = try fields.bool("return_token_ids") ?? false
        returnsTokens = try fields.bool("return_tokens") ?? false
        question.neededContext = try fields.agreed(["num_ctx", "n_ctx"], neutral: 0) {
            (name) throws(FieldError) in
            try fields.integer(name, in: 0...Self.maxTokenCount)
        }
        // A client may put itself behind others, not before them.
        question.generation.priority = try fields.integer("priority", in: 0...1_000) ?? 0
        question.generation.cacheScope =
            try fields.string("cache_salt", maxCharacters: 256) ?? ""
        question.generation.timeLimit = try fields.number(
            "max_time", in: 0...86_400, excludingLowerBound: true
        ).map { .seconds($0) }
        try readStreaming(fields, dialect: dialect)
        output = try OutputFields.read(fields)
        thinking = try ThinkingFields(fields)
        try PeerField.check(fields)
    }

    /// What `max_tokens` is where a client asks for no limit.
    private static let unlimited = -1

    /// The most tokens by any of the field's names.
    ///
    /// - Returns: the count, `unlimited`, or nil if the request does not say.
    private static func maxTokens(
        _ fields: FieldReader, least: Int
    ) throws(FieldError) -> Int? {
        func read(_ name: String) throws(FieldError) -> Int? {
            // llama.cpp and Ollama write "until the context is full" as -2.
            let isEndless = ["n_predict", "num_predict"].contains(name) ? -2 : unlimited
            if let number = fields.value(name)?.intValue, (isEndless...unlimited) ~= number {
                return unlimited
            }
            return try fields.integer(name, in: least...maxTokenCount)
        }
        let legacy = try read("max_tokens")
        let current = try read("max_completion_tokens")
        let standard = current == nil ? "max_tokens" : "max_completion_tokens"
        let peers = [
            "n_predict", "num_predict", "max_new_tokens", "max_output_tokens",
            "max_tokens_to_sample",
        ]
        let agreed = try fields.agreed([standard] + peers, neutral: unlimited, read)
        if agreed == nil, legacy == nil, fields.object.contains("max_tokens") {
            // Null is vLLM's "no limit" where leaving the field out means 16.
            return unlimited
        }
        return agreed
    }

    private mutating func readDistribution(
        _ fields: FieldReader, dialect: Dialect, limits: RequestLimits
    ) throws(FieldError) {
        question.temperature = try fields.number("temperature", in: dialect.temperatures)
        let topP =
            try fields.number(
                "top_p", in: 0...1, excludingLowerBound: dialect.excludesEmptyNucleus) ?? 1
        // vLLM and llama.cpp write "all" as 0 or -1.
        let leadingCount = try fields.integer("top_k", in: -1...Self.maxTokenCount) ?? 0
        let minP = try fields.number("min_p", in: 0...1) ?? 0
        let frequencyPenalty = try fields.number("frequency_penalty", in: -2...2) ?? 0
        let presencePenalty = try fields.number("presence_penalty", in: -2...2) ?? 0
        // Below a hundredth, logits that are divided by it could leave the range of floats.
        let repetitionPenalty =
            try fields.agreed(
                ["repetition_penalty", "repeat_penalty", "rep_pen"], neutral: 1
            ) { (name) throws(FieldError) in
                try fields.number(name, in: 0.01...100)
            } ?? 1
        if frequencyPenalty != 0 || presencePenalty != 0 || repetitionPenalty != 1 {
            try Self.checkPenaltyScope(fields)
        }
        let logitBias = try Self.logitBias(fields, maxCount: limits.maxLogitBiases)
        let koboldSeed = try fields.integer("sampler_seed")
        let randomSeed = try fields.integer("random_seed", in: -1...Int.max)
        let seed = try fields.integer("seed") ?? randomSeed ?? koboldSeed
        // A nucleus of no probability holds the most probable token only.
        let keepsBestOnly = topP == 0
        question.generation.sampling = SamplingParameters(
            topP: keepsBestOnly ? 1 : max(Float(topP), .leastNonzeroMagnitude),
            topK: keepsBestOnly ? 1 : leadingCount > 0 ? leadingCount : nil, minP: Float(minP),
            frequencyPenalty: Float(frequencyPenalty), presencePenalty: Float(presencePenalty),
            repetitionPenalty: Float(repetitionPenalty), logitBias: logitBias,
            // Clients that cannot leave the field out write "a new one each time" as -1.
            seed: seed == -1 ? nil : seed.map { UInt64(bitPattern: Int64($0)) })
    }

    /// Penalties count every token of prompt and answer; a client that narrows that is told so.
    private static func checkPenaltyScope(_ fields: FieldReader) throws(FieldError) {
        for key in [
            "repeat_last_n", "penalty_last_n", "repetition_penalty_range", "rep_pen_range",
        ] {
            // text-generation-webui writes "all tokens" as 0, llama.cpp "none".
            let isAll: Set = key == "repetition_penalty_range" ? [0, -1] : [-1]
            guard let count = try fields.integer(key), !isAll.contains(count) else { continue }
            throw .unsupported(
                fields.path.appending(key),
                reason: "penalties here cover the whole prompt and answer; send -1")
        }
        if try fields.bool("penalize_nl") == false {
            throw .unsupported(
                fields.path.appending("penalize_nl"),
                reason: "penalties here cover line breaks, too; send true")
        }
    }

    private static func logitBias(
        _ fields: FieldReader, maxCount: Int
    ) throws(FieldError) -> [Int32: Float] {
        guard let biases = try fields.object("logit_bias") else { return [:] }
        guard biases.object.count <= maxCount else {
            throw .invalid(biases.path, expected: "at most \(maxCount) members")
        }
        var result: [Int32: Float] = [:]
        for (key, value) in biases.object {
            guard let token = Int32(key), token >= 0 else {
                throw .invalid(biases.path.appending(key), expected: "a token id as the key")
            }
            result[token] = Float(
                try FieldReader.number(value, at: biases.path.appending(key), in: -100...100))
        }
        return result
    }

    private mutating func readEnds(
        _ fields: FieldReader, limits: RequestLimits
    ) throws(FieldError) {
        for key in ["stop", "stop_sequences", "stopping_strings", "stop_sequence", "stop_strings"] {
            try readStops(key, fields, limits)
        }
        for (value, path) in try fields.array("stop_token_ids", maxCount: limits.maxStops) ?? [] {
            question.stopTokenIDs.append(
                Int32(try FieldReader.integer(value, at: path, in: 0...Self.maxTokenCount)))
        }
        question.generation.ignoresEOS = try fields.bool("ignore_eos") ?? false
        question.generation.includesStopString =
            try fields.bool("include_stop_str_in_output") ?? false
        question.generation.stopsOnRepetition =
            try fields.bool("stop_on_repetition") ?? limits.stopsOnRepetition
    }

    /// Adds the strings of one name; each of them ends a choice, whoever named it.
    private mutating func readStops(
        _ key: String, _ fields: FieldReader, _ limits: RequestLimits
    ) throws(FieldError) {
        let path = fields.path.appending(key)
        switch fields.value(key) {
        case nil: return
        case .string(let text)?: try addStop(.string(text), path, limits)
        case .array(let values)?:
            for (value, path) in try FieldReader.elements(
                of: values, at: path, maxCount: limits.maxStops)
            {
                try addStop(value, path, limits)
            }
        case let value?:
            throw .wrongType(
                path, expected: "a string or an array of strings", found: value.kindName)
        }
        guard question.generation.stopStrings.count <= limits.maxStops else {
            throw .invalid(path, expected: "at most \(limits.maxStops) strings in all")
        }
    }

    private mutating func addStop(
        _ value: JSONValue, _ path: FieldPath, _ limits: RequestLimits
    ) throws(FieldError) {
        guard case .string(let text) = value else {
            throw .wrongType(path, expected: "a string", found: value.kindName)
        }
        guard text.utf8.count <= limits.maxStopBytes else {
            throw .invalid(path, expected: "at most \(limits.maxStopBytes) bytes")
        }
        // An empty one would end every answer before it begins: it asks for nothing.
        let isKnown = question.generation.stopStrings.contains {
            $0.utf8.elementsEqual(text.utf8)
        }
        if !text.isEmpty, !isKnown { question.generation.stopStrings.append(text) }
    }

    private mutating func readStreaming(
        _ fields: FieldReader, dialect: Dialect
    ) throws(FieldError) {
        streams = try fields.bool("stream") ?? false
        guard let options = try fields.object("stream_options") else { return }
        includesUsage = try options.bool("include_usage")
        _ = try options.bool("include_obfuscation")
        tellsUsageContinuously = try options.bool("continuous_usage_stats") ?? false
        if tellsUsageContinuously {
            guard includesUsage != false else {
                throw .invalid(
                    options.path.appending("continuous_usage_stats"),
                    expected: "true only together with include_usage: true")
            }
            includesUsage = true
        }
        if !streams, dialect.refusesUsageWithoutStream, includesUsage == true {
            throw .invalid(
                fields.path.appending("stream_options"), expected: "only together with stream: true"
            )
        }
    }
}
