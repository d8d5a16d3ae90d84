// SPDX-License-Identifier: Apache-2.0

import AnswerParsing
import JSON

/// Makes up calls, and writes them as each family does, by other means than the formats under test.
struct RandomCalls {
    /// A call as it was meant.
    struct Call {
        let name: String
        let arguments: JSONValue
    }

    private var generator: SplitMix
    /// Texts that strings are made of: those that JSON escapes, and the format's own marks.
    private let pieces: [String]

    init(seed: UInt64, marks: [String]) {
        generator = SplitMix(state: seed)
        pieces =
            marks + [
                "a", "word", " ", "\n", "\n\n", "\t", "\"", "\\", "'", "{", "}", "[", "]", ",",
                ":", "é", "日本", "👩‍👧", "<", ">", "/", "null", "1", "\u{0}", "\u{7F}", "\u{2028}",
            ]
    }

    mutating func number(below count: Int) -> Int {
        Int(generator.next() % UInt64(count))
    }

    mutating func text(most: Int = 6) -> String {
        (0..<number(below: most + 1)).map { _ in pieces[number(below: pieces.count)] }.joined()
    }

    /// A value of a type of JSON Schema.
    mutating func value(of type: String, depth: Int = 0) -> JSONValue {
        switch type {
        case "string": return .string(text())
        case "integer": return .integer(number(below: 2_000_001) - 1_000_000)
        case "number": return .number(Double(number(below: 2001) - 1000) / 8)
        case "boolean": return .bool(number(below: 2) == 0)
        case "null": return .null
        case "array":
            return .array((0..<number(below: 4)).map { _ in any(depth: depth + 1) })
        default:
            var object: JSONObject = [:]
            for _ in 0..<number(below: 4) { object[word()] = any(depth: depth + 1) }
            return .object(object)
        }
    }

    private mutating func any(depth: Int) -> JSONValue {
        let types = ["string", "integer", "number", "boolean", "null", "array", "object"]
        return value(of: types[number(below: depth < 3 ? 7 : 5)], depth: depth)
    }

    /// A name that any format can write as a key.
    private mutating func word() -> String {
        ["k", "key_2", "Ort", "x", "long_name"][number(below: 5)] + "\(number(below: 9))"
    }

    static let types = ["string", "integer", "number", "boolean", "array", "object", "string"]

    /// Tools whose parameters are of each type; some are optional.
    static var tools: [Tool] {
        ["get_weather", "f", "a-b_C9"].map { name in
            var properties: JSONObject = [:]
            for (index, type) in types.enumerated() {
                properties["p\(index)"] = ["type": .string(type)]
            }
            return Tool(
                name: name,
                input: .arguments([
                    "type": "object", "properties": .object(properties), "required": ["p0"],
                ]))
        }
    }

    /// A call of one of the tools.
    mutating func call() -> Call {
        var arguments: JSONObject = ["p0": value(of: "string")]
        for index in Self.types.indices.dropFirst() where number(below: 2) == 0 {
            arguments["p\(index)"] = value(of: Self.types[index])
        }
        let tools = Self.tools
        return Call(name: tools[number(below: tools.count)].name, arguments: .object(arguments))
    }
}

/// A generator of numbers that are equal for equal seeds.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
