// SPDX-License-Identifier: Apache-2.0

internal import StructuredOutput
import Synchronization

/// The matcher of one answer, which the engine's thread and the mask workers use by turns.
///
/// A worker computes the mask of the next token while the model computes its logits. Whoever comes
/// first does it: the engine's thread never waits for a worker that has not begun.
final class SharedMatcher: Sendable {
    private struct State {
        let matcher: any TokenMatcher

        /// The mask of the next token if it is known; its memory is used again and again.
        var mask = TokenMask(tokenCount: 0)
        var hasMask = false

        mutating func prepareMask() {
            if hasMask { return }
            _ = matcher.fill(&mask)
            hasMask = true
        }
    }

    /// What must come next.
    enum Demand {
        /// These tokens; none where there is a choice.
        case tokens([Int32])

        /// The end of the answer.
        case end
    }

    private let state: Mutex<State>

    init(_ constraint: any TokenConstraint, continuesText: Bool) {
        state = Mutex(State(matcher: constraint.makeMatcher(continuesText: continuesText)))
    }

    /// Computes the mask of the next token unless that was done already.
    func prepareMask() { state.withLock { $0.prepareMask() } }

    /// The mask of the next token; without any at a dead end.
    ///
    /// Whoever has it must give it up before the next token, or its memory is copied.
    var mask: TokenMask {
        state.withLock { state in
            state.prepareMask()
            return state.mask
        }
    }

    /// Why there is no mask, where that is because of a limit.
    var limitation: String? { state.withLock { $0.matcher.limitation } }

    /// Takes the next token.
    ///
    /// - Returns: whether it may have to be taken back; nil, and no change, where it may not come.
    func accept(_ token: Int32) -> Bool? {
        state.withLock { state in
            state.hasMask = false
            return state.matcher.accept(token) ? state.matcher.isProvisional : nil
        }
    }

    /// Whether these tokens may come next, one after the other.
    func allows(_ tokens: ArraySlice<Int32>) -> Bool {
        state.withLock { state in
            let count = state.matcher.tokenCount
            let isAllowed = tokens.allSatisfy { state.matcher.accept($0) }
            state.matcher.rewind(to: count)
            return isAllowed
        }
    }

    /// The first of these tokens that may come next.
    func first(of tokens: [Int32]) -> Int32? {
        state.withLock { state in tokens.first { state.matcher.allows($0) } }
    }

    /// What must come next, at most so many tokens of it.
    func demand(limit: Int) -> Demand {
        state.withLock { state in
            if state.matcher.mustEnd { return .end }
            return .tokens(state.matcher.forcedTokens(limit: limit))
        }
    }

    /// Goes back to where so many tokens had been accepted, and keeps the next from being the same
    /// again.
    func rewind(to tokenCount: Int, forbidding token: Int32) {
        state.withLock { state in
            state.hasMask = false
            state.matcher.rewind(to: tokenCount)
            state.matcher.forbid(token)
        }
    }

    /// What is wrong with the answer as a whole; nil where it is right.
    func problem() -> String? { state.withLock { $0.matcher.problem() } }
}
