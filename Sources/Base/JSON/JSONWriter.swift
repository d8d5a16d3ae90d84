// SPDX-License-Identifier: Apache-2.0

/// What JSON is written to: bytes, or the text of a template, which knows where each part is from.
package protocol JSONOutput {
    /// A string between quotes or a key.
    associatedtype Text

    /// Appends punctuation, white space, a number or a literal.
    mutating func append(_ text: String)

    /// Appends what stands between a string's quotes, with the escapes of `style`.
    mutating func append(contentOf string: Text, in style: JSONStyle)
}

/// Writes JSON element by element, for a caller that walks through the values.
package struct JSONWriter<Output: JSONOutput> {
    /// What has been written.
    package var output: Output

    /// How many arrays and objects are open.
    package private(set) var depth = 0

    /// How the JSON is spelled.
    package let style: JSONStyle

    /// Whether the innermost open array or object has no element yet.
    private var isEmpty = true

    /// A writer that appends to `output`.
    package init(to output: Output, style: JSONStyle) {
        self.output = output
        self.style = style
    }

    /// Opens an array.
    package mutating func beginArray() { begin("[") }

    /// Closes the innermost array.
    package mutating func endArray() { end("]") }

    /// Opens an object.
    package mutating func beginObject() { begin("{") }

    /// Closes the innermost object.
    package mutating func endObject() { end("}") }

    /// Prepares for the next element of an array; its value is to be written after it.
    package mutating func beginElement() {
        if !isEmpty { output.append(style.itemSeparator) }
        isEmpty = false
        breakLine()
    }

    /// Writes the key of an object's next member; its value is to be written after it.
    package mutating func write(key: Output.Text) {
        beginElement()
        write(string: key)
        output.append(style.keySeparator)
    }

    /// Writes a string.
    package mutating func write(string: Output.Text) {
        output.append("\"")
        output.append(contentOf: string, in: style)
        output.append("\"")
    }

    /// Writes `null`.
    package mutating func writeNull() { output.append("null") }

    /// Writes a boolean.
    package mutating func write(_ value: Bool) { output.append(value ? "true" : "false") }

    /// Writes a whole number.
    package mutating func write(_ value: Int) { output.append(value.description) }

    /// Writes a number.
    package mutating func write(_ value: Double) { output.append(style.text(of: value)) }

    /// Writes a number by its digits, which are a JSON number.
    package mutating func write(digits: String) { output.append(digits) }

    private mutating func begin(_ bracket: String) {
        output.append(bracket)
        depth += 1
        isEmpty = true
    }

    private mutating func end(_ bracket: String) {
        depth -= 1
        if !isEmpty { breakLine() }
        isEmpty = false
        output.append(bracket)
    }

    private mutating func breakLine() {
        guard let indentation = style.indentation else { return }
        output.append("\n")
        for _ in 0..<depth { output.append(indentation) }
    }
}
