// SPDX-License-Identifier: Apache-2.0

/// Reads a grammar in GBNF, the notation of llama.cpp.
///
/// A rule goes on over the end of a line where no other rule begins on the next one.
struct GBNFParser {
    private var cursor: GrammarCursor
    private var names = GrammarNames()
    private let maxDepth: Int

    /// Reads a grammar into the compiler's and gives its rule `root`.
    static func parse(
        _ text: String, into compiler: inout StructureCompiler, limits: RecognitionLimits
    ) throws(RecognitionError) -> GrammarExpression {
        var parser = GBNFParser(
            cursor: GrammarCursor(text), maxDepth: max(1, limits.maxDepth / 4))
        parser.skip(lines: true)
        while parser.cursor.peek() != nil { try parser.parseRule(into: &compiler) }
        return .rule(try parser.names.root("root", parser.cursor))
    }

    private init(cursor: GrammarCursor, maxDepth: Int) {
        self.cursor = cursor
        self.maxDepth = maxDepth
    }

    /// Skips white space and comments.
    private mutating func skip(lines: Bool) {
        while let byte = cursor.peek() {
            if byte == UInt8(ascii: "#") {
                while let byte = cursor.peek(), byte != 10, byte != 13 { cursor.index += 1 }
            } else if byte == 32 || byte == 9 || lines && (byte == 10 || byte == 13) {
                cursor.index += 1
            } else {
                return
            }
        }
    }

    private static func isName(_ byte: UInt8) -> Bool {
        GrammarCursor.isLetter(byte) || GrammarCursor.isDigit(byte) || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: "_")
    }

    private mutating func parseRule(
        into compiler: inout StructureCompiler
    ) throws(RecognitionError) {
        let place = cursor.index
        let name = cursor.take(while: Self.isName)
        guard !name.isEmpty else { throw cursor.error("expected the name of a rule") }
        skip(lines: false)
        guard cursor.take("::=") else {
            throw cursor.error("expected ::= after the name of a rule")
        }
        skip(lines: true)
        let expression = try parseChoice(depth: 0, into: &compiler)
        if cursor.peek() != nil, !isAtRule {
            throw cursor.error("expected the next rule, a string, a class, a name or a group")
        }
        try names.define(name, as: expression, at: place, cursor, in: &compiler)
    }

    /// Whether a name and `::=` come next.
    private var isAtRule: Bool {
        var ahead = self
        guard !ahead.cursor.take(while: Self.isName).isEmpty else { return false }
        ahead.skip(lines: false)
        return ahead.cursor.isAt("::=")
    }

    private mutating func parseChoice(
        depth: Int, into compiler: inout StructureCompiler
    ) throws(RecognitionError) -> GrammarExpression {
        var options = [try parseSequence(depth: depth, into: &compiler)]
        while cursor.take("|") {
            skip(lines: true)
            options.append(try parseSequence(depth: depth, into: &compiler))
        }
        return options.count == 1 ? options[0] : .choice(options)
    }

    private mutating func parseSequence(
        depth: Int, into compiler: inout StructureCompiler
    ) throws(RecognitionError) -> GrammarExpression {
        var parts: [GrammarExpression] = []
        while let byte = cursor.peek(), byte != UInt8(ascii: "|"), byte != UInt8(ascii: ")") {
            if Self.isName(byte) {
                if depth == 0, isAtRule { break }
            } else if !Self.beginsPart.contains(byte) {
                break
            }
            let part = try parsePart(depth: depth, into: &compiler)
            parts.append(try parseRepetitions(of: part))
            skip(lines: true)
        }
        return parts.count == 1 ? parts[0] : .sequence(parts)
    }

    private static let beginsPart = Set("\"[(.<!".utf8)

    private mutating func parsePart(
        depth: Int, into compiler: inout StructureCompiler
    ) throws(RecognitionError) -> GrammarExpression {
        let place = cursor.index
        if cursor.take("\"") { return try parseLiteral(from: place) }
        if cursor.take("[") { return .scalars(try parseClass(from: place)) }
        if cursor.take(".") { return .scalars([0...0x10FFFF]) }
        if cursor.isAt("<") || cursor.isAt("!") {
            return try ControlReference.parse(&cursor, controls: compiler.controls)
        }
        if cursor.take("(") {
            guard depth < maxDepth else {
                throw cursor.error("groups nest more than \(maxDepth) levels deep", at: place)
            }
            skip(lines: true)
            let inner = try parseChoice(depth: depth + 1, into: &compiler)
            guard cursor.take(")") else { throw cursor.error("expected )") }
            return inner
        }
        let name = cursor.take(while: Self.isName)
        return .rule(names.number(of: name, at: place, in: &compiler))
    }

    private mutating func parseLiteral(
        from place: Int
    ) throws(RecognitionError) -> GrammarExpression {
        var bytes: [UInt8] = []
        while let byte = cursor.peek() {
            cursor.index += 1
            if byte == UInt8(ascii: "\"") { return .bytes(bytes) }
            if byte == UInt8(ascii: "\\") {
                bytes += GrammarCursor.spelled(try cursor.takeEscape())
            } else {
                bytes.append(byte)
            }
        }
        throw cursor.error("the string is not closed", at: place)
    }

    private mutating func parseClass(
        from place: Int
    ) throws(RecognitionError) -> [ClosedRange<UInt32>] {
        let isComplement = cursor.take("^")
        var ranges: [ClosedRange<UInt32>] = []
        while !cursor.take("]") {
            let start = cursor.index
            let low = try parseClassMember(from: place)
            guard cursor.isAt("-"), cursor.peek(1) != UInt8(ascii: "]") else {
                ranges.append(low...low)
                continue
            }
            cursor.index += 1
            let high = try parseClassMember(from: place)
            guard low <= high else { throw cursor.error("the range is upside down", at: start) }
            ranges.append(low...high)
        }
        return isComplement ? UTF8Ranges.complement(ranges) : ranges
    }

    private mutating func parseClassMember(from place: Int) throws(RecognitionError) -> UInt32 {
        if cursor.take("\\") { return try cursor.takeEscape() }
        guard let scalar = cursor.takeScalar() else {
            throw cursor.error("the class is not closed", at: place)
        }
        return scalar
    }

    private mutating func parseRepetitions(
        of part: GrammarExpression
    ) throws(RecognitionError) -> GrammarExpression {
        var part = part
        var count = 0
        while true {
            let place = cursor.index
            if cursor.take("*") {
                part = .repetition(part, least: 0, most: nil)
            } else if cursor.take("+") {
                part = .repetition(part, least: 1, most: nil)
            } else if cursor.take("?") {
                part = .repetition(part, least: 0, most: 1)
            } else if cursor.take("{") {
                let (least, most) = try parseBounds(from: place)
                part = .repetition(part, least: least, most: most)
            } else {
                return part
            }
            count += 1
            guard count < maxDepth else { throw cursor.error("too many repetitions in a row") }
            skip(lines: false)
        }
    }

    private mutating func parseBounds(
        from place: Int
    ) throws(RecognitionError) -> (least: Int, most: Int?) {
        skip(lines: false)
        let least = cursor.takeNumber()
        skip(lines: false)
        var most = least
        if cursor.take(",") {
            skip(lines: false)
            most = cursor.takeNumber()
            skip(lines: false)
            if least == nil, most == nil { throw cursor.error("expected a number") }
        } else if least == nil {
            throw cursor.error("expected a number")
        }
        guard cursor.take("}") else { throw cursor.error("expected }") }
        if let most, most < least ?? 0 {
            throw cursor.error("the repetition's bounds are upside down", at: place)
        }
        return (least ?? 0, most)
    }
}
