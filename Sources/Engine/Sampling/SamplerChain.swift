// SPDX-License-Identifier: Apache-2.0

/// llama.cpp's chain of samplers: which of them choose a token, in which order, and how.
///
/// A request that uses none of them has no chain, and is sampled by ``Sampler`` in vLLM's order.
/// What a chain and ``SamplingParameters`` share (temperature, top-p, penalties and so on) stands in
/// the parameters.
///
/// - Source: llama.cpp, `common/sampling.cpp` and `src/llama-sampler.cpp`.
package struct SamplerChain: Hashable, Sendable {
    /// One sampler, by llama.cpp's name.
    package enum Stage: String, CaseIterable, Hashable, Sendable {
        case penalties
        case dry
        case topNSigma = "top_n_sigma"
        case topK = "top_k"
        case typicalP = "typ_p"
        case topP = "top_p"
        case minP = "min_p"
        case xtc
        case temperature

        /// Draws the token, wherever it stands in the list.
        case adaptiveP = "adaptive_p"
    }

    /// Mirostat, which holds the surprise of the answer near a target.
    package struct Mirostat: Hashable, Sendable {
        /// 1 or 2.
        package var version: Int

        /// The surprise to aim at, in bits.
        package var tau: Float

        /// How fast it learns.
        package var eta: Float

        /// Mirostat of one version.
        package init(version: Int, tau: Float = 5, eta: Float = 0.1) {
            self.version = version
            self.tau = tau
            self.eta = eta
        }
    }

    /// llama.cpp's order where a request does not say.
    package static let defaultOrder: [Stage] = [
        .penalties, .dry, .topNSigma, .topK, .typicalP, .topP, .minP, .xtc, .temperature,
    ]

    /// The samplers, first to last; one that is not among them does not act.
    package var order = defaultOrder

    /// Don't Repeat Yourself; nil where it does not act.
    package var dry: DRYPenalty?

    /// Keeps logits within that many standard deviations of the greatest; 0 or less keeps all.
    package var topNSigma: Float = -1

    /// Keeps the most typical tokens that together have this probability; 1 keeps all.
    package var typicalP: Float = 1

    /// How probable it is that the most probable tokens are left out.
    package var xtcProbability: Float = 0

    /// How probable a token must be to be among those; above a half none is.
    package var xtcThreshold: Float = 0.1

    /// How far the temperature follows the entropy, up and down; 0 for not at all.
    package var temperatureRange: Float = 0

    /// How the entropy becomes a temperature.
    package var temperatureExponent: Float = 1

    /// Takes the place of all samplers that leave tokens out; nil where it does not act.
    package var mirostat: Mirostat?

    /// The probability that chosen tokens are to have on average; nil where adaptive-p does not act.
    package var adaptiveTarget: Float?

    /// How slowly adaptive-p forgets, from 0 to 0.99.
    package var adaptiveDecay: Float = 0.9

    /// No sampler but top-k and top-n-sigma leaves fewer tokens than this.
    package var minKeep = 0

    /// A chain in the default order, of samplers that change nothing.
    package init() {}

    /// Whether the answer's earlier tokens must be known in their order.
    var readsTokens: Bool { dry != nil }

    /// Checks every field against its range.
    ///
    /// - Throws: `SamplingError.invalidParameter`, which names llama.cpp's field.
    package func validate() throws(SamplingError) {
        func check(
            _ field: String, _ isValid: Bool, _ expected: String
        ) throws(SamplingError) {
            if !isValid { throw .invalidParameter(field: field, expected: expected) }
        }
        try dry?.validate()
        try check("top_n_sigma", topNSigma.isFinite, "a finite number")
        try check("typical_p", typicalP > 0 && typicalP <= 1, "a number above 0 and at most 1")
        try check(
            "xtc_probability", xtcProbability >= 0 && xtcProbability <= 1, "a number from 0 to 1")
        try check("xtc_threshold", xtcThreshold >= 0 && xtcThreshold <= 1, "a number from 0 to 1")
        try check(
            "dynatemp_range", temperatureRange.isFinite && temperatureRange >= 0,
            "a number of at least 0")
        try check("dynatemp_exponent", temperatureExponent.isFinite, "a finite number")
        if let mirostat {
            try check("mirostat", (1...2).contains(mirostat.version), "0, 1 or 2")
            try check(
                "mirostat_tau", mirostat.tau.isFinite && mirostat.tau >= 0,
                "a number of at least 0")
            try check(
                "mirostat_eta", mirostat.eta.isFinite && mirostat.eta >= 0,
                "a number of at least 0")
        }
        if let adaptiveTarget {
            try check(
                "adaptive_target", adaptiveTarget >= 0 && adaptiveTarget <= 1,
                "a number from 0 to 1")
        }
        try check(
            "adaptive_decay", adaptiveDecay >= 0 && adaptiveDecay <= 0.99, "a number from 0 to 0.99"
        )
        try check("min_keep", minKeep >= 0, "a whole number of at least 0")
    }
}

/// What a chain of samplers remembers from one token of a choice to the next.
///
/// It belongs to the choice: whoever takes tokens back restores what it was before them.
package struct SamplerState: Hashable, Sendable {
    /// Mirostat's bound on surprise.
    package internal(set) var mu: Double

    /// The probabilities of the tokens chosen so far, those long past counting less, and how much
    /// they count together.
    package internal(set) var weightedSum: Double
    package internal(set) var totalWeight: Double

    /// What a choice begins with.
    package init(_ chain: SamplerChain? = nil) {
        mu = 2 * Double(chain?.mirostat?.tau ?? 0)
        totalWeight = 1 / (1 - Double(chain?.adaptiveDecay ?? 0))
        weightedSum = Double(chain?.adaptiveTarget ?? 0) * totalWeight
    }
}
