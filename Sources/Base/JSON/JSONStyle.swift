// SPDX-License-Identifier: Apache-2.0

/// How JSON is spelled where its grammar leaves a choice.
package struct JSONStyle: Hashable, Sendable {
    /// What stands between two elements.
    package var itemSeparator: String

    /// What stands between a key and its value.
    package var keySeparator: String

    /// What a line begins with for each level of nesting; nil for all in one line.
    package var indentation: String?

    /// Whether characters outside ASCII are written as `\u` escapes.
    package var escapesNonASCII = false

    /// Whether numbers are spelled as Python spells them: an exponent from 1e16 on, and `NaN` and
    /// `Infinity` for what JSON has no number for, instead of `null`.
    package var spellsNumbersAsPython = false

    /// No space at all.
    package static let compact = JSONStyle(itemSeparator: ",", keySeparator: ":")

    /// One element a line, indented by two spaces.
    package static let pretty = JSONStyle(
        itemSeparator: ",", keySeparator: ": ", indentation: "  ")

    /// What Python's `json.dumps` writes with `ensure_ascii=False`, which models were trained on.
    package static let python = JSONStyle(
        itemSeparator: ", ", keySeparator: ": ", spellsNumbersAsPython: true)

    /// Creates a style.
    package init(
        itemSeparator: String, keySeparator: String, indentation: String? = nil,
        escapesNonASCII: Bool = false, spellsNumbersAsPython: Bool = false
    ) {
        self.itemSeparator = itemSeparator
        self.keySeparator = keySeparator
        self.indentation = indentation
        self.escapesNonASCII = escapesNonASCII
        self.spellsNumbersAsPython = spellsNumbersAsPython
    }

    /// The text of a number: the fewest digits that read back to the same bits, always with a
    /// point or exponent.
    package func text(of value: Double) -> String {
        guard value.isFinite else {
            if !spellsNumbersAsPython { return "null" }
            return value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity"
        }
        return spellsNumbersAsPython ? Self.pythonText(of: value) : value.description
    }

    /// Python's `repr` of a finite number.
    package static func pythonText(of value: Double) -> String {
        let text = value.description
        // Swift writes all digits up to 2^54, Python those below 1e16; between them are 17 digits.
        guard value.magnitude >= 1e16, !text.contains("e") else { return text }
        var digits = value.magnitude.description.dropLast(2)
        while digits.last == "0" { digits.removeLast() }
        let fraction = digits.count > 1 ? "." + digits.dropFirst() : ""
        return (value < 0 ? "-" : "") + digits.prefix(1) + fraction + "e+16"
    }

    /// Whether a byte of UTF-8 stands for itself within a string; ``escape(_:)`` has an escape for
    /// every other one, or for the character that it belongs to.
    func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
            && (byte < 0x80 || !escapesNonASCII)
    }

    /// What stands for a character within a string; nil where it stands for itself.
    package func escape(_ scalar: Unicode.Scalar) -> String? {
        switch scalar {
        case "\"": return "\\\""
        case "\\": return "\\\\"
        case "\n": return "\\n"
        case "\r": return "\\r"
        case "\t": return "\\t"
        case "\u{08}": return "\\b"
        case "\u{0C}": return "\\f"
        default:
            guard scalar.value < 0x20 || (escapesNonASCII && !scalar.isASCII) else { return nil }
            return String(scalar).utf16.map { unit in
                let digits = String(unit, radix: 16)
                return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }.joined()
        }
    }
}
