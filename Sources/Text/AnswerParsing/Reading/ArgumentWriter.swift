// SPDX-License-Identifier: Apache-2.0

import JSON

/// Writes arguments that come one by one, and as texts, as one JSON object.
///
/// A string streams; another value is looked at when it is complete.
struct ArgumentWriter: Sendable {
    private let parameters: ToolParameters?
    private var isFirst = true
    private var isString = false
    private var types: Set<String>?
    private var value: [UInt8] = []

    private static let limits = JSONParser.Limits(
        maxDepth: 128, maxValues: 1 << 20, replacesLoneSurrogates: true)

    init(_ parameters: ToolParameters?) {
        self.parameters = parameters
    }

    mutating func beginValue(of key: String, into output: inout AnswerOutput) {
        output.arguments((isFirst ? "{" : ", ").utf8)
        isFirst = false
        output.arguments((JSONValue.string(key).serialized(.python) + ": ").utf8)
        let parameter = parameters?.parameter(key)
        isString = parameter?.isString ?? false
        types = parameter?.types
        value = []
        if isString { output.argument(UInt8(ascii: "\"")) }
    }

    mutating func take(_ byte: UInt8, into output: inout AnswerOutput) {
        if isString { Self.escape(byte, into: &output) } else { value.append(byte) }
    }

    mutating func endValue(into output: inout AnswerOutput) {
        if isString {
            output.argument(UInt8(ascii: "\""))
        } else {
            output.arguments(encoded())
        }
    }

    mutating func end(into output: inout AnswerOutput) {
        output.arguments((isFirst ? "{}" : "}").utf8)
    }

    /// The value as JSON: as it is where it is JSON of a type that is asked for, else as a string.
    private func encoded() -> [UInt8] {
        var text = value[...].drop(while: \.isJSONSpace)
        while text.last?.isJSONSpace == true { text.removeLast() }
        switch String(decoding: text, as: UTF8.self) {
        case "True" where allows("boolean"): return Array("true".utf8)
        case "False" where allows("boolean"): return Array("false".utf8)
        case "None" where allows("null"): return Array("null".utf8)
        default: break
        }
        if let parsed = try? JSONParser.parse(Array(text), limits: Self.limits),
            parsed.stringValue == nil,
            allows(parsed.kindName)
                || parsed.intValue != nil && allows("integer")
                || parsed.doubleValue != nil && allows("number")
        {
            return Array(text)
        }
        return JSONValue.string(String(decoding: value, as: UTF8.self)).serializedBytes(.python)
    }

    private func allows(_ type: String) -> Bool { types?.contains(type) ?? true }

    private static func escape(_ byte: UInt8, into output: inout AnswerOutput) {
        guard byte < 0x80, let escape = JSONStyle.python.escape(Unicode.Scalar(byte)) else {
            return output.argument(byte)
        }
        output.arguments(escape.utf8)
    }
}
