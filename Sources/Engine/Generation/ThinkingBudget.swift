// SPDX-License-Identifier: Apache-2.0

/// How many tokens of an answer may be thinking.
package struct ThinkingBudget: Hashable, Sendable {
    /// The tokens that begin thinking, one after the other.
    package var openTokens: [Int32]

    /// The tokens that end thinking; at least one.
    package var closeTokens: [Int32]

    /// The most tokens between them, all the thinking of an answer together.
    package var tokenLimit: Int

    /// Whether the prompt has begun the thinking already.
    package var startsOpen: Bool

    /// Creates a budget.
    package init(
        openTokens: [Int32], closeTokens: [Int32], tokenLimit: Int, startsOpen: Bool = false
    ) {
        self.openTokens = openTokens
        self.closeTokens = closeTokens
        self.tokenLimit = tokenLimit
        self.startsOpen = startsOpen
    }
}

/// How much of its thinking budget an answer has used.
struct ThinkingProgress {
    private let budget: ThinkingBudget
    private var isOpen: Bool
    private var usedCount = 0

    /// The last tokens, as many as are compared with those that begin and end thinking.
    private var recent: [Int32] = []

    init(_ budget: ThinkingBudget) {
        self.budget = budget
        isOpen = budget.startsOpen
    }

    /// Takes the next token.
    mutating func append(_ token: Int32) {
        recent.append(token)
        let longest = max(budget.openTokens.count, budget.closeTokens.count)
        if recent.count > longest { recent.removeFirst() }
        if isOpen {
            usedCount += 1
            if endsWith(budget.closeTokens) {
                // The tokens of the end are no thinking.
                usedCount = max(0, usedCount - budget.closeTokens.count)
                isOpen = false
                recent.removeAll(keepingCapacity: true)
            }
        } else if endsWith(budget.openTokens) {
            isOpen = true
            recent.removeAll(keepingCapacity: true)
        }
    }

    /// The tokens that must come next because the budget is used up; none before, and where the
    /// model has begun to write them only the rest.
    var closingTokens: ArraySlice<Int32> {
        guard isOpen else { return [] }
        let close = budget.closeTokens
        let begunCount = (0..<close.count).last { recent.suffix($0) == close.prefix($0) } ?? 0
        return usedCount - begunCount >= budget.tokenLimit ? close[begunCount...] : []
    }

    private func endsWith(_ tokens: [Int32]) -> Bool {
        !tokens.isEmpty && recent.suffix(tokens.count) == tokens[...]
    }
}
