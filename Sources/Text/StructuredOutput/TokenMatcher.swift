// SPDX-License-Identifier: Apache-2.0

/// Follows one answer token by token and says what may come next, as ``ConstraintMatcher`` does.
///
/// What generates answers knows no more of a constraint than this. One thread at a time uses it.
package protocol TokenMatcher: AnyObject, SendableMetatype {
    /// How many tokens have been accepted.
    var tokenCount: Int { get }

    /// Whether the answer may end here: end tokens are allowed.
    var canEnd: Bool { get }

    /// Whether the answer must end here: nothing but end tokens is allowed.
    var mustEnd: Bool { get }

    /// Whether what was accepted last may have to be taken back.
    var isProvisional: Bool { get }

    /// Writes which tokens may come next, end tokens among them; false where none may: a dead end.
    func fill(_ mask: inout TokenMask) -> Bool

    /// Whether one token may come next.
    func allows(_ token: Int32) -> Bool

    /// Takes the next token; false, and no change, where it may not come.
    func accept(_ token: Int32) -> Bool

    /// The tokens that must come next, none of them an end token; empty where there is a choice.
    func forcedTokens(limit: Int) -> [Int32]

    /// Goes back to where so many tokens had been accepted.
    func rewind(to tokenCount: Int)

    /// Takes a token out of the mask here, until the matcher is rewound to before this place.
    func forbid(_ token: Int32)

    /// Why the masks of this answer have come to their limit of time or memory; nil where they have
    /// not.
    var limitation: String? { get }

    /// Checks the whole answer again; nil where it is right, or else what is wrong.
    func problem() -> String?
}

/// What an answer is held to: it makes a matcher for each answer.
package protocol TokenConstraint: AnyObject, Sendable {
    /// What follows one answer.
    associatedtype Matcher: TokenMatcher

    /// What follows one answer from its first token.
    ///
    /// - Parameter continuesText: whether the answer continues a text, as its detokenizer has it.
    /// - Returns: a matcher that has accepted nothing.
    func makeMatcher(continuesText: Bool) -> Matcher
}

extension ConstraintMatcher: TokenMatcher {}

extension Constraint: TokenConstraint {}
