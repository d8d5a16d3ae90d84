// SPDX-License-Identifier: Apache-2.0

/// Python's `str.format`, with the sandbox's lookup of attributes.
struct BraceFormat {
    private let runtime: TemplateRuntime
    private let arguments: TemplateArguments
    private var automatic = 0
    private var result = TemplateString()

    /// A formatter of these arguments.
    init(runtime: TemplateRuntime, arguments: TemplateArguments) {
        self.runtime = runtime
        self.arguments = arguments
    }

    /// The format with its fields replaced.
    func apply(_ format: TemplateString) throws(TemplateError) -> TemplateString {
        var copy = self
        copy.result.isMarkup = format.isMarkup
        try copy.run(format, nesting: 0)
        return copy.result
    }

    private mutating func run(
        _ format: TemplateString, nesting: Int
    ) throws(TemplateError) {
        guard nesting <= 2 else { throw runtime.failure("Max string recursion exceeded") }
        try runtime.work(format.count)
        let scalars = format.scalars
        var index = 0
        while index < scalars.count {
            let scalar = scalars[index]
            guard scalar == "{" || scalar == "}" else {
                let start = index
                while index < scalars.count, scalars[index] != "{", scalars[index] != "}" {
                    index += 1
                }
                result.append(format, start..<index)
                continue
            }
            if index + 1 < scalars.count, scalars[index + 1] == scalar {
                result.append(format, index..<index + 1)
                index += 2
                continue
            }
            guard scalar == "{" else {
                throw runtime.failure("Single '}' encountered in format string")
            }
            let end = try fieldEnd(scalars, from: index + 1)
            try replaceField(format.slice(index + 1..<end), nesting: nesting)
            index = end + 1
        }
    }

    /// The closing brace of the field that begins at `start`.
    private func fieldEnd(
        _ scalars: [Unicode.Scalar], from start: Int
    ) throws(TemplateError) -> Int {
        var depth = 1
        var index = start
        while index < scalars.count {
            if scalars[index] == "{" { depth += 1 }
            if scalars[index] == "}" { depth -= 1 }
            if depth == 0 { return index }
            index += 1
        }
        throw runtime.failure("expected '}' before end of string")
    }

    private mutating func replaceField(
        _ field: TemplateString, nesting: Int
    ) throws(TemplateError) {
        try runtime.step()
        let scalars = field.scalars
        var nameEnd = 0
        while nameEnd < scalars.count, scalars[nameEnd] != ":", scalars[nameEnd] != "!" {
            nameEnd += 1
        }
        var specStart = nameEnd
        var conversion: Unicode.Scalar?
        if nameEnd < scalars.count, scalars[nameEnd] == "!" {
            guard nameEnd + 1 < scalars.count else {
                throw runtime.failure("unmatched '{' in format spec")
            }
            conversion = scalars[nameEnd + 1]
            specStart = nameEnd + 2
            guard specStart == scalars.count || scalars[specStart] == ":" else {
                throw runtime.failure("expected ':' after conversion specifier")
            }
        }
        var value = try lookUp(field.slice(0..<nameEnd))
        switch conversion {
        case nil: break
        case "s": value = .string(try runtime.string(value))
        case "r": value = .string(try runtime.representation(value))
        default: throw runtime.unsupported("this conversion in a format string")
        }
        var spec = TemplateString()
        if specStart < scalars.count {
            var inner = self
            inner.result = TemplateString()
            try inner.run(field.slice(specStart + 1..<scalars.count), nesting: nesting + 1)
            automatic = inner.automatic
            spec = inner.result
        }
        let text = try format(value, spec)
        let safe = result.isMarkup ? try runtime.escaped(.string(text)) : text
        guard result.count + safe.count <= runtime.limits.maxStringLength else {
            throw runtime.limit(
                "a string longer than \(runtime.limits.maxStringLength) characters")
        }
        try runtime.work(safe.count)
        result.append(safe)
    }

    /// The value of `name`, `0`, or nothing, followed by `.attribute` or `[key]`.
    private mutating func lookUp(
        _ name: TemplateString
    ) throws(TemplateError) -> TemplateValue {
        guard !name.scalars.contains("."), !name.scalars.contains("[") else {
            throw runtime.unsupported("attributes in format strings")
        }
        if name.isEmpty {
            automatic += 1
            guard automatic <= arguments.positional.count else {
                throw runtime.failure("Replacement index \(automatic - 1) out of range")
            }
            return arguments.positional[automatic - 1]
        }
        let text = name.text
        if let index = Int(text) {
            guard arguments.positional.indices.contains(index) else {
                throw runtime.failure("Replacement index \(index) out of range")
            }
            return arguments.positional[index]
        }
        guard let value = arguments.keywords.first(where: { $0.name == text }) else {
            throw runtime.failure("format key not found")
        }
        return value.value
    }

    private func format(
        _ value: TemplateValue, _ text: TemplateString
    ) throws(TemplateError) -> TemplateString {
        if text.isEmpty { return try runtime.string(value) }
        var spec = try parse(text.scalars)
        try runtime.checkLength(max(spec.width, spec.precision ?? 0))
        var formatted: String?
        switch value {
        case .string(let string):
            let suits = spec.grouping == nil && spec.sign == nil && !spec.isAlternate
            guard spec.type == nil || spec.type == "s", suits else { break }
            return spec.apply(to: string)
        case .bool, .integer:
            let number = value.integerValue ?? 0
            if let type = spec.type, "eEfFgG%".unicodeScalars.contains(type) {
                spec.precision = spec.precision.map { min($0, 1000) }
                formatted = spec.text(of: Double(number))
            } else if spec.precision == nil {
                formatted = spec.text(of: number)
            }
        case .float(let number):
            spec.precision = spec.precision.map { min($0, 1000) }
            formatted = spec.text(of: number)
        default:
            throw runtime.failure("unsupported format string passed to \(value.typeName)")
        }
        guard let formatted else {
            throw runtime.failure("Invalid format specifier for object of type '\(value.typeName)'")
        }
        return TemplateString(formatted, origin: .template)
    }

    private func parse(_ scalars: [Unicode.Scalar]) throws(TemplateError) -> NumberFormat {
        var spec = NumberFormat()
        var index = 0
        func peek() -> Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }
        if scalars.count > 1, let alignment = NumberFormat.Alignment(rawValue: scalars[1]) {
            spec.filler = scalars[0]
            spec.alignment = alignment
            index = 2
        } else if let alignment = scalars.first.flatMap(NumberFormat.Alignment.init(rawValue:)) {
            spec.alignment = alignment
            index = 1
        }
        if let sign = peek(), sign == "+" || sign == "-" || sign == " " {
            spec.sign = sign
            index += 1
        }
        if peek() == "#" {
            spec.isAlternate = true
            index += 1
        }
        if peek() == "0" {
            if spec.alignment == nil {
                spec.filler = "0"
                spec.alignment = .afterSign
            }
            index += 1
        }
        spec.width = try number(scalars, &index) ?? 0
        if let grouping = peek(), grouping == "," || grouping == "_" {
            spec.grouping = grouping
            index += 1
        }
        if peek() == "." {
            index += 1
            guard let precision = try number(scalars, &index) else {
                throw runtime.failure("Format specifier missing precision")
            }
            spec.precision = precision
        }
        if let type = peek() {
            spec.type = type
            index += 1
        }
        guard index == scalars.count else { throw runtime.failure("Invalid format specifier") }
        return spec
    }

    private func number(
        _ scalars: [Unicode.Scalar], _ index: inout Int
    ) throws(TemplateError) -> Int? {
        var value: Int?
        while index < scalars.count, scalars[index].isASCII,
            let digit = Int(String(scalars[index]))
        {
            value = (value ?? 0) * 10 + digit
            try runtime.checkLength(value ?? 0)
            index += 1
        }
        return value
    }
}
