// SPDX-License-Identifier: Apache-2.0

import JSON
import Recognition
import Testing

/// Reads texts with a recognizer, a byte at a time.
struct TextReader {
    let recognizer: JSONRecognizer

    init(_ schema: String, _ style: RecognitionStyle = .any) throws {
        recognizer = try JSONRecognizer(
            SchemaDocument(JSONParser.parse(schema)), style: style)
    }

    /// The state after a text, and the text; nil where it cannot be completed.
    func read(_ text: String) -> (state: RecognizerState, text: RecognizedText)? {
        let read = RecognizedText()
        var state = recognizer.start
        for byte in text.utf8 {
            state = recognizer.advance(state, by: byte, after: read)
            if state.isDead { return nil }
            read.append(byte)
        }
        return (state, read)
    }

    /// Whether a text is one of the schema's.
    func accepts(_ text: String) -> Bool {
        guard let (state, text) = read(text) else { return false }
        return recognizer.canEnd(state, after: text)
    }

    /// Whether a text can still become one of the schema's, as far as bytes tell.
    func allows(_ text: String) -> Bool { read(text) != nil }

    /// The bytes that may follow a text, as characters of ASCII.
    func following(_ text: String) -> String {
        guard let (state, text) = read(text) else { return "" }
        return String(
            decoding: (0x20..<0x7F).filter {
                !recognizer.advance(state, by: $0, after: text).isDead
            }, as: UTF8.self)
    }
}

@Suite struct JSONRecognizerTests {
    /// A schema, texts of it, and texts that are none.
    struct Case: Sendable {
        let schema: String
        let valid: [String]
        let invalid: [String]

        init(_ schema: String, _ valid: [String], not invalid: [String]) {
            self.schema = schema
            self.valid = valid
            self.invalid = invalid
        }
    }

    static let syntax: [Case] = [
        Case(
            "true",
            [
                "null", "true", "false", "0", "-0", "12.5e+10", "1E5", "\"\"", "[]", "{}",
                " [ 1 , 2 ] ",
                "{\"a\":{\"a\":[]}}", "\"\\u00e9\\n\\/\"", "\"\\ud83d\\ude00\"", "\"é😀\"",
            ],
            not: [
                "", " ", "nul", "01", "1.", ".5", "+1", "1e", "-", "\"", "\"\t\"", "[1,]", "[,1]",
                "{,}",
                "{\"a\"}", "{\"a\":}", "{a:1}", "[1}", "{]", "1 2", "\"\\x\"", "\"\\ud83d\"",
                "\"\\ude00\"", "\"\\ud83dx\"", "\"\\ud83d\\u0041\"", "nullx", "\u{FEFF}1", "1,",
                "{\"a\":1,\"a\":2,}",
            ])
    ]

    static let keywords: [Case] = [
        Case(
            #"{"type":"integer"}"#, ["1", "-3", "1.0", "10e-1", "12e2"],
            not: ["1.5", "15e-1", "\"1\""]),
        Case(#"{"type":["null","string"]}"#, ["null", "\"a\""], not: ["1", "[]", "true"]),
        Case(
            #"{"const":{"a":[1,null]}}"#, [#"{"a":[1,null]}"#, #"{"a":[1.0,null]}"#],
            not: [#"{"a":[1]}"#, "{}", #"{"a":[1,null],"b":1}"#]),
        Case(
            #"{"enum":["red","green",3,null,[1],{"x":"y"}]}"#,
            [#""red""#, #""gr\u0065en""#, "3", "3.0", "null", "[1]", #"{"x":"y"}"#],
            not: [
                #""blue""#, #""re""#, #""redd""#, "4", "30", "[]", "[1,1]", #"{"x":"z"}"#, "true",
            ]),
        Case(
            #"{"minimum":-3,"exclusiveMaximum":2.5,"multipleOf":0.5,"type":"number"}"#,
            ["-3", "2", "0.5", "-2.5", "20e-1"], not: ["-3.5", "2.5", "0.25", "3"]),
        Case(
            #"{"type":"string","minLength":2,"maxLength":3}"#,
            [#""ab""#, #""😀é""#, #""\ud83d\ude00b\n""#], not: [#""a""#, #""abcd""#, #""😀""#]),
        Case(
            #"{"type":"string","pattern":"^a+b$"}"#, [#""aab""#, #""\u0061b""#],
            not: [#""b""#, #""abc""#]),
        Case(
            #"{"type":"string","format":"ipv4"}"#, [#""127.0.0.1""#],
            not: [#""256.0.0.1""#, #""1.2.3""#]),
        Case(
            #"{"allOf":[{"pattern":"a"},{"pattern":"b"},{"not":{"pattern":"c"}}],"type":"string"}"#,
            [#""ab""#, #""xbya""#], not: [#""a""#, #""abc""#]),
        Case(
            #"{"properties":{"a":{"type":"integer"}},"required":["a","b"]}"#,
            [#"{"a":1,"b":2}"#, #"{"b":null,"a":1,"c":0}"#, "[]", "1"],
            not: [#"{"a":1}"#, #"{"a":"x","b":1}"#, #"{"b":1}"#]),
        Case(
            #"{"properties":{"a":true},"additionalProperties":false}"#,
            ["{}", #"{"a":[]}"#, #"{"\u0061":1}"#], not: [#"{"b":1}"#, #"{"aa":1}"#, #"{"":1}"#]),
        Case(
            #"{"patternProperties":{"^n":{"type":"number"},"s$":{"minimum":5}},"additionalProperties":{"type":"null"}}"#,
            [#"{"n":1}"#, #"{"ns":5,"x":null,"s":"t"}"#],
            not: [#"{"n":"x"}"#, #"{"ns":4}"#, #"{"x":1}"#]),
        Case(
            #"{"propertyNames":{"maxLength":2,"pattern":"^[a-z]*$"}}"#, ["{}", #"{"ab":1}"#],
            not: [#"{"abc":1}"#, #"{"A":1}"#]),
        Case(
            #"{"minProperties":1,"maxProperties":2}"#, [#"{"a":1}"#, #"{"a":1,"b":2}"#],
            not: ["{}", #"{"a":1,"b":2,"c":3}"#]),
        Case(#"{"minProperties":2}"#, [#"{"a":1,"b":2}"#], not: [#"{"a":1}"#, #"{"a":1,"a":2}"#]),
        Case(
            #"{"dependentRequired":{"a":["b"]}}"#,
            ["{}", #"{"b":1}"#, #"{"a":1,"b":2}"#, #"{"b":2,"a":1}"#],
            not: [#"{"a":1}"#, #"{"a":1,"c":1}"#]),
        Case(
            #"{"dependentSchemas":{"a":{"properties":{"b":{"type":"integer"}},"required":["b"]}}}"#,
            ["{}", #"{"b":"x"}"#, #"{"a":1,"b":2}"#, #"{"b":2,"a":1}"#],
            not: [#"{"a":1}"#, #"{"a":1,"b":"x"}"#, #"{"b":"x","a":1}"#]),
        Case(
            #"{"prefixItems":[{"type":"integer"},{"type":"string"}],"items":false}"#,
            ["[]", "[1]", #"[1,"a"]"#], not: [#"["a"]"#, "[1,2]", #"[1,"a",null]"#]),
        Case(
            #"{"items":{"type":"integer"},"minItems":1,"maxItems":3}"#, ["[1]", "[1,2,3]"],
            not: ["[]", "[1,2,3,4]", #"["a"]"#]),
        Case(
            #"{"contains":{"const":7},"maxContains":2}"#, ["[7]", "[1,7,2,7]"],
            not: ["[]", "[1]", "[7,7,7]"]),
        Case(#"{"contains":{"const":7},"minContains":0}"#, ["[]", "[1]"], not: []),
        Case(
            #"{"uniqueItems":true}"#,
            ["[]", "[1,2]", "[[1],[2],{}]", #"["a","b",null,true,false]"#],
            not: [
                "[1,1.0]", "[[1],[1]]", "[null,null]", #"[{"a":1,"b":2},{"b":2,"a":1}]"#,
                #"["a","\u0061"]"#,
            ]),
        Case(
            #"{"anyOf":[{"type":"integer"},{"minLength":2,"type":"string"}]}"#, ["1", #""ab""#],
            not: ["1.5", #""a""#, "null"]),
        Case(
            #"{"oneOf":[{"multipleOf":2},{"multipleOf":3}],"type":"integer"}"#, ["2", "3", "9"],
            not: ["6", "1", "0"]),
        Case(
            #"{"oneOf":[{"required":["a"]},{"required":["b"]}]}"#,
            [#"{"a":1}"#, #"{"c":1,"b":2}"#],
            not: ["{}", #"{"a":1,"b":2}"#]),
        Case(
            #"{"oneOf":[{"properties":{"a":{"type":"integer"}}},{"properties":{"a":{"minimum":5}}}]}"#,
            [#"{"a":1}"#, #"{"a":7.5}"#, #"{"a":"x"}"#], not: [#"{"a":7}"#, "{}", #"{"a":1.5}"#]),
        Case(#"{"not":{"type":["object","null"]}}"#, ["1", "[]", #""x""#], not: ["{}", "null"]),
        Case(
            #"{"not":{"properties":{"a":{"const":1}},"required":["a"]}}"#,
            ["{}", #"{"a":2}"#],
            not: [#"{"a":1}"#, #"{"b":2,"a":1}"#, "3"]),
        Case(
            #"{"not":{"items":{"type":"integer"}}}"#, [#"["a"]"#, #"[1,null]"#],
            not: ["[]", "[1,2]", "1"]),
        Case(
            #"{"if":{"properties":{"k":{"const":"n"}},"required":["k"]},"then":{"properties":{"v":{"type":"number"}}},"else":{"required":["w"]}}"#,
            [#"{"k":"n","v":1}"#, #"{"v":1,"k":"n"}"#, #"{"k":"s","w":1,"v":"x"}"#, "1"],
            not: [#"{"k":"n","v":"x"}"#, #"{"v":"x","k":"n"}"#, #"{"k":"s"}"#, "{}"]),
        Case(
            #"{"allOf":[{"properties":{"a":true}}],"properties":{"b":true},"unevaluatedProperties":false}"#,
            [#"{"a":1,"b":2}"#], not: [#"{"c":1}"#]),
        Case(
            #"{"anyOf":[{"properties":{"a":{"type":"integer"}}},{"properties":{"b":true},"required":["b"]}],"unevaluatedProperties":false}"#,
            [#"{"a":1,"b":2}"#, #"{"b":1}"#, #"{"a":1}"#, "{}"],
            not: [#"{"a":"x","b":1}"#, #"{"c":1}"#]),
        Case(
            #"{"prefixItems":[{"type":"integer"}],"unevaluatedItems":{"type":"string"}}"#,
            [#"[1,"a","b"]"#, "[]"], not: [#"["a"]"#, "[1,2]"]),
        Case(
            ##"{"$defs":{"t":{"properties":{"v":{"type":"integer"},"l":{"$ref":"#/$defs/t"},"r":{"$ref":"#/$defs/t"}},"required":["v"],"additionalProperties":false,"type":"object"}},"$ref":"#/$defs/t"}"##,
            [#"{"v":1,"l":{"v":2,"r":{"v":3}}}"#],
            not: [#"{"v":1,"l":{"v":2,"r":{}}}"#, #"{"l":{"v":1}}"#]),
    ]

    @Test(arguments: syntax + keywords)
    func `exactly the valid texts are accepted`(_ example: Case) throws {
        let reader = try TextReader(example.schema)
        for text in example.valid {
            #expect(reader.accepts(text), "\(example.schema) should accept \(text)")
        }
        for text in example.invalid {
            #expect(!reader.accepts(text), "\(example.schema) should refuse \(text)")
        }
    }

    @Test(arguments: keywords)
    func `what a validator finds valid is accepted after its states were forgotten`(
        _ example: Case
    ) throws {
        let reader = try TextReader(example.schema)
        let validator = SchemaValidator(try SchemaDocument(JSONParser.parse(example.schema)))
        for text in example.valid + example.invalid {
            _ = reader.accepts(text)
            reader.recognizer.forgetStates()
            #expect(reader.accepts(text) == validator.accepts(text), "\(example.schema): \(text)")
        }
    }

    @Test func `a property does not come twice`() throws {
        let reader = try TextReader(#"{"properties":{"a":true}}"#)
        #expect(reader.accepts(#"{"a":1,"b":1}"#))
        #expect(!reader.allows(#"{"a":1,"a""#))
    }

    @Test func `bytes that are not UTF-8 are refused within a string`() throws {
        let reader = try TextReader("true")
        let (state, text) = try #require(reader.read("\""))
        let recognizer = reader.recognizer
        for bytes: [UInt8] in [
            [0x80], [0xC0], [0xC3, 0x28], [0xE0, 0x80], [0xED, 0xA0], [0xF5], [0xF4, 0x90],
        ] {
            var place = state
            for byte in bytes where !place.isDead {
                place = recognizer.advance(place, by: byte, after: text)
            }
            #expect(place.isDead, "\(bytes)")
        }
    }

    // MARK: Styles

    @Test func `generated texts are written in one way`() throws {
        let reader = try TextReader(
            #"{"type":"object","properties":{"b":{"type":"integer"},"a":{"enum":["x\ny",1.5]}},"required":["a"],"additionalProperties":false}"#,
            .generated)
        #expect(reader.accepts(#"{"b": 1, "a": "x\ny"}"#))
        #expect(reader.accepts(#"{"a": 1.5}"#))
        #expect(!reader.allows(#"{"b":1"#))
        #expect(!reader.allows(#" {"#))
        #expect(!reader.allows(#"{ "#))
        #expect(!reader.allows(#"{"a": "x\u0"#))
        #expect(!reader.allows(#"{"\u"#))
        #expect(!reader.allows(#"{"a": 1.5, "#))
        #expect(!reader.allows(#"{"b": 1e"#))
        #expect(!reader.allows(#"{"b": 1}"#))
        #expect(!reader.accepts(#"{"a": 1.50}"#))
    }

    @Test func `only what can be completed is offered`() throws {
        let reader = try TextReader(
            #"{"type":"object","properties":{"one":{"type":"integer","minimum":10,"maximum":25},"two":false,"three":{"enum":["alpha","beta"]},"four":{"type":"boolean"}},"required":["three"],"additionalProperties":false}"#,
            .generated)
        #expect(reader.following("{") == "\"")
        #expect(reader.following("{\"") == "ot")
        #expect(reader.following("{\"t") == "h")
        #expect(reader.following("{\"one\": ") == "12")
        #expect(reader.following("{\"one\": 2") == "012345")
        #expect(reader.following("{\"one\": 1") == "0123456789")
        #expect(reader.following("{\"one\": 25") == ",")
        #expect(reader.following("{\"one\": 25, \"") == "t")
        #expect(reader.following("{\"three\": ") == "\"")
        #expect(reader.following("{\"three\": \"") == "ab")
        #expect(reader.following("{\"three\": \"beta\"") == ",}")
        #expect(reader.following("{\"three\": \"beta\", \"four\": true") == "}")
    }

    @Test func `numbers lead into their range only`() throws {
        let multiple = try TextReader(
            #"{"type":"integer","minimum":100,"maximum":140,"multipleOf":35}"#, .generated)
        #expect(multiple.following("") == "1")
        #expect(multiple.following("1") == "04")
        #expect(multiple.following("10") == "5")
        #expect(multiple.following("14") == "0")
        let negative = try TextReader(
            #"{"exclusiveMinimum":-0.5,"maximum":-0.25,"type":"number"}"#, .generated)
        #expect(negative.following("") == "-")
        #expect(negative.following("-") == "0")
        #expect(negative.following("-0") == ".")
        #expect(negative.following("-0.") == "234")
        #expect(negative.following("-0.2") == "56789")
    }

    @Test func `white space is bounded`() throws {
        let reader = try TextReader("true")
        #expect(reader.accepts("[\n\n    1\n]"))
        #expect(!reader.allows("[\n\n\n"))
        #expect(!reader.allows("[" + String(repeating: " ", count: 64)))
        #expect(try !TextReader("true", .generated).allows("[1,2"))
        #expect(try TextReader("true", .generated).accepts(#"[1, {"a": 2}]"#))
    }

    @Test func `others follow the properties in order`() throws {
        let reader = try TextReader(
            #"{"properties":{"a":true,"b":true},"required":["b"],"type":"object"}"#, .generated)
        #expect(reader.accepts(#"{"a": 1, "b": 2, "c": 3}"#))
        #expect(!reader.allows(#"{"c"#))
        #expect(!reader.allows(#"{"b": 1, "a":"#))
        #expect(!reader.allows(#"{"b": 1, "c": 1, "a":"#))
    }

    // MARK: States

    @Test func `items that are alike come back to the same state`() throws {
        let reader = try TextReader(
            #"{"type":"array","items":{"anyOf":[{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]},{"type":"null"}]}}"#,
            .generated)
        let first = try #require(reader.read(#"[{"a": "x"}, "#)).state
        let third = try #require(reader.read(#"[{"a": "x"}, null, {"a": "yy"}, "#)).state
        #expect(first == third)
        #expect(!reader.recognizer.isGuarded(first))
    }

    @Test func `a value that is checked when it closes is guarded until then`() throws {
        let reader = try TextReader(#"{"items":{"not":{"items":{"type":"integer"}}}}"#)
        #expect(reader.recognizer.isGuarded(try #require(reader.read("[[1")).state))
        #expect(!reader.recognizer.isGuarded(try #require(reader.read("[[1,null]")).state))
        #expect(!reader.allows("[[1]"))
    }

    @Test func `a guarded value may begin anywhere in a longer text`() throws {
        let recognizer = try TextReader(#"{"not":{"items":{"type":"integer"}}}"#).recognizer
        let text = RecognizedText(Array("says: ".utf8))
        var state = recognizer.start
        for byte in "[1,null]".utf8 {
            state = recognizer.advance(state, by: byte, after: text)
            text.append(byte)
        }
        #expect(!state.isDead && recognizer.canEnd(state, after: text))
    }

    @Test func `a scanner and its exits say what advancing says`() throws {
        let reader = try TextReader(
            #"{"properties":{"name":{"pattern":"^[ab]+$"},"n":{"type":"integer"}}}"#, .generated)
        let recognizer = reader.recognizer
        let (key, text) = try #require(reader.read("{\""))
        var scanner = recognizer.scanner(of: key)
        var state = key
        for byte in "name".utf8 {
            scanner = recognizer.scan(scanner, by: byte)
            state = recognizer.advance(state, by: byte, after: text)
            #expect(recognizer.scanner(of: state) == scanner)
            text.append(byte)
        }
        let exit = -2 - recognizer.scan(scanner, by: UInt8(ascii: "\""))
        let after = recognizer.advance(state, by: UInt8(ascii: "\""), after: text)
        text.append(UInt8(ascii: "\""))
        #expect(recognizer.leave(key, by: exit, after: text) == after)
        #expect(recognizer.scanner(of: after) == -1)
    }

    @Test func `a string whose longest length is far off has one scanner`() throws {
        let reader = try TextReader(#"{"type":"string","maxLength":1000,"minLength":3}"#)
        let early = try #require(reader.read("\"abcdefgh")).state
        let late = try #require(reader.read("\"abcdefghijklmn")).state
        let near = try #require(reader.read("\"" + String(repeating: "x", count: 900))).state
        let recognizer = reader.recognizer
        #expect(early != late)
        #expect(
            recognizer.scanner(of: early, within: 256) == recognizer.scanner(of: late, within: 256))
        #expect(recognizer.scanner(of: near, within: 256) == recognizer.scanner(of: near))
        #expect(reader.accepts("\"" + String(repeating: "x", count: 1_000) + "\""))
        #expect(!reader.accepts("\"" + String(repeating: "x", count: 1_001) + "\""))
    }

    @Test func `plain strings read alike in all recognizers`() throws {
        let one = try TextReader(#"{"type":"string"}"#)
        let other = try TextReader(#"{"items":{"type":["string","null"]}}"#)
        func identity(_ reader: TextReader, _ text: String) throws -> UInt64? {
            let scanner = reader.recognizer.scanner(of: try #require(reader.read(text)).state)
            return reader.recognizer.identity(of: scanner)
        }
        #expect(try identity(one, "\"a") != nil)
        #expect(try identity(one, "\"a") == identity(other, "[\"bc"))
        #expect(try identity(one, "\"a\\u0") == identity(other, "[\"\\u0"))
        #expect(try identity(one, "\"a\\u0") != identity(other, "[\"\\u1"))
    }

    // MARK: Errors and hostile schemas

    @Test func `a schema that no value satisfies is an error`() throws {
        for schema in [
            "false", #"{"type":"string","enum":[1]}"#,
            #"{"type":"integer","minimum":3,"maximum":2}"#,
            #"{"allOf":[{"type":"null"},{"type":"object"}]}"#,
            #"{"type":"object","properties":{"a":false},"required":["a"]}"#,
            ##"{"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]}"##,
        ] {
            let document = try SchemaDocument(JSONParser.parse(schema))
            #expect(throws: RecognitionError.self, "\(schema)") { try JSONRecognizer(document) }
        }
    }

    @Test func `a text deeper than the limit is refused`() throws {
        let reader = try TextReader("true")
        #expect(
            reader.accepts(String(repeating: "[", count: 500) + String(repeating: "]", count: 500)))
        #expect(!reader.allows(String(repeating: "[", count: 100_000)))
    }

    @Test func `alternatives within alternatives add up rather than multiply`() throws {
        var schema = #"{"type":"integer"}"#
        for _ in 0..<40 {
            schema =
                #"{"anyOf":[{"type":"array","items":\#(schema)},{"type":"array","maxItems":9,"items":{"type":"null"}}]}"#
        }
        let reader = try TextReader(schema)
        #expect(
            reader.accepts(
                String(repeating: "[", count: 40) + "1" + String(repeating: "]", count: 40)))
        #expect(reader.recognizer.byteCount < 4 << 20)
    }

    @Test func `exponentially many combinations in place are bounded`() throws {
        var definitions = #""d0":{"type":"object","required":["a"]}"#
        for level in 1...40 {
            let last = ##"{"$ref":"#/$defs/d\##(level - 1)"}"##
            let other = #"{"required":["k\#(level)"]}"#
            definitions +=
                #","d\#(level)":{"allOf":[{"anyOf":[\#(last),\#(other)]},{"oneOf":[\#(other),\#(last)]}]}"#
        }
        let schema = ##"{"$defs":{\##(definitions)},"$ref":"#/$defs/d40"}"##
        let reader = try TextReader(schema)
        let validator = SchemaValidator(try SchemaDocument(JSONParser.parse(schema)))
        for text in ["{}", #"{"a":1}"#, #"{"k40":1}"#, #"{"k40":1,"a":2}"#] {
            #expect(reader.accepts(text) == validator.accepts(text))
        }
        #expect(reader.recognizer.byteCount < 64 << 20)
    }

    @Test func `long lists of constants and dependencies are read in one pass`() throws {
        let numbers = (0..<20_000).map { "\($0)" }.joined(separator: ",")
        let reader = try TextReader("{\"enum\":[\(numbers)]}", .generated)
        #expect(reader.accepts("19999"))
        #expect(!reader.allows("20000"))
        let dependents = (0..<4_000).map { "\"k\($0)\":[\"k\($0 + 1)\"]" }
        let object = try TextReader(
            "{\"dependentRequired\":{\(dependents.joined(separator: ","))}}")
        #expect(object.accepts(#"{"k3999":1,"k4000":2}"#))
        #expect(!object.accepts(#"{"k3998":1,"k4000":2}"#))
    }

    @Test(arguments: [(0, 300), (300, 700), (700, 700), (5, 100_000)])
    func `lengths far from a limit are counted, too`(least: Int, most: Int) throws {
        let reader = try TextReader(
            #"{"items": {"type": "string", "minLength": \#(least), "maxLength": \#(most)}}"#)
        for count in [0, 4, 5, 255, 299, 300, 301, 443, 444, 699, 700, 701] {
            let isValid = count >= least && count <= most
            for character in ["a", "é", "\\n", "😀"] {
                let text = String(repeating: character, count: count)
                #expect(reader.accepts("[\"\(text)\"]") == isValid, "\(count) \(character)")
                #expect(reader.allows("[\"\(text)") == (count <= most), "\(count) \(character)")
            }
        }
    }

    @Test func `a state far from a limit is like one that does not count`() throws {
        let reader = try TextReader(#"{"type": "string", "minLength": 2, "maxLength": 1000}"#)
        let recognizer = reader.recognizer
        func state(after count: Int, within byteCount: Int) throws -> RecognizerState {
            let read = try #require(reader.read("\"" + String(repeating: "a", count: count)))
            return recognizer.state(read.state, within: byteCount)
        }
        #expect(try state(after: 10, within: 64) == state(after: 900, within: 64))
        #expect(try state(after: 10, within: 64) != state(after: 950, within: 64))
        #expect(try state(after: 10, within: 64) != state(after: 1, within: 64))
        #expect(try state(after: 10, within: 500) != state(after: 600, within: 500))
        // Within reach they tell the same of all that follows.
        let text = RecognizedText()
        var (counted, like) = (
            try #require(reader.read("\"" + String(repeating: "a", count: 700))).state,
            try state(after: 700, within: 200)
        )
        for byte in Array("bcé\\u0041".utf8) + Array(repeating: 100, count: 180) {
            counted = recognizer.advance(counted, by: byte, after: text)
            like = recognizer.advance(like, by: byte, after: text)
            #expect(!counted.isDead && !like.isDead)
            for next in UInt8(0)..<128 {
                #expect(
                    recognizer.advance(counted, by: next, after: text).isDead
                        == recognizer.advance(like, by: next, after: text).isDead)
            }
        }
    }

    @Test func `an item of a long array that is there already is refused where it ends`() throws {
        let reader = try TextReader(
            #"{"items": {"uniqueItems": true, "maxItems": 5000}, "maxItems": 3}"#)
        let items = (0..<700).map { "{\"k\": [\($0), \",]\"]}" }.joined(separator: ", ")
        #expect(reader.accepts("[[\(items)]]"))
        #expect(reader.accepts("[[\(items)], [1], [\(items), 1, [1], \"1\"]]"))
        #expect(reader.allows("[[\(items), {\"k\": [3.0, \"\\u002c]\"]"))
        #expect(!reader.allows("[[\(items), {\"k\": [3.0, \"\\u002c]\"]}"))
        #expect(!reader.allows("[[\(items), [\(items)], [\(items)]"))
        #expect(!reader.accepts("[[\(items), 7, 7]]") && reader.accepts("[[\(items), 7, 77]]"))
    }

    @Test func `what has been read of items goes with the text that is taken back`() throws {
        let reader = try TextReader(#"{"uniqueItems": true}"#)
        let recognizer = reader.recognizer
        let (state, text) = try #require(reader.read("[1, [2], "))
        let count = text.count
        func goesOn(with rest: String) -> Bool {
            defer { text.truncate(to: count) }
            var state = state
            for byte in rest.utf8 {
                state = recognizer.advance(state, by: byte, after: text)
                if state.isDead { return false }
                text.append(byte)
            }
            return recognizer.canEnd(state, after: text)
        }
        #expect(goesOn(with: "3, 4, 5]"))
        #expect(goesOn(with: "5, 4, 3]"))
        #expect(!goesOn(with: "3, [2]]") && !goesOn(with: "1.0]"))
        #expect(goesOn(with: "[3], 4]"))
    }
}
