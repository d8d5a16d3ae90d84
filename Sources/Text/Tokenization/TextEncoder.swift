// SPDX-License-Identifier: Apache-2.0

/// Turns text without special tokens into ids: what differs between families of tokenizers.
protocol TextEncoder: Sendable {
    /// Whether encoding puts a space before a text, which decoding has to drop.
    var addsLeadingSpace: Bool { get }

    /// By how much a text may shrink before it is encoded: that many of its bytes become one byte
    /// at the most; nil where there is no bound.
    var shrinkage: Int? { get }

    /// Whether a byte has no token and is left out, by its value; empty where all have one.
    var isDropped: [Bool] { get }

    /// Appends the ids of a text.
    ///
    /// It may end as soon as there are more ids than the limit.
    ///
    /// - Parameters:
    ///   - text: valid UTF-8, not empty.
    ///   - isFirst: whether nothing precedes it in the prompt.
    ///   - limit: how many ids are wanted, with those that are there already.
    ///   - tokens: receives the ids.
    func encode(_ text: [UInt8], isFirst: Bool, limit: Int, into tokens: inout [Int32])
}
