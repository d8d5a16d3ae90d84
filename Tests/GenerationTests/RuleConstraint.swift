// SPDX-License-Identifier: Apache-2.0

import StructuredOutput

/// A constraint of any rule that a test gives: which tokens may follow which.
final class RuleConstraint: TokenConstraint {
    struct Rule: Sendable {
        /// The tokens that may follow, the end among them where the answer may end.
        var following: @Sendable ([Int32]) -> [Int32]

        /// Whether the last of these may have to be taken back.
        var isProvisional: @Sendable ([Int32]) -> Bool = { _ in false }

        /// What is wrong with a whole answer.
        var problem: @Sendable ([Int32]) -> String? = { _ in nil }
    }

    private let rule: Rule

    init(_ rule: Rule) { self.rule = rule }

    /// Answers that are one of these.
    convenience init(oneOf answers: [Int32]...) {
        self.init(
            Rule(following: { tokens in
                var next: Set<Int32> = []
                for answer in answers where answer.starts(with: tokens) {
                    next.insert(
                        tokens.count < answer.count ? answer[tokens.count] : FakeTokenizer.eos)
                }
                return next.sorted()
            }))
    }

    /// Answers of a rule that looks random: stretches that must come and choices among few, many or
    /// all tokens; parts that are certain only at their end, where some prove wrong.
    static func random(seed: UInt64) -> RuleConstraint {
        @Sendable func hash(_ tokens: [Int32]) -> UInt64 {
            var hash = 0xCBF2_9CE4_8422_2325 ^ seed
            for token in tokens {
                hash = (hash ^ UInt64(UInt32(bitPattern: token))) &* 0x100_0000_01B3
            }
            return (hash ^ hash >> 31) &* 0x9E37_79B9_7F4A_7C15 >> 20
        }
        let count = UInt64(FakeTokenizer.vocabularyCount) - 2
        return RuleConstraint(
            Rule(
                following: { tokens in
                    let mixed = hash(tokens)
                    if tokens.count % 9 == 8, mixed % 3 == 0 { return [] }
                    if tokens.count >= 30 { return [FakeTokenizer.eos] }
                    // Which stretch this is depends on what came before it, not on each token.
                    let stretch = hash(Array(tokens.prefix(tokens.count / 4 * 4)))
                    if stretch % 3 == 0 { return [Int32(2 + mixed % count)] }
                    if stretch % 5 == 0 { return Array(2..<Int32(2 + count)) }
                    let some = (0..<1 + mixed % 7).map { Int32(2 + (mixed >> 8 + $0 * 5) % count) }
                    return some + (mixed % 11 == 0 ? [FakeTokenizer.eos] : [])
                },
                isProvisional: { tokens in (4...8).contains(tokens.count % 9) }))
    }

    func makeMatcher(continuesText: Bool) -> RuleMatcher { RuleMatcher(rule) }
}

final class RuleMatcher: TokenMatcher {
    let limitation: String? = nil
    private let rule: RuleConstraint.Rule
    private var tokens: [Int32] = []
    private var forbidden: [(tokenCount: Int, token: Int32)] = []

    init(_ rule: RuleConstraint.Rule) { self.rule = rule }

    var tokenCount: Int { tokens.count }
    var canEnd: Bool { rule.following(tokens).contains(FakeTokenizer.eos) }
    var mustEnd: Bool { rule.following(tokens) == [FakeTokenizer.eos] }
    var isProvisional: Bool { rule.isProvisional(tokens) }

    func fill(_ mask: inout TokenMask) -> Bool {
        mask = TokenMask(tokenCount: FakeTokenizer.vocabularyCount)
        for token in rule.following(tokens) where allows(token) { mask[token] = true }
        return !mask.isEmpty
    }

    func allows(_ token: Int32) -> Bool {
        rule.following(tokens).contains(token)
            && !forbidden.contains { $0 == (tokens.count, token) }
    }

    func accept(_ token: Int32) -> Bool {
        guard allows(token) else { return false }
        tokens.append(token)
        return true
    }

    func forcedTokens(limit: Int) -> [Int32] {
        if forbidden.contains(where: { $0.tokenCount == tokens.count }) { return [] }
        var forced: [Int32] = []
        while forced.count < limit {
            let next = Set(rule.following(tokens + forced))
            guard next.count == 1, let token = next.first, token != FakeTokenizer.eos else { break }
            forced.append(token)
        }
        return forced
    }

    func rewind(to tokenCount: Int) {
        tokens.removeLast(tokens.count - tokenCount)
        forbidden.removeAll { $0.tokenCount > tokenCount }
    }

    func forbid(_ token: Int32) { forbidden.append((tokens.count, token)) }

    func problem() -> String? { rule.problem(tokens.filter { $0 != FakeTokenizer.eos }) }
}
