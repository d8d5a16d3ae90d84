// SPDX-License-Identifier: Apache-2.0

/// The Unicode properties of a character that pre-tokenizers ask for, as of Unicode 16.
///
/// The standard library's tables may be newer than those of the reference tokenizers (tiktoken and
/// Hugging Face's tokenizers, Unicode 16). A character that was assigned later therefore counts as
/// unassigned, and the one whose category changed has its old one; a golden test compares all.
package struct CharacterClass: OptionSet, Sendable {
    /// One bit for each property.
    package let rawValue: UInt16

    /// Creates a set from its bits.
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Lu or Lt.
    static let uppercase = CharacterClass(rawValue: 1)
    /// Ll.
    static let lowercase = CharacterClass(rawValue: 2)
    /// Lm or Lo.
    static let caseless = CharacterClass(rawValue: 4)
    /// Mn, Mc or Me.
    static let mark = CharacterClass(rawValue: 8)
    /// Nd, Nl or No.
    static let number = CharacterClass(rawValue: 16)
    /// The property White_Space, which is what `\s` means.
    static let whitespace = CharacterClass(rawValue: 32)
    /// Carriage return or line feed; whitespace too.
    static let newline = CharacterClass(rawValue: 64)
    /// Pc, Pd, Ps, Pe, Pi, Pf or Po.
    static let punctuation = CharacterClass(rawValue: 128)
    /// Sm, Sc, Sk or So.
    static let symbol = CharacterClass(rawValue: 256)

    /// Any `L`.
    static let letter: CharacterClass = [.uppercase, .lowercase, .caseless]

    /// Whether the character has one of the properties.
    func isAny(_ other: CharacterClass) -> Bool { rawValue & other.rawValue != 0 }

    /// The class of a scalar; a table look-up in the basic plane.
    package static func of(_ scalar: Unicode.Scalar) -> CharacterClass {
        scalar.value < 0x10000
            ? CharacterClass(rawValue: basicPlane[Int(scalar.value)]) : computed(scalar)
    }

    /// 128 KiB, filled at first use.
    private static let basicPlane: [UInt16] = (0..<0x10000).map { value in
        Unicode.Scalar(UInt32(value)).map { computed($0).rawValue } ?? 0
    }

    private static func computed(_ scalar: Unicode.Scalar) -> CharacterClass {
        var result: CharacterClass = []
        if let age = scalar.properties.age, age.major > 16 { return result }
        // U+0295 became Lo in Unicode 17.
        if scalar == "\u{295}" { return .lowercase }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .titlecaseLetter: result = .uppercase
        case .lowercaseLetter: result = .lowercase
        case .modifierLetter, .otherLetter: result = .caseless
        case .nonspacingMark, .spacingMark, .enclosingMark: result = .mark
        case .decimalNumber, .letterNumber, .otherNumber: result = .number
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation,
            .initialPunctuation, .finalPunctuation, .otherPunctuation:
            result = .punctuation
        case .mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol: result = .symbol
        default: break
        }
        if scalar.properties.isWhitespace { result.insert(.whitespace) }
        if scalar == "\r" || scalar == "\n" { result.insert(.newline) }
        return result
    }
}
