// SPDX-License-Identifier: Apache-2.0

/// Reads a pattern in the syntax of ECMAScript.
struct ExpressionParser {
    /// How strictly the syntax is read.
    enum Strictness {
        /// As ECMAScript reads a pattern with the `u` flag.
        case exact
        /// With what real patterns have besides: needless escapes, single brackets and braces, and
        /// the spellings of other dialects that mean nothing else here.
        case lenient
    }

    /// Groups within groups.
    private static let maxDepth = 250

    /// Far more than a pattern that was written by hand, and read in some hundredths of a second.
    private static let maxBytes = 256 << 10

    private let scalars: [UInt32]
    private let strictness: Strictness
    private var index = 0
    private var depth = 0
    private var ignoresCase = false
    private var dotIsAll = false
    private var groupNames: Set<String> = []
    private var groupCount: Int32 = 0
    private var references: [(name: String, number: Int32?, place: Int)] = []

    private init(_ pattern: String, _ strictness: Strictness) {
        scalars = pattern.unicodeScalars.map(\.value)
        self.strictness = strictness
    }

    /// Reads a whole pattern.
    static func parse(
        _ pattern: String, strictness: Strictness = .lenient, limits: RecognitionLimits
    ) throws(RecognitionError) -> ExpressionSyntax {
        let most = min(maxBytes, limits.maxSourceBytes)
        guard pattern.utf8.count <= most else {
            throw RecognitionError(at: "byte \(most)", "the pattern is longer than \(most) bytes")
        }
        var parser = ExpressionParser(pattern, strictness)
        let syntax = try parser.parseChoice()
        if parser.index < parser.scalars.count { throw parser.error("unmatched )") }
        try parser.checkReferences()
        return syntax
    }

    // MARK: Structure

    private mutating func parseChoice() throws(RecognitionError) -> ExpressionSyntax {
        let flags = (ignoresCase, dotIsAll)
        defer { (ignoresCase, dotIsAll) = flags }
        var choices: [ExpressionSyntax] = []
        while true {
            choices.append(try parseSequence())
            guard take("|") else { break }
        }
        return choices.count == 1 ? choices[0] : ExpressionSyntax(.choice(choices))
    }

    private mutating func parseSequence() throws(RecognitionError) -> ExpressionSyntax {
        var parts: [ExpressionSyntax] = []
        var literal: [UInt32] = []
        func flush() {
            guard let first = literal.first else { return }
            parts.append(
                ExpressionSyntax(
                    literal.count == 1 ? .set(ScalarSet(first)) : .literal(literal)))
            literal.removeAll(keepingCapacity: true)
        }
        while let scalar = peek, scalar != "|", scalar != ")" {
            let start = index
            if !ignoresCase, !Self.isSyntax(scalars[index]), !isQuantifier(at: index + 1) {
                literal.append(scalars[index])
                index += 1
                continue
            }
            let term = try parseTerm()
            if let quantifier = try parseQuantifier() {
                try checkRepeatable(term, at: start)
                flush()
                parts.append(
                    ExpressionSyntax(
                        .repetition(term, least: quantifier.least, most: quantifier.most)))
            } else if case .set(let set) = term.shape, let single = set.single {
                literal.append(single)
            } else if case .sequence(let empty) = term.shape, empty.isEmpty {
                continue
            } else {
                flush()
                parts.append(term)
            }
        }
        flush()
        return parts.count == 1 ? parts[0] : ExpressionSyntax(.sequence(parts))
    }

    /// Whether a code point may mean anything but itself.
    private static func isSyntax(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x24, 0x28...0x2B, 0x2E, 0x3F, 0x5B...0x5E, 0x7B...0x7D: true
        default: false
        }
    }

    private func isQuantifier(at place: Int) -> Bool {
        guard place < scalars.count else { return false }
        return switch scalars[place] {
        case 0x2A, 0x2B, 0x3F, 0x7B: true
        default: false
        }
    }

    private func checkRepeatable(
        _ term: ExpressionSyntax, at start: Int
    ) throws(RecognitionError) {
        switch term.shape {
        case .start, .end, .boundary: throw error("nothing to repeat", at: start)
        case .look(_, let isAhead, _, _):
            if strictness == .exact || !isAhead { throw error("nothing to repeat", at: start) }
        default: break
        }
    }

    private mutating func parseQuantifier() throws(RecognitionError)
        -> (least: Int32, most: Int32)?
    {
        let start = index
        var result: (least: Int32, most: Int32)
        switch peek {
        case "*": result = (0, ExpressionArena.unbounded)
        case "+": result = (1, ExpressionArena.unbounded)
        case "?": result = (0, 1)
        case "{":
            index += 1
            guard let counts = parseCounts() else {
                index = start
                return nil
            }
            result = counts
            index -= 1
        default: return nil
        }
        index += 1
        if result.least > result.most {
            throw error("the counts of a repetition are out of order", at: start)
        }
        // Lazy or not, the texts are the same.
        _ = take("?")
        if peek == "*" || peek == "+" || peek == "?" { throw error("nothing to repeat") }
        if peek == "{" {
            let brace = index
            index += 1
            let isQuantifier = parseCounts() != nil
            index = brace
            if isQuantifier { throw error("nothing to repeat") }
        }
        return result
    }

    /// `n}`, `n,}` or `n,m}` after a brace; nil, and anywhere, where that does not follow.
    private mutating func parseCounts() -> (least: Int32, most: Int32)? {
        guard let least = parseCount() else { return nil }
        var most = least
        if take(",") { most = parseCount() ?? ExpressionArena.unbounded }
        return take("}") ? (least, most) : nil
    }

    private mutating func parseCount() -> Int32? {
        var value: Int32 = 0
        let start = index
        while let scalar = peek, ("0"..."9").contains(scalar) {
            // Beyond a billion, no text can tell.
            value = min(value * 10 + Int32(scalar.value - 0x30), 99_999_999)
            index += 1
        }
        return index > start ? value : nil
    }

    private mutating func parseTerm() throws(RecognitionError) -> ExpressionSyntax {
        guard let scalar = peek else { return .empty }
        let start = index
        index += 1
        switch scalar {
        case "^": return ExpressionSyntax(.start)
        case "$": return ExpressionSyntax(.end)
        case ".": return ExpressionSyntax(.set(dotIsAll ? .all : .dot))
        case "(": return try parseGroup(at: start)
        case "[": return ExpressionSyntax(.set(try parseClass(at: start)))
        case "\\": return try parseEscape(at: start)
        case "*", "+", "?": throw error("nothing to repeat", at: start)
        case "{":
            if strictness == .exact { throw error("{ must be written \\{", at: start) }
            if parseCounts() != nil { throw error("nothing to repeat", at: start) }
            index = start + 1
            return character("{")
        case "}", "]":
            if strictness == .exact { throw error("\(scalar) must be escaped", at: start) }
            return character(scalar)
        default: return character(scalar)
        }
    }

    private func character(_ scalar: Unicode.Scalar) -> ExpressionSyntax {
        let set = ScalarSet(scalar.value)
        return ExpressionSyntax(.set(ignoresCase ? set.ignoringCase : set))
    }

    private mutating func parseGroup(at start: Int) throws(RecognitionError) -> ExpressionSyntax {
        depth += 1
        defer { depth -= 1 }
        if depth > Self.maxDepth {
            throw error("groups nest deeper than \(Self.maxDepth)", at: start)
        }
        var look: (isAhead: Bool, isNegative: Bool)?
        let flags = (ignoresCase, dotIsAll)
        if take("?") {
            if take(":") {
            } else if take("=") {
                look = (true, false)
            } else if take("!") {
                look = (true, true)
            } else if take("<") {
                if take("=") {
                    look = (false, false)
                } else if take("!") {
                    look = (false, true)
                } else {
                    try parseGroupName(at: start)
                }
            } else if strictness == .lenient, peek == "P", peek(1) == "<" {
                index += 2
                try parseGroupName(at: start)
            } else {
                let isWhole = try parseFlags(at: start)
                // `(?i)` holds to the end of the group that it stands in.
                if isWhole { return .empty }
            }
        } else {
            groupCount += 1
        }
        let body = try parseChoice()
        (ignoresCase, dotIsAll) = flags
        guard take(")") else { throw error("missing )", at: start) }
        // An assertion may be repeated in a group, but not alone.
        guard let look else { return body.isPlain ? body : ExpressionSyntax(.sequence([body])) }
        return ExpressionSyntax(
            .look(body, isAhead: look.isAhead, isNegative: look.isNegative, place: start))
    }

    private mutating func parseGroupName(at start: Int) throws(RecognitionError) {
        var name = ""
        while let scalar = peek, scalar != ">" {
            let isFirst = name.isEmpty
            let isAllowed =
                scalar == "_" || scalar == "$"
                || (isFirst ? scalar.properties.isIDStart : scalar.properties.isIDContinue)
                || (!isFirst && (scalar == "\u{200C}" || scalar == "\u{200D}"))
            guard isAllowed else { throw error("invalid name of a group", at: start) }
            name.unicodeScalars.append(scalar)
            index += 1
        }
        guard take(">"), !name.isEmpty else { throw error("invalid name of a group", at: start) }
        groupCount += 1
        if !groupNames.insert(name).inserted, strictness == .exact {
            throw error("two groups named \(name)", at: start)
        }
    }

    /// Flags up to `:` or `)`.
    ///
    /// - Returns: whether the group ends with them.
    private mutating func parseFlags(at start: Int) throws(RecognitionError) -> Bool {
        var isOn = true
        var count = 0
        while let scalar = peek {
            index += 1
            switch scalar {
            case "i": ignoresCase = isOn
            case "s": dotIsAll = isOn
            case "u" where strictness == .lenient: break
            case "-" where isOn: isOn = false
            case ":" where count > 0: return false
            case ")" where count > 0 && strictness == .lenient: return true
            default:
                throw error("(?\(scalar) is not supported in a pattern", at: start)
            }
            count += 1
        }
        throw error("missing )", at: start)
    }

    // MARK: Escapes

    private mutating func parseEscape(at start: Int) throws(RecognitionError) -> ExpressionSyntax {
        guard let scalar = peek else { throw error("\\ at the end of the pattern", at: start) }
        switch scalar {
        case "b", "B":
            index += 1
            return ExpressionSyntax(.boundary(scalar == "b"))
        case "A" where strictness == .lenient:
            index += 1
            return ExpressionSyntax(.start)
        case "z" where strictness == .lenient, "Z" where strictness == .lenient:
            index += 1
            return ExpressionSyntax(.end)
        case "1"..."9", "k": return try parseBackReference(at: start)
        default: break
        }
        if let set = try parseClassEscape(at: start) {
            return ExpressionSyntax(.set(ignoresCase ? set.ignoringCase : set))
        }
        let value = try parseCharacterEscape(at: start, inClass: false)
        // A surrogate alone is in no text.
        guard let scalar = Unicode.Scalar(value) else { return ExpressionSyntax(.set(.none)) }
        return character(scalar)
    }

    /// `\1` or `\k<name>`, which is syntax, but not to be had without remembering what was read.
    private mutating func parseBackReference(
        at start: Int
    ) throws(RecognitionError) -> ExpressionSyntax {
        let syntax = ExpressionSyntax(.backReference(place: start))
        if take("k") {
            guard take("<") else { throw error("\\k must be followed by <", at: start) }
            var name = ""
            while let scalar = peek, scalar != ">" {
                name.unicodeScalars.append(scalar)
                index += 1
            }
            guard take(">") else { throw error("missing >", at: start) }
            references.append((name, nil, start))
            return syntax
        }
        let digits = index
        guard let number = parseCount() else { throw error("no number", at: digits) }
        references.append(("", number, start))
        return syntax
    }

    /// References may come before the groups that they name.
    private func checkReferences() throws(RecognitionError) {
        for (name, number, place) in references {
            let isKnown = number.map { $0 <= groupCount } ?? groupNames.contains(name)
            if !isKnown { throw error("a reference to a group that is not there", at: place) }
        }
    }

    /// `\d`, `\w`, `\s`, `\p{…}` and their complements; nil where none follows.
    private mutating func parseClassEscape(at start: Int) throws(RecognitionError) -> ScalarSet? {
        let set: ScalarSet
        switch peek {
        case "d": set = .digits
        case "D": set = ScalarSet.digits.complement
        case "w": set = .word
        case "W": set = ignoresCase ? ScalarSet.word.ignoringCase.complement : .nonWord
        case "s": set = .space
        case "S": set = ScalarSet.space.complement
        case "p", "P":
            let isNegative = peek == "P"
            index += 1
            guard take("{") else { throw error("\\p must be followed by {", at: start) }
            var name = ""
            while let scalar = peek, scalar != "}" {
                name.unicodeScalars.append(scalar)
                index += 1
            }
            guard take("}") else { throw error("missing }", at: start) }
            guard let property = UnicodeProperty.set(named: name) else {
                throw error("the property \(name.prefix(40)) is not known", at: start)
            }
            return isNegative ? property.complement : property
        default: return nil
        }
        index += 1
        return set
    }

    private mutating func parseCharacterEscape(
        at start: Int, inClass: Bool
    ) throws(RecognitionError) -> UInt32 {
        guard let scalar = peek else { throw error("\\ at the end of the pattern", at: start) }
        index += 1
        switch scalar {
        case "t": return 0x09
        case "n": return 0x0A
        case "v": return 0x0B
        case "f": return 0x0C
        case "r": return 0x0D
        case "b" where inClass: return 0x08
        case "0":
            if let next = peek, ("0"..."9").contains(next) {
                throw error("octal escapes are not supported", at: start)
            }
            return 0
        case "c":
            guard let letter = peek, letter.isASCII, letter.properties.isAlphabetic else {
                throw error("\\c must be followed by a letter", at: start)
            }
            index += 1
            return letter.value & 31
        case "x":
            guard let value = parseHexadecimal(count: 2) else {
                throw error("\\x must be followed by two hexadecimal digits", at: start)
            }
            return value
        case "u": return try parseUnicodeEscape(at: start)
        case "^", "$", "\\", ".", "*", "+", "?", "(", ")", "[", "]", "{", "}", "|", "/":
            return scalar.value
        case "-" where inClass: return scalar.value
        default:
            let isWord = scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
            if strictness == .lenient, !isWord { return scalar.value }
            throw error("\\\(scalar) is not an escape", at: start)
        }
    }

    /// What follows `\u`: a code point, or a surrogate that stands alone.
    private mutating func parseUnicodeEscape(at start: Int) throws(RecognitionError) -> UInt32 {
        if take("{") {
            var value: UInt32 = 0
            var count = 0
            while let digit = peek.flatMap(Self.hexadecimal) {
                value = min(value * 16 + digit, 0x11_0000)
                index += 1
                count += 1
            }
            guard count > 0, take("}"), value <= ScalarSet.maximum else {
                throw error("\\u{ must be followed by a code point and }", at: start)
            }
            return value
        }
        guard let value = parseHexadecimal(count: 4) else {
            throw error("\\u must be followed by four hexadecimal digits", at: start)
        }
        let rest = index
        if (0xD800...0xDBFF).contains(value), take("\\"), take("u"),
            let low = parseHexadecimal(count: 4), (0xDC00...0xDFFF).contains(low)
        {
            return 0x1_0000 + (value & 0x3FF) << 10 + low & 0x3FF
        }
        index = rest
        return value
    }

    private mutating func parseHexadecimal(count: Int) -> UInt32? {
        var value: UInt32 = 0
        for offset in 0..<count {
            guard let digit = peek(offset).flatMap(Self.hexadecimal) else { return nil }
            value = value * 16 + digit
        }
        index += count
        return value
    }

    private static func hexadecimal(_ scalar: Unicode.Scalar) -> UInt32? {
        switch scalar {
        case "0"..."9": scalar.value - 0x30
        case "a"..."f": scalar.value - 0x61 + 10
        case "A"..."F": scalar.value - 0x41 + 10
        default: nil
        }
    }

    // MARK: Classes

    private mutating func parseClass(at start: Int) throws(RecognitionError) -> ScalarSet {
        let isNegative = take("^")
        var ranges: [ScalarRange] = []
        while !take("]") {
            let place = index
            let (lower, set) = try parseClassAtom(at: start)
            if let set { ranges += set.ranges }
            guard peek == "-", let after = peek(1), after != "]" else {
                if set == nil { ranges.append(ScalarRange(lower, lower)) }
                continue
            }
            index += 1
            let (upper, upperSet) = try parseClassAtom(at: start)
            if set == nil, upperSet == nil {
                guard lower <= upper else {
                    throw error("a range of a class is out of order", at: place)
                }
                ranges.append(ScalarRange(lower, upper))
                continue
            }
            // A hyphen beside a class such as \w is itself.
            if strictness == .exact { throw error("a class cannot bound a range", at: place) }
            ranges.append(ScalarRange(0x2D, 0x2D))
            if set == nil { ranges.append(ScalarRange(lower, lower)) }
            if let upperSet { ranges += upperSet.ranges }
            if upperSet == nil { ranges.append(ScalarRange(upper, upper)) }
        }
        var result = ScalarSet(ranges)
        if ignoresCase { result = result.ignoringCase }
        return isNegative ? result.complement : result
    }

    private mutating func parseClassAtom(
        at start: Int
    ) throws(RecognitionError) -> (scalar: UInt32, set: ScalarSet?) {
        guard let scalar = peek else { throw error("missing ]", at: start) }
        let place = index
        index += 1
        guard scalar == "\\" else { return (scalar.value, nil) }
        if let set = try parseClassEscape(at: place) { return (0, set) }
        return (try parseCharacterEscape(at: place, inClass: true), nil)
    }

    // MARK: Reading

    private var peek: Unicode.Scalar? { peek(0) }

    private func peek(_ offset: Int) -> Unicode.Scalar? {
        index + offset < scalars.count ? Unicode.Scalar(scalars[index + offset]) : nil
    }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard index < scalars.count, scalars[index] == scalar.value else { return false }
        index += 1
        return true
    }

    private func error(_ reason: String, at place: Int? = nil) -> RecognitionError {
        RecognitionError(at: "byte \(byte(of: place ?? index))", reason)
    }

    /// The byte at which a code point of the pattern begins.
    func byte(of place: Int) -> Int {
        scalars.prefix(place).reduce(0) { count, scalar in
            count + (scalar < 0x80 ? 1 : scalar < 0x800 ? 2 : scalar < 0x1_0000 ? 3 : 4)
        }
    }
}
