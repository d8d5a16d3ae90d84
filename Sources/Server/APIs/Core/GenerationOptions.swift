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
        // Whoever made the reader: these are the limits.
        let rules = FieldRules(dialect: dialect, limits: limits)
        let fields = FieldReader(fields.object, at: fields.path, by: rules)
        let minTokens = try fields.read(GenerationFields.minTokens)
        let given = try Self.maxTokens(fields, least: leastMaxTokens)
        let limit = given ?? defaultMaxTokens.map { Swift.max($0, minTokens) }
        let maxTokens = limit == GenerationFields.unlimited ? nil : limit
        if let maxTokens, minTokens > maxTokens {
            throw .invalid(
                fields.path.appending("min_tokens"), expected: "at most max_tokens (\(maxTokens))")
        }
        question.generation.minTokens = minTokens
        question.generation.maxTokens = maxTokens
        try readDistribution(fields, dialect: dialect, limits: limits)
        try readEnds(fields, limits: limits)
        question.generation.choiceCount = try fields.read(GenerationFields.choiceCount)
        try SamplerOptions.read(fields, into: &question)
        returnsTokenIDs = try fields.read(GenerationFields.returnsTokenIDs)
        returnsTokens = try fields.read(GenerationFields.returnsTokens)
        question.neededContext = try fields.read(GenerationFields.neededContext)
        question.generation.priority = try fields.read(GenerationFields.priority)
        question.generation.cacheScope = try fields.read(GenerationFields.cacheSalt)
        let cache = try CacheFields(fields)
        question.generation.cacheKey = cache.key
        question.generation.diagnosesCache = cache.wantsDiagnostics
        question.generation.timeLimit = try fields.read(GenerationFields.timeLimit)
            .map { .seconds($0) }
        question.prediction = try PredictionField.read(fields)
        try readStreaming(fields, dialect: dialect)
        output = try OutputFields.read(fields)
        thinking = try ThinkingFields(fields)
        try PeerField.check(fields)
    }

    /// The most tokens by any of the field's names.
    ///
    /// - Returns: the count, `unlimited`, or nil if the request does not say.
    private static func maxTokens(
        _ fields: FieldReader, least: Int
    ) throws(FieldError) -> Int? {
        var lengths: [String: Int] = [:]
        var names: [String] = []
        for field in GenerationFields.lengths(least: { _ in least }) {
            lengths[field.name] = try fields.read(field)
            names.append(field.name)
        }
        // Of OpenAI's own two names, the newer wins; all others must agree with it.
        let isCurrent = lengths["max_completion_tokens"] != nil
        names.removeAll { $0 == (isCurrent ? "max_tokens" : "max_completion_tokens") }
        let agreed = try fields.agreed(names, neutral: GenerationFields.unlimited) {
            (name) throws(FieldError) in lengths[name]
        }
        if agreed == nil, fields.object.contains("max_tokens") {
            // Null is vLLM's "no limit" where leaving the field out means 16.
            return GenerationFields.unlimited
        }
        return agreed
    }

    private mutating func readDistribution(
        _ fields: FieldReader, dialect: Dialect, limits: RequestLimits
    ) throws(FieldError) {
        question.temperature = try fields.read(GenerationFields.temperature)
        let topP = try fields.read(GenerationFields.topP)
        let leadingCount = try fields.read(GenerationFields.topK)
        let minP = try fields.read(GenerationFields.minP)
        let frequencyPenalty = try fields.read(GenerationFields.frequencyPenalty)
        let presencePenalty = try fields.read(GenerationFields.presencePenalty)
        let repetitionPenalty = try fields.read(GenerationFields.repetitionPenalty)
        let logitBias = try Self.logitBias(fields, maxCount: limits.maxLogitBiases)
        let koboldSeed = try fields.read(GenerationFields.samplerSeed)
        let randomSeed = try fields.read(GenerationFields.randomSeed)
        let seed = try fields.read(GenerationFields.seed) ?? randomSeed ?? koboldSeed
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
        for field in GenerationFields.stops { try readStops(field.name, fields, limits) }
        for (value, path) in try fields.read(GenerationFields.stopTokenIDs) ?? [] {
            question.stopTokenIDs.append(
                Int32(try FieldReader.integer(value, at: path, in: 0...Self.maxTokenCount)))
        }
        question.generation.ignoresEOS = try fields.read(GenerationFields.ignoresEOS)
        question.generation.includesStopString = try fields.read(
            GenerationFields.includesStopString)
        question.generation.stopsOnRepetition =
            try fields.read(GenerationFields.stopsOnRepetition) ?? limits.stopsOnRepetition
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
        streams = try fields.read(GenerationFields.streams)
        guard let options = try fields.read(GenerationFields.streamOptions) else { return }
        includesUsage = try options.read(GenerationFields.includesUsage)
        _ = try options.read(GenerationFields.obfuscation)
        tellsUsageContinuously = try options.read(GenerationFields.continuousUsage)
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
