// SPDX-License-Identifier: Apache-2.0

/// `json.dumps` of a template's value, as the `tojson` filter of transformers calls it.
///
/// Punctuation and numbers count as data: no control token may be formed of them.
struct TemplateJSON {
    let runtime: TemplateRuntime
    var escapesNonASCII = false
    var indentation: TemplateString?
    var itemSeparator: TemplateString
    var keySeparator = TemplateString(": ", origin: .data)
    var sortsKeys = false
    private var result = TemplateString()

    /// A writer with Python's separators for that indentation.
    init(runtime: TemplateRuntime, indentation: TemplateString?) {
        self.runtime = runtime
        self.indentation = indentation
        itemSeparator = TemplateString(indentation == nil ? ", " : ",", origin: .data)
    }

    /// The JSON of a value.
    func text(of value: TemplateValue) throws(TemplateError) -> TemplateString {
        var copy = self
        try copy.write(value, depth: 0)
        try runtime.work(copy.result.count)
        return copy.result
    }

    private mutating func write(
        _ value: TemplateValue, depth: Int
    ) throws(TemplateError) {
        try runtime.step()
        guard result.count <= runtime.limits.maxStringLength else {
            throw runtime.limit("JSON longer than \(runtime.limits.maxStringLength) characters")
        }
        switch value {
        case .null: result.append("null", origin: .data)
        case .bool(let value): result.append(value ? "true" : "false", origin: .data)
        case .integer(let value): result.append(String(value), origin: .data)
        case .float(let value): result.append(number(value), origin: .data)
        case .string(let string): try quote(string)
        case .list(let sequence), .tuple(let sequence):
            try write(sequence.items, depth: depth)
        case .mapping(let mapping): try write(mapping, depth: depth)
        default:
            throw runtime.failure(
                "Object of type \(value.typeName) is not JSON serializable")
        }
    }

    private mutating func write(
        _ items: [TemplateValue], depth: Int
    ) throws(TemplateError) {
        result.append("[", origin: .data)
        for (i, item) in items.enumerated() {
            if i > 0 { result.append(itemSeparator) }
            try breakLine(depth + 1)
            try write(item, depth: depth + 1)
        }
        if !items.isEmpty { try breakLine(depth) }
        result.append("]", origin: .data)
    }

    private mutating func write(
        _ mapping: TemplateMapping, depth: Int
    ) throws(TemplateError) {
        var keys = mapping.keys
        var values = mapping.values
        if sortsKeys {
            values = try runtime.sorted(values, by: keys, isReversed: false)
            keys = try runtime.sorted(keys, by: keys, isReversed: false)
        }
        result.append("{", origin: .data)
        for (i, (key, value)) in zip(keys, values).enumerated() {
            if i > 0 { result.append(itemSeparator) }
            try breakLine(depth + 1)
            try quote(try keyText(key))
            result.append(keySeparator)
            try write(value, depth: depth + 1)
        }
        if !keys.isEmpty { try breakLine(depth) }
        result.append("}", origin: .data)
    }

    private func keyText(_ key: TemplateValue) throws(TemplateError) -> TemplateString {
        switch key {
        case .string(let string): return string
        case .null: return TemplateString("null", origin: .data)
        case .bool(let value): return TemplateString(value ? "true" : "false", origin: .data)
        case .integer(let value): return TemplateString(String(value), origin: .data)
        case .float(let value): return TemplateString(number(value), origin: .data)
        default:
            throw runtime.failure(
                "keys must be str, int, float, bool or None, not \(key.typeName)")
        }
    }

    private func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
        return FloatText.shortest(value)
    }

    private mutating func breakLine(_ depth: Int) throws(TemplateError) {
        guard let indentation else { return }
        guard result.count + depth * indentation.count <= runtime.limits.maxStringLength else {
            throw runtime.limit("JSON longer than \(runtime.limits.maxStringLength) characters")
        }
        result.append("\n", origin: .data)
        for _ in 0..<depth { result.append(indentation) }
    }

    private mutating func quote(_ string: TemplateString) throws(TemplateError) {
        try runtime.checkLength(string.count)
        let escapesNonASCII = escapesNonASCII
        result.append("\"", origin: .data)
        result.append(
            string.mapped { scalar, _ in
                TemplateJSON.escape(scalar, escapesNonASCII: escapesNonASCII)
            })
        result.append("\"", origin: .data)
    }

    private static func escape(_ scalar: Unicode.Scalar, escapesNonASCII: Bool) -> String? {
        switch scalar {
        case "\"": "\\\""
        case "\\": "\\\\"
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        case "\u{08}": "\\b"
        case "\u{0C}": "\\f"
        default:
            if scalar.value < 0x20 || (escapesNonASCII && !scalar.isASCII) {
                String(scalar).utf16.map { unit in
                    let digits = String(unit, radix: 16)
                    return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }.joined()
            } else {
                nil
            }
        }
    }
}
