// SPDX-License-Identifier: Apache-2.0

/// Checks the labels of domain names by the rules of IDNA 2008: RFC 5891, 5892 and 5893.
///
/// That a label is in normalization form C is not checked, for want of it in the standard library.
enum InternationalDomainName {
    /// Whether a host name's labels that begin with `xn--` stand for valid labels.
    static func isValidHostname(_ name: String) -> Bool {
        name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            guard label.lowercased().hasPrefix("xn--") else { return true }
            guard let scalars = decoded(Array(label.utf8)) else { return false }
            return !isRightToLeft(scalars) || satisfiesBidiRule(scalars)
        }
    }

    /// Whether a name of labels in any script is a domain name.
    static func isValid(_ name: String) -> Bool {
        let dots: Set<Unicode.Scalar> = [".", "\u{3002}", "\u{FF0E}", "\u{FF61}"]
        var labels: [[UInt32]] = []
        var length = -1
        for part in name.unicodeScalars.split(
            omittingEmptySubsequences: false, whereSeparator: dots.contains)
        {
            let scalars = part.map(\.value)
            guard let label = checked(scalars) else { return false }
            labels.append(label.scalars)
            length += label.length + 1
        }
        guard length <= 253 else { return false }
        // One label from right to left makes demands on all of them.
        return !labels.contains(where: isRightToLeft) || labels.allSatisfy(satisfiesBidiRule)
    }

    // MARK: Labels

    /// What a label stands for and how long it is in ASCII; nil where it is not valid.
    private static func checked(_ label: [UInt32]) -> (scalars: [UInt32], length: Int)? {
        guard !label.isEmpty else { return nil }
        if label.allSatisfy({ $0 < 0x80 }) {
            let bytes = label.map { UInt8($0) }
            guard bytes.count <= 63 else { return nil }
            if String(decoding: bytes, as: UTF8.self).lowercased().hasPrefix("xn--") {
                return decoded(bytes).map { ($0, bytes.count) }
            }
            let isPlain = bytes.allSatisfy { byte in
                let scalar = Unicode.Scalar(byte)
                return scalar == "-" || ("0"..."9").contains(scalar)
                    || scalar.properties.isAlphabetic
            }
            return isPlain && hyphensAreFine(label) ? (label, bytes.count) : nil
        }
        guard isUnicodeLabel(label), let encoded = Punycode.encode(label),
            encoded.count + 4 <= 63
        else { return nil }
        return (label, encoded.count + 4)
    }

    /// What a label after `xn--` stands for, if it is the one way to write that.
    private static func decoded(_ label: [UInt8]) -> [UInt32]? {
        let rest = String(decoding: label.dropFirst(4), as: UTF8.self).lowercased()
        guard label.count <= 63, let scalars = Punycode.decode(Array(rest.utf8)),
            scalars.contains(where: { $0 >= 0x80 }), isUnicodeLabel(scalars),
            Punycode.encode(scalars) == Array(rest.utf8)
        else { return nil }
        return scalars
    }

    private static func hyphensAreFine(_ label: [UInt32]) -> Bool {
        let hyphen: UInt32 = 0x2D
        return label.first != hyphen && label.last != hyphen
            && !(label.count > 3 && label[2] == hyphen && label[3] == hyphen)
    }

    private static func isUnicodeLabel(_ label: [UInt32]) -> Bool {
        guard hyphensAreFine(label), let first = label.first.flatMap(Unicode.Scalar.init),
            !isMark(first)
        else { return false }
        return label.indices.allSatisfy { isAllowed(at: $0, of: label) }
    }

    private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark: true
        default: false
        }
    }

    // MARK: Code points: RFC 5892

    private static func isAllowed(at index: Int, of label: [UInt32]) -> Bool {
        let value = label[index]
        let before = index > 0 ? label[index - 1] : nil
        let after = index + 1 < label.count ? label[index + 1] : nil
        switch value {
        case 0xDF, 0x3C2, 0x6FD, 0x6FE, 0xF0B, 0x3007: return true
        case 0x640, 0x7FA, 0x302E, 0x302F, 0x3031...0x3035, 0x303B: return false
        case 0xB7: return before == 0x6C && after == 0x6C
        case 0x375: return after.map { greek.contains($0) } ?? false
        case 0x5F3, 0x5F4: return before.map { hebrew.contains($0) } ?? false
        case 0x30FB: return label.contains { japanese.contains($0) }
        case 0x660...0x669: return !label.contains { (0x6F0...0x6F9).contains($0) }
        case 0x6F0...0x6F9: return !label.contains { (0x660...0x669).contains($0) }
        case 0x200C: return isVirama(before) || joinsAround(index, of: label)
        case 0x200D: return isVirama(before)
        case 0x2D, 0x30...0x39, 0x61...0x7A: return true
        case 0x1100...0x11FF, 0xA960...0xA97C, 0xD7B0...0xD7FB: return false
        case 0x20D0...0x20FF, 0x1_D100...0x1_D1FF, 0x1_D200...0x1_D24F: return false
        default: break
        }
        guard let scalar = Unicode.Scalar(value) else { return false }
        let properties = scalar.properties
        if properties.changesWhenNFKCCaseFolded || properties.isDefaultIgnorableCodePoint
            || properties.isWhitespace || properties.isNoncharacterCodePoint
        {
            return false
        }
        switch properties.generalCategory {
        case .lowercaseLetter, .uppercaseLetter, .otherLetter, .modifierLetter, .decimalNumber,
            .nonspacingMark, .spacingMark:
            return true
        default: return false
        }
    }

    private static let greek = UnicodeProperty.script("Greek") ?? .none
    private static let hebrew = UnicodeProperty.script("Hebrew") ?? .none
    private static let japanese = ["Hiragana", "Katakana", "Han"].reduce(ScalarSet.none) {
        $0.union(UnicodeProperty.script($1) ?? .none)
    }

    private static func isVirama(_ scalar: UInt32?) -> Bool {
        scalar.flatMap(Unicode.Scalar.init)?.properties.canonicalCombiningClass == .virama
    }

    // MARK: Joining

    /// Whether letters that join each other stand around, with only marks between.
    private static func joinsAround(_ index: Int, of label: [UInt32]) -> Bool {
        let isTransparent = { (value: UInt32) -> Bool in
            guard let scalar = Unicode.Scalar(value) else { return false }
            return isMark(scalar) && scalar.properties.generalCategory != .spacingMark
        }
        guard let before = label[..<index].last(where: { !isTransparent($0) }),
            let after = label[(index + 1)...].first(where: { !isTransparent($0) })
        else { return false }
        return joining.contains(before) && !rightJoining.contains(before)
            && (joining.contains(after) || rightJoining.contains(after))
    }

    /// Letters of Arabic and Syriac that join, and those of them that join what is before only.
    private static let joining = ScalarSet([
        ScalarRange(0x620, 0x620), ScalarRange(0x622, 0x63F), ScalarRange(0x641, 0x64A),
        ScalarRange(0x66E, 0x66F), ScalarRange(0x671, 0x673), ScalarRange(0x675, 0x6D3),
        ScalarRange(0x6D5, 0x6D5), ScalarRange(0x6EE, 0x6EF), ScalarRange(0x6FA, 0x6FC),
        ScalarRange(0x6FF, 0x6FF), ScalarRange(0x710, 0x72F), ScalarRange(0x74D, 0x77F),
        ScalarRange(0x7CA, 0x7EA), ScalarRange(0x8A0, 0x8AC), ScalarRange(0x8AE, 0x8B4),
    ])

    private static let rightJoining = ScalarSet([
        ScalarRange(0x622, 0x625), ScalarRange(0x627, 0x627), ScalarRange(0x629, 0x629),
        ScalarRange(0x62F, 0x632), ScalarRange(0x648, 0x648), ScalarRange(0x671, 0x673),
        ScalarRange(0x675, 0x677), ScalarRange(0x688, 0x699), ScalarRange(0x6C0, 0x6C0),
        ScalarRange(0x6C3, 0x6CB), ScalarRange(0x6CD, 0x6CD), ScalarRange(0x6CF, 0x6CF),
        ScalarRange(0x6D2, 0x6D3), ScalarRange(0x6D5, 0x6D5), ScalarRange(0x6EE, 0x6EF),
        ScalarRange(0x710, 0x710), ScalarRange(0x715, 0x719), ScalarRange(0x71E, 0x71E),
        ScalarRange(0x728, 0x728), ScalarRange(0x72A, 0x72A), ScalarRange(0x72C, 0x72C),
        ScalarRange(0x72F, 0x72F), ScalarRange(0x74D, 0x74D), ScalarRange(0x759, 0x75B),
        ScalarRange(0x76B, 0x76C), ScalarRange(0x771, 0x771), ScalarRange(0x773, 0x774),
        ScalarRange(0x778, 0x779), ScalarRange(0x8AA, 0x8AC), ScalarRange(0x8AE, 0x8AE),
        ScalarRange(0x8B1, 0x8B2),
    ])

    // MARK: Direction: RFC 5893

    private enum Direction {
        case left, right, europeanNumber, arabicNumber, mark, neutral
    }

    /// The class of a code point that labels may have.
    private static func direction(_ value: UInt32) -> Direction {
        switch value {
        case 0x30...0x39, 0x6F0...0x6F9: return .europeanNumber
        case 0x660...0x669, 0x1_0D30...0x1_0D39, 0x1_0E60...0x1_0E7E: return .arabicNumber
        case 0x2D, 0xB7, 0x375, 0x30FB, 0x200C, 0x200D: return .neutral
        default: break
        }
        guard let scalar = Unicode.Scalar(value) else { return .neutral }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark: return .mark
        default: break
        }
        switch value {
        case 0x590...0x8FF, 0xFB1D...0xFDFF, 0xFE70...0xFEFF, 0x1_0800...0x1_0FFF,
            0x1_E800...0x1_EFFF:
            return .right
        default: return .left
        }
    }

    private static func isRightToLeft(_ label: [UInt32]) -> Bool {
        label.contains {
            let direction = direction($0)
            return direction == .right || direction == .arabicNumber
        }
    }

    private static func satisfiesBidiRule(_ label: [UInt32]) -> Bool {
        let directions = label.map(direction)
        guard let last = directions.last(where: { $0 != .mark }) else { return false }
        switch directions[0] {
        case .right:
            let numbers = (directions.contains(.europeanNumber), directions.contains(.arabicNumber))
            return !directions.contains(.left) && numbers != (true, true)
                && (last == .right || last == .europeanNumber || last == .arabicNumber)
        case .left:
            return !directions.contains(.right) && !directions.contains(.arabicNumber)
                && (last == .left || last == .europeanNumber)
        default: return false
        }
    }
}
