// SPDX-License-Identifier: Apache-2.0

/// Turns text without special tokens into ids: what differs between families of tokenizers.
protocol TextEncoder: Sendable {
    /// Whether encoding puts a space before a text, which decoding has to drop.
    var addsLeadingSpace: Bool { get }

    /// Appends the ids of a text.
    ///
    /// - Parameters:
    ///   - text: valid UTF-8, not empty.
    ///   - isFirst: whether nothing precedes it in the prompt.
    ///   - tokens: receives the ids.
    func encode(_ text: [UInt8], isFirst: Bool, into tokens: inout [Int32])
}
