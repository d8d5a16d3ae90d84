// SPDX-License-Identifier: Apache-2.0

import JSON

/// Recognizes the strings of a schema as they stand without quotation marks, and validates each
/// where it may end: for a last look at a text, since every state remembers where it began.
final class CheckedText: Recognizer {
    private let automaton: LazyAutomaton
    private let validator: SchemaValidator

    let start: RecognizerState

    /// Strings of an automaton that the root of a document allows.
    init(_ automaton: LazyAutomaton, _ document: SchemaDocument) {
        self.automaton = automaton
        validator = SchemaValidator(document)
        start =
            automaton.start == LazyAutomaton.dead
            ? .dead : RecognizerState(rawValue: UInt64(automaton.start))
    }

    func advance(
        _ state: RecognizerState, by byte: UInt8, after text: RecognizedText
    ) -> RecognizerState {
        let next = automaton.next(Self.inner(state), byte)
        guard next != LazyAutomaton.dead else { return .dead }
        // One more than where the text began; 0 before that.
        let known = state.rawValue >> 32
        let place = known > 0 ? known : UInt64(min(text.count, Int(Int32.max) - 1) + 1)
        return RecognizerState(rawValue: place << 32 | UInt64(next))
    }

    func canEnd(_ state: RecognizerState, after text: RecognizedText) -> Bool {
        guard automaton.accepts(Self.inner(state)) else { return false }
        let place = Int(state.rawValue >> 32)
        let bytes = place > 0 && place <= text.count + 1 ? text.bytes[(place - 1)...] : []
        let string = JSONValue.string(String(decoding: bytes, as: UTF8.self))
        return validator.accepts(string.serializedBytes()[...])
    }

    func isGuarded(_ state: RecognizerState) -> Bool { true }

    private static func inner(_ state: RecognizerState) -> Int32 {
        Int32(truncatingIfNeeded: state.rawValue)
    }

    var byteCount: Int { automaton.byteCount + validator.byteCount }

    func forgetStates() {}
}
