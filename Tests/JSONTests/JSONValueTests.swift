// SPDX-License-Identifier: Apache-2.0

import JSON
import Testing

struct JSONValueTests {
    @Test(
        arguments: [
            (JSONValue.null, "null"), (true, "true"), (-5, "-5"), (0.1, "0.1"), (1.0, "1.0"),
            (.number(-0.0), "-0.0"), (1e16, "1e+16"), (.number(.nan), "null"),
            (.number(.infinity), "null"),
            (
                "a\"\\/\u{8}\u{c}\n\r\t\u{1}\u{7f}é😀",
                "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\u{7f}é😀\""
            ),
            ([], "[]"), ([:], "{}"),
            (
                ["b": [1, nil], "a": ["x": "y"]],
                "{\"b\":[1,null],\"a\":{\"x\":\"y\"}}"
            ),
        ] as [(JSONValue, String)])
    func `serializes exactly`(value: JSONValue, text: String) {
        #expect(value.serialized() == text)
        #expect(value.serializedBytes() == Array(text.utf8))
    }

    @Test(arguments: [
        ("", "", ""), ("plain é", "plain é", #"plain \u00e9"#),
        (
            "\"é\"\u{301}\r\n😀\\", "\\\"é\\\"\u{301}\\r\\n😀\\\\",
            #"\"\u00e9\"\u0301\r\n\ud83d\ude00\\"#
        ),
        ("ab\u{1f}cd\n\nef", #"ab\u001fcd\n\nef"#, #"ab\u001fcd\n\nef"#),
    ])
    func `only what needs an escape gets one`(text: String, written: String, ascii: String) {
        #expect(JSONValue.string(text).serialized() == "\"\(written)\"")
        var style = JSONStyle.compact
        style.escapesNonASCII = true
        #expect(JSONValue.string(text).serializedBytes(style) == Array("\"\(ascii)\"".utf8))
        var bytes = Array("x".utf8)
        bytes.append(contentOf: text, in: .compact)
        #expect(bytes == Array("x\(written)".utf8))
    }

    @Test func `pretty text has one member a line`() {
        let value: JSONValue = ["a": [1, 2], "b": [:], "c": []]
        #expect(
            value.serialized(.pretty)
                == "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {},\n  \"c\": []\n}")
    }

    @Test func `accessors read their own kind only`() {
        #expect(JSONValue.integer(3).intValue == 3)
        #expect(JSONValue.number(3).intValue == 3)
        #expect(JSONValue.number(3.5).intValue == nil)
        #expect(JSONValue.number(1e300).intValue == nil)
        #expect(JSONValue.integer(3).doubleValue == 3)
        #expect(JSONValue.string("3").intValue == nil)
        #expect(JSONValue.bool(true).boolValue == true)
        #expect(JSONValue.integer(1).boolValue == nil)
        #expect(JSONValue.array([1])[0] == 1)
        #expect(JSONValue.array([1])[1] == nil)
        #expect(JSONValue.array([1])[-1] == nil)
        #expect(JSONValue.object(["a": nil])["a"] == .some(.null))
    }

    @Test func `canonically equivalent strings are different keys and values`() throws {
        let value = try JSONParser.parse("{\"K\":1,\"\\u212a\":2,\"\u{e9}\":3,\"e\u{301}\":4}")
        #expect(value.objectValue?.count == 4)
        #expect(value["\u{212a}"] == 2)
        #expect(JSONValue.string("\u{e9}") != .string("e\u{301}"))
        let many = JSONObject(
            (0..<20).flatMap { [("\($0)K", JSONValue.integer(1)), ("\($0)\u{212a}", .integer(2))] })
        #expect(many.count == 40)
        #expect(many["3K"] == 1)
    }

    /// Spellings of one text: each character composed or decomposed, by the bits of a number.
    private static let spellings = (0..<1024).map { number in
        (0..<10).map { number >> $0 & 1 == 0 ? "\u{e9}" : "e\u{301}" }.joined()
    }

    @Test func `spellings of one text have hashes of their own`() {
        #expect(Set(Self.spellings).count == 1)
        let keys = Self.spellings.map(ExactString.init)
        #expect(Set(keys).count == 1024)
        #expect(Set(keys.map(\.hashValue)).count > 1000)
        let values = Self.spellings.map(JSONValue.string)
        #expect(Set(values.map(\.hashValue)).count > 1000)
        let objects = Self.spellings.map { JSONValue.object(JSONObject([($0, .integer(1))])) }
        #expect(Set(objects.map(\.hashValue)).count > 1000)
    }

    @Test func `strings that continue one another have hashes of their own`() {
        let keys = (0..<100).map { ExactString(String(repeating: "\0", count: $0)) }
        #expect(Set(keys.map(\.hashValue)).count > 90)
        #expect(ExactString("12345678") == ExactString(["1234", "5678"].joined()))
        #expect(
            ExactString("12345678a").hashValue == ExactString("12345678" + "a").hashValue)
    }

    @Test func `an object keeps every spelling of a key apart`() {
        let object = JSONObject(
            Self.spellings.enumerated().map { ($0.element, .integer($0.offset)) })
        #expect(object.count == 1024)
        #expect(object[Self.spellings[777]] == 777)
    }

    @Test func `equality of objects ignores order`() {
        let left: JSONObject = ["a": 1, "b": 2]
        let right: JSONObject = ["b": 2, "a": 1]
        #expect(left == right)
        #expect(left.hashValue == right.hashValue)
        #expect(left != ["a": 1, "c": 2])
    }

    @Test(arguments: [3, 30])
    func `members are set, replaced and removed in place`(count: Int) {
        var object = JSONObject((0..<count).map { ("k\($0)", .integer($0)) })
        object["k1"] = "new"
        object["k0"] = nil
        object["last"] = true
        object["absent"] = nil
        #expect(object.count == count)
        #expect(object.keys.first == "k1")
        #expect(object["k1"] == "new")
        #expect(object["k0"] == nil)
        #expect(object.contains("last"))
        #expect(object["k2"] == 2)
    }
}
