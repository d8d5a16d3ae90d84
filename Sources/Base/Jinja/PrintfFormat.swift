// SPDX-License-Identifier: Apache-2.0

/// Python's `%` operator on strings.
struct PrintfFormat {
    private let runtime: TemplateRuntime
    private let format: TemplateString
    private let values: [TemplateValue]
    private let mapping: TemplateMapping?
    private let value: TemplateValue?
    private var index = 0
    private var used = 0
    private var result = TemplateString()

    /// Formats a tuple of values, a mapping, or one value.
    static func apply(
        _ format: TemplateString, to value: TemplateValue, runtime: TemplateRuntime
    ) throws(TemplateError) -> TemplateString {
        try runtime.work(format.count)
        var values = [value]
        var mapping: TemplateMapping?
        var single: TemplateValue? = value
        if case .tuple(let sequence) = value {
            values = sequence.items
            single = nil
        }
        if case .mapping(let given) = value { mapping = given }
        var printf = PrintfFormat(
            runtime: runtime, format: format, values: values, mapping: mapping, value: single)
        try printf.run()
        printf.result.isMarkup = format.isMarkup
        return printf.result
    }

    private init(
        runtime: TemplateRuntime, format: TemplateString, values: [TemplateValue],
        mapping: TemplateMapping?, value: TemplateValue?
    ) {
        self.runtime = runtime
        self.format = format
        self.values = values
        self.mapping = mapping
        self.value = value
    }

    private mutating func run() throws(TemplateError) {
        var usesNames = false
        while index < format.count {
            let start = index
            while index < format.count, format.scalars[index] != "%" { index += 1 }
            result.append(format, start..<index)
            guard index < format.count else { break }
            index += 1
            try runtime.step()
            var name: TemplateString?
            if peek == "(" { name = try readName() }
            usesNames = usesNames || name != nil
            var spec = try readSpec()
            guard let type = peek else { throw runtime.failure("incomplete format") }
            index += 1
            if type == "%" {
                result.append("%", origin: .template)
                continue
            }
            spec.type = type
            if let name {
                try append(try named(name), spec)
            } else {
                try append(try next(), spec)
            }
        }
        if !usesNames, !isSubscriptable, used < values.count {
            throw runtime.failure("not all arguments converted during string formatting")
        }
    }

    /// Whether the one value is of a kind that Python does not insist on using.
    private var isSubscriptable: Bool {
        guard let value else { return false }
        return switch value {
        case .list, .mapping, .range, .undefined: true
        default: false
        }
    }

    private var peek: Unicode.Scalar? {
        index < format.count ? format.scalars[index] : nil
    }

    private mutating func readName() throws(TemplateError) -> TemplateString {
        let start = index + 1
        while let scalar = peek, scalar != ")" {
            index += 1
            _ = scalar
        }
        guard peek != nil else { throw runtime.failure("incomplete format key") }
        let name = format.slice(start..<index)
        index += 1
        return name
    }

    private mutating func readSpec() throws(TemplateError) -> NumberFormat {
        var spec = NumberFormat()
        flags: while let flag = peek {
            switch flag {
            case "-": spec.alignment = .left
            case "0":
                spec.filler = "0"
                if spec.alignment == nil { spec.alignment = .afterSign }
            case "+": spec.sign = "+"
            case " ": if spec.sign == nil { spec.sign = " " }
            case "#": spec.isAlternate = true
            default: break flags
            }
            index += 1
        }
        if spec.alignment == .left { spec.filler = " " }
        spec.width = try readNumber() ?? 0
        if peek == "." {
            index += 1
            spec.precision = try readNumber() ?? 0
        }
        while let length = peek, length == "l" || length == "h" || length == "L" { index += 1 }
        return spec
    }

    private mutating func readNumber() throws(TemplateError) -> Int? {
        if peek == "*" {
            index += 1
            let value = try runtime.integer(try next(), default: 0)
            guard value >= 0 else { throw runtime.unsupported("negative widths in formats") }
            try runtime.checkLength(value)
            return value
        }
        var value: Int?
        while let scalar = peek, let digit = Int(String(scalar)), scalar.isASCII {
            value = (value ?? 0) * 10 + digit
            try runtime.checkLength(value ?? 0)
            index += 1
        }
        return value
    }

    private mutating func next() throws(TemplateError) -> TemplateValue {
        guard used < values.count else {
            throw runtime.failure("not enough arguments for format string")
        }
        used += 1
        return values[used - 1]
    }

    private func named(_ name: TemplateString) throws(TemplateError) -> TemplateValue {
        guard let mapping else { throw runtime.failure("format requires a mapping") }
        guard let value = mapping[.string(name.scalars)] else {
            throw runtime.failure("format key not found")
        }
        return value
    }

    private mutating func append(
        _ value: TemplateValue, _ spec: NumberFormat
    ) throws(TemplateError) {
        var spec = spec
        var text: String?
        switch spec.type {
        case "s", "r", "a":
            if spec.type == "a" { throw runtime.unsupported("the %a format") }
            spec.filler = " "
            spec.alignment = spec.alignment == .left ? .left : .right
            let string =
                spec.type == "s" ? try runtime.string(value) : try runtime.representation(value)
            let markup = format.isMarkup ? try runtime.escaped(.string(string)) : string
            try runtime.checkLength(max(spec.width, markup.count))
            result.append(spec.apply(to: markup))
        case "c":
            if case .string(let string) = value, string.count == 1 {
                result.append(spec.apply(to: string))
            } else if let code = value.integerValue,
                let scalar = UInt32(exactly: code).flatMap({
                    Unicode.Scalar($0)
                })
            {
                text = String(scalar)
            } else {
                throw runtime.failure("%c requires int or char")
            }
        case "d", "i", "u":
            if case .undefined(let message) = value { throw runtime.failure(message) }
            guard
                let number = value.integerValue
                    ?? value.floatValue.flatMap({ Int(exactly: $0.rounded(.towardZero)) })
            else {
                throw runtime.failure("%d format: a real number is required")
            }
            text = spec.text(of: number)
        case "x", "X", "o":
            guard let number = value.integerValue else {
                throw runtime.failure("%x format: an integer is required")
            }
            text = spec.text(of: number)
        case "f", "F", "e", "E", "g", "G":
            if case .undefined(let message) = value { throw runtime.failure(message) }
            guard let number = value.floatValue else {
                throw runtime.failure("must be real number, not \(value.typeName)")
            }
            spec.precision = min(spec.precision ?? 6, 1000)
            text = spec.text(of: number)
        default:
            throw runtime.failure("unsupported format character")
        }
        if let text {
            try runtime.checkLength(text.count)
            result.append(text, origin: .template)
        }
        guard result.count <= runtime.limits.maxStringLength else {
            throw runtime.limit(
                "a string longer than \(runtime.limits.maxStringLength) characters")
        }
    }
}
