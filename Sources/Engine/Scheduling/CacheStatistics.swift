// SPDX-License-Identifier: Apache-2.0

/// What the prefix cache has done since the start.
package struct CacheStatistics: Hashable, Sendable {
    /// Tokens whose keys and values were found.
    package var hitTokens: UInt64 = 0

    /// Prompt tokens that had to be computed.
    package var missTokens: UInt64 = 0

    /// Cached blocks that were given to another use.
    package var evictedBlocks: UInt64 = 0

    /// Creates the statistics of a cache that was never asked.
    package init() {}
}
