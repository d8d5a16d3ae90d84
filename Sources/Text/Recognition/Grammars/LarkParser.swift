// SPDX-License-Identifier: Apache-2.0

import JSON

/// Reads the notation of Lark, with the additions of llguidance that say something about texts.
struct LarkParser {
    private var cursor: GrammarCursor
    private var grammar = LarkGrammar()
    private let maxDepth: Int
    private let controls: ControlTokens

    /// Reads a grammar.
    static func parse(
        _ cursor: GrammarCursor, controls: ControlTokens, limits: RecognitionLimits
    ) throws(RecognitionError) -> LarkGrammar {
        var parser = LarkParser(
            cursor: cursor, maxDepth: max(1, limits.maxDepth / 4), controls: controls)
        try parser.parseStatements(until: nil)
        return parser.grammar
    }

    /// Reads statements to the end of the text, or to a brace.
    private mutating func parseStatements(until end: UInt8?) throws(RecognitionError) {
        skip(lines: true)
        while let byte = cursor.peek(), byte != end {
            try parseStatement()
            skip(lines: false)
            if let byte = cursor.peek(), byte != 10, byte != 13, byte != end {
                throw cursor.error("expected the end of the line")
            }
            skip(lines: true)
        }
    }

    /// A grammar in braces, which knows nothing of the one around it.
    private mutating func parseGrammar(depth: Int) throws(RecognitionError) -> LarkSyntax {
        guard cursor.take("{") else { throw cursor.error("expected { after %lark") }
        var parser = LarkParser(cursor: cursor, maxDepth: maxDepth - depth - 1, controls: controls)
        guard parser.maxDepth > 0 else {
            throw cursor.error("grammars nest too deeply")
        }
        try parser.parseStatements(until: UInt8(ascii: "}"))
        cursor = parser.cursor
        guard cursor.take("}") else { throw cursor.error("expected }") }
        return .grammar(parser.grammar)
    }

    private init(cursor: GrammarCursor, maxDepth: Int, controls: ControlTokens) {
        self.cursor = cursor
        self.maxDepth = maxDepth
        self.controls = controls
    }

    private mutating func skip(lines: Bool) {
        while let byte = cursor.peek() {
            if cursor.isAt("//") || byte == UInt8(ascii: "#") {
                while let byte = cursor.peek(), byte != 10, byte != 13 { cursor.index += 1 }
            } else if byte == UInt8(ascii: "\\"), cursor.peek(1) == 10 || cursor.peek(1) == 13 {
                cursor.index += 2
            } else if byte == 32 || byte == 9 || byte == 12 || lines && (byte == 10 || byte == 13) {
                cursor.index += 1
            } else {
                return
            }
        }
    }

    private static func isName(_ byte: UInt8) -> Bool {
        GrammarCursor.isLetter(byte) || GrammarCursor.isDigit(byte) || byte == UInt8(ascii: "_")
            || byte == UInt8(ascii: "-")
    }

    private mutating func takeName() throws(RecognitionError) -> String {
        let place = cursor.index
        // A hyphen belongs to a name, but an arrow does not.
        var name = ""
        while let byte = cursor.peek(), Self.isName(byte), !cursor.isAt("->") {
            name.unicodeScalars.append(Unicode.Scalar(byte))
            cursor.index += 1
        }
        guard let first = name.utf8.first, !GrammarCursor.isDigit(first) else {
            throw cursor.error("expected a name", at: place)
        }
        return name
    }

    // MARK: Statements

    private mutating func parseStatement() throws(RecognitionError) {
        let place = cursor.index
        guard cursor.take("%") else {
            grammar.definitions.append(try parseDefinition())
            return
        }
        let directive = cursor.take(while: GrammarCursor.isLetter)
        skip(lines: false)
        switch directive {
        case "ignore": grammar.ignored.append(try parseChoice(depth: 0))
        case "import": try parseImport()
        case "declare":
            while let byte = cursor.peek(), Self.isName(byte) {
                grammar.declared.insert(try takeName())
                skip(lines: false)
            }
        case "llguidance": _ = try parseJSON()
        case "override", "extend":
            try change(by: parseDefinition(), replaces: directive == "override")
        default: throw cursor.error("%\(directive) is not known", at: place)
        }
    }

    private mutating func parseImport() throws(RecognitionError) {
        let place = cursor.index
        let module = try takeName()
        guard module == "common" else {
            throw cursor.error("only the terminals of common can be imported", at: place)
        }
        skip(lines: false)
        if cursor.take(".") {
            let name = try takeName()
            skip(lines: false)
            var alias = name
            if cursor.take("->") {
                skip(lines: false)
                alias = try takeName()
            }
            grammar.imports[alias] = .init(common: name, place: place)
            return
        }
        guard cursor.take("(") else { throw cursor.error("expected a terminal to import") }
        repeat {
            skip(lines: true)
            let name = try takeName()
            grammar.imports[name] = .init(common: name, place: place)
            skip(lines: true)
        } while cursor.take(",")
        guard cursor.take(")") else { throw cursor.error("expected )") }
    }

    /// Replaces what was defined or imported before, or adds alternatives to it.
    private mutating func change(
        by definition: LarkDefinition, replaces: Bool
    ) throws(RecognitionError) {
        let name = definition.name
        let index = grammar.definitions.firstIndex { $0.name == name }
        var before: LarkSyntax?
        if let index {
            before = grammar.definitions[index].syntax
            guard grammar.definitions[index].parameters == definition.parameters || replaces else {
                throw cursor.error(
                    "the template \(name) has other parameters", at: definition.place)
            }
        } else if let imported = grammar.imports.removeValue(forKey: name) {
            guard let pattern = LarkTerminals.pattern(of: imported.common) else {
                throw cursor.error(
                    "common has no terminal \(imported.common)", at: imported.place)
            }
            before = .pattern(pattern, flags: "", place: imported.place)
        }
        guard let before else {
            throw cursor.error(
                "there is no \(name) above to change; define it without %", at: definition.place)
        }
        var changed = definition
        if !replaces { changed.syntax = .choice([before, definition.syntax]) }
        if let index {
            grammar.definitions[index] = changed
        } else {
            grammar.definitions.append(changed)
        }
    }

    private mutating func parseDefinition() throws(RecognitionError) -> LarkDefinition {
        while cursor.take("?") || cursor.take("!") {}
        let place = cursor.index
        let name = try takeName()
        var parameters: [String] = []
        var suffix: LarkSyntax?
        skip(lines: false)
        if cursor.take("{") {
            repeat {
                skip(lines: false)
                parameters.append(try takeName())
                skip(lines: false)
            } while cursor.take(",")
            guard cursor.take("}") else { throw cursor.error("expected }") }
            skip(lines: false)
        }
        if cursor.take("[") { suffix = try parseAttributes() }
        skip(lines: false)
        if cursor.take(".") {
            _ = cursor.take("-")
            guard cursor.takeNumber() != nil else { throw cursor.error("expected a priority") }
            skip(lines: false)
        }
        guard cursor.take(":") else { throw cursor.error("expected : after the name of a rule") }
        skip(lines: false)
        // The alternatives may begin on the next line, with or without a bar.
        if let byte = cursor.peek(), byte == 10 || byte == 13 {
            var ahead = self
            ahead.skip(lines: true)
            if ahead.cursor.isAt("|") { self = ahead }
        }
        if cursor.take("|") { skip(lines: false) }
        var syntax = try parseChoice(depth: 0)
        if let suffix { syntax = .sequence([syntax, suffix]) }
        return LarkDefinition(name: name, parameters: parameters, syntax: syntax, place: place)
    }

    /// Attributes of llguidance: those that say what is done with the text mean nothing here.
    private mutating func parseAttributes() throws(RecognitionError) -> LarkSyntax? {
        var suffix: LarkSyntax?
        repeat {
            skip(lines: true)
            let place = cursor.index
            let name = try takeName()
            skip(lines: true)
            var value: LarkSyntax?
            if cursor.take("=") {
                skip(lines: true)
                let byte = cursor.peek()
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "/") {
                    value = try parseAtom(depth: 0)
                } else {
                    _ = cursor.take { Self.isName($0) || $0 == UInt8(ascii: ".") }
                }
            }
            switch name {
            case "capture", "temperature", "lazy": break
            case "suffix": suffix = value
            default:
                throw cursor.error("the attribute \(name) is not supported", at: place)
            }
            skip(lines: true)
        } while cursor.take(",")
        guard cursor.take("]") else { throw cursor.error("expected ]") }
        return suffix
    }

    // MARK: Expressions

    private mutating func parseChoice(depth: Int) throws(RecognitionError) -> LarkSyntax {
        guard depth < maxDepth else {
            throw cursor.error("groups nest more than \(maxDepth) levels deep")
        }
        var options = [try parseAlternative(depth: depth)]
        while takeBar(depth: depth) { options.append(try parseAlternative(depth: depth)) }
        return options.count == 1 ? options[0] : .choice(options)
    }

    /// Takes a bar, on this line or at the beginning of the next.
    private mutating func takeBar(depth: Int) -> Bool {
        var ahead = self
        ahead.skip(lines: true)
        guard ahead.cursor.take("|") else { return false }
        ahead.skip(lines: depth > 0)
        self = ahead
        return true
    }

    private mutating func parseAlternative(depth: Int) throws(RecognitionError) -> LarkSyntax {
        var all = [try parseSequence(depth: depth)]
        while cursor.take("&") {
            skip(lines: depth > 0)
            all.append(try parseSequence(depth: depth))
        }
        if cursor.take("->") {
            skip(lines: false)
            _ = try takeName()
            skip(lines: depth > 0)
        }
        return all.count == 1 ? all[0] : .intersection(all)
    }

    private mutating func parseSequence(depth: Int) throws(RecognitionError) -> LarkSyntax {
        var parts: [LarkSyntax] = []
        skip(lines: depth > 0)
        while let byte = cursor.peek(), !Self.endsSequence.contains(byte), !cursor.isAt("->") {
            let isComplement = cursor.take("~")
            let place = cursor.index
            var part = try parseRepetitions(of: parseAtom(depth: depth))
            if isComplement { part = .complement(part) }
            guard cursor.index > place else { throw cursor.error("expected a rule or a terminal") }
            parts.append(part)
            skip(lines: depth > 0)
        }
        return parts.count == 1 ? parts[0] : .sequence(parts)
    }

    private static let endsSequence = Set("|)]}&,\n\r".utf8)

    private mutating func parseAtom(depth: Int) throws(RecognitionError) -> LarkSyntax {
        let place = cursor.index
        if cursor.take("(") {
            let inner = try parseChoice(depth: depth + 1)
            skip(lines: true)
            guard cursor.take(")") else { throw cursor.error("expected )") }
            return inner
        }
        if cursor.take("[") {
            let inner = try parseChoice(depth: depth + 1)
            skip(lines: true)
            guard cursor.take("]") else { throw cursor.error("expected ]") }
            return .repetition(inner, least: 0, most: 1)
        }
        if cursor.isAt("\"") { return try parseString() }
        if cursor.isAt("/") { return try parsePattern() }
        if cursor.isAt("<") { return try parseControls() }
        if cursor.take("%") {
            let directive = cursor.take(while: GrammarCursor.isLetter)
            skip(lines: true)
            switch directive {
            case "json": return .schema(try parseJSON(), place: place)
            case "lark": return try parseGrammar(depth: depth)
            case "regex": return .substring(try parseSubstring(at: place))
            default: throw cursor.error("%\(directive) is not known here", at: place)
            }
        }
        let name = try takeName()
        guard cursor.take("{") else { return .name(name, place: place) }
        var arguments: [LarkSyntax] = []
        repeat {
            arguments.append(try parseChoice(depth: depth + 1))
            skip(lines: true)
        } while cursor.take(",")
        guard cursor.take("}") else { throw cursor.error("expected }") }
        return .template(name, arguments, place: place)
    }

    private mutating func parseControls() throws(RecognitionError) -> LarkSyntax {
        let expression = try ControlReference.parse(&cursor, controls: controls)
        guard case .choice(let options) = expression else {
            guard case .control(let token) = expression else { return .controls([]) }
            return .controls([token])
        }
        return .controls(
            options.compactMap { option in
                if case .control(let token) = option { token } else { nil }
            })
    }

    private mutating func parseString() throws(RecognitionError) -> LarkSyntax {
        let place = cursor.index
        let text = try takeString()
        if cursor.isAt(".."), cursor.peek(2) == UInt8(ascii: "\"") {
            cursor.index += 2
            let last = try takeString()
            guard let low = text.unicodeScalars.first, text.unicodeScalars.count == 1,
                let high = last.unicodeScalars.first, last.unicodeScalars.count == 1, low <= high
            else {
                throw cursor.error("a range goes from one character to a later one", at: place)
            }
            return .range(low.value, high.value)
        }
        let ignoresCase = cursor.isAt("i") && !(cursor.peek(1).map(Self.isName) ?? false)
        if ignoresCase { cursor.index += 1 }
        return .string(text, ignoresCase: ignoresCase)
    }

    private mutating func takeString() throws(RecognitionError) -> String {
        let place = cursor.index
        cursor.index += 1
        var bytes: [UInt8] = []
        while let byte = cursor.peek(), byte != 10 {
            cursor.index += 1
            if byte == UInt8(ascii: "\"") { return String(decoding: bytes, as: UTF8.self) }
            if byte == UInt8(ascii: "\\") {
                bytes += GrammarCursor.spelled(try cursor.takeEscape())
            } else {
                bytes.append(byte)
            }
        }
        throw cursor.error("the string is not closed", at: place)
    }

    private mutating func parsePattern() throws(RecognitionError) -> LarkSyntax {
        let place = cursor.index
        cursor.index += 1
        let start = cursor.index
        var isInClass = false
        while let byte = cursor.peek(), byte != 10 {
            if byte == UInt8(ascii: "/"), !isInClass || !hasClassEnd { break }
            if byte == UInt8(ascii: "[") { isInClass = true }
            if byte == UInt8(ascii: "]") { isInClass = false }
            cursor.index += byte == UInt8(ascii: "\\") && cursor.peek(1) != nil ? 2 : 1
        }
        let pattern = String(decoding: cursor.bytes[start..<cursor.index], as: UTF8.self)
        guard cursor.take("/") else {
            throw cursor.error("the expression is not closed", at: place)
        }
        let flags = cursor.take { "imslux".utf8.contains($0) }
        if flags.contains("x") {
            throw cursor.error("the flag x is not supported; take out the white space", at: place)
        }
        return .pattern(pattern, flags: flags, place: place)
    }

    /// Whether the class that is open at a slash is closed before the next slash or line: Lark ends
    /// an expression at any slash, but people write `[^/]`.
    private var hasClassEnd: Bool {
        var offset = 1
        while let byte = cursor.peek(offset), byte != 10, byte != UInt8(ascii: "/") {
            if byte == UInt8(ascii: "]") { return true }
            offset += byte == UInt8(ascii: "\\") ? 2 : 1
        }
        return false
    }

    private mutating func parseRepetitions(
        of atom: LarkSyntax
    ) throws(RecognitionError) -> LarkSyntax {
        var part = atom
        for _ in 0..<maxDepth {
            let place = cursor.index
            if cursor.take("*") {
                part = .repetition(part, least: 0, most: nil)
            } else if cursor.take("+") {
                part = .repetition(part, least: 1, most: nil)
            } else if cursor.take("?") {
                part = .repetition(part, least: 0, most: 1)
            } else if cursor.isAt("{"), cursor.peek(1).map(Self.isBound) ?? false {
                cursor.index += 1
                part = try parseBounds(of: part, until: "}", from: place)
            } else if isAtTilde {
                skip(lines: false)
                cursor.index += 1
                skip(lines: false)
                part = try parseBounds(of: part, until: nil, from: place)
            } else {
                return part
            }
        }
        throw cursor.error("too many repetitions in a row")
    }

    private static func isBound(_ byte: UInt8) -> Bool {
        GrammarCursor.isDigit(byte) || byte == UInt8(ascii: ",")
    }

    /// Whether `~` and a number come next.
    private var isAtTilde: Bool {
        var ahead = self
        ahead.skip(lines: false)
        guard ahead.cursor.take("~") else { return false }
        ahead.skip(lines: false)
        return ahead.cursor.peek().map(GrammarCursor.isDigit) ?? false
    }

    /// `3`, `3..5`, `3,5`, `3,` or `,5`.
    private mutating func parseBounds(
        of part: LarkSyntax, until end: StaticString?, from place: Int
    ) throws(RecognitionError) -> LarkSyntax {
        let least = cursor.takeNumber()
        var most = least
        if end != nil ? cursor.take(",") : cursor.take("..") {
            skip(lines: false)
            most = cursor.takeNumber()
            if end == nil, most == nil { throw cursor.error("expected a number") }
        }
        if let end, !cursor.take(end) { throw cursor.error("expected }") }
        guard least != nil || most != nil else { throw cursor.error("expected a number") }
        if let most, most < least ?? 0 {
            throw cursor.error("the repetition's bounds are upside down", at: place)
        }
        return .repetition(part, least: least ?? 0, most: most)
    }

    // MARK: JSON

    /// A JSON text that is an object, in place.
    private mutating func parseJSON() throws(RecognitionError) -> JSONValue {
        let start = cursor.index
        var depth = 0
        var isInString = false
        while let byte = cursor.peek() {
            cursor.index += 1
            if isInString {
                if byte == UInt8(ascii: "\\") { cursor.index += 1 }
                if byte == UInt8(ascii: "\"") { isInString = false }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isInString = true
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
            if depth <= 0, !isInString { break }
        }
        let end = min(cursor.index, cursor.bytes.count)
        do {
            return try JSONParser.parse(
                Array(cursor.bytes[start..<end]), limits: .init(keepsDigits: true))
        } catch {
            throw cursor.error(error.description, at: start)
        }
    }

    /// The pieces of `{"substring_words": …}` and its like.
    private mutating func parseSubstring(at place: Int) throws(RecognitionError) -> [String] {
        let value = try parseJSON()
        if let words = value["substring_words"]?.stringValue {
            // Words, and what stands between them, are pieces.
            var pieces: [String] = []
            var isWord = false
            for scalar in words.unicodeScalars {
                let belongs =
                    scalar.properties.isAlphabetic || scalar == "_"
                    || scalar.properties.numericType != nil
                if belongs != isWord || pieces.isEmpty { pieces.append("") }
                isWord = belongs
                pieces[pieces.count - 1].unicodeScalars.append(scalar)
            }
            return pieces
        }
        if let text = value["substring_chars"]?.stringValue {
            return text.unicodeScalars.map { String($0) }
        }
        if let chunks = value["substring_chunks"]?.arrayValue {
            return chunks.compactMap(\.stringValue)
        }
        throw cursor.error(
            "%regex takes substring_words, substring_chars or substring_chunks", at: place)
    }
}
