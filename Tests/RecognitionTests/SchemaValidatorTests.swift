// SPDX-License-Identifier: Apache-2.0

import JSON
import Recognition
import Testing

struct SchemaValidatorTests {
    private func validator(_ schema: String) throws -> SchemaValidator {
        try SchemaValidator(SchemaDocument(JSONParser.parse(schema)))
    }

    /// A schema, texts that it accepts, and texts that it does not.
    private static let cases: [(schema: String, valid: [String], invalid: [String])] = [
        (
            "true", ["1", " [ ] ", "\"\\ud83d\\ude00\""],
            ["", "1 2", "[1,]", "{\"a\"}", "01", "nul"]
        ),
        ("false", [], ["1", "{}"]),
        (#"{"type": "integer"}"#, ["1", "1.0", "10e-1", "-0", "1e400"], ["1.5", "\"1\"", "1e-1"]),
        (
            #"{"$schema": "http://json-schema.org/draft-04/schema", "type": "integer"}"#,
            ["1", "-0"], ["1.0", "1e0"]
        ),
        (#"{"type": ["null", "number"]}"#, ["null", "1.5", "2"], ["true", "[]"]),
        (#"{"const": 1}"#, ["1", "1.0", "1e0"], ["true", "1.1", "\"1\""]),
        (
            #"{"const": {"a": [1, null], "b": 2}}"#, [#"{"b":2.0,"a":[1,null]}"#],
            [#"{"a":[1,null]}"#]
        ),
        (
            #"{"enum": ["é", 0, {"a": 1}]}"#, [#""\u00e9""#, "-0.0", #"{"a":1}"#],
            [#""e\u0301""#, "false"]
        ),
        (#"{"enum": []}"#, [], ["null"]),
        (
            #"{"minimum": 0.1, "maximum": 0.3}"#, ["0.1", "3e-1", "\"a\""],
            ["0.30000000000000001", "0"]
        ),
        (
            #"{"exclusiveMinimum": 1, "exclusiveMaximum": 2}"#, ["1.0000000000000000000001"],
            ["1", "2.0"]
        ),
        (#"{"multipleOf": 0.01}"#, ["4.35", "1e300"], ["4.351"]),
        (
            #"{"minLength": 2, "maxLength": 3}"#, [#""😀é""#, #""\ud83d\ude00ab""#, "1"],
            [#""😀""#, #""abcd""#]
        ),
        (#"{"pattern": "^a+$"}"#, [#""aaa""#, #""\u0061""#, "3"], [#""""#, #""ab""#]),
        (#"{"items": {"type": "null"}}"#, ["[]", "[null]", "{}"], ["[null,1]"]),
        (#"{"prefixItems": [{"const": 1}], "items": false}"#, ["[]", "[1]"], ["[2]", "[1,1]"]),
        (
            #"{"contains": {"const": 1}, "minContains": 2, "maxContains": 3}"#, ["[1,2,1]"],
            ["[1]", "[1,1,1,1]", "[]"]
        ),
        (#"{"contains": {"const": 1}, "minContains": 0}"#, ["[]", "[2]"], []),
        (#"{"minItems": 1, "maxItems": 2}"#, ["[1]", "[1,2]"], ["[]", "[1,2,3]"]),
        (
            #"{"uniqueItems": true}"#, [#"[1,"1",true,[1],{"a":1}]"#],
            ["[1,1.0]", #"[{"a":1,"b":2},{"b":2,"a":1}]"#]
        ),
        (
            #"{"properties": {"a": {"type": "null"}}, "additionalProperties": false}"#,
            ["{}", #"{"a":null}"#], [#"{"a":1}"#, #"{"b":null}"#]
        ),
        (
            #"{"patternProperties": {"^x": {"type": "null"}}, "additionalProperties": {"type": "string"}}"#,
            [#"{"x1":null,"y":"s"}"#], [#"{"x":"s"}"#, #"{"y":null}"#]
        ),
        (#"{"propertyNames": {"maxLength": 2}}"#, [#"{"ab":1}"#], [#"{"abc":1}"#]),
        (#"{"required": ["a", "b", "a"]}"#, [#"{"b":1,"a":1}"#, "[]"], [#"{"a":1}"#, "{}"]),
        (
            #"{"minProperties": 1, "maxProperties": 1}"#, [#"{"a":1}"#, #"{"a":1,"a":2}"#],
            ["{}", #"{"a":1,"b":1}"#]
        ),
        (
            #"{"dependentRequired": {"a": ["b"]}}"#, [#"{"a":1,"b":1}"#, "{}", #"{"b":1}"#],
            [#"{"a":1}"#]
        ),
        (
            #"{"dependentSchemas": {"a": {"maxProperties": 1}}}"#,
            [#"{"a":1}"#, #"{"b":1,"c":1}"#], [#"{"a":1,"b":1}"#]
        ),
        (#"{"allOf": [{"minimum": 1}, {"maximum": 2}]}"#, ["1"], ["0", "3"]),
        (#"{"anyOf": [{"type": "null"}, {"minimum": 2}]}"#, ["null", "2"], ["1"]),
        (#"{"oneOf": [{"minimum": 2}, {"multipleOf": 2}]}"#, ["3", "0"], ["1", "4"]),
        (#"{"not": {"type": "null"}}"#, ["1"], ["null"]),
        (
            #"{"if": {"minimum": 5}, "then": {"multipleOf": 5}, "else": {"const": 1}}"#,
            ["10", "1"], ["6", "2"]
        ),
        (#"{"then": false, "else": false}"#, ["1"], []),
        (
            #"{"properties": {"a": {"type": "integer"}}}"#, [#"{"a":"x","a":1}"#],
            [#"{"a":1,"a":"x"}"#]
        ),
        (
            #"{"allOf": [{"properties": {"a": true}}], "unevaluatedProperties": false}"#,
            [#"{"a":1}"#], [#"{"a":1,"b":2}"#]
        ),
        (
            #"{"anyOf": [{"properties": {"a": {"const": 1}}, "required": ["a"]}, {"properties": {"b": true}, "required": ["b"]}], "unevaluatedProperties": false}"#,
            [#"{"a":1,"b":2}"#, #"{"b":2}"#], [#"{"a":2,"b":2}"#]
        ),
        (
            #"{"prefixItems": [true], "contains": {"const": 3}, "unevaluatedItems": {"type": "null"}}"#,
            ["[0,3,null]"], ["[0,3,1]", "[0,null]"]
        ),
    ]

    @Test(arguments: cases)
    func `a text is accepted exactly where it satisfies the schema`(
        schema: String, valid: [String], invalid: [String]
    ) throws {
        let validator = try validator(schema)
        for text in valid { #expect(validator.accepts(text), "\(text)") }
        for text in invalid {
            #expect(!validator.accepts(text), "\(text)")
            #expect(validator.problem(in: [UInt8](text.utf8)[...]) != nil, "\(text)")
        }
    }

    @Test func `a problem names the keyword and the byte`() throws {
        let validator = try validator(
            ##"{"items": {"$ref": "#/$defs/n"}, "$defs": {"n": {"maximum": 2}}}"##)
        let problem = validator.problem(in: [UInt8]("[1, 3]".utf8)[...])
        #expect(problem?.pointer == "/$defs/n/maximum")
        #expect(problem?.offset == 4)
        #expect(problem?.reason == "the number is more than 2")
        let flaw = validator.problem(in: [UInt8](#"{"a": tru}"#.utf8)[...])
        #expect(flaw?.offset == 9)
    }

    @Test func `a dynamic reference looks for the outermost resource`() throws {
        let tree = ##"""
            {"$id": "https://example.com/strict", "$dynamicAnchor": "node", "$ref": "tree",
             "unevaluatedProperties": false,
             "$defs": {"tree": {"$id": "tree", "$dynamicAnchor": "node", "type": "object",
               "properties": {"data": true,
                 "children": {"type": "array", "items": {"$dynamicRef": "#node"}}}}}}
            """##
        let validator = try validator(tree)
        #expect(validator.accepts(#"{"children":[{"data":1}]}"#))
        #expect(!validator.accepts(#"{"children":[{"daat":1}]}"#))
    }

    @Test func `schemas that double with each reference take linear time`() throws {
        var definitions: [(String, JSONValue)] = [("d0", ["type": "integer"])]
        for level in 1...150 {
            let inner: JSONValue = ["$ref": .string("#/$defs/d\(level - 1)")]
            definitions.append(("d\(level)", ["anyOf": [["allOf": [inner, inner]], inner]]))
        }
        let schema: JSONValue = [
            "$ref": "#/$defs/d150", "$defs": .object(JSONObject(definitions)),
        ]
        let validator = try SchemaValidator(SchemaDocument(schema))
        #expect(validator.accepts("1"))
        #expect(!validator.accepts("\"a\""))
        #expect(validator.problem(in: [UInt8]("\"a\"".utf8)[...]) != nil)
    }

    @Test func `deep texts are read to the limit and refused beyond it`() throws {
        let validator = try validator(##"{"items": {"anyOf": [{"$ref": "#"}, false]}}"##)
        func text(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(validator.accepts(text(512)))
        #expect(!validator.accepts(text(513)))
        #expect(!validator.accepts(text(100_000)))
        #expect(!validator.accepts(String(repeating: "[", count: 1_000_000)))
    }

    @Test func `many equal hashes, keys and items stay cheap`() throws {
        let validator = try validator(#"{"uniqueItems": true}"#)
        let items = (0..<20_000).map { "{\"a\":\($0)}" }.joined(separator: ",")
        #expect(validator.accepts("[\(items)]"))
        #expect(!validator.accepts("[\(items),{\"a\":7.0}]"))
        let members = (0..<20_000).map { "\"k\($0 % 10_000)\":0" }.joined(separator: ",")
        #expect(validator.accepts("{\(members)}"))
    }

    @Test func `numbers with huge exponents cost nothing`() throws {
        let validator = try validator(#"{"multipleOf": 7, "maximum": 1e300}"#)
        #expect(!validator.accepts("1e1000000000"))
        #expect(!validator.accepts("-1e1000000000"))
        #expect(validator.accepts("-7e1000000000"))
    }

    @Test func `constants may be deeper than texts`() throws {
        var limits = RecognitionLimits()
        limits.maxDepth = 4
        var constant: JSONValue = []
        for _ in 0..<8 { constant = [constant] }
        let document = try SchemaDocument(["enum": [constant, [[1]]]], limits: limits)
        let validator = SchemaValidator(document, limits: limits)
        #expect(validator.accepts("[[1.0]]"))
        #expect(!validator.accepts("[[[[]]]]"))
        #expect(!validator.accepts(constant.serialized()))
    }

    @Test func `what is not valid within its limits is not accepted, nor is its contrary`() throws {
        // Five schemas within one another for each level of the text.
        let validator = try validator(
            ##"""
            {"not": {"$ref": "#/$defs/deep"}, "$defs": {"deep": {"items":
              {"allOf": [{"allOf": [{"allOf": [{"allOf": [{"$ref": "#/$defs/deep"}]}]}]}]}}}}
            """##)
        func nest(_ depth: Int) -> [UInt8] {
            [UInt8](repeating: 0x5B, count: depth) + [UInt8](repeating: 0x5D, count: depth)
        }
        #expect(validator.problem(in: nest(20)[...])?.pointer == "/not")
        let text = nest(500)
        #expect(!validator.accepts(text[...]))
        #expect(validator.problem(in: text[...])?.reason == "it is too complex to be validated")
    }

    @Test(arguments: [
        (#"{"const":9007199254740993.0}"#, "9007199254740993", "9007199254740992"),
        (#"{"enum":[1,123456789012345678901]}"#, "123456789012345678901", "123456789012345678900"),
        (#"{"minimum":9007199254740993.5}"#, "9007199254740994", "9007199254740993.4"),
        (#"{"maximum":1e-400}"#, "0", "1e-399"),
        (
            #"{"exclusiveMaximum":18446744073709551617}"#, "18446744073709551616",
            "18446744073709551617"
        ),
        (#"{"multipleOf":1.0000000000000000000001}"#, "2.0000000000000000000002", "2"),
        (
            #"{"maximum":18446744073709551617,"exclusiveMaximum":true,"#
                + #""$schema":"http://json-schema.org/draft-04/schema#"}"#,
            "18446744073709551616", "18446744073709551617"
        ),
    ])
    func `numbers of schemas are as exact as they are written`(
        schema: String, valid: String, invalid: String
    ) throws {
        let schema = try JSONParser.parse(schema, limits: .init(keepsDigits: true))
        let document = try SchemaDocument(schema)
        let validator = SchemaValidator(document)
        #expect(validator.accepts(valid) && !validator.accepts(invalid))
        let reading = Reading(try JSONRecognizer(document, style: .any))
        #expect(reading.verdict(valid) == .complete)
        #expect(reading.verdict(invalid) != .complete)
    }

    @Test func `counts beyond all texts are no limit`() throws {
        let schema = try JSONParser.parse(
            #"{"maxLength":1e30,"maxItems":123456789012345678901234567890,"minLength":0.0}"#,
            limits: .init(keepsDigits: true))
        let document = try SchemaDocument(schema)
        for reading in [Reading(try JSONRecognizer(document, style: .any))] {
            #expect(reading.verdict("\"text\"") == .complete)
            #expect(reading.verdict("[1, 2]") == .complete)
        }
        let endless = try SchemaDocument(JSONParser.parse(#"{"minLength":1e300}"#))
        #expect(!SchemaValidator(endless).accepts("\"text\""))
        #expect(throws: RecognitionError.self) {
            try SchemaDocument(JSONParser.parse(#"{"maxLength":-1e300}"#))
        }
    }
}
