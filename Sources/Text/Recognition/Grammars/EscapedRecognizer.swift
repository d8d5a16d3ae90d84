// SPDX-License-Identifier: Apache-2.0

/// Recognizes the texts of another recognizer as they stand between the quotation marks of a JSON
/// string, escaped as `json.dumps` does where it must, and no more.
final class EscapedRecognizer: Recognizer {
    /// The inner state, and how much of an escape has been read.
    private struct Place: Hashable {
        var inner: RecognizerState
        var escape: Escape
    }

    /// The part of an escape that has been read.
    private enum Escape: UInt8 {
        case none
        /// A backslash.
        case begun
        /// `\\u`, `\\u0`, `\\u00`, and the third digit, which is 0 or 1.
        case unicode, first, second, third0, third1
    }

    private let recognizer: any Recognizer
    private let text = RecognizedText()
    private var places: [Place] = []
    private var numbers: [Place: Int] = [:]

    private(set) var start = RecognizerState.dead

    /// A recognizer around another one, which must not look at its text.
    init(_ recognizer: any Recognizer) {
        self.recognizer = recognizer
        start = state(recognizer.start, .none)
    }

    func advance(
        _ state: RecognizerState, by byte: UInt8, after text: RecognizedText
    ) -> RecognizerState {
        guard let place = place(state) else { return .dead }
        switch (place.escape, byte) {
        case (.none, UInt8(ascii: "\\")): return self.state(place.inner, .begun)
        case (.none, UInt8(ascii: "\"")), (.none, 0..<0x20): return .dead
        case (.none, _): return moved(place.inner, by: byte)
        case (.begun, UInt8(ascii: "u")): return self.state(place.inner, .unicode)
        case (.begun, _):
            guard let meant = Self.short(byte) else { return .dead }
            return moved(place.inner, by: meant)
        case (.unicode, UInt8(ascii: "0")): return self.state(place.inner, .first)
        case (.first, UInt8(ascii: "0")): return self.state(place.inner, .second)
        case (.second, UInt8(ascii: "0")): return self.state(place.inner, .third0)
        case (.second, UInt8(ascii: "1")): return self.state(place.inner, .third1)
        case (.third0, _), (.third1, _):
            guard let digit = Self.digit(byte) else { return .dead }
            let meant = place.escape == .third0 ? digit : 16 + digit
            return Self.shortened.contains(meant) ? .dead : moved(place.inner, by: meant)
        default: return .dead
        }
    }

    func canEnd(_ state: RecognizerState, after text: RecognizedText) -> Bool {
        guard let place = place(state), place.escape == .none else { return false }
        return recognizer.canEnd(place.inner, after: self.text)
    }

    // MARK: Escapes

    /// The control characters that have an escape of their own.
    private static let shortened: Set<UInt8> = [8, 9, 10, 12, 13]

    private static func short(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): byte
        case UInt8(ascii: "b"): 8
        case UInt8(ascii: "t"): 9
        case UInt8(ascii: "n"): 10
        case UInt8(ascii: "f"): 12
        case UInt8(ascii: "r"): 13
        default: nil
        }
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    /// The bytes that an escape may come to mean.
    private static func meanings(of escape: Escape) -> [UInt8] {
        let others = (0..<32).filter { !shortened.contains($0) }
        switch escape {
        case .none: return []
        case .begun: return [8, 9, 10, 12, 13, 34, 92] + others
        case .unicode, .first, .second: return others
        case .third0: return others.filter { $0 < 16 }
        case .third1: return others.filter { $0 >= 16 }
        }
    }

    // MARK: Places

    private func moved(_ inner: RecognizerState, by byte: UInt8) -> RecognizerState {
        state(recognizer.advance(inner, by: byte, after: text), .none)
    }

    /// The state of a place; dead where the escape cannot come to mean anything that may follow.
    private func state(_ inner: RecognizerState, _ escape: Escape) -> RecognizerState {
        guard !inner.isDead else { return .dead }
        let place = Place(inner: inner, escape: escape)
        if let known = numbers[place] { return RecognizerState(rawValue: UInt64(known)) }
        if escape != .none {
            let isAlive = Self.meanings(of: escape).contains {
                !recognizer.advance(inner, by: $0, after: text).isDead
            }
            guard isAlive else { return .dead }
        }
        places.append(place)
        numbers[place] = places.count - 1
        return RecognizerState(rawValue: UInt64(places.count - 1))
    }

    private func place(_ state: RecognizerState) -> Place? {
        state.rawValue < UInt64(places.count) ? places[Int(state.rawValue)] : nil
    }

    var byteCount: Int { recognizer.byteCount + places.count * 64 }

    func forgetStates() {
        recognizer.forgetStates()
        places = []
        numbers = [:]
        start = state(recognizer.start, .none)
    }
}
