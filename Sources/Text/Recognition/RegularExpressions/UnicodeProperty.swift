// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The sets of code points that `\p{…}` names.
enum UnicodeProperty {
    /// The set of a property, as ECMAScript spells it.
    ///
    /// General categories, the binary properties that patterns have, and the scripts of
    /// ``ScriptTable``.
    static func set(named name: String) -> ScalarSet? {
        let parts = name.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2 {
            switch parts[0] {
            case "gc", "General_Category": return category(String(parts[1]))
            case "sc", "Script", "scx", "Script_Extensions": return script(String(parts[1]))
            default: return nil
            }
        }
        return category(name) ?? binary(name)
    }

    // MARK: General categories

    private static func category(_ name: String) -> ScalarSet? {
        guard let group = groups.first(where: { $0.names.contains(name) }) else { return nil }
        return ScalarSet(group.categories.flatMap { categories[$0, default: []] })
    }

    private typealias Category = Unicode.GeneralCategory

    private static let groups: [(names: [String], categories: [Category])] = {
        let single: [(String, String, Category)] = [
            ("Lu", "Uppercase_Letter", .uppercaseLetter),
            ("Ll", "Lowercase_Letter", .lowercaseLetter),
            ("Lt", "Titlecase_Letter", .titlecaseLetter),
            ("Lm", "Modifier_Letter", .modifierLetter), ("Lo", "Other_Letter", .otherLetter),
            ("Mn", "Nonspacing_Mark", .nonspacingMark), ("Mc", "Spacing_Mark", .spacingMark),
            ("Me", "Enclosing_Mark", .enclosingMark), ("Nd", "Decimal_Number", .decimalNumber),
            ("Nl", "Letter_Number", .letterNumber), ("No", "Other_Number", .otherNumber),
            ("Pc", "Connector_Punctuation", .connectorPunctuation),
            ("Pd", "Dash_Punctuation", .dashPunctuation),
            ("Ps", "Open_Punctuation", .openPunctuation),
            ("Pe", "Close_Punctuation", .closePunctuation),
            ("Pi", "Initial_Punctuation", .initialPunctuation),
            ("Pf", "Final_Punctuation", .finalPunctuation),
            ("Po", "Other_Punctuation", .otherPunctuation), ("Sm", "Math_Symbol", .mathSymbol),
            ("Sc", "Currency_Symbol", .currencySymbol),
            ("Sk", "Modifier_Symbol", .modifierSymbol), ("So", "Other_Symbol", .otherSymbol),
            ("Zs", "Space_Separator", .spaceSeparator), ("Zl", "Line_Separator", .lineSeparator),
            ("Zp", "Paragraph_Separator", .paragraphSeparator), ("Cc", "Control", .control),
            ("Cf", "Format", .format), ("Cs", "Surrogate", .surrogate),
            ("Co", "Private_Use", .privateUse), ("Cn", "Unassigned", .unassigned),
        ]
        var groups = single.map { (names: [$0.0, $0.1], categories: [$0.2]) }
        let aliases = [("Nd", "digit"), ("Cc", "cntrl")]
        for (short, alias) in aliases {
            if let index = groups.firstIndex(where: { $0.names[0] == short }) {
                groups[index].names.append(alias)
            }
        }
        let letters: [(String, [String])] = [
            ("L", ["L", "Letter"]), ("M", ["M", "Mark", "Combining_Mark"]), ("N", ["N", "Number"]),
            ("P", ["P", "Punctuation", "punct"]), ("S", ["S", "Symbol"]),
            ("Z", ["Z", "Separator"]), ("C", ["C", "Other"]),
        ]
        for (letter, names) in letters {
            let members = single.filter { $0.0.hasPrefix(letter) }.map(\.2)
            groups.append((names, members))
        }
        groups.append(
            (["LC", "Cased_Letter"], [.uppercaseLetter, .lowercaseLetter, .titlecaseLetter]))
        return groups
    }()

    /// The ranges of each category, found by asking for every code point that may be assigned.
    private static let categories: [Category: [ScalarRange]] = {
        var result: [Category: [ScalarRange]] = [:]
        forEachRun {
            $0.properties.generalCategory
        } body: { category, range in
            result[category, default: []].append(range)
        }
        // Planes 15 and 16 are for private use but for their last two code points.
        result[.privateUse, default: []] += [
            ScalarRange(0xF_0000, 0xF_FFFD), ScalarRange(0x10_0000, 0x10_FFFD),
        ]
        result[.unassigned, default: []] += [
            ScalarRange(0x4_0000, 0xD_FFFF), ScalarRange(0xE_1000, 0xE_FFFF),
            ScalarRange(0xF_FFFE, 0xF_FFFF), ScalarRange(0x10_FFFE, 0x10_FFFF),
        ]
        return result
    }()

    /// Calls back with each run of equal values, in the planes that have characters.
    private static func forEachRun<Value: Equatable>(
        _ value: (Unicode.Scalar) -> Value, body: (Value, ScalarRange) -> Void
    ) {
        for plane in [0...0xD7FF, 0xE000...0x3_FFFF, 0xE_0000...0xE_0FFF] as [ClosedRange<UInt32>] {
            var run: (value: Value, lower: UInt32)?
            for code in plane {
                guard let scalar = Unicode.Scalar(code) else { continue }
                let value = value(scalar)
                if let last = run, last.value != value {
                    body(last.value, ScalarRange(last.lower, code - 1))
                    run = (value, code)
                } else if run == nil {
                    run = (value, code)
                }
            }
            if let run { body(run.value, ScalarRange(run.lower, plane.upperBound)) }
        }
    }

    // MARK: Binary properties

    private static func binary(_ name: String) -> ScalarSet? {
        switch name {
        case "Any": .all
        case "ASCII": ScalarSet([ScalarRange(0, 0x7F)])
        case "Assigned": category("Cn")?.complement
        case "ASCII_Hex_Digit", "AHex":
            ScalarSet([
                ScalarRange(0x30, 0x39), ScalarRange(0x41, 0x46), ScalarRange(0x61, 0x66),
            ])
        case "Extended_Pictographic", "ExtPict": ranges(ScriptTable.pictographs)
        default: asked(name)
        }
    }

    /// The sets that were asked for, since each takes a look at all code points.
    private static let known = Mutex<[String: ScalarSet]>([:])

    /// The set of a property that the standard library knows.
    private static func asked(_ name: String) -> ScalarSet? {
        guard let isMember = test(named: name) else { return nil }
        if let set = known.withLock({ $0[name] }) { return set }
        let set = set(isMember)
        known.withLock { $0[name] = set }
        return set
    }

    private static func test(named name: String) -> ((Unicode.Scalar.Properties) -> Bool)? {
        switch name {
        case "Alphabetic", "Alpha": { $0.isAlphabetic }
        case "Bidi_Control", "Bidi_C": { $0.isBidiControl }
        case "Bidi_Mirrored", "Bidi_M": { $0.isBidiMirrored }
        case "Case_Ignorable", "CI": { $0.isCaseIgnorable }
        case "Cased": { $0.isCased }
        case "Dash": { $0.isDash }
        case "Default_Ignorable_Code_Point", "DI": { $0.isDefaultIgnorableCodePoint }
        case "Deprecated", "Dep": { $0.isDeprecated }
        case "Diacritic", "Dia": { $0.isDiacritic }
        case "Emoji": { $0.isEmoji }
        case "Emoji_Modifier", "EMod": { $0.isEmojiModifier }
        case "Emoji_Modifier_Base", "EBase": { $0.isEmojiModifierBase }
        case "Emoji_Presentation", "EPres": { $0.isEmojiPresentation }
        case "Extender", "Ext": { $0.isExtender }
        case "Grapheme_Base", "Gr_Base": { $0.isGraphemeBase }
        case "Grapheme_Extend", "Gr_Ext": { $0.isGraphemeExtend }
        case "Hex_Digit", "Hex": { $0.isHexDigit }
        case "ID_Continue", "IDC": { $0.isIDContinue }
        case "ID_Start", "IDS": { $0.isIDStart }
        case "Ideographic", "Ideo": { $0.isIdeographic }
        case "Join_Control", "Join_C": { $0.isJoinControl }
        case "Lowercase", "Lower": { $0.isLowercase }
        case "Math": { $0.isMath }
        case "Quotation_Mark", "QMark": { $0.isQuotationMark }
        case "Radical": { $0.isRadical }
        case "Sentence_Terminal", "STerm": { $0.isSentenceTerminal }
        case "Soft_Dotted", "SD": { $0.isSoftDotted }
        case "Unified_Ideograph", "UIdeo": { $0.isUnifiedIdeograph }
        case "Uppercase", "Upper": { $0.isUppercase }
        case "Variation_Selector", "VS": { $0.isVariationSelector }
        case "White_Space", "space": { $0.isWhitespace }
        case "XID_Continue", "XIDC": { $0.isXIDContinue }
        case "XID_Start", "XIDS": { $0.isXIDStart }
        default: nil
        }
    }

    private static func set(_ isMember: (Unicode.Scalar.Properties) -> Bool) -> ScalarSet {
        var ranges: [ScalarRange] = []
        forEachRun {
            isMember($0.properties)
        } body: { isMember, range in
            if isMember { ranges.append(range) }
        }
        return ScalarSet(ranges)
    }

    // MARK: Scripts

    /// The set of a script by its name or its code of four letters.
    static func script(_ name: String) -> ScalarSet? {
        ScriptTable.ranges(of: name).map(ranges)
    }

    private static func ranges(_ text: String) -> ScalarSet {
        let ranges = text.split(separator: " ").compactMap { part -> ScalarRange? in
            let ends = part.split(separator: "-")
            guard let first = ends.first.flatMap({ UInt32($0, radix: 16) }),
                let last = ends.last.flatMap({ UInt32($0, radix: 16) })
            else { return nil }
            return ScalarRange(first, last)
        }
        return ScalarSet(ranges)
    }
}
