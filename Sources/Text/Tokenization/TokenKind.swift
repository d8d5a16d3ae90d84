// SPDX-License-Identifier: Apache-2.0

/// What a vocabulary entry is for; the raw values are SentencePiece's and GGUF's.
package enum TokenKind: UInt8, Sendable {
    /// Ordinary text.
    case normal = 1

    /// Stands for text that the vocabulary cannot spell.
    case unknown = 2

    /// Has a meaning for the model and no text, such as `[INST]`.
    case control = 3

    /// Text that is matched before any other and never split or merged.
    case userDefined = 4

    /// Takes part in merges but never comes out of them.
    case unused = 5

    /// One byte of a character that the vocabulary has no token for.
    case byte = 6
}
