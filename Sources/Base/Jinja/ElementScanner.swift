// SPDX-License-Identifier: Apache-2.0

/// Reads the names, literals and symbols within a tag.
struct ElementScanner {
    private let source: [Unicode.Scalar]
    private var index = 0
    private var closers: [Token.Symbol] = []

    /// A scanner of one tag.
    init(source: [Unicode.Scalar]) {
        self.source = source
    }

    /// Whether a bracket is open.
    var isWithinBrackets: Bool { !closers.isEmpty }

    /// The element at `start`, which moves past it.
    mutating func scan(at start: inout Int) throws(TemplateError) -> Token.Kind {
        index = start
        let kind = try element()
        start = index
        return kind
    }

    private mutating func element() throws(TemplateError) -> Token.Kind {
        let scalar = source[index]
        if isDigit(scalar, radix: 10) {
            return try scanNumber()
        }
        if PythonText.isWord(scalar) {
            let start = index
            while index < source.count, PythonText.isWord(source[index]) { index += 1 }
            return .name(text(start..<index))
        }
        if scalar == "'" || scalar == "\"" {
            return .string(try scanString(quote: scalar))
        }
        return .symbol(try scanSymbol())
    }

    private mutating func scanSymbol() throws(TemplateError) -> Token.Symbol {
        for length in [2, 1] where index + length <= source.count {
            if let symbol = Token.Symbol(rawValue: text(index..<index + length)) {
                try balance(symbol, at: index)
                index += length
                return symbol
            }
        }
        throw .syntax("unexpected character", at: position(index))
    }

    /// An integer or float, with Python's underscores and prefixes.
    private mutating func scanNumber() throws(TemplateError) -> Token.Kind {
        let start = index
        let followsDot = start > 0 && source[start - 1] == "."
        if let float = followsDot ? nil : scanFloat() { return .float(float) }
        index = start
        var radix: UInt32 = 10
        if source[start] == "0", start + 1 < source.count {
            switch source[start + 1] {
            case "x", "X": radix = 16
            case "o", "O": radix = 8
            case "b", "B": radix = 2
            default: break
            }
            if radix != 10 {
                index += 2
                if skipDigits(radix: radix, startsWithUnderscore: true) == 0 {
                    radix = 10
                    index = start
                }
            }
        }
        if radix == 10 {
            if source[start] == "0" {
                // Only zeros may follow a leading zero.
                while index < source.count, source[index] == "0" || source[index] == "_" {
                    if source[index] == "_",
                        index + 1 >= source.count || source[index + 1] != "0"
                    {
                        break
                    }
                    index += 1
                }
            } else {
                _ = skipDigits(radix: 10, startsWithUnderscore: false)
            }
        }
        let digits = text(start + (radix == 10 ? 0 : 2)..<index).filter { $0 != "_" }
        guard let value = Int(digits, radix: Int(radix)) else {
            throw .syntax("integer too large", at: position(start))
        }
        return .integer(value)
    }

    private mutating func scanFloat() -> Double? {
        let start = index
        guard skipDigits(radix: 10, startsWithUnderscore: false) > 0 else { return nil }
        var isFloat = false
        if index + 1 < source.count, source[index] == ".", isDigit(source[index + 1], radix: 10) {
            index += 1
            _ = skipDigits(radix: 10, startsWithUnderscore: false)
            isFloat = true
        }
        if index < source.count, source[index] == "e" || source[index] == "E" {
            let beforeExponent = index
            index += 1
            if index < source.count, source[index] == "+" || source[index] == "-" { index += 1 }
            if skipDigits(radix: 10, startsWithUnderscore: false) > 0 {
                isFloat = true
            } else {
                index = beforeExponent
            }
        }
        guard isFloat else { return nil }
        return Double(text(start..<index).filter { $0 != "_" })
    }

    /// Skips digits with single underscores between them; answers how many digits.
    private mutating func skipDigits(radix: UInt32, startsWithUnderscore: Bool) -> Int {
        var count = 0
        while index < source.count {
            if source[index] == "_" {
                guard count > 0 || startsWithUnderscore, index + 1 < source.count,
                    isDigit(source[index + 1], radix: radix)
                else { break }
            } else if isDigit(source[index], radix: radix) {
                count += 1
            } else {
                break
            }
            index += 1
        }
        return count
    }

    private mutating func scanString(
        quote: Unicode.Scalar
    ) throws(TemplateError) -> [Unicode.Scalar] {
        let start = index
        index += 1
        var result: [Unicode.Scalar] = []
        while index < source.count {
            let scalar = source[index]
            index += 1
            if scalar == quote { return result }
            if scalar == "\\" {
                guard index < source.count else { break }
                try scanEscape(into: &result)
            } else {
                result.append(scalar)
            }
        }
        throw .syntax("unexpected character: the string is not closed", at: position(start))
    }

    private mutating func scanEscape(
        into result: inout [Unicode.Scalar]
    ) throws(TemplateError) {
        let scalar = source[index]
        index += 1
        switch scalar {
        case "\n": break
        case "\\", "'", "\"": result.append(scalar)
        case "a": result.append("\u{07}")
        case "b": result.append("\u{08}")
        case "f": result.append("\u{0C}")
        case "n": result.append("\n")
        case "r": result.append("\r")
        case "t": result.append("\t")
        case "v": result.append("\u{0B}")
        case "0"..."7":
            index -= 1
            result.append(try codePoint(digits: 1...3, radix: 8))
        case "x": result.append(try codePoint(digits: 2...2, radix: 16))
        case "u": result.append(try codePoint(digits: 4...4, radix: 16))
        case "U": result.append(try codePoint(digits: 8...8, radix: 16))
        case "N": throw .unsupported("named characters in strings", at: position(index - 2))
        default:
            result.append("\\")
            result.append(scalar)
        }
    }

    private mutating func codePoint(
        digits: ClosedRange<Int>, radix: UInt32
    ) throws(TemplateError) -> Unicode.Scalar {
        let start = index
        var value: UInt32 = 0
        while index - start < digits.upperBound, index < source.count,
            let digit = digitValue(source[index], radix: radix)
        {
            value = value &* radix &+ digit
            index += 1
        }
        guard index - start >= digits.lowerBound, let scalar = Unicode.Scalar(value) else {
            throw .syntax("malformed escape sequence in string", at: position(start))
        }
        return scalar
    }

    private func isDigit(_ scalar: Unicode.Scalar, radix: UInt32) -> Bool {
        digitValue(scalar, radix: radix) != nil
    }

    private func digitValue(_ scalar: Unicode.Scalar, radix: UInt32) -> UInt32? {
        let value: UInt32
        switch scalar.value {
        case 48...57: value = scalar.value - 48
        case 65...70: value = scalar.value - 55
        case 97...102: value = scalar.value - 87
        default: return nil
        }
        return value < radix ? value : nil
    }

    private func text(_ range: Range<Int>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: source[range])
        return String(view)
    }

    /// Keeps count of open brackets, since `}}` inside a mapping does not close the tag.
    private mutating func balance(
        _ symbol: Token.Symbol, at start: Int
    ) throws(TemplateError) {
        switch symbol {
        case .leftBrace: closers.append(.rightBrace)
        case .leftBracket: closers.append(.rightBracket)
        case .leftParenthesis: closers.append(.rightParenthesis)
        case .rightBrace, .rightBracket, .rightParenthesis:
            guard let expected = closers.popLast() else {
                throw .syntax("unexpected '\(symbol.rawValue)'", at: position(start))
            }
            guard expected == symbol else {
                throw .syntax(
                    "unexpected '\(symbol.rawValue)', expected '\(expected.rawValue)'",
                    at: position(start))
            }
        default: break
        }
    }

    /// The line and column of the scalar at `offset`, for an error.
    private func position(_ offset: Int) -> TemplatePosition {
        let before = source[..<offset]
        let lineStart = before.lastIndex(of: "\n").map { $0 + 1 } ?? 0
        let line = before.count { $0 == "\n" } + 1
        return TemplatePosition(line: line, column: offset - lineStart + 1)
    }
}
