// SPDX-License-Identifier: Apache-2.0

import Recognition
import Tokenization

/// Follows one answer token by token and says what may come next.
///
/// Safe to use from one thread at a time; several of one constraint may be used at once.
package final class ConstraintMatcher {
    /// What the answer is held to.
    package let constraint: Constraint

    private let vocabulary: ConstraintVocabulary
    private let dropsLeadingSpace: Bool
    private let text = RecognizedText()
    private var generation: Int

    /// The tokens so far.
    private var tokens: [Int32] = []
    /// The state before the first token and after each.
    private var states: [RecognizerState]
    /// The length of the text before the first token and after each.
    private var byteCounts = [0]
    /// Tokens that were taken out of the mask, and before which place.
    private var forbidden: [(tokenCount: Int, token: Int32)] = []
    /// How many tokens come before the first that has bytes; nil where none has.
    private var firstTextIndex: Int?
    /// Whether the last token ended the answer.
    private var isEnded = false
    /// The processor time that the masks so far have taken.
    private var time = Duration.zero
    /// Whether that was too much, so that nothing may come any more.
    private var isOverdue = false

    init(_ constraint: Constraint, continuesText: Bool) {
        self.constraint = constraint
        vocabulary = constraint.vocabulary
        dropsLeadingSpace = constraint.vocabulary.tokenizer.dropsLeadingSpace && !continuesText
        let (start, generation) = constraint.withBuilder { ($0.recognizer.start, $0.generation) }
        states = [start]
        self.generation = generation
    }

    // MARK: What there is

    /// How many tokens have been accepted.
    package var tokenCount: Int { tokens.count }

    /// How many bytes the text of the answer has.
    package var byteCount: Int { text.count }

    /// Whether an end token has been accepted.
    package var hasEnded: Bool { isEnded }

    /// Whether the answer may end here: end tokens are allowed.
    package var canEnd: Bool {
        use { builder, state in
            !isEnded && builder.recognizer.canEnd(state, after: text)
        }
    }

    /// Whether the answer must end here: nothing but end tokens is allowed.
    package var mustEnd: Bool {
        use { builder, state in
            isEnded
                || builder.recognizer.canEnd(state, after: text)
                    && builder.recognizer.controls(at: state, after: text).isEmpty
                    && (0...255).allSatisfy {
                        builder.recognizer.advance(state, by: $0, after: text).isDead
                    }
        }
    }

    /// Whether what was accepted last may have to be taken back.
    ///
    /// A value is open whose validity shows only when it closes; text of it should not be sent before.
    package var isProvisional: Bool {
        use { builder, state in !isEnded && builder.recognizer.isGuarded(state) }
    }

    // MARK: What may come

    /// Writes which tokens may come next, end tokens among them where the answer may end.
    ///
    /// Equal for equal tokens so far, whatever was asked before, unless masks take longer than the
    /// limits allow; ``limitation`` tells. False means that the answer has come to a dead end;
    /// ``rewind(to:)`` and ``forbid(_:)`` lead out of it.
    ///
    /// - Parameter mask: receives it, whatever it held; to give the same one each time saves memory.
    /// - Returns: whether any token may come.
    package func fill(_ mask: inout TokenMask) -> Bool {
        let dropsSpace = dropsNextSpace
        use { builder, state in
            guard !isEnded, !isOverdue else {
                mask = TokenMask(tokenCount: vocabulary.tokenCount)
                return
            }
            let left = constraint.limits.answerTime(ofTokens: tokens.count) - time
            let taken = builder.fill(
                &mask, at: state, after: text, dropsSpace: dropsSpace, within: left)
            if let taken { time += taken } else { isOverdue = true }
        }
        for (place, token) in forbidden where place == tokens.count { mask[token] = false }
        return !mask.isEmpty
    }

    /// Why nothing may come although more could be written: what stands against that is a limit and
    /// not the constraint.
    package var limitation: String? {
        if isOverdue { return "the constraint takes too long to follow in this text" }
        return use { builder, _ in
            builder.recognizer.isExhausted
                ? "the constraint takes too much memory to follow in this text" : nil
        }
    }

    /// Which tokens may come next, as a mask of its own.
    package func mask() -> TokenMask {
        var mask = TokenMask(tokenCount: vocabulary.tokenCount)
        _ = fill(&mask)
        return mask
    }

    /// Whether one token may come next.
    package func allows(_ token: Int32) -> Bool {
        !next(token).isDead
    }

    /// How many bytes of the text could come of a token that may not come as a whole.
    package func fittingByteCount(of token: Int32) -> Int {
        let dropsSpace = dropsNextSpace
        return use { builder, state in
            let count = text.count
            defer { text.truncate(to: count) }
            _ = builder.advance(state, byTextOf: token, after: text, dropsSpace: dropsSpace)
            return text.count - count
        }
    }

    /// Takes the next token; false, and no change, where it may not come.
    package func accept(_ token: Int32) -> Bool {
        let next = next(token)
        if next.isDead { return false }
        let range = vocabulary.range(of: token)
        if !range.isEmpty {
            let skipped =
                dropsNextSpace && vocabulary.storage[range.lowerBound] == UInt8(ascii: " ") ? 1 : 0
            for index in range.dropFirst(skipped) { text.append(vocabulary.storage[index]) }
            if firstTextIndex == nil { firstTextIndex = tokens.count }
        }
        isEnded = next == Self.ended
        tokens.append(token)
        states.append(isEnded ? states[tokens.count - 1] : next)
        byteCounts.append(text.count)
        return true
    }

    /// The tokens that must come next, spelled as the tokenizer would spell their text.
    ///
    /// Empty where there is a choice. Fewer than the bytes that are certain where the last of them may
    /// join what follows. None of them is an end token, and none has been accepted.
    ///
    /// - Parameter limit: the most tokens.
    /// - Returns: the tokens, each of which ``accept(_:)`` takes, one after the other.
    package func forcedTokens(limit: Int) -> [Int32] {
        if isEnded || forbidden.contains(where: { $0.tokenCount == tokens.count }) { return [] }
        let isFirst = dropsNextSpace
        return use { builder, state in
            var forced = ForcedText(builder, after: text, isFirst: isFirst)
            return forced.tokens(from: state, limit: limit)
        }
    }

    /// The state that stands for a text with its end; no recognizer has it.
    private static let ended = RecognizerState(rawValue: .max - 1)

    private func next(_ token: Int32) -> RecognizerState {
        if isEnded || forbidden.contains(where: { $0 == (tokens.count, token) }) { return .dead }
        let dropsSpace = dropsNextSpace
        return use { builder, state in
            let recognizer = builder.recognizer
            let count = text.count
            defer { text.truncate(to: count) }
            if !vocabulary.range(of: token).isEmpty {
                return builder.advance(state, byTextOf: token, after: text, dropsSpace: dropsSpace)
            }
            let next = recognizer.advance(state, byControl: token, after: text)
            if !next.isDead { return next }
            let isEnd = vocabulary.isEnd(token) && recognizer.canEnd(state, after: text)
            return isEnd ? Self.ended : .dead
        }
    }

    // MARK: Going back

    /// Goes back to where so many tokens had been accepted.
    package func rewind(to tokenCount: Int) {
        precondition((0...tokens.count).contains(tokenCount), "\(tokenCount) of \(tokens.count)")
        guard tokenCount < tokens.count else { return }
        tokens.removeLast(tokens.count - tokenCount)
        states.removeLast(states.count - tokenCount - 1)
        byteCounts.removeLast(byteCounts.count - tokenCount - 1)
        text.truncate(to: byteCounts[tokenCount])
        forbidden.removeAll { $0.tokenCount > tokenCount }
        if let first = firstTextIndex, first >= tokenCount { firstTextIndex = nil }
        isEnded = false
    }

    /// Takes a token out of the mask here, until the matcher is rewound to before this place.
    package func forbid(_ token: Int32) {
        forbidden.append((tokens.count, token))
    }

    // MARK: Checking

    /// Checks a whole answer again, from the text alone and by other means than the mask.
    ///
    /// - Returns: nil where it is right, or else what is wrong.
    package func problem() -> String? {
        let (isComplete, isValid) = use { builder, _ in
            replay(builder)
            let end = states[states.count - 1]
            let isComplete = !end.isDead && builder.recognizer.canEnd(end, after: text)
            guard isComplete, !constraint.hasValidator, let other = builder.recognizer.checking
            else { return (isComplete, true) }
            let state = read(with: other) { _, _ in }
            return (true, !state.isDead && other.canEnd(state, after: text))
        }
        if !isComplete { return limitation ?? "the answer is not complete" }
        if !isValid { return "a JSON value in the answer does not satisfy its schema" }
        return constraint.schemaProblem(in: text.bytes)
    }

    // MARK: States

    /// Whether a space that the next token begins with is not part of the text.
    private var dropsNextSpace: Bool { dropsLeadingSpace && firstTextIndex == nil }

    /// Asks about the state of the answer, made again where it has been forgotten.
    private func use<Result>(_ body: (MaskBuilder, RecognizerState) -> Result) -> Result {
        constraint.withBuilder { builder in
            builder.trim()
            if builder.generation != generation { replay(builder) }
            return body(builder, states[states.count - 1])
        }
    }

    /// Makes all states again.
    private func replay(_ builder: MaskBuilder) {
        generation = builder.generation
        _ = read(with: builder.recognizer) { states[$0] = $1 }
    }

    /// Reads the whole answer with a recognizer.
    ///
    /// - Parameters:
    ///   - recognizer: any.
    ///   - note: is called with each number of tokens and the state after so many.
    /// - Returns: the state after all of them.
    private func read(
        with recognizer: any Recognizer, _ note: (Int, RecognizerState) -> Void
    ) -> RecognizerState {
        let bytes = Array(text.bytes)
        text.truncate(to: 0)
        var state = recognizer.start
        note(0, state)
        for (index, token) in tokens.enumerated() {
            if vocabulary.range(of: token).isEmpty {
                let next =
                    state.isDead
                    ? state : recognizer.advance(state, byControl: token, after: text)
                if !next.isDead { state = next }
            }
            for byte in bytes[byteCounts[index]..<byteCounts[index + 1]] {
                if !state.isDead { state = recognizer.advance(state, by: byte, after: text) }
                text.append(byte)
            }
            note(index + 1, state)
        }
        return state
    }
}
