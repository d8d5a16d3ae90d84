// SPDX-License-Identifier: Apache-2.0

import Recognition
import Tokenization

/// The tokens of a text that has only one way to go on, as the tokenizer would spell it.
struct ForcedText {
    private let builder: MaskBuilder
    private let text: RecognizedText
    /// Whether the answer's text begins here, and the tokenizer puts a space before it.
    private var isFirst: Bool

    /// The longest text that is looked at, for each token that is wanted.
    private static let bytesPerToken = 8

    init(_ builder: MaskBuilder, after text: RecognizedText, isFirst: Bool) {
        self.builder = builder
        self.text = text
        self.isFirst = isFirst
    }

    /// The tokens that must follow a state, at most `limit`; the text is unchanged afterwards.
    mutating func tokens(from start: RecognizerState, limit: Int) -> [Int32] {
        let count = text.count
        defer { text.truncate(to: count) }
        var state = start
        let end = count + Self.bytesPerToken * limit
        var tokens: [Int32] = []
        while tokens.count < limit, text.count < end {
            let runStart = text.count
            let control = read(&state, upTo: end)
            let run = Array(text.bytes[runStart...])
            let spelled = builder.vocabulary.tokens(of: run, beginsText: isFirst)
            if !run.isEmpty { isFirst = false }
            guard let control else {
                tokens += spelled.dropLast(joinedCount(of: spelled, run, before: state))
                break
            }
            tokens += spelled
            let isWhole = spelled.reduce(0) { $0 + builder.vocabulary.range(of: $1).count }
            guard isWhole >= run.count else { break }
            tokens.append(control)
            state = builder.recognizer.advance(state, byControl: control, after: text)
            if state.isDead { break }
        }
        return Array(tokens.prefix(limit))
    }

    /// Reads bytes as long as there is one way to go on, and says which control token must follow.
    private func read(_ state: inout RecognizerState, upTo maxCount: Int) -> Int32? {
        let recognizer = builder.recognizer
        while text.count < maxCount, !recognizer.canEnd(state, after: text) {
            let controls = builder.controls(at: state, after: text)
            let next = onlyByte(after: state)
            if let control = controls.first {
                return controls.count == 1 && next.byte == nil && !next.isChoice ? control : nil
            }
            guard let byte = next.byte else { return nil }
            state = recognizer.advance(state, by: byte, after: text)
            text.append(byte)
        }
        return nil
    }

    /// Bytes in an order in which a second one that may follow is soon found.
    private static let order: [UInt8] =
        Array("\",}]: a0e1-{[tfnA\n".utf8) + (0...255).map { UInt8($0) }

    /// The one byte that may follow; none where none may, or where several may.
    private func onlyByte(after state: RecognizerState) -> (byte: UInt8?, isChoice: Bool) {
        var only: UInt8?
        for byte in Self.order where byte != only {
            if builder.recognizer.advance(state, by: byte, after: text).isDead { continue }
            if only != nil { return (nil, true) }
            only = byte
        }
        return (only, false)
    }

    /// How many tokens at the end could be part of a longer one, together with what follows.
    private func joinedCount(
        of tokens: [Int32], _ run: [UInt8], before state: RecognizerState
    ) -> Int {
        let vocabulary = builder.vocabulary
        var ends = [0]
        for token in tokens {
            ends.append(ends[ends.count - 1] + vocabulary.range(of: token).count)
        }
        // A leading space that is not part of the text, or a character cut in two.
        let shift = ends[tokens.count] - run.count
        if shift < 0 { return 0 }
        var steps = MaskBuilder.mostSteps
        for index in tokens.indices {
            let start = max(0, ends[index] - shift)
            if run.count - start >= vocabulary.longestTokenByteCount { continue }
            if let node = vocabulary.trie.node(of: run[start...]),
                builder.allowsAny(below: node, from: state, after: text, within: &steps)
            {
                return tokens.count - index
            }
        }
        return 0
    }
}
