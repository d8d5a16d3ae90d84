// SPDX-License-Identifier: Apache-2.0

internal import Sampling
internal import StructuredOutput

/// Chooses the tokens of choices from the model's logits, each within what its constraint allows.
struct ChoiceSampler {
    private let model: any LanguageModel
    private var sampler: Sampler

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
        let masked = choice.maskedTokens
        guard let matcher = choice.matcher else {
            let token = try sample(
                for: choice, within: nil, without: masked, row: row, position: position)
            return (token, false)
        }
        let start = ContinuousClock.now
        let mask = matcher.mask
        maskCount += 1
        maskWait += start.duration(to: .now)
        let wasFree = mask.count > 1
        do {
            let token = try sample(
                for: choice, within: mask, without: masked, row: row, position: position)
            return (token, wasFree)
        } catch SamplingError.noCandidate {
            if masked.isEmpty { return nil }
        }
        // Where only an end may follow, the answer ends although it is short.
        do {
            let token = try sample(
                for: choice, within: mask, without: [], row: row, position: position)
            return (token, wasFree)
        } catch SamplingError.noCandidate {
            return nil
        }
    }

    private mutating func sample(
        for choice: ActiveChoice, within mask: TokenMask?, without maskedTokens: [Int32], row: Int,
        position: Int
    ) throws -> Int32 {
        let submission = choice.active.submission
        return try model.withLogits(row: row) { logits in
            try sampler.sample(
                logits: logits, parameters: submission.request.sampling, history: choice.history,
                maskedTokens: maskedTokens, mask: mask, seed: submission.seed, position: position,
                choice: choice.index)
        }
    }

    /// What the model thought of a token, in a row of the last batch's logits.
    mutating func logprobs(of token: Int32, topCount: Int, row: Int) throws -> TokenLogprobs {
        try model.withLogits(row: row) { logits in
            try sampler.logprobs(of: token, topCount: topCount, logits: logits)
        }
    }
}
