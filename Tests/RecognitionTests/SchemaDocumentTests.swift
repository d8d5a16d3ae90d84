// SPDX-License-Identifier: Apache-2.0

import JSON
import Recognition
import Testing

final class SchemaDocumentTests {
    /// What was read, for schemas live as long as their documents.
    private var documents: [SchemaDocument] = []

    private func read(_ text: String) throws -> Schema {
        try document(text).root
    }

    private func document(_ text: String) throws -> SchemaDocument {
        documents.append(try SchemaDocument(JSONParser.parse(text)))
        return documents[documents.count - 1]
    }

    /// The pointer of the error that reading ends with; nil where it does not.
    private func place(_ text: String) throws -> String? {
        let schema = try JSONParser.parse(text, limits: .init(maxDepth: 512))
        do throws(RecognitionError) {
            _ = try SchemaDocument(schema)
            return nil
        } catch {
            return error.place
        }
    }

    @Test func `what asks for nothing has a verdict`() throws {
        #expect(try read("true").verdict == true)
        #expect(try read("false").verdict == false)
        #expect(try read("{}").verdict == true)
        #expect(try read(##"{"title": "any", "$defs": {"a": 1}}"##).verdict == true)
        #expect(try read(##"{"type": "null"}"##).verdict == nil)
    }

    @Test func `types are a set in which numbers hold integers`() throws {
        #expect(try read(##"{"type": "number"}"##).types == [.integer, .fraction])
        #expect(try read(##"{"type": ["integer", "null"]}"##).types == [.integer, .null])
    }

    @Test func `bounds are exact, and those of draft 4 are understood`() throws {
        let schema = try read(##"{"minimum": 0.1, "exclusiveMinimum": true, "maximum": 10}"##)
        #expect(schema.exclusiveMinimum == ExactNumber("0.1"))
        #expect(schema.minimum == ExactNumber("1e-1"))
        #expect(schema.maximum == ExactNumber("10.0"))
    }

    @Test func `items of the older drafts become those of the newest`() throws {
        let schema = try read(##"{"items": [{"type": "null"}, true], "additionalItems": false}"##)
        #expect(schema.prefixItems.count == 2)
        #expect(schema.items?.verdict == false)
        #expect(try read(##"{"items": {}, "additionalItems": false}"##).items?.verdict == true)
        let draft7 = ##"{"$schema": "http://json-schema.org/draft-07/schema#","##
        #expect(try read(draft7 + ##""prefixItems": [true]}"##).prefixItems.isEmpty)
    }

    @Test func `dependencies become those of names and those of schemas`() throws {
        let schema = try read(##"{"dependencies": {"a": ["b"], "c": {"type": "null"}}}"##)
        #expect(schema.dependentRequired.map(\.name) == ["a"])
        #expect(schema.dependentSchemas.map(\.name) == ["c"])
    }

    @Test func `a schema knows its pointer`() throws {
        let schema = try read(##"{"properties": {"a/b": {"allOf": [true, {"not": {}}]}}}"##)
        #expect(schema.properties[0].schema.allOf[1].not?.pointer == "/properties/a~1b/allOf/1/not")
    }

    // MARK: References

    @Test func `references by pointer, anchor and address lead to one schema`() throws {
        let schema = try read(
            """
            {"$id": "https://example.com/all", "$defs": {"a b/c": {"$anchor": "here", "type": "null"},
             "inner": {"$id": "inner.json", "$defs": {"x": {"type": "string"}}}},
             "allOf": [{"$ref": "#/$defs/a%20b~1c"}, {"$ref": "#here"}, {"$ref": "all#here"},
                       {"$ref": "inner.json#/$defs/x"}]}
            """)
        let targets = schema.allOf.map(\.reference?.pointer)
        #expect(
            targets == [
                "/$defs/a b~1c", "/$defs/a b~1c", "/$defs/a b~1c", "/$defs/inner/$defs/x",
            ])
        #expect(schema.allOf[0].reference === schema.allOf[1].reference)
    }

    @Test func `a recursive schema refers to itself`() throws {
        let schema = try read(##"{"properties": {"next": {"$ref": "#"}}}"##)
        #expect(schema.properties[0].schema.reference === schema)
    }

    @Test func `a reference hides what stands beside it up to draft 7`() throws {
        let rest = ##""$ref": "#/definitions/a", "type": "null", "definitions": {"a": {}}}"##
        let draft7 = try read(##"{"$schema": "http://json-schema.org/draft-07/schema","## + rest)
        #expect(draft7.types == .any)
        #expect(draft7.reference?.verdict == true)
        #expect(try read("{" + rest).types == .null)
    }

    @Test func `a dynamic reference with one possible target is a plain one`() throws {
        let one = try document(
            ##"{"$defs": {"a": {"$dynamicAnchor": "x"}}, "items": {"$dynamicRef": "#x"}}"##)
        #expect(!one.hasDynamicReferences)
        #expect(one.root.items?.reference?.pointer == "/$defs/a")
        let two = try document(
            """
            {"$id": "https://example.com/two", "$dynamicAnchor": "x", "type": "array",
             "items": {"$id": "inner", "$dynamicAnchor": "x", "items": {"$dynamicRef": "#x"}}}
            """)
        #expect(two.hasDynamicReferences)
        #expect(two.root.items?.items?.dynamicReference?.candidates.count == 2)
    }

    // MARK: Errors

    @Test(arguments: [
        (##"{"properties": {"a": {"minLength": "3"}}}"##, "/properties/a/minLength"),
        (##"{"properties": {"a": {"minLength": -1}}}"##, "/properties/a/minLength"),
        (##"{"maxItems": 1.5}"##, "/maxItems"),
        (##"{"type": "text"}"##, "/type"),
        (##"{"type": ["null", 3]}"##, "/type"),
        (##"{"enum": "a"}"##, "/enum"),
        (##"{"required": true}"##, "/required"),
        (##"{"required": [1]}"##, "/required"),
        (##"{"properties": []}"##, "/properties"),
        (##"{"properties": {"a": 1}}"##, "/properties/a"),
        (##"{"items": "a"}"##, "/items"),
        (##"{"allOf": {}}"##, "/allOf"),
        (##"{"oneOf": [true, 3]}"##, "/oneOf/1"),
        (##"{"multipleOf": 0}"##, "/multipleOf"),
        (##"{"uniqueItems": 1}"##, "/uniqueItems"),
        (##"{"format": 1}"##, "/format"),
        (##"{"pattern": 1}"##, "/pattern"),
        (##"{"dependentRequired": {"a/b": "c"}}"##, "/dependentRequired/a~1b"),
        (##"{"$ref": 1}"##, "/$ref"),
        (##"{"$ref": "#/$defs/a"}"##, "/$ref"),
        (##"{"$ref": "#/$defs/%+1", "$defs": {"\u0001": {}}}"##, "/$ref"),
        (##"{"$ref": "#/$defs/%-0", "$defs": {"\u0000": {}}}"##, "/$ref"),
        (##"{"items": {"$ref": "#a"}}"##, "/items/$ref"),
        (##"{"items": {"$ref": "https://example.com/a"}}"##, "/items/$ref"),
        (##"{"$schema": "http://json-schema.org/draft-03/schema#"}"##, "/$schema"),
        ("[]", ""),
    ])
    func `what cannot be honoured is refused at its pointer`(schema: String, pointer: String) throws
    {
        #expect(try place(schema) == pointer)
    }

    @Test(arguments: [
        ##"{"$ref": "#"}"##,
        ##"{"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}}"##,
        ##"{"not": {"$ref": "#"}}"##,
        ##"{"dependentSchemas": {"a": {"$ref": "#"}}}"##,
    ])
    func `references that lead back without a step are refused`(schema: String) throws {
        #expect(try place(schema) != nil)
    }

    @Test func `unknown keywords and definitions that nothing names are not read`() throws {
        #expect(try place(##"{"$defs": {"a": {"type": "text"}}, "x-order": {"type": 3}}"##) == nil)
    }

    // MARK: Hostile schemas

    /// Why a schema is refused whose numbers keep all their digits; nil where it is not.
    private func refusal(_ text: String) throws -> RecognitionError? {
        let schema = try JSONParser.parse(text, limits: .init(keepsDigits: true))
        do throws(RecognitionError) {
            _ = try SchemaDocument(schema)
            return nil
        } catch {
            return error
        }
    }

    @Test func `a unit of so many digits that to divide by it takes long is refused`() throws {
        let digits = String(repeating: "7", count: 4_000)
        let long = try refusal(##"{"enum": [1e308], "multipleOf": 0.\##(digits)}"##)
        #expect(long?.place == "/multipleOf")
        #expect(try refusal(##"{"multipleOf": 0.\##(digits.prefix(64))}"##) == nil)
    }

    @Test func `an error does not repeat a number of many digits`() throws {
        let digits = String(repeating: "7", count: 4_000)
        let error = try #require(try refusal(##"{"minLength": -0.\##(digits)}"##))
        #expect(error.description.utf8.count < 200)
    }

    @Test func `references alone are passed over, and schemas within schemas are counted`() throws {
        func chain(_ length: Int, _ link: (JSONValue) -> JSONValue = { $0 }) -> JSONValue {
            let links = (0..<length).map { index -> (String, JSONValue) in
                ("d\(index)", link(["$ref": .string("#/$defs/d\(index + 1)")]))
            }
            let last: (String, JSONValue) = ("d\(length)", ["type": "null"])
            return [
                "$ref": "#/$defs/d0", "$defs": .object(JSONObject(links + [last])),
            ]
        }
        #expect(SchemaValidator(try SchemaDocument(chain(1_000))).accepts("null"))
        #expect(!SchemaValidator(try SchemaDocument(chain(1_000))).accepts("1"))
        #expect(throws: RecognitionError.self) {
            try SchemaDocument(chain(1_000) { ["allOf": [$0]] })
        }
    }

    @Test func `deep schemas are read to the limit`() throws {
        func nest(_ depth: Int) -> String {
            String(repeating: #"{"items":"#, count: depth) + "true"
                + String(repeating: "}", count: depth)
        }
        #expect(try place(nest(500)) == nil)
        var limits = RecognitionLimits()
        limits.maxDepth = 100
        let deep = try JSONParser.parse(nest(101), limits: .init(maxDepth: 512))
        #expect(throws: RecognitionError.self) { try SchemaDocument(deep, limits: limits) }
    }

    @Test func `references to every level of a deep and wide schema stay within the limits`() throws
    {
        var inner: JSONValue = .object(
            JSONObject([
                (
                    "properties",
                    .object(JSONObject((0..<300).map { ("p\($0)", ["type": "null"]) }))
                )
            ]))
        var pointer = "#"
        var references: [JSONValue] = []
        for _ in 0..<60 {
            inner = ["items": inner]
            pointer += "/items"
            references.append(["$ref": .string(pointer)])
        }
        guard case .object(var root) = inner else { return }
        root["anyOf"] = .array(references)
        let schema = JSONValue.object(root)
        var limits = RecognitionLimits()
        limits.maxBytes = 4 << 20
        do throws(RecognitionError) {
            _ = try SchemaDocument(schema, limits: limits)
            Issue.record("the schema was read")
        } catch {
            #expect(error.reason.contains("parts") || error.reason.contains("too long"))
        }
    }

    @Test func `reading takes no longer than it may`() throws {
        var limits = RecognitionLimits()
        limits.maxTime = .zero
        let schema: JSONValue = ["items": ["items": ["items": ["items": ["type": "null"]]]]]
        #expect(throws: RecognitionError.self) { try SchemaDocument(schema, limits: limits) }
    }

    @Test func `metaschemas are known, other documents are not`() throws {
        for address in [
            "http://json-schema.org/draft-04/schema#", "http://json-schema.org/draft-06/schema#",
            "http://json-schema.org/draft-07/schema#",
            "https://json-schema.org/draft/2019-09/schema",
            "https://json-schema.org/draft/2020-12/schema",
        ] {
            let validator = try SchemaValidator(SchemaDocument(["$ref": .string(address)]))
            #expect(validator.accepts(#"{"properties": {"a": {"minLength": 2}}}"#))
            #expect(!validator.accepts(#"{"properties": {"a": {"minLength": -2}}}"#))
            #expect(!validator.accepts(#"{"allOf": [{"type": "text"}]}"#))
            let itself = try SchemaValidator(
                SchemaDocument(["$ref": .string(address), "$schema": .string(address)]))
            #expect(!itself.accepts(#"{"required": 1}"#))
        }
    }

    @Test(arguments: [400, 2_000])
    func `a chain of references costs no more than its last one`(length: Int) throws {
        var definitions: JSONObject = [:]
        for index in 0..<length {
            definitions["d\(index)"] = ["$ref": .string("#/$defs/d\(index + 1)")]
        }
        definitions["d\(length)"] = ["type": "integer"]
        let document = try SchemaDocument(["$defs": .object(definitions), "$ref": "#/$defs/d0"])
        #expect(SchemaValidator(document).accepts("12"))
        #expect(!SchemaValidator(document).accepts("\"a\""))
        let reading = Reading(try JSONRecognizer(document))
        #expect(reading.verdict("12") == .complete)
        #expect(reading.verdict("\"") == .refused(at: 0))
    }

    @Test(arguments: [("allOf", 140, true), ("allOf", 200, false), ("not", 200, false)])
    func `what applies to one value nests so deep at most, and is read then`(
        keyword: String, depth: Int, isRead: Bool
    ) throws {
        var schema: JSONValue = ["type": "integer"]
        for _ in 0..<depth {
            schema = .object(JSONObject([(keyword, keyword == "allOf" ? [schema] : schema)]))
        }
        guard isRead else {
            let error = #expect(throws: RecognitionError.self) {
                try JSONRecognizer(SchemaDocument(schema))
            }
            #expect(error?.place.hasPrefix("/\(keyword)") ?? false)
            return
        }
        let reading = Reading(try JSONRecognizer(SchemaDocument(schema)))
        #expect(reading.verdict("12") == .complete)
        #expect(reading.verdict("\"") == .refused(at: 0))
    }
}
