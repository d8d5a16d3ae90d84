// SPDX-License-Identifier: Apache-2.0

/// The prompts that came last, by which it can be told why another one was not in the cache.
///
/// It holds the tokens of a bounded number of prompts, which it shares with their sequences, and no
/// blocks. To note a prompt takes constant time; a diagnosis compares it with each of the others
/// only up to the first difference.
package struct PromptHistory: Sendable {
    /// A prompt, and where it could be found.
    package struct Prompt: Sendable {
        /// Its tokens.
        package var tokens: [Int32]

        /// Who asked.
        package var client: ClientID

        /// Whose cache it is in.
        package var scope: CacheScope

        /// What it belongs to within the client's prompts, as far as the client says.
        package var key: String

        /// Creates a prompt.
        package init(
            tokens: [Int32], client: ClientID = ClientID(rawValue: 0),
            scope: CacheScope = CacheScope(), key: String = ""
        ) {
            self.tokens = tokens
            self.client = client
            self.scope = scope
            self.key = key
        }
    }

    private let maxPrompts: Int
    private let maxTokens: Int

    /// The oldest first, from `start` on.
    private var prompts: [Prompt] = []
    private var start = 0
    private var tokenCount = 0

    /// Creates a history of nothing.
    ///
    /// - Parameters:
    ///   - maxPrompts: how many prompts it remembers.
    ///   - maxTokens: how many tokens they have together; the last prompt is remembered however
    ///     long it is.
    package init(maxPrompts: Int = 256, maxTokens: Int = 1 << 20) {
        self.maxPrompts = max(1, maxPrompts)
        self.maxTokens = maxTokens
    }

    /// How many prompts are remembered.
    package var count: Int { prompts.count - start }

    /// Remembers a prompt, and forgets the oldest if need be.
    package mutating func note(_ prompt: Prompt) {
        prompts.append(prompt)
        tokenCount += prompt.tokens.count
        while count > maxPrompts || count > 1 && tokenCount > maxTokens {
            tokenCount -= prompts[start].tokens.count
            prompts[start].tokens = []
            start += 1
        }
        guard start > maxPrompts else { return }
        prompts.removeFirst(start)
        start = 0
    }

    /// Why a prompt was not found, or not all of it.
    ///
    /// - Parameters:
    ///   - prompt: one that has not been noted yet.
    ///   - foundCount: how many of its tokens were found.
    ///   - blockSize: how many tokens a block holds.
    /// - Returns: the reason that explains most.
    package func diagnosis(
        of prompt: Prompt, foundCount: Int, blockSize: Int
    ) -> CacheDiagnosis {
        let missedCount = prompt.tokens.count - foundCount
        func because(_ reason: CacheDiagnosis.Reason) -> CacheDiagnosis {
            CacheDiagnosis(reason: reason, foundCount: foundCount, missedCount: missedCount)
        }
        let findableCount = max(0, prompt.tokens.count - 1) / blockSize * blockSize
        if foundCount >= findableCount { return because(.hit) }

        var own = 0
        var isOwnOfKey = false
        var otherSalt = 0
        var otherClient = 0
        for past in prompts[start...].reversed() {
            let common = Self.commonCount(prompt.tokens, past.tokens)
            if past.scope == prompt.scope {
                let isOfKey = past.key == prompt.key
                // One of the same key tells more than another that happens to be as near.
                if common > own || common == own && isOfKey && !isOwnOfKey {
                    own = common
                    isOwnOfKey = isOfKey
                }
            } else if past.client == prompt.client {
                otherSalt = max(otherSalt, common)
            } else if past.tokens.count == prompt.tokens.count, common == past.tokens.count {
                otherClient = common
            }
        }
        // A prompt elsewhere explains it only if it would have given a block more.
        let elsewhere = max(otherSalt, otherClient)
        if elsewhere / blockSize > max(own, foundCount) / blockSize {
            return because(
                otherSalt >= otherClient ? .otherSalt : .otherClient)
        }
        if own == 0, foundCount == 0 { return because(.unseen) }
        if own / blockSize * blockSize > foundCount {
            return because(.evicted(position: foundCount))
        }
        return because(.changed(position: max(own, foundCount)))
    }

    private static func commonCount(_ one: [Int32], _ other: [Int32]) -> Int {
        let count = min(one.count, other.count)
        var index = 0
        while index < count, one[index] == other[index] { index += 1 }
        return index
    }
}
