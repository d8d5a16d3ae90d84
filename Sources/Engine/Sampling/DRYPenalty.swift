// SPDX-License-Identifier: Apache-2.0

/// Don't Repeat Yourself: a token that would make a repetition longer is penalised, the more the
/// longer the repetition is.
///
/// - Source: llama.cpp, `llama_sampler_dry`; the idea is p-e-w's.
package struct DRYPenalty: Hashable, Sendable {
    /// What a token is penalised with that makes a repetition of the allowed length longer.
    package var multiplier: Float

    /// By what that grows with each token of the repetition; at least 1.
    package var base: Float

    /// How many tokens may be repeated for nothing.
    package var allowedLength: Int

    /// How many of the last tokens are looked at; nil for all.
    package var window: Int?

    /// Where repetitions end.
    package var breakers: SequenceBreakers

    /// A penalty with llama.cpp's defaults.
    package init(
        multiplier: Float, base: Float = 1.75, allowedLength: Int = 2, window: Int? = nil,
        breakers: SequenceBreakers = SequenceBreakers()
    ) {
        self.multiplier = multiplier
        self.base = base
        self.allowedLength = allowedLength
        self.window = window
        self.breakers = breakers
    }

    func validate() throws(SamplingError) {
        func check(
            _ field: String, _ isValid: Bool, _ expected: String
        ) throws(SamplingError) {
            if !isValid { throw .invalidParameter(field: field, expected: expected) }
        }
        try check("dry_multiplier", multiplier.isFinite, "a finite number")
        try check("dry_base", base.isFinite && base >= 1, "a number of at least 1")
        try check("dry_allowed_length", allowedLength >= 0, "a whole number of at least 0")
        try check("dry_penalty_last_n", (window ?? 0) >= 0, "a whole number of at least 0")
    }

    /// The penalty of a token that makes a repetition of this length longer.
    func penalty(ofLength length: Int) -> Float {
        // Above that, the power would leave the range of floats.
        let limit =
            base > 1.000001 ? Int(88.7228391 / PortableMath.log(Double(base))) : 0
        var exponent = length - allowedLength
        if limit > 0 { exponent = min(exponent, limit) }
        return multiplier * Float(PortableMath.pow(Double(base), Double(exponent)))
    }
}

/// Finds the tokens that would make a repetition longer; its memory is used again.
struct RepeatedTokens {
    /// For each token, the length of the longest repetition that it would go on with, and 1 more; 0
    /// for the others.
    private var lengths: [Int32]

    /// The tokens for which that is not 0.
    private(set) var tokens: [Int32] = []

    /// For each place, counted from the end, how many tokens up to it are the same as the last ones.
    private var matched: [Int32] = []

    init(vocabularyCount: Int) { lengths = Array(repeating: 0, count: vocabularyCount) }

    /// The length of the longest repetition that a token would go on with; nil for none.
    func length(of token: Int32) -> Int? {
        let length = lengths[Int(token)]
        return length == 0 ? nil : Int(length) - 1
    }

    /// Looks at what was written.
    ///
    /// - Complexity: O(tokens in the window), by the Z algorithm from the end.
    mutating func find(in history: [Int32], for penalty: DRYPenalty) {
        for token in tokens { lengths[Int(token)] = 0 }
        tokens.removeAll(keepingCapacity: true)
        let count = min(history.count, penalty.window ?? .max)
        guard count > penalty.allowedLength else { return }
        guard let limit = lengthLimit(history, count, penalty.breakers),
            limit >= penalty.allowedLength
        else { return }
        measure(history, count, limit: limit)
        for place in 1..<max(count, 1) where Int(matched[place]) >= penalty.allowedLength {
            // The token after that place is the one that would be repeated.
            let token = history[history.count - place]
            guard token >= 0, Int(token) < lengths.count else { continue }
            if lengths[Int(token)] == 0 {
                if penalty.breakers.isBreaker(token) { continue }
                tokens.append(token)
            }
            lengths[Int(token)] = max(lengths[Int(token)], matched[place] + 1)
        }
    }

    /// How long a repetition may be, for the last breaker ends all that begin before it.
    private func lengthLimit(
        _ history: [Int32], _ count: Int, _ breakers: SequenceBreakers
    ) -> Int? {
        if breakers.isEmpty { return count }
        for place in 0..<count {
            if let tail = breakers.longestTail(in: history, at: history.count - 1 - place) {
                return place - tail
            }
        }
        return count
    }

    /// Fills `matched`: the Z function of the tokens in reverse order.
    private mutating func measure(_ history: [Int32], _ count: Int, limit: Int) {
        if matched.count < count {
            matched += repeatElement(0, count: count - matched.count)
        }
        let last = history.count - 1
        var left = 0
        var right = 0
        for place in 1..<max(count, 1) {
            var length = 0
            if place <= right {
                length = Int(matched[place - left])
                if length < right - place + 1 {
                    matched[place] = Int32(truncatingIfNeeded: min(length, limit))
                    continue
                }
                length = right - place + 1
            }
            while place + length < count, history[last - length] == history[last - place - length] {
                length += 1
            }
            matched[place] = Int32(truncatingIfNeeded: min(length, limit))
            if length > 0 {
                left = place
                right = place + length - 1
            }
        }
    }
}
