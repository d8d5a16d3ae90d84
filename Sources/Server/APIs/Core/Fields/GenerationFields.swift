// SPDX-License-Identifier: Apache-2.0

import JSON

/// The fields that all generating endpoints share.
package enum GenerationFields {
    private static let most = GenerationOptions.maxTokenCount

    // MARK: How long an answer is

    static let minTokens = Field.integer(
        "min_tokens", in: 0...most, "The least tokens of an answer; before, nothing ends it."
    ).peers("min_new_tokens").defaulting(to: 0)

    /// What a length is where there is no limit.
    static let unlimited = -1

    /// The fields that say how long an answer may be.
    ///
    /// - Parameter least: the least number that the endpoint takes.
    /// - Returns: OpenAI's two names first.
    static func lengths(least: @escaping @Sendable (FieldRules) -> Int) -> [Field<Int>] {
        func length(_ name: String, _ endless: [JSONValue], _ help: String) -> Field<Int> {
            Field(name, .either([.integer { least($0)...most }, .values(endless)]), help) {
                (value, path, rules) throws(FieldError) in
                if let number = value.intValue, endless.contains(.integer(number)) {
                    return unlimited
                }
                return try FieldReader.integer(value, at: path, in: least(rules)...most)
            }
        }
        let others = ["max_new_tokens", "max_output_tokens", "max_tokens_to_sample"]
        return [
            length("max_tokens", [-1], "The most tokens of an answer; -1 for no limit."),
            length("max_completion_tokens", [-1], "The same, and it wins over max_tokens."),
        ]
            + others.map { length($0, [-1], "Another name of max_tokens.") }
            + ["n_predict", "num_predict"].map {
                length($0, [-1, -2], "llama.cpp's and Ollama's name of max_tokens.")
            }
    }

    // MARK: How a token is chosen

    static let temperature = Field.number(
        "temperature", within: { NumberRange($0.dialect.temperatures) },
        "How freely tokens are chosen; 0 always takes the most probable one.")
    static let topP = Field.number(
        "top_p",
        within: { NumberRange(0...1, excludesLowerBound: $0.dialect.excludesEmptyNucleus) },
        "Only the most probable tokens that together have this probability are chosen from."
    ).defaulting(to: 1)
    static let topK = Field.integer(
        "top_k", in: -1...most,
        "Only so many of the most probable tokens are chosen from; 0 or -1 for all."
    ).defaulting(to: 0)
    static let minP = Field.number(
        "min_p", in: 0...1,
        "Only tokens of at least this share of the highest probability are chosen from."
    ).defaulting(to: 0)
    static let frequencyPenalty = Field.number(
        "frequency_penalty", in: -2...2, "Taken off a token's logit for each time it was there."
    ).defaulting(to: 0)
    static let presencePenalty = Field.number(
        "presence_penalty", in: -2...2, "Taken off the logit of a token that was there."
    ).defaulting(to: 0)
    // Below a hundredth, logits that are divided by it could leave the range of floats.
    static let repetitionPenalty = Field.number(
        "repetition_penalty", in: 0.01...100,
        "What the logit of a token that was there is divided by, if it is positive."
    ).peers("repeat_penalty", "rep_pen").defaulting(to: 1)
    static let logitBias = FieldDeclaration(
        "logit_bias", .map(of: .number(in: -100...100)),
        "What is added to the logits of tokens, by their ids.")
    static let seed = Field.integer(
        "seed", "The same seed gives the same answer; -1 for a new one each time.")
    static let randomSeed = Field.integer(
        "random_seed", in: -1...Int.max, "Mistral's name of seed, which wins over it.")
    static let samplerSeed = Field.integer(
        "sampler_seed", "KoboldAI's name of seed, over which both others win.")

    // MARK: Where an answer ends

    static let stops = [
        "stop", "stop_sequences", "stopping_strings", "stop_sequence", "stop_strings",
    ]
    .map { name in
        FieldDeclaration(
            name,
            .either([
                .string(), .array(of: .string(), maxCount: { $0.limits.maxStops }),
            ]), "Texts that end an answer, and are no part of it."
        ).example("\n\n")
    }
    static let stopTokenIDs = Field.array(
        "stop_token_ids", of: .integer(in: 0...most), maxCount: { $0.limits.maxStops },
        "Ids of tokens that end an answer.")
    static let ignoresEOS = Field.boolean(
        "ignore_eos", "Whether the model's own end of an answer is passed over."
    ).defaulting(to: false)
    static let includesStopString = Field.boolean(
        "include_stop_str_in_output", "Whether the text that ended an answer is a part of it."
    ).defaulting(to: false)
    static let stopsOnRepetition = Field.boolean(
        "stop_on_repetition",
        "Whether an answer without a limit of tokens ends when it only repeats itself.")

    // MARK: How many answers, when, and what of them is told

    static let choiceCount = Field.integer(
        "n", within: { 1...Swift.max(1, Swift.min(128, $0.limits.maxChoices)) },
        "How many answers to the same prompt are given."
    ).peers("n_cmpl").defaulting(to: 1)
    static let returnsTokenIDs = Field.boolean(
        "return_token_ids", "Whether the ids of prompt and answer are told."
    ).defaulting(to: false)
    static let returnsTokens = Field.boolean(
        "return_tokens", "llama-server's name of it, for the ids of the answer."
    ).defaulting(to: false)
    static let neededContext = Field.integer(
        "num_ctx", in: 0...most, "The context that the client needs; an error if there is less."
    ).peers("n_ctx")
    static let priority = Field.integer(
        "priority", in: 0...1_000, "The higher, the later: a client may put itself behind others."
    ).defaulting(to: 0)
    static let cacheSalt = Field.string(
        "cache_salt", maxBytes: 256, "Prompts are found again only with the same text here."
    ).defaulting(to: "")
    static let timeLimit = Field.number(
        "max_time", in: 0.001...86_400,
        "After so many seconds, an answer that is not complete ends with an error.")

    // MARK: Streams

    static let streams = Field.boolean(
        "stream", "Whether the answer comes as events, as it is generated."
    ).defaulting(to: false)
    static let includesUsage = Field.boolean(
        "include_usage", "Whether the last event tells the tokens that were used.")
    static let continuousUsage = Field.boolean(
        "continuous_usage_stats", "Whether every event tells them (vLLM)."
    ).defaulting(to: false)
    static let obfuscation = Field.boolean(
        "include_obfuscation", "Taken; events are never padded.")
    static let streamOptions = Field.object(
        "stream_options",
        of: FieldList {
            includesUsage
            obfuscation
            continuousUsage
        }, "What a stream tells besides."
    ).beside(["stream": true])

    /// All of them.
    ///
    /// - Parameters:
    ///   - leastMaxTokens: the least `max_tokens` that the endpoint takes.
    ///   - output: what may be said of the form of the text.
    /// - Returns: the list.
    static func list(
        leastMaxTokens: @escaping @Sendable (FieldRules) -> Int,
        output: [FieldDeclaration] = OutputFields.list.declarations
    ) -> FieldList {
        FieldList {
            minTokens
            lengths(least: leastMaxTokens).map(\.declaration)
            FieldList {
                temperature
                topP
                topK
                minP
                frequencyPenalty
                presencePenalty
                repetitionPenalty
                logitBias
                seed
                randomSeed
                samplerSeed
                SamplerFields.list
            }
            FieldList {
                stops
                stopTokenIDs
                ignoresEOS
                includesStopString
                stopsOnRepetition
            }
            FieldList {
                choiceCount
                returnsTokenIDs
                returnsTokens
                neededContext
                priority
                cacheSalt
                CacheFields.list
                timeLimit
                PredictionField.prediction
                streams
                streamOptions
            }
            output
            ThinkingFields.list
            PeerField.list
            IgnoredFields.list
        }
    }
}
