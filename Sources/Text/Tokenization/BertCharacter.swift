// SPDX-License-Identifier: Apache-2.0

/// What BERT's tokenizers do with a character.
///
/// Hugging Face's tokenizers take categories from Unicode 8, decompositions from Unicode 9 and the
/// rest from the present; a golden test compares every character with them.
struct BertCharacter: OptionSet {
    let rawValue: UInt8

    /// Cleaning leaves it out: a control character, a mark of formats, or one for private use.
    static let removed = BertCharacter(rawValue: 1)
    /// It separates words and is no part of any.
    static let whitespace = BertCharacter(rawValue: 2)
    /// It is a word of its own.
    static let punctuation = BertCharacter(rawValue: 4)
    /// It is left out where accents are.
    static let accent = BertCharacter(rawValue: 8)
    /// It is a word of its own where a vocabulary wants ideographs so.
    static let ideograph = BertCharacter(rawValue: 16)

    /// What a scalar is; a table look-up in the basic plane.
    static func of(_ scalar: Unicode.Scalar) -> BertCharacter {
        scalar.value < 0x10000
            ? BertCharacter(rawValue: basicPlane[Int(scalar.value)]) : computed(scalar)
    }

    /// 64 KiB, filled at first use.
    private static let basicPlane: [UInt8] = (0..<0x10000).map { value in
        Unicode.Scalar(UInt32(value)).map { computed($0).rawValue } ?? 0
    }

    /// The blocks that hold ideographs, as the first tokenizer of BERT listed them.
    private static let ideographs: [ClosedRange<UInt32>] = [
        0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F,
        0x2B740...0x2B81F, 0x2B920...0x2CEAF, 0xF900...0xFAFF, 0x2F800...0x2FA1F,
    ]

    private static func computed(_ scalar: Unicode.Scalar) -> BertCharacter {
        var result = category(scalar)
        if ideographs.contains(where: { $0.contains(scalar.value) }) { result.insert(.ideograph) }
        // A line's end and a tab count as spaces before they could be removed.
        if ["\t", "\n", "\r"].contains(scalar) {
            result.remove(.removed)
            result.insert(.whitespace)
        } else if scalar.properties.isWhitespace {
            result.insert(.whitespace)
        }
        if scalar.value == 0 || scalar == "\u{FFFD}" { result.insert(.removed) }
        if scalar.isASCII, (0x21...0x7E).contains(scalar.value),
            !scalar.properties.isAlphabetic, scalar.properties.numericType == nil
        {
            result.insert(.punctuation)
        }
        return result
    }

    private static func category(_ scalar: Unicode.Scalar) -> BertCharacter {
        switch scalar.value {
        // These had another category in Unicode 8.
        case 0x1734, 0x1171E: return .accent
        case 0x166D, 0x111C9: return .punctuation
        case 0x1885, 0x1886, 0xA9BD: return []
        default: break
        }
        let properties = scalar.properties
        guard let age = properties.age, age.major <= 8 else { return [] }
        switch properties.generalCategory {
        case .control, .format, .privateUse: return .removed
        case .nonspacingMark: return .accent
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation,
            .initialPunctuation, .finalPunctuation, .otherPunctuation:
            return .punctuation
        default: return []
        }
    }
}
