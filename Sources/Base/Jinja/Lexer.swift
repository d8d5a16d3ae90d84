// SPDX-License-Identifier: Apache-2.0

/// Splits a template into tokens, with the white space rules of `trim_blocks` and `lstrip_blocks`.
///
/// - Source: Jinja2 3.1 `lexer.py`, configured as Hugging Face transformers does for chat templates.
struct Lexer {
    private let source: [Unicode.Scalar]
    private var index = 0
    private var tokens: [Token] = []
    private var startsLine = true

    // Positions are asked for in ascending order; these remember the last answer.
    private var line = 1
    private var lineStart = 0
    private var counted = 0

    private init(source: [Unicode.Scalar]) {
        self.source = source
    }

    /// The tokens of `text`, the last of which is `.end`.
    static func tokens(
        of text: String, limits: TemplateLimits
    ) throws(TemplateError) -> [Token] {
        var scalars: [Unicode.Scalar] = []
        var previous: Unicode.Scalar?
        for scalar in text.unicodeScalars {
            guard scalars.count < limits.maxSourceLength else {
                throw .limit(
                    "the template is longer than \(limits.maxSourceLength) characters",
                    at: TemplatePosition(line: 1, column: 1))
            }
            if scalar == "\r" {
                scalars.append("\n")
            } else if scalar != "\n" || previous != "\r" {
                scalars.append(scalar)
            }
            previous = scalar
        }
        if scalars.last == "\n" { scalars.removeLast() }
        var lexer = Lexer(source: scalars)
        try lexer.run()
        return lexer.tokens
    }

    /// The line and column of the scalar at `offset`.
    private mutating func position(_ offset: Int) -> TemplatePosition {
        if offset < counted {
            line = 1
            lineStart = 0
            counted = 0
        }
        while counted < offset {
            if source[counted] == "\n" {
                line += 1
                lineStart = counted + 1
            }
            counted += 1
        }
        return TemplatePosition(line: line, column: offset - lineStart + 1)
    }

    private mutating func run() throws(TemplateError) {
        while index < source.count {
            let textStart = index
            guard let opening = nextOpening() else {
                add(.data(Array(source[textStart...])), at: textStart)
                index = source.count
                break
            }
            let sign = sign(after: opening + 2)
            let marker = source[opening + 1]
            let isVariable = marker == "{"
            addText(textStart..<opening, sign: sign, strips: !isVariable)
            startsLine = false
            if marker == "%", let body = rawBody(from: opening) {
                index = body
                try lexRaw(openedAt: opening)
                continue
            }
            index = opening + (sign == nil ? 2 : 3)
            if marker == "#" {
                try skipComment(openedAt: opening)
            } else {
                add(isVariable ? .variableBegin : .blockBegin, at: opening)
                try lexTag(isVariable: isVariable)
            }
        }
        add(.end, at: source.count)
    }

    /// Adds template text, stripped as the sign of the tag after it asks.
    private mutating func addText(_ range: Range<Int>, sign: Unicode.Scalar?, strips: Bool) {
        var end = range.upperBound
        if sign == "-" {
            while end > range.lowerBound, PythonText.isSpace(source[end - 1]) { end -= 1 }
        } else if sign != "+", strips {
            var start = end
            while start > range.lowerBound, source[start - 1] != "\n" { start -= 1 }
            if start > range.lowerBound || startsLine {
                var isBlank = true
                for i in start..<end where !PythonText.isSpace(source[i]) { isBlank = false }
                if isBlank { end = start }
            }
        }
        if end > range.lowerBound {
            add(.data(Array(source[range.lowerBound..<end])), at: range.lowerBound)
        }
    }

    private mutating func skipComment(openedAt opening: Int) throws(TemplateError) {
        let start = index
        while index + 1 < source.count {
            if source[index] == "#", source[index + 1] == "}" {
                let sign = index > start ? source[index - 1] : nil
                index += 2
                finishTag(sign: sign, trimsNewline: true)
                return
            }
            index += 1
        }
        throw .syntax("missing end of comment tag", at: position(opening))
    }

    private mutating func lexRaw(openedAt opening: Int) throws(TemplateError) {
        let start = index
        while index + 1 < source.count {
            if matches("{%", at: index) {
                let sign = sign(after: index + 2)
                let nameStart = skipSpace(from: index + (sign == nil ? 2 : 3))
                if matches("endraw", at: nameStart) {
                    let afterName = skipSpace(from: nameStart + 6)
                    let closingSign = self.sign(after: afterName)
                    let closing = afterName + (closingSign == nil ? 0 : 1)
                    if matches("%}", at: closing) {
                        addText(start..<index, sign: sign, strips: true)
                        index = closing + 2
                        finishTag(sign: closingSign, trimsNewline: true)
                        return
                    }
                }
            }
            index += 1
        }
        throw .syntax("missing end of raw directive", at: position(opening))
    }

    /// After a closing tag: takes the white space that the sign asks for, or one newline.
    private mutating func finishTag(sign: Unicode.Scalar?, trimsNewline: Bool) {
        if sign == "-" {
            index = skipSpace(from: index)
        } else if sign != "+", trimsNewline, index < source.count, source[index] == "\n" {
            index += 1
        }
        startsLine = index > 0 && source[index - 1] == "\n"
    }

    private mutating func lexTag(isVariable: Bool) throws(TemplateError) {
        var scanner = ElementScanner(source: source)
        while true {
            index = skipSpace(from: index)
            guard index < source.count else { return }
            if !scanner.isWithinBrackets, closesTag(isVariable: isVariable) { return }
            let start = index
            add(try scanner.scan(at: &index), at: start)
        }
    }

    private mutating func closesTag(isVariable: Bool) -> Bool {
        let mark = isVariable ? "}}" : "%}"
        var sign: Unicode.Scalar?
        var closing = index
        if source[index] == "-" || (source[index] == "+" && !isVariable) {
            sign = source[index]
            closing += 1
        }
        guard matches(mark, at: closing) else { return false }
        add(isVariable ? .variableEnd : .blockEnd, at: index)
        index = closing + 2
        finishTag(sign: sign, trimsNewline: !isVariable)
        return true
    }

    private mutating func add(_ kind: Token.Kind, at offset: Int) {
        tokens.append(Token(kind: kind, position: position(offset)))
    }

    /// The next `{{`, `{%` or `{#` at or after `index`.
    private func nextOpening() -> Int? {
        var i = index
        while i + 1 < source.count {
            if source[i] == "{" {
                let next = source[i + 1]
                if next == "{" || next == "%" || next == "#" { return i }
            }
            i += 1
        }
        return nil
    }

    /// Where the text of a raw block begins, when one opens at `opening`.
    private func rawBody(from opening: Int) -> Int? {
        var i = opening + (sign(after: opening + 2) == nil ? 2 : 3)
        i = skipSpace(from: i)
        guard matches("raw", at: i) else { return nil }
        i = skipSpace(from: i + 3)
        if matches("%}", at: i) { return i + 2 }
        return matches("-%}", at: i) ? skipSpace(from: i + 3) : nil
    }

    private func sign(after offset: Int) -> Unicode.Scalar? {
        guard offset < source.count, source[offset] == "-" || source[offset] == "+" else {
            return nil
        }
        return source[offset]
    }

    private func skipSpace(from offset: Int) -> Int {
        var i = offset
        while i < source.count, PythonText.isSpace(source[i]) { i += 1 }
        return i
    }

    private func matches(_ text: String, at offset: Int) -> Bool {
        var i = offset
        for scalar in text.unicodeScalars {
            guard i < source.count, source[i] == scalar else { return false }
            i += 1
        }
        return true
    }
}
