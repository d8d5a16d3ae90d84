// SPDX-License-Identifier: Apache-2.0

internal import Sampling

/// What a request asks of its prompt's tokens, and what is known of them so far.
struct PromptScores {
    /// What is wanted of which tokens.
    private enum Wanted {
        case nothing

        /// Of each token its own log probability and those of that many best ones.
        case everyToken(topCount: Int)

        /// What ``PromptScoring`` says.
        case places([PromptScoring.Place])
    }

    private let promptTokens: [Int32]
    private let wanted: Wanted

    /// One for each token, nil for the first, which has nothing before it; or one for each place.
    private(set) var logprobs: [TokenLogprobs?] = []

    init(_ request: GenerationRequest) {
        promptTokens = request.promptTokens
        if let scoring = request.scoring {
            wanted = .places(scoring.places)
        } else if let topCount = request.promptLogprobs {
            wanted = .everyToken(topCount: topCount)
            logprobs = [nil]
        } else {
            wanted = .nothing
        }
    }

    /// Whether anything is asked for.
    var areWanted: Bool {
        if case .nothing = wanted { false } else { true }
    }

    /// Whether something is asked for that is not known.
    var areIncomplete: Bool { nextPlace != nil }

    /// The first position whose logits are wanted, at the beginning.
    var firstPosition: Int { max(0, (nextPlace ?? 1) - 1) }

    /// The place in the prompt of the token that is to be scored next.
    private var nextPlace: Int? {
        switch wanted {
        case .nothing: nil
        case .everyToken: logprobs.count < promptTokens.count ? logprobs.count : nil
        case .places(let places): logprobs.count < places.count ? places[logprobs.count].index : nil
        }
    }

    /// Takes the logits that precede a token, if it is the next one; some may be known from before
    /// a preemption.
    ///
    /// - Parameters:
    ///   - place: the token's place in the prompt, or the prompt's count.
    ///   - row: of the last batch's logits.
    ///   - sampler: reads them.
    /// - Throws: `SamplingError` if they are damaged.
    mutating func note(
        placeInPrompt place: Int, row: Int, _ sampler: inout ChoiceSampler
    ) throws {
        guard place == nextPlace else { return }
        let token = promptTokens[place]
        switch wanted {
        case .nothing: break
        case .everyToken(let topCount):
            logprobs.append(try sampler.logprobs(of: token, topCount: topCount, row: row))
        case .places(let places):
            let candidates = places[logprobs.count].candidates
            logprobs.append(
                try sampler.logprobs(of: token, candidates: candidates, row: row))
        }
    }
}
