// SPDX-License-Identifier: Apache-2.0

internal import Sampling
internal import StructuredOutput

/// Chooses the tokens of choices from the model's logits, each within what its constraint allows.
struct ChoiceSampler {
    private let model: any LanguageModel
    private var sampler: Sampler

    /// For requests that ask for llama.cpp's samplers; made for the first of them.
    private var chainSampler: ChainSampler?

    /// How many masks were used, and how long it took to get them once the logits were there.
    private(set) var maskCount: UInt64 = 0
    private(set) var maskWait = Duration.zero

    init(model: any LanguageModel) {
        self.model = model
        sampler = Sampler(vocabularyCount: model.vocabularyCount)
    }

    /// Samples the next token of a choice.
    ///
    /// - Parameters:
    ///   - choice: one whose next token is not forced.
    ///   - row: of the last batch's logits.
    ///   - position: of the token, counted from the start of the prompt.
    /// - Returns: the token, and whether the constraint allowed others, too; nil at a dead end of the
    ///   constraint.
    /// - Throws: `SamplingError` if the logits are damaged, or nothing is left without a constraint.
    mutating func sample(
        for choice: ActiveChoice, row: Int, position: Int
    ) throws -> (token: Int32, wasFree: Bool)? {
        let ends = choice.maskedTokens
        guard choice.matcher != nil || choice.active.request.sampling.isRestricted else {
            let token = try sample(
                for: choice, within: nil, without: ends, row: row, position: position)
            return (token, false)
        }
        let mask = mask(of: choice)
        let banned = choice.bannedTokens
        let wasFree = choice.matcher != nil && (mask.map { $0.count > 1 } ?? false)
        do {
            let token = try sample(
                for: choice, within: mask, without: ends + banned, row: row, position: position)
            return (token, wasFree)
        } catch SamplingError.noCandidate {
            if ends.isEmpty { return nil }
        }
        // Where only an end may follow, the answer ends although it is short.
        do {
            let token = try sample(
                for: choice, within: mask, without: banned, row: row, position: position)
            return (token, wasFree)
        } catch SamplingError.noCandidate {
            return nil
        }
    }

    /// The tokens that the constraint and the request allow next; nil for all.
    private mutating func mask(of choice: ActiveChoice) -> TokenMask? {
        let allowed = choice.active.submission.allowedMask
        guard let matcher = choice.matcher else { return allowed }
        let start = ContinuousClock.now
        var mask = matcher.mask
        maskCount += 1
        maskWait += start.duration(to: .now)
        if let allowed { mask.formIntersection(allowed) }
        return mask
    }

    private mutating func sample(
        for choice: ActiveChoice, within mask: TokenMask?, without maskedTokens: [Int32], row: Int,
        position: Int
    ) throws -> Int32 {
        let submission = choice.active.submission
        guard submission.request.sampling.chain == nil else {
            return try sampleByChain(
                for: choice, within: mask, without: maskedTokens, row: row, position: position)
        }
        return try model.withLogits(row: row) { logits in
            try sampler.sample(
                logits: logits, parameters: submission.request.sampling, history: choice.history,
                maskedTokens: maskedTokens, mask: mask, seed: submission.seed, position: position,
                choice: choice.index)
        }
    }

    private mutating func sampleByChain(
        for choice: ActiveChoice, within mask: TokenMask?, without maskedTokens: [Int32], row: Int,
        position: Int
    ) throws -> Int32 {
        let submission = choice.active.submission
        var sampler =
            chainSampler.take() ?? ChainSampler(vocabularyCount: model.vocabularyCount)
        var state = choice.samplerState
        defer { chainSampler = sampler }
        let token = try model.withLogits(row: row) { logits in
            try sampler.sample(
                logits: logits, parameters: submission.request.sampling, history: choice.history,
                maskedTokens: maskedTokens, mask: mask, state: &state, seed: submission.seed,
                position: position, choice: choice.index)
        }
        choice.noteSamplerState(state)
        return token
    }

    /// What the model thought of a token and of those that might have stood in its place.
    mutating func logprobs(
        of token: Int32, candidates: [Int32], row: Int
    ) throws -> TokenLogprobs {
        try model.withLogits(row: row) { logits in
            try sampler.logprobs(of: token, candidates: candidates, logits: logits)
        }
    }

    /// What the model thought of a token, and of those that a request names, in a row of the last
    /// batch's logits.
    mutating func logprobs(
        of token: Int32, topCount: Int, named tokens: [Int32] = [], row: Int
    ) throws -> TokenLogprobs {
        try model.withLogits(row: row) { logits in
            try sampler.logprobs(
                of: token, topCount: topCount, named: tokens, logits: logits)
        }
    }
}
