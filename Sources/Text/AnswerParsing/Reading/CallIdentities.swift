// SPDX-License-Identifier: Apache-2.0

import Conversation

/// Makes the identities of an answer's calls.
package struct CallIdentities: Sendable {
    private let seed: UInt64

    private static let alphabet = Array(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")

    /// Those of an answer.
    package init(seed: UInt64) {
        self.seed = seed
    }

    /// Nine letters and digits.
    package func identity(ofCall index: Int) -> String {
        // SplitMix64: neighbouring seeds and calls have nothing in common.
        var value = seed &+ 0x9E37_79B9_7F4A_7C15 &* (UInt64(truncatingIfNeeded: index) &+ 1)
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        value ^= value >> 31
        var identity = ""
        for _ in 0..<9 {
            identity.append(Self.alphabet[Int(value % 62)])
            value /= 62
        }
        return identity
    }

    /// Whether an identity is such a one.
    static func isWellFormed(_ identity: String) -> Bool { ToolCallIdentifier.isShort(identity) }
}
