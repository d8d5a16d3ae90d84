// SPDX-License-Identifier: Apache-2.0

/// Which tokens a sequence has, as far as its samplers ask.
package struct TokenHistory: Sendable {
    /// How often each token was generated; 0 for tokens of the prompt only.
    ///
    /// Where penalties cover the last tokens alone, it is how often each is among these, whoever
    /// wrote it, and the others are not there.
    private(set) var generatedCounts: [Int32: Int32]

    /// All tokens in order, the prompt's first, where samplers ask for their order.
    private(set) var tokens: [Int32] = []
    private var generatedStart = 0
    private let keepsTokens: Bool

    /// What the counts are of, where they cover the last tokens alone.
    private var windowTokens: [Int32] = []
    private let window: Int?

    /// Counts the tokens of a prompt.
    package init(promptTokens: [Int32], for parameters: SamplingParameters = .init()) {
        generatedCounts = [:]
        window = parameters.penaltyWindow
        keepsTokens =
            !parameters.bannedSequences.isEmpty || (parameters.chain?.readsTokens ?? false)
        if keepsTokens {
            tokens = promptTokens
            generatedStart = promptTokens.count
        }
        let counted = parameters.penaltyPrompt ?? promptTokens
        guard let window else {
            for token in counted { generatedCounts[token] = 0 }
            return
        }
        for token in counted.suffix(window) { countWithinWindow(token) }
    }

    /// Counts a generated token.
    package mutating func append(_ token: Int32) {
        if keepsTokens { tokens.append(token) }
        if window == nil {
            generatedCounts[token, default: 0] += 1
        } else {
            countWithinWindow(token)
        }
    }

    private mutating func countWithinWindow(_ token: Int32) {
        guard let window, window > 0 else { return }
        windowTokens.append(token)
        generatedCounts[token, default: 0] += 1
        guard windowTokens.count > window else { return }
        let old = windowTokens[windowTokens.count - 1 - window]
        let count = generatedCounts[old] ?? 0
        generatedCounts[old] = count > 1 ? count - 1 : nil
    }

    /// The tokens that would complete a sequence that may not be generated.
    package func bannedTokens(of sequences: [[Int32]]) -> [Int32] {
        let generated = tokens[generatedStart...]
        var banned: [Int32] = []
        for sequence in sequences {
            guard let last = sequence.last,
                generated.suffix(sequence.count - 1) == sequence.dropLast()[...]
            else { continue }
            banned.append(last)
        }
        return banned
    }
}
