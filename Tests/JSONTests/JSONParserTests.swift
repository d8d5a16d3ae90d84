// SPDX-License-Identifier: Apache-2.0

import JSON
import Testing

struct JSONParserTests {
    @Test(
        arguments: [
            ("null", JSONValue.null), ("true", true), (" false ", false), ("0", 0), ("-1", -1),
            ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
            ("9223372036854775808", 9223372036854775808.0), ("1.5", 1.5), ("1e2", 100.0),
            ("-0", .number(-0.0)), ("-0.0", .number(-0.0)), ("1E-2", 0.01), ("0.1", 0.1),
            ("123456789012345678901234567890", 123456789012345678901234567890.0),
            ("5e-324", .number(.leastNonzeroMagnitude)), ("1e-400", 0.0),
            ("2.2250738585072014E-308", .number(.leastNormalMagnitude)),
            ("1.7976931348623157e308", .number(.greatestFiniteMagnitude)),
            ("\"\"", ""), ("\"a\"", "a"), ("\"\\u0041\"", "A"), ("\"\\ud83d\\uDE00\"", "😀"),
            ("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\u{8}\u{c}\n\r\t"), ("\"é😀\\n€\"", "é😀\n€"),
            ("\"\\u0000\"", "\0"), ("\"\u{7f}\u{2028}\"", "\u{7f}\u{2028}"),
            ("[]", []), ("[ ]", []), ("{}", [:]), ("{ }", [:]), ("[1,[2,{}]]", [1, [2, [:]]]),
            ("\t\r\n {\"a\" : [ 1 , null ] }\n", ["a": [1, nil]]), ("{\"\":1}", ["": 1]),
            ("{\"a\":1,\"a\":2}", ["a": 2]),
        ] as [(String, JSONValue)])
    func `accepts valid text`(text: String, value: JSONValue) throws {
        #expect(try JSONParser.parse(text) == value)
    }

    @Test(arguments: [
        "", " ", "nul", "nulll", "True", "NaN", "Infinity", "-Infinity", "-", "+1", "01", "-01",
        "00", "1.", ".5", "1.e1", "1e", "1e+", "0x10", "1e400", "-1e999", "1 2", "[1", "[1,]",
        "[,1]", "[1 2]", "[1,,2]", "]", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}",
        "{a:1}", "{'a':1}", "{\"a\" 1}", "{1:1}", "{,}", "[}", "\"", "\"a", "\"\\", "\"\\x\"",
        "\"\\u12\"", "\"\\u12G4\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"",
        "\"\\ud800\\ud800\"", "\"\t\"", "\"\n\"", "\"\0\"", "// c\n1", "1//c", "\u{FEFF}1",
        "[1]x", "'a'", "\u{a0}1", "1\u{c}", "1_000", "1f", "0.0.0", "1-1", "\"a\"b",
    ])
    func `refuses invalid text`(text: String) {
        #expect(throws: JSONError.self) { try JSONParser.parse(text) }
    }

    @Test(
        arguments: [
            ("0.1e-9223372036854775807", 0), ("-0.1e-9223372036854775807", -0.0),
            ("0.01e-9223372036854775807", 0), ("1e-9223372036854775808", 0),
            ("0.1e-9223372036854775808", 0), ("1e-9223372036854775807", 0),
            ("1.0e-18446744073709551616", 0), ("0e9223372036854775807", 0),
            ("0.0e-9223372036854775807", 0), ("0e99999999999999999999", 0), ("1e-22", 1e-22),
            ("1e-23", 1e-23), ("1e22", 1e22), ("1e23", 1e23), ("0.1e23", 1e22),
            ("10e-9223372036854775807", 0), ("9007199254740993e-22", 9007199254740993e-22),
        ] as [(String, Double)])
    func `numbers with the greatest exponents are read`(text: String, value: Double) throws {
        #expect(try JSONParser.parse(text) == .number(value))
        #expect(try JSONParser.parse(text).doubleValue?.sign == value.sign)
    }

    @Test(arguments: [
        "1e9223372036854775807", "0.1e9223372036854775807", "1e9223372036854775808",
        "-10.5e18446744073709551616",
    ])
    func `numbers beyond a double are refused, however great the exponent`(text: String) {
        #expect(
            throws: JSONError.invalidNumber(
                offset: 0, reason: "it is beyond the range of a double")
        ) { try JSONParser.parse(text) }
    }

    @Test(
        arguments: [
            (#""\ud83d""#, "\u{FFFD}"), (#""\ude00""#, "\u{FFFD}"),
            (#""a\ud83d\n""#, "a\u{FFFD}\n"),
            (#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"), (#""\ud83dude00""#, "\u{FFFD}ude00"),
            (#""\ude00\ud83d""#, "\u{FFFD}\u{FFFD}"), (#""\ud83d\u0041""#, "\u{FFFD}A"),
            (#""\ud83d\ude00""#, "😀"), (#""\uDBFF\uDFFF""#, "\u{10FFFF}"),
        ] as [(String, String)])
    func `lone surrogates are replaced where that is asked for`(
        text: String, expected: String
    ) throws {
        let limits = JSONParser.Limits(replacesLoneSurrogates: true)
        #expect(try JSONParser.parse(text, limits: limits) == .string(expected))
        let key = try JSONParser.parse("{\(text):1}", limits: limits)
        #expect(key[expected] == 1)
    }

    @Test(arguments: [#""\ud83d"#, #""\ud83d\u12""#, #""\ud83d\x""#, #""\ud83d\"#])
    func `a broken escape after a lone surrogate stays an error`(text: String) {
        #expect(throws: JSONError.self) {
            try JSONParser.parse(text, limits: .init(replacesLoneSurrogates: true))
        }
    }

    @Test func `one byte order mark is skipped where that is asked for`() throws {
        let limits = JSONParser.Limits(skipsByteOrderMark: true)
        #expect(try JSONParser.parse("\u{FEFF} {}", limits: limits) == [:])
        #expect(try JSONParser.parse("1", limits: limits) == 1)
        for text in ["\u{FEFF}", "\u{FEFF}\u{FEFF}1", " \u{FEFF}1", "1\u{FEFF}"] {
            #expect(throws: JSONError.self) { try JSONParser.parse(text, limits: limits) }
        }
    }

    @Test(
        arguments: [
            ([0x22, 0x80, 0x22], 1), ([0x22, 0xC0, 0x80, 0x22], 1), ([0x22, 0xC3, 0x22], 2),
            ([0x22, 0x61, 0xE0, 0x80, 0x80, 0x22], 3), ([0x22, 0xED, 0xA0, 0x80, 0x22], 2),
            ([0x22, 0xF4, 0x90, 0x80, 0x80, 0x22], 2), ([0x22, 0xF5, 0x80, 0x80, 0x80, 0x22], 1),
            ([0x22, 0xE2, 0x82, 0x22], 3), ([0x22, 0xFF, 0x22], 1),
            ([0x22, 0x5C, 0x6E, 0xC3, 0x28, 0x22], 4), ([0x22, 0xF0, 0x8F, 0xBF, 0xBF, 0x22], 2),
        ] as [([UInt8], Int)])
    func `refuses invalid UTF-8 and says where`(bytes: [UInt8], offset: Int) {
        #expect(throws: JSONError.invalidUTF8(offset: offset)) { try JSONParser.parse(bytes) }
    }

    @Test func `an error names the byte and what was expected`() {
        #expect(
            throws: JSONError.unexpected(offset: 5, expected: "a value", found: "'x'")
        ) { try JSONParser.parse("{\"a\":x}") }
        #expect(
            throws: JSONError.unexpected(offset: 2, expected: "',' or ']'", found: "end of input")
        ) { try JSONParser.parse("[1") }
        #expect(
            JSONError.unexpected(offset: 5, expected: "':'", found: "'x'").description
                == "JSON byte 5: expected ':', found 'x'")
    }

    @Test func `nesting is bounded`() throws {
        let limits = JSONParser.Limits(maxDepth: 3)
        #expect(try JSONParser.parse("[[[1]]]", limits: limits) == [[[1]]])
        #expect(
            throws: JSONError.limitExceeded(offset: 3, limit: "levels of nesting", maximum: 3)
        ) { try JSONParser.parse("[[[[1]]]]", limits: limits) }
        #expect(throws: JSONError.self) {
            try JSONParser.parse([UInt8](repeating: UInt8(ascii: "["), count: 1_000_000))
        }
    }

    @Test func `bytes and values are bounded`() throws {
        #expect(throws: JSONError.limitExceeded(offset: 2, limit: "bytes", maximum: 2)) {
            try JSONParser.parse("[1]", limits: .init(maxBytes: 2))
        }
        #expect(throws: JSONError.limitExceeded(offset: 5, limit: "values", maximum: 3)) {
            try JSONParser.parse("[1,2,3]", limits: .init(maxValues: 3))
        }
        #expect(throws: JSONError.self) {
            try JSONParser.parse([UInt8](repeating: UInt8(ascii: "1"), count: 100_000))
        }
    }

    @Test func `an object keeps the order of its keys`() throws {
        let value = try JSONParser.parse("{\"z\":1,\"a\":2,\"z\":3,\"m\":4}")
        #expect(value.objectValue?.keys == ["z", "a", "m"])
        #expect(value.serialized() == "{\"z\":3,\"a\":2,\"m\":4}")
    }

    @Test func `a key that occurs twice is an error where that is asked for`() {
        #expect(throws: JSONError.self) {
            try JSONParser.parse("{\"a\":1,\"a\":2}", limits: .init(rejectsDuplicateKeys: true))
        }
    }

    @Test func `a large object is found by key and ordered`() throws {
        let text = "{" + (0..<5_000).map { "\"k\($0)\":\($0)" }.joined(separator: ",") + "}"
        let value = try JSONParser.parse(text)
        #expect(value["k4321"] == 4321)
        #expect(value["absent"] == nil)
        #expect(value.serialized() == text)
    }

    @Test(
        arguments: [
            ("9007199254740993", .integer(9_007_199_254_740_993)), ("0.1", 0.1), ("-2.50e1", -25.0),
            ("1E-300", 1e-300), ("0.30000000000000004", 0.30000000000000004), ("-0.0", -0.0),
            ("0.000000000000000000000000000001", 1e-30), ("1.00000000000000000000", 1.0),
            ("9007199254740993.0", .decimal("9007199254740993.0")),
            ("-18446744073709551617", .decimal("-18446744073709551617")),
            (
                "0.1000000000000000055511151231257827",
                .decimal("0.1000000000000000055511151231257827")
            ),
            ("1e-400", .decimal("1e-400")),
            ("4.9e-324", .decimal("4.9e-324")),
        ] as [(String, JSONValue)])
    func `digits that a double would change are kept where that is asked for`(
        text: String, value: JSONValue
    ) throws {
        let parsed = try JSONParser.parse(text, limits: .init(keepsDigits: true))
        #expect(parsed == value)
        #expect(
            try JSONParser.parse(parsed.serialized(), limits: .init(keepsDigits: true)) == value)
        #expect(parsed.doubleValue == Double(text))
    }
}
