// SPDX-License-Identifier: Apache-2.0

/// How far a number has been read.
struct NumberScan: Hashable {
    /// Where the next byte stands.
    private enum Place: UInt8 {
        case start, minus, zero, whole, point, fraction, letter, sign, exponent, lastDigit

        /// Whether the number may end here.
        var isComplete: Bool {
            switch self {
            case .zero, .whole, .fraction, .exponent, .lastDigit: true
            default: false
            }
        }
    }

    private var place = Place.start
    /// The bytes so far, or others of the same meaning, where a term asks for them.
    private var text: [UInt8] = []
    private var terms: [Int32]

    /// What a number may be long at most.
    private static let maxByteCount = 1_024

    /// A number of any of some terms.
    init(_ terms: [Int32]) { self.terms = terms }

    /// A number for numbers of any value, which read alike everywhere.
    func identity(isCanonical: Bool) -> UInt64? {
        guard text.isEmpty, terms.count == 1, terms[0] <= ScalarTerms.anyInteger else { return nil }
        return 7 << 56 | UInt64(isCanonical ? 1 : 0) << 32 | UInt64(terms[0]) << 8
            | UInt64(place.rawValue)
    }

    /// What a byte makes of it; nil where no number goes on so.
    func next(_ byte: UInt8, _ shapes: ShapeTable) -> NumberScan? {
        let isCanonical = shapes.style.isCanonical
        guard let place = Self.place(place, byte, isCanonical: isCanonical),
            text.count < Self.maxByteCount
        else { return nil }
        var next = self
        next.place = place
        next.text.append(byte)
        next.terms = terms.filter { next.canBecome(shapes.terms.terms[Int($0)], shapes) }
        guard !next.terms.isEmpty else { return nil }
        next.forgetWhatNobodyAsks(shapes)
        return next
    }

    private static func place(_ place: Place, _ byte: UInt8, isCanonical: Bool) -> Place? {
        let isDigit = byte >= 0x30 && byte <= 0x39
        switch (place, byte) {
        case (.start, UInt8(ascii: "-")): return .minus
        case (.start, UInt8(ascii: "0")), (.minus, UInt8(ascii: "0")): return .zero
        case (.start, _), (.minus, _), (.whole, _):
            if isDigit { return .whole }
        case (.point, _), (.fraction, _):
            if isDigit { return .fraction }
        case (.letter, UInt8(ascii: "+")), (.letter, UInt8(ascii: "-")): return .sign
        case (.letter, _), (.sign, _):
            if isDigit { return .exponent }
        case (.exponent, _):
            if isDigit { return isCanonical ? .lastDigit : .exponent }
        default: break
        }
        switch (place, byte | 0x20) {
        case (.zero, 0x2E), (.whole, 0x2E): return byte == 0x2E ? .point : nil
        case (.zero, 0x65), (.whole, 0x65), (.fraction, 0x65): return .letter
        default: return nil
        }
    }

    private func canBecome(_ term: ScalarTerm, _ shapes: ShapeTable) -> Bool {
        guard !term.isAnyNumber, shapes.style.isCanonical else { return true }
        guard place.rawValue < Place.letter.rawValue else { return false }
        if term.isAnyInteger { return place.rawValue <= Place.whole.rawValue }
        return term.bounds.contains { $0.canBecome(text, lists: shapes.terms.numberLists) }
    }

    /// Keeps as little of the text as the terms can tell apart, so that more numbers read alike.
    private mutating func forgetWhatNobodyAsks(_ shapes: ShapeTable) {
        let kept = terms.map { shapes.terms.terms[Int($0)] }
        guard kept.allSatisfy({ $0.isAnyNumber || $0.isAnyInteger }) else { return }
        if shapes.style.isCanonical || kept.allSatisfy(\.isAnyNumber) {
            text = []
            return
        }
        // Whether a number is whole depends on the zeros before its point and what follows them.
        if place == .minus {
            text = []
        } else if place == .whole {
            let zeros = text.reversed().prefix { $0 == UInt8(ascii: "0") }.prefix(16)
            text = [UInt8(ascii: "1")] + zeros
        } else if text.first == UInt8(ascii: "-") {
            text.removeFirst()
        }
    }

    /// What a number is that ends here; nil where no term allows it.
    func exit(_ shapes: ShapeTable) -> LexemeExit? {
        guard place.isComplete else { return nil }
        let number = ExactNumber(String(decoding: text, as: UTF8.self))
        let accepted = terms.filter { index in
            let term = shapes.terms.terms[Int(index)]
            if term.isAnyNumber || term.isAnyInteger && shapes.style.isCanonical { return true }
            guard let number, shapes.terms.allows(term.formula, number: number) else {
                return false
            }
            return !shapes.style.isCanonical || isWritten(term, shapes)
        }
        return accepted.isEmpty ? nil : .value(accepted)
    }

    /// Whether a number of a list is written as the list has it.
    private func isWritten(_ term: ScalarTerm, _ shapes: ShapeTable) -> Bool {
        term.bounds.contains { bounds in
            bounds.list.map { shapes.terms.numberLists[Int($0)].texts.contains(text) } ?? true
        }
    }
}
