// SPDX-License-Identifier: Apache-2.0

/// How the next token is chosen from the logits.
///
/// The order is: bias and masks, penalties, temperature, `minP`, `topK`, `topP`, choice; with a
/// ``SamplerChain``, bias and masks and then the chain's own.
package struct SamplingParameters: Hashable, Sendable {
    /// Divides the logits; 0 chooses the most probable token.
    package var temperature: Float

    /// Keeps the most probable tokens whose probabilities together reach this, in `(0, 1]`.
    package var topP: Float

    /// Keeps this many of the most probable tokens; nil keeps all.
    package var topK: Int?

    /// Keeps tokens at least this fraction as probable as the most probable one, in `[0, 1]`.
    package var minP: Float

    /// Subtracted from a token's logit for each time that it was generated.
    package var frequencyPenalty: Float

    /// Subtracted from the logit of every token that was generated.
    package var presencePenalty: Float

    /// Divides positive and multiplies negative logits of tokens in the prompt or the output.
    package var repetitionPenalty: Float

    /// Added to the logits of these tokens.
    package var logitBias: [Int32: Float]

    /// Makes the choice reproducible; nil lets the engine draw one.
    package var seed: UInt64?

    /// The only tokens that may be chosen; nil for all of them.
    package var allowedTokens: [Int32]?

    /// Sequences of tokens of which no answer has one: where all but the last have just been
    /// generated, the last may not be chosen.
    package var bannedSequences: [[Int32]] = []

    /// Has the penalties cover only that many of the last tokens, those of the prompt counting like
    /// generated ones (llama.cpp); nil for all tokens, as vLLM and OpenAI define them.
    package var penaltyWindow: Int?

    /// What penalties take for the prompt; nil for the prompt itself.
    package var penaltyPrompt: [Int32]?

    /// The samplers of llama.cpp, in the order in which they act; nil where none is asked for that
    /// is not a field of these parameters.
    package var chain: SamplerChain?

    /// Creates parameters; the defaults sample the model's own distribution.
    package init(
        temperature: Float = 1, topP: Float = 1, topK: Int? = nil, minP: Float = 0,
        frequencyPenalty: Float = 0, presencePenalty: Float = 0, repetitionPenalty: Float = 1,
        logitBias: [Int32: Float] = [:], seed: UInt64? = nil, allowedTokens: [Int32]? = nil,
        bannedSequences: [[Int32]] = [], penaltyWindow: Int? = nil, chain: SamplerChain? = nil
    ) {
        self.temperature = temperature
        self.topP = topP
        self.topK = topK
        self.minP = minP
        self.frequencyPenalty = frequencyPenalty
        self.presencePenalty = presencePenalty
        self.repetitionPenalty = repetitionPenalty
        self.logitBias = logitBias
        self.seed = seed
        self.allowedTokens = allowedTokens
        self.bannedSequences = bannedSequences
        self.penaltyWindow = penaltyWindow
        self.chain = chain
    }

    /// The most probable token at each step.
    package static let greedy = SamplingParameters(temperature: 0)

    /// Whether the choice needs to know which tokens came before.
    package var hasPenalties: Bool {
        frequencyPenalty != 0 || presencePenalty != 0 || repetitionPenalty != 1
    }

    /// Whether it matters for the choice which tokens came before.
    package var readsHistory: Bool {
        hasPenalties || !bannedSequences.isEmpty || (chain?.readsTokens ?? false)
    }

    /// Whether tokens are left out that the model might choose, and that no constraint leaves out.
    package var isRestricted: Bool { allowedTokens != nil || !bannedSequences.isEmpty }

    /// Checks every field against its range.
    ///
    /// - Parameter vocabularyCount: the number of logits; biased ids must be below it.
    /// - Throws: `SamplingError.invalidParameter`, which names the field.
    package func validate(vocabularyCount: Int) throws(SamplingError) {
        func check(
            _ field: String, _ isValid: Bool, _ expected: String
        ) throws(SamplingError) {
            if !isValid { throw .invalidParameter(field: field, expected: expected) }
        }
        try check(
            "temperature", temperature.isFinite && temperature >= 0, "a number of at least 0")
        try check("top_p", topP > 0 && topP <= 1, "a number above 0 and at most 1")
        try check("top_k", topK.map { $0 > 0 } ?? true, "a whole number of at least 1")
        try check("min_p", minP >= 0 && minP <= 1, "a number from 0 to 1")
        try check("frequency_penalty", frequencyPenalty.isFinite, "a finite number")
        try check("presence_penalty", presencePenalty.isFinite, "a finite number")
        try check(
            "repetition_penalty", repetitionPenalty.isFinite && repetitionPenalty > 0,
            "a number above 0")
        for (token, bias) in logitBias {
            try check(
                "logit_bias", token >= 0 && Int(token) < vocabularyCount,
                "token ids from 0 to \(vocabularyCount - 1)")
            try check("logit_bias", bias.isFinite, "finite numbers")
        }
        let ids = 0..<Int32(clamping: vocabularyCount)
        try check(
            "allowed_token_ids", allowedTokens?.allSatisfy(ids.contains) ?? true,
            "token ids from 0 to \(vocabularyCount - 1)")
        try check(
            "bad_words", bannedSequences.allSatisfy { $0.allSatisfy(ids.contains) },
            "token ids from 0 to \(vocabularyCount - 1)")
        try check("repeat_last_n", (penaltyWindow ?? 0) >= 0, "a whole number of at least 0")
        try chain?.validate()
    }
}
