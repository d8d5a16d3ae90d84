// SPDX-License-Identifier: Apache-2.0

/// The sizes of a gated delta net: of a layer that keeps a state of each sequence, as large after a
/// thousand tokens as after one, instead of keys and values.
package struct DeltaNetShape: Sendable, Equatable {
    /// G: heads of queries and keys.
    package var keyHeadCount: Int
    /// Hv: heads of values, each with a state of its own; a multiple of G.
    package var valueHeadCount: Int
    /// Dk: width of a query's and a key's head, and rows of a state.
    package var keyWidth: Int
    /// Ds: width of a value's head, and columns of a state.
    package var valueWidth: Int
    /// How many tokens the convolution before the heads sees, the token itself included.
    package var tapCount: Int
    /// Whether value heads G apart share a key head; else consecutive ones do.
    package var isTiled: Bool

    /// Describes a delta net.
    ///
    /// - Precondition: sizes are positive and `keyHeadCount` divides `valueHeadCount`.
    package init(
        keyHeadCount: Int, valueHeadCount: Int, keyWidth: Int, valueWidth: Int, tapCount: Int,
        isTiled: Bool = false
    ) {
        precondition(
            keyHeadCount > 0 && valueHeadCount > 0 && keyWidth > 0 && valueWidth > 0
                && tapCount > 0 && valueHeadCount % keyHeadCount == 0,
            "a delta net of \(keyHeadCount) and \(valueHeadCount) heads")
        self.keyHeadCount = keyHeadCount
        self.valueHeadCount = valueHeadCount
        self.keyWidth = keyWidth
        self.valueWidth = valueWidth
        self.tapCount = tapCount
        self.isTiled = isTiled
    }

    /// The key head of a value head.
    func keyHead(of head: Int) -> Int {
        isTiled ? head % keyHeadCount : head / (valueHeadCount / keyHeadCount)
    }

    /// Numbers of a token that the convolution passes: queries, keys and values of all heads.
    package var channelCount: Int { 2 * keyHeadCount * keyWidth + valueHeadCount * valueWidth }
}
