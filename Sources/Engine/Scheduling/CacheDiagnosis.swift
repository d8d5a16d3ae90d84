// SPDX-License-Identifier: Apache-2.0

/// How much of a prompt was found in the cache, and why not more.
package struct CacheDiagnosis: Hashable, Sendable {
    /// Why the rest had to be computed.
    package enum Reason: Hashable, Sendable {
        /// Nothing that could be found was missing: at most the last block, of which something is
        /// always computed.
        case hit

        /// The prompt that comes nearest has another token in this place, or ends there.
        case changed(position: Int)

        /// What a prompt before this one left from this place on has given way to other prompts, or
        /// was not complete yet.
        case evicted(position: Int)

        /// The same client has asked it under another salt.
        case otherSalt

        /// Another client has asked exactly this.
        ///
        /// What only begins alike is no reason: blocks of it would tell, one by one, what others ask.
        case otherClient

        /// Nothing like it is among the prompts that are remembered.
        case unseen
    }

    /// Why the rest had to be computed.
    package let reason: Reason

    /// How many of the prompt's tokens were found, and how many were not.
    package let foundCount: Int
    package let missedCount: Int

    /// Creates a diagnosis.
    package init(reason: Reason, foundCount: Int, missedCount: Int) {
        self.reason = reason
        self.foundCount = foundCount
        self.missedCount = missedCount
    }
}
