// SPDX-License-Identifier: Apache-2.0

import Generation
import JSON
import Sampling
import Serving

/// The fields by which vLLM and llama-server choose tokens beyond what OpenAI and Mistral define.
enum SamplerFields {
    private static let most = GenerationOptions.maxTokenCount
    private static let id = FieldKind.integer(in: 0...most)

    // MARK: Tokens

    static let allowedTokenIDs = Field.array(
        "allowed_token_ids", of: id, minCount: 1, maxCount: { _ in most },
        "Ids of the only tokens that may be chosen (vLLM).")
    static let bannedWords = Field.array(
        "bad_words", of: .string(), maxCount: { $0.limits.maxLogitBiases },
        "Words that no answer has, at its beginning or after a space (vLLM).")
    static let bannedSequences = Field.array(
        "bad_words_ids", of: .array(of: id, minCount: 1, maxCount: { _ in nil }),
        maxCount: { $0.limits.maxLogitBiases }, "Sequences of tokens that no answer has.")
    static let suppressedTokens = Field.array(
        "suppress_tokens", of: id, maxCount: { $0.limits.maxLogitBiases },
        "Ids of tokens that no answer has.")

    /// Read where log probabilities are.
    static let logprobTokenIDs = Field.array(
        "logprob_token_ids", of: id, maxCount: { _ in 128 },
        "Ids of tokens whose log probabilities are told beside those of the chosen ones (vLLM).")

    // MARK: Penalties

    static let penaltyWindow = Field.integer(
        "repeat_last_n", in: -1...most,
        "How many of the last tokens penalties count, those of the prompt like others; -1 for all."
    ).peers("penalty_last_n", "rep_pen_range").defaulting(to: -1)
    static let penaltyRange = Field.integer(
        "repetition_penalty_range", in: -1...most,
        "text-generation-webui's name of repeat_last_n, where 0 is all tokens, too."
    ).defaulting(to: -1)
    static let penaltyPrompt = FieldDeclaration(
        "penalty_prompt", .either([.string(), .array(of: id)]),
        "What penalties take for the prompt: a text, or ids of tokens.")
    static let penalizesLineBreaks = FieldDeclaration(
        "penalize_nl", .values([true]), "With a penalty, line breaks are counted, too."
    ).beside(["presence_penalty": 1])

    // MARK: llama-server's samplers

    static let order = FieldDeclaration(
        "samplers", .either([.string(), .array(of: .string())]),
        "The samplers in the order in which they act: names, or llama.cpp's letters."
    ).example(["top_k", "typ_p", "temperature"], "edskypmxt")
    static let topNSigma = Field.number(
        "top_n_sigma", in: -1_000...1_000,
        "Only tokens within so many standard deviations of the greatest logit; 0 or less for all."
    ).peers("nsigma").defaulting(to: -1)
    static let typicalP = Field.number(
        "typical_p", in: 0...1, excludesLowerBound: true,
        "Only the most typical tokens that together have this probability."
    ).peers("typical", "typ_p").defaulting(to: 1)
    static let xtcProbability = Field.number(
        "xtc_probability", in: 0...1, "How often the most probable tokens are left out."
    ).defaulting(to: 0)
    static let xtcThreshold = Field.number(
        "xtc_threshold", in: 0...1,
        "How probable these are; the last of them stays. Above 0.5, none is left out."
    ).defaulting(to: 0.1)
    static let temperatureRange = Field.number(
        "dynatemp_range", in: 0...100,
        "How far the temperature follows the entropy, up and down; 0 for not at all."
    ).defaulting(to: 0)
    static let temperatureExponent = Field.number(
        "dynatemp_exponent", in: -100...100, "How the entropy becomes a temperature."
    ).defaulting(to: 1)
    static let mirostat = Field.integer(
        "mirostat", in: 0...2, "Which version of mirostat takes the place of the other samplers."
    ).peers("mirostat_mode").defaulting(to: 0)
    static let mirostatTau = Field.number(
        "mirostat_tau", in: 0...1_000, "The surprise that mirostat aims at, in bits."
    ).defaulting(to: 5)
    static let mirostatEta = Field.number(
        "mirostat_eta", in: 0...1_000, "How fast mirostat learns."
    ).defaulting(to: 0.1)
    static let adaptiveTarget = Field.number(
        "adaptive_target", in: -1_000...1,
        "The probability that chosen tokens are to have on average; below 0 for none."
    ).defaulting(to: -1)
    static let adaptiveDecay = Field.number(
        "adaptive_decay", in: 0...0.99, "How slowly earlier tokens are forgotten for that."
    ).defaulting(to: 0.9)
    static let minKeep = Field.integer(
        "min_keep", in: 0...most,
        "No sampler but top_k, top_n_sigma and mirostat leaves fewer tokens than this."
    ).defaulting(to: 0)

    // MARK: DRY

    static let dryMultiplier = Field.number(
        "dry_multiplier", in: 0...1_000,
        "What is taken off the logit of a token that makes a repetition longer; 0 for nothing."
    ).defaulting(to: 0)
    static let dryBase = Field.number(
        "dry_base", in: 0...1_000,
        "By what that grows with each token of the repetition; below 1 it is 1.75."
    ).defaulting(to: 1.75)
    static let dryAllowedLength = Field.integer(
        "dry_allowed_length", in: 0...most, "How many tokens may be repeated for nothing."
    ).defaulting(to: 2)
    static let dryWindow = Field.integer(
        "dry_penalty_last_n", in: -1...most, "How many of the last tokens it looks at; -1 for all."
    ).defaulting(to: -1)
    static let dryBreakers = FieldDeclaration(
        "dry_sequence_breakers",
        .either([
            .array(
                of: .string(maxBytes: SamplingTexts.longestBreaker),
                maxCount: { _ in SamplingTexts.mostBreakers }), .string(),
        ]), "Texts at which repetitions end; as a text, the JSON of such a list."
    ).example(["\n", ":"], #"["\n"]"#)

    // MARK: Repetitions

    static let maxPatternSize = Field.integer(
        "max_pattern_size", in: 0...RepetitionLimit.longestPattern,
        "The most tokens of a pattern; 0 for no detection."
    ).defaulting(to: 0)
    static let minPatternSize = Field.integer(
        "min_pattern_size", in: 0...RepetitionLimit.longestPattern, "The fewest tokens of it."
    ).defaulting(to: 0)
    static let minPatternCount = Field.integer(
        "min_count", in: 2...most, "How many times it must stand at the end of an answer."
    ).required
    static let repetitionDetection = Field.object(
        "repetition_detection",
        of: FieldList {
            maxPatternSize
            minPatternSize
            minPatternCount
        }, "A pattern of tokens that ends an answer when it is repeated (vLLM)."
    ).example(["max_pattern_size": 4_096, "min_pattern_size": 1, "min_count": 8])

    // MARK: Beam search

    static let usesBeamSearch = Field.boolean(
        "use_beam_search",
        "Whether the most probable answers are looked for, best_of or n at the same time (vLLM)."
    ).defaulting(to: false)
    static let lengthPenalty = Field.number(
        "length_penalty", in: -100...100,
        "To which power of its length an answer's log probability is divided by it."
    ).beside(["use_beam_search": true])
    static let stopsEarly = Field.boolean(
        "early_stopping", "Whether the search ends with as many answers as it is wide."
    ).beside(["use_beam_search": true])

    /// All that every generating endpoint takes.
    static let list = FieldList {
        FieldList {
            allowedTokenIDs
            bannedWords
            bannedSequences
            suppressedTokens
            penaltyWindow
            penaltyRange
            penaltyPrompt
            penalizesLineBreaks
        }
        FieldList {
            order
            topNSigma
            typicalP
            xtcProbability
            xtcThreshold
            temperatureRange
            temperatureExponent
            mirostat
            mirostatTau
            mirostatEta
            adaptiveTarget
            adaptiveDecay
            minKeep
        }
        FieldList {
            dryMultiplier
            dryBase
            dryAllowedLength
            dryWindow
            dryBreakers
            repetitionDetection
            usesBeamSearch
            lengthPenalty
            stopsEarly
        }
    }
}
