// SPDX-License-Identifier: Apache-2.0

import Recognition

/// Reads `"text"`, digits and lists of them in brackets, with the scanners that a reader of JSON has.
///
/// With a guard a list must not have the byte `!` in its text, which is seen only where it closes.
final class ListRecognizer: Recognizer {
    private enum Place: UInt64 {
        case value, first, after, string, escape, number
    }

    private let isGuarding: Bool
    private let hasScanners: Bool
    private let control: Int32?
    private(set) var forgottenCount = 0
    var byteCount = 0
    private static let maxDepth: UInt64 = 6

    init(isGuarding: Bool = false, hasScanners: Bool = true, control: Int32? = nil) {
        self.isGuarding = isGuarding
        self.hasScanners = hasScanners
        self.control = control
    }

    private func state(_ place: Place, _ depth: UInt64) -> RecognizerState {
        RecognizerState(rawValue: depth << 8 | place.rawValue)
    }

    private func place(_ state: RecognizerState) -> (Place, UInt64) {
        (Place(rawValue: state.rawValue & 0xFF) ?? .value, state.rawValue >> 8)
    }

    var start: RecognizerState { state(.value, 0) }

    func advance(
        _ state: RecognizerState, by byte: UInt8, after text: RecognizedText
    ) -> RecognizerState {
        let (place, depth) = place(state)
        switch (place, byte) {
        case (.value, UInt8(ascii: "\"")), (.first, UInt8(ascii: "\"")):
            return self.state(.string, depth)
        case (.value, 0x30...0x39), (.first, 0x30...0x39): return self.state(.number, depth)
        case (.value, UInt8(ascii: "[")), (.first, UInt8(ascii: "[")):
            return depth < Self.maxDepth ? self.state(.first, depth + 1) : .dead
        case (.string, UInt8(ascii: "\"")): return self.state(.after, depth)
        case (.string, UInt8(ascii: "\\")): return self.state(.escape, depth)
        case (.string, 0x20...): return state
        case (.escape, UInt8(ascii: "\"")), (.escape, UInt8(ascii: "\\")):
            return self.state(.string, depth)
        case (.number, 0x30...0x39): return state
        case (.number, _): return advance(self.state(.after, depth), by: byte, after: text)
        case (.after, UInt8(ascii: ",")) where depth > 0: return self.state(.value, depth)
        case (.after, UInt8(ascii: "]")) where depth > 0,
            (.first, UInt8(ascii: "]")):
            if isGuarding, text.bytes.contains(UInt8(ascii: "!")) { return .dead }
            return self.state(.after, depth - 1)
        default: return .dead
        }
    }

    func canEnd(_ state: RecognizerState, after text: RecognizedText) -> Bool {
        let (place, depth) = place(state)
        return depth == 0 && (place == .after || place == .number)
    }

    func isGuarded(_ state: RecognizerState) -> Bool { isGuarding && place(state).1 > 0 }

    func controls(at state: RecognizerState, after text: RecognizedText) -> [Int32] {
        place(state).0 == .value ? control.map { [$0] } ?? [] : []
    }

    func advance(
        _ state: RecognizerState, byControl token: Int32, after text: RecognizedText
    ) -> RecognizerState {
        let (place, depth) = place(state)
        return token == control && place == .value ? self.state(.string, depth) : .dead
    }

    func scanner(of state: RecognizerState) -> Int32 {
        guard hasScanners else { return -1 }
        return switch place(state).0 {
        case .string: 0
        case .escape: 1
        case .number: 2
        default: -1
        }
    }

    func identity(of scanner: Int32) -> UInt64? { 0xA11 << 48 | UInt64(scanner) }

    func scan(_ scanner: Int32, by byte: UInt8) -> Int32 {
        switch (scanner, byte) {
        case (0, UInt8(ascii: "\"")): -2
        case (0, UInt8(ascii: "\\")): 1
        case (0, 0x20...): 0
        case (1, UInt8(ascii: "\"")), (1, UInt8(ascii: "\\")): 0
        case (2, 0x30...0x39): 2
        default: -1
        }
    }

    func exit(of scanner: Int32) -> Int32 { scanner == 2 ? 1 : -1 }

    func leave(
        _ state: RecognizerState, by exit: Int32, after text: RecognizedText
    ) -> RecognizerState {
        self.state(.after, place(state).1)
    }

    func forgetStates() { forgottenCount += 1 }
}
