// SPDX-License-Identifier: Apache-2.0

package import Recognition
package import Tokenization

/// A structure compiled for one vocabulary, which any number of answers may be held to at once.
package final class Constraint: Sendable {
    /// Compiles a structure.
    ///
    /// - Parameters:
    ///   - structure: what an answer must look like.
    ///   - vocabulary: the model's, prepared once.
    ///   - style: how freely it may be written.
    ///   - limits: how much work it may be.
    /// - Throws: `RecognitionError`, which says where and why it cannot be honoured.
    package init(
        _ structure: Structure, vocabulary: ConstraintVocabulary,
        style: RecognitionStyle = .generated, limits: RecognitionLimits = .init()
    ) throws(RecognitionError) {
        throw RecognitionError(at: "", "not built yet")
    }

    /// What follows one answer from its first token.
    package func makeMatcher() -> ConstraintMatcher { ConstraintMatcher() }
}

extension Constraint: Hashable {
    package static func == (left: Constraint, right: Constraint) -> Bool { left === right }

    package func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

/// A vocabulary as constraints need it: its tokens' bytes as a tree, and its end tokens.
package final class ConstraintVocabulary: Sendable {
    /// Prepares a vocabulary, which takes tens of milliseconds.
    package init(_ tokenizer: any Tokenizer) {}
}

/// Follows one answer token by token and says what may come next.
///
/// Safe to use from one thread at a time; several of one constraint may be used at once.
package final class ConstraintMatcher {
    /// How many tokens have been accepted.
    package private(set) var tokenCount = 0

    /// Whether the answer may end here: end tokens are allowed.
    package var canEnd: Bool { true }

    /// Whether the answer must end here: nothing but end tokens is allowed.
    package var mustEnd: Bool { false }

    /// Whether what was accepted last may have to be taken back, because a value is open whose
    /// validity shows only when it closes. Text of it should not be sent before.
    package var isProvisional: Bool { false }

    init() {}

    /// The tokens that may come next, end tokens among them where the answer may end; nil where
    /// every token of the vocabulary may.
    ///
    /// Equal for equal tokens so far, whatever was asked before. A mask without any token means
    /// that the answer has come to a dead end; ``rewind(to:)`` and ``forbid(_:)`` lead out of it.
    package func mask() -> TokenMask? { nil }

    /// Whether one token may come next.
    package func allows(_ token: Int32) -> Bool { true }

    /// Takes the next token; false, and no change, where it may not come.
    package func accept(_ token: Int32) -> Bool { true }

    /// The tokens that must come next, spelled as the tokenizer would spell their text; empty where
    /// there is a choice, or fewer than the bytes that are certain where the last of them may join
    /// what follows. None of them is an end token, and none has been accepted.
    package func forcedTokens(limit: Int) -> [Int32] { [] }

    /// Goes back to where so many tokens had been accepted.
    package func rewind(to tokenCount: Int) {}

    /// Takes a token out of the mask here, until the matcher is rewound to before this place.
    package func forbid(_ token: Int32) {}

    /// Checks a whole answer again, from the text alone and by other means than the mask.
    ///
    /// - Returns: nil where it is right, or else what is wrong.
    package func problem() -> String? { nil }
}
