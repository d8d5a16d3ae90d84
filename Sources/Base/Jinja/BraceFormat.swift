// SPDX-License-Identifier: Apache-2.0

/// Python's `str.format`, with fields of a name or number alone.
struct BraceFormat {
    private let runtime: Runtime
    private let arguments: Arguments
    private var automatic = 0
    private var result = TemplateString()

    /// A formatter of these arguments.
    init(runtime: Runtime, arguments: Arguments) {
        self.runtime = runtime
        self.arguments = arguments
    }

    /// The format with its fields replaced.
    func apply(_ format: TemplateString) throws(TemplateError) -> TemplateString {
        var copy = self
        copy.result.isMarkup = format.isMarkup
        try copy.run(format)
        return copy.result
    }

    private mutating func run(_ format: TemplateString) throws(TemplateError) {
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
            try replaceField(format.slice(index + 1..<end))
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

    private mutating func replaceField(_ field: TemplateString) throws(TemplateError) {
        try runtime.step()
        guard !field.scalars.contains(":"), !field.scalars.contains("!") else {
            throw runtime.unsupported("conversions and widths in format strings")
        }
        let text = try runtime.text.string(try lookUp(field))
        let safe = result.isMarkup ? try runtime.text.escaped(.string(text)) : text
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
    ) throws(TemplateError) -> Value {
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
}
