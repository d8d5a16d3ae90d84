// SPDX-License-Identifier: Apache-2.0

import JSON

/// `json.dumps` of a template's value, as the `tojson` filter of transformers calls it.
struct JSONDump {
    let runtime: Runtime
    let style: JSONStyle
    var sortsKeys = false

    /// The JSON of a value.
    func text(of value: Value) throws(TemplateError) -> TemplateString {
        var writer = JSONWriter(to: JSONText(), style: style)
        try write(value, to: &writer)
        try runtime.work(writer.output.string.count)
        return writer.output.string
    }

    private func write(
        _ value: Value, to writer: inout JSONWriter<JSONText>
    ) throws(TemplateError) {
        try runtime.step()
        try check(writer)
        switch value {
        case .null: writer.writeNull()
        case .bool(let value): writer.write(value)
        case .integer(let value): writer.write(value)
        case .float(let value): writer.write(value)
        case .string(let string):
            try runtime.checkLength(string.count)
            writer.write(string: string)
        case .list(let sequence), .tuple(let sequence):
            writer.beginArray()
            for item in sequence.items {
                writer.beginElement()
                try write(item, to: &writer)
            }
            writer.endArray()
        case .mapping(let mapping): try write(mapping, to: &writer)
        default:
            throw runtime.failure(
                "Object of type \(value.typeName) is not JSON serializable")
        }
    }

    private func write(
        _ mapping: Mapping, to writer: inout JSONWriter<JSONText>
    ) throws(TemplateError) {
        var keys = mapping.keys
        var values = mapping.values
        if sortsKeys {
            values = try runtime.comparison.sorted(values, by: keys, isReversed: false)
            keys = try runtime.comparison.sorted(keys, by: keys, isReversed: false)
        }
        writer.beginObject()
        for (key, value) in zip(keys, values) {
            let text = try self.text(ofKey: key)
            try runtime.checkLength(text.count)
            writer.write(key: text)
            try write(value, to: &writer)
        }
        writer.endObject()
    }

    private func text(ofKey key: Value) throws(TemplateError) -> TemplateString {
        switch key {
        case .string(let string): return string
        case .null: return TemplateString("null", origin: .data)
        case .bool(let value): return TemplateString(value ? "true" : "false", origin: .data)
        case .integer(let value): return TemplateString(String(value), origin: .data)
        case .float(let value): return TemplateString(style.text(of: value), origin: .data)
        default:
            throw runtime.failure(
                "keys must be str, int, float, bool or None, not \(key.typeName)")
        }
    }

    /// Refuses to go on where the text is too long, or one more line at this depth would make it.
    private func check(_ writer: JSONWriter<JSONText>) throws(TemplateError) {
        let indentation = style.indentation?.unicodeScalars.count ?? 0
        let margin = (writer.depth + 1) * indentation
        guard writer.output.string.count + margin <= runtime.limits.maxStringLength else {
            throw runtime.limit("JSON longer than \(runtime.limits.maxStringLength) characters")
        }
    }
}

/// JSON as a template's string.
///
/// Punctuation and numbers count as data: no control token may be formed of them.
private struct JSONText: JSONOutput {
    private(set) var string = TemplateString()

    mutating func append(_ text: String) { string.append(text, origin: .data) }

    mutating func append(contentOf text: TemplateString, in style: JSONStyle) {
        string.append(text.mapped { scalar, _ in style.escape(scalar) })
    }
}
