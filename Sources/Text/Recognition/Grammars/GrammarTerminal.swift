// SPDX-License-Identifier: Apache-2.0

/// A part of a text that something else than the grammar reads.
///
/// States are those of what reads it, as words; `UInt64.max` is dead.
enum GrammarTerminal {
    /// A text of a regular language.
    case automaton(LazyAutomaton)

    /// A text of another recognizer.
    case embedded(any Recognizer)

    /// Any text up to where one of the triggers begins.
    case freeText(TriggerAutomaton)

    /// The state of the empty text.
    var start: UInt64 {
        switch self {
        case .automaton(let automaton):
            automaton.start == LazyAutomaton.dead ? .max : UInt64(automaton.start)
        case .embedded(let recognizer): recognizer.start.rawValue
        case .freeText: 0
        }
    }

    /// Whether the empty text is one.
    var canBeEmpty: Bool { start != .max && canEnd(start, after: RecognizedText()) }

    /// The state after one more byte.
    func next(_ state: UInt64, by byte: UInt8, after text: RecognizedText) -> UInt64 {
        switch self {
        case .automaton(let automaton):
            let next = automaton.next(Int32(truncatingIfNeeded: state), byte)
            return next == LazyAutomaton.dead ? .max : UInt64(next)
        case .embedded(let recognizer):
            return recognizer.advance(RecognizerState(rawValue: state), by: byte, after: text)
                .rawValue
        case .freeText(let triggers):
            let next = triggers.next(Int32(truncatingIfNeeded: state), byte)
            return triggers.isEnd(next) ? .max : UInt64(next)
        }
    }

    /// Whether the text may end, after one more byte than in `text` if there is one.
    func canEnd(_ state: UInt64, after text: RecognizedText, adding byte: UInt8? = nil) -> Bool {
        switch self {
        case .automaton(let automaton): return automaton.accepts(Int32(truncatingIfNeeded: state))
        case .freeText: return true
        case .embedded(let recognizer):
            guard let byte else {
                return recognizer.canEnd(RecognizerState(rawValue: state), after: text)
            }
            text.append(byte)
            defer { text.truncate(to: text.count - 1) }
            return recognizer.canEnd(RecognizerState(rawValue: state), after: text)
        }
    }

    /// Whether what may follow depends on the text before the state.
    func isGuarded(_ state: UInt64) -> Bool {
        guard case .embedded(let recognizer) = self else { return false }
        return recognizer.isGuarded(RecognizerState(rawValue: state))
    }

    /// The control tokens that may follow within the text.
    func controls(at state: UInt64, after text: RecognizedText) -> [Int32] {
        guard case .embedded(let recognizer) = self else { return [] }
        return recognizer.controls(at: RecognizerState(rawValue: state), after: text)
    }

    /// The state after a control token.
    func next(_ state: UInt64, byControl token: Int32, after text: RecognizedText) -> UInt64 {
        guard case .embedded(let recognizer) = self else { return .max }
        return recognizer.advance(RecognizerState(rawValue: state), byControl: token, after: text)
            .rawValue
    }

    /// The scanner of a state, or -1.
    func scanner(of state: UInt64) -> Int32 {
        switch self {
        case .automaton, .freeText: Int32(truncatingIfNeeded: state)
        case .embedded(let recognizer): recognizer.scanner(of: RecognizerState(rawValue: state))
        }
    }

    /// A scanner that reads the next so many bytes as that of a state, or -1.
    func scanner(of state: UInt64, within byteCount: Int) -> Int32 {
        guard case .embedded(let recognizer) = self else { return scanner(of: state) }
        return recognizer.scanner(of: RecognizerState(rawValue: state), within: byteCount)
    }

    /// What a scanner makes of a byte, as ``Recognizer/scan(_:by:)`` has it; the exit of a free text
    /// is the state of its automaton.
    func scan(_ scanner: Int32, by byte: UInt8) -> Int32 {
        switch self {
        case .automaton(let automaton):
            let next = automaton.next(scanner, byte)
            return next == LazyAutomaton.dead ? -1 : next
        case .embedded(let recognizer): return recognizer.scan(scanner, by: byte)
        case .freeText(let triggers):
            let next = triggers.next(scanner, byte)
            return triggers.isEnd(next) ? -2 - next : next
        }
    }

    /// The exit of a scanner whose text may end before whatever byte follows, or -1.
    func exit(of scanner: Int32) -> Int32 {
        switch self {
        case .automaton(let automaton): automaton.accepts(scanner) ? 0 : -1
        case .embedded(let recognizer): recognizer.exit(of: scanner)
        case .freeText: -1
        }
    }

    /// A state that the next so many bytes lead from as they do from this one.
    func state(_ state: UInt64, within byteCount: Int) -> UInt64 {
        guard case .embedded(let recognizer) = self else { return state }
        return recognizer.state(RecognizerState(rawValue: state), within: byteCount).rawValue
    }

    /// The terminal that validates values where they end, whose texts satisfy a document, if any.
    func checking(_ document: SchemaDocument?) -> GrammarTerminal? {
        switch self {
        case .automaton(let automaton):
            document.map { .embedded(CheckedText(automaton, $0)) }
        case .embedded(let recognizer): recognizer.checking.map { .embedded($0) }
        case .freeText: nil
        }
    }

    /// Whether states could not be made because of their memory.
    var isExhausted: Bool {
        switch self {
        case .automaton(let automaton): automaton.isExhausted
        case .embedded(let recognizer): recognizer.isExhausted
        case .freeText: false
        }
    }

    /// About how many bytes it takes.
    var byteCount: Int {
        switch self {
        case .automaton(let automaton): automaton.byteCount
        case .embedded(let recognizer): recognizer.byteCount
        case .freeText(let triggers): triggers.byteCount
        }
    }

    /// Gives up all states but the first.
    func forgetStates() {
        switch self {
        case .automaton(let automaton): automaton.forgetStates()
        case .embedded(let recognizer): recognizer.forgetStates()
        case .freeText: break
        }
    }
}
