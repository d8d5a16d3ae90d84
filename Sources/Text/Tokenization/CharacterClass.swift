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

    /// The script is Han.
    static let han = CharacterClass(rawValue: 512)

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
        if isHan(scalar.value) { result.insert(.han) }
        return result
    }

    /// The property Script, which the standard library does not know.
    private static func isHan(_ value: UInt32) -> Bool {
        switch value {
        case 0x2E80...0x2E99, 0x2E9B...0x2EF3, 0x2F00...0x2FD5, 0x3005, 0x3007, 0x3021...0x3029,
            0x3038...0x303B, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFA6D, 0xFA70...0xFAD9,
            0x16FE2...0x16FE3, 0x16FF0...0x16FF1, 0x20000...0x2A6DF, 0x2A700...0x2B739,
            0x2B740...0x2B81D, 0x2B820...0x2CEA1, 0x2CEB0...0x2EBE0, 0x2EBF0...0x2EE5D,
            0x2F800...0x2FA1D, 0x30000...0x3134A, 0x31350...0x323AF:
            true
        default: false
        }
    }
}
