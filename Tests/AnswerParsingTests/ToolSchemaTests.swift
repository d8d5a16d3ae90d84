// SPDX-License-Identifier: Apache-2.0

import AnswerParsing
import ConversationSupport
import JSON
import Recognition
import StructuredOutput
import Testing

/// Schemas of tools in formats that take them apart.
@Suite struct ToolSchemaTests {
    private static let qwen = TaggedArgumentFormat(.qwenCoder)
    private let tokenizer = ByteTokenizer(controls: ["<s>", "</s>"])

    private func plan(_ schema: String) throws -> AnswerPlan {
        var plan = AnswerPlan()
        plan.tools = [Tool(name: "f", input: .arguments(try JSONParser.parse(schema)))]
        plan.choice = .required(allowed: nil)
        plan.allowsThinking = false
        plan.seed = 0
        return plan
    }

    /// Whether a format allows a call of `f` with these members.
    private func allows(
        _ schema: String, _ members: [(String, String)], _ format: any AnswerFormat
    ) throws -> Bool {
        let structure = try #require(
            format.structure(for: try plan(schema), tokenizer: tokenizer))
        let recognizer = try StructureRecognizer(structure)
        let text =
            if format is GemmaFormat {
                "<|tool_call>call:f{" + members.map { "\($0):\($1)" }.joined(separator: ",")
                    + "}<tool_call|>"
            } else {
                "<tool_call>\n<function=f>\n"
                    + members.map { "<parameter=\($0)>\n\($1)\n</parameter>\n" }.joined()
                    + "</function>\n</tool_call>"
            }
        return recognizer.accepts(tokenizer.encode(text, addSpecial: false), tokenizer)
    }

    private func text(_ text: String, _ format: any AnswerFormat) -> String {
        format is GemmaFormat ? "<|\"|>\(text)<|\"|>" : text
    }

    @Test(arguments: [true, false])
    func `references lead to any part of the whole schema`(isGemma: Bool) throws {
        let format: any AnswerFormat = isGemma ? GemmaFormat() : Self.qwen
        let schema = """
            {"type": "object", "properties": {
              "a": {"type": "string", "enum": ["x", "y"]}, "b": {"$ref": "#/properties/a"},
              "$ref": {"type": "array", "items": {"$ref": "#/$defs/n~1m"}}},
             "$defs": {"n/m": {"type": "array", "items": {"$ref": "#/properties/a"}}}}
            """
        #expect(try allows(schema, [("b", text("y", format))], format))
        #expect(try !allows(schema, [("b", text("z", format))], format))
        let (good, bad) =
            isGemma
            ? (#"[[<|"|>x<|"|>]]"#, #"[[<|"|>z<|"|>]]"#) : (#"[["x"]]"#, #"[["z"]]"#)
        #expect(try allows(schema, [("$ref", good)], format))
        #expect(try !allows(schema, [("$ref", bad)], format))
    }

    @Test func `a schema that refers to itself is itself there, too`() throws {
        let schema = """
            {"type": "object", "properties": {"name": {"type": "string"},
             "children": {"type": "array", "items": {"$ref": "#"}}}, "required": ["name"]}
            """
        let children = #"[{"name": "a", "children": [{"name": "b"}]}]"#
        #expect(try allows(schema, [("name", "r"), ("children", children)], Self.qwen))
        #expect(try !allows(schema, [("name", "r"), ("children", "[[]]")], Self.qwen))
    }

    @Test(arguments: [
        ##"{"$ref": "#/$defs/A", "$defs": {"A": ARGUMENTS}}"##,
        ##"{"type": "object", "allOf": [{"type": "object"}, {"$ref": "#/$defs/A"}], "$defs": {"A": ARGUMENTS}}"##,
    ])
    func `parameters are found behind references`(whole: String) throws {
        let schema = whole.replacing(
            "ARGUMENTS",
            with:
                #"{"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}"#
        )
        #expect(try allows(schema, [("id", "42")], Self.qwen))
        #expect(try !allows(schema, [], Self.qwen))
        #expect(try !allows(schema, [("other", "42")], Self.qwen))
        #expect(try read(schema, "id", "42") == #"{"id": "42"}"#)
    }

    @Test func `other parameters have the type that the schema gives them`() throws {
        let schema = #"{"type": "object", "additionalProperties": {"type": "string"}}"#
        #expect(try read(schema, "id", "42") == #"{"id": "42"}"#)
        #expect(try read(#"{"type": "object"}"#, "id", "42") == #"{"id": 42}"#)
        let numbers = #"{"additionalProperties": {"type": "integer"}}"#
        #expect(try allows(numbers, [("a", "1"), ("b", "2")], Self.qwen))
        #expect(try !allows(numbers, [("a", "x")], Self.qwen))
        #expect(try allows(numbers, [("a", "1"), ("b", "2")], GemmaFormat()))
        #expect(try !allows(numbers, [("a", #"<|"|>x<|"|>"#)], GemmaFormat()))
    }

    /// The arguments of a call that Qwen's coder has written.
    private func read(_ schema: String, _ name: String, _ value: String) throws -> String {
        let text =
            "<tool_call>\n<function=f>\n<parameter=\(name)>\n\(value)\n</parameter>\n"
            + "</function>\n</tool_call>"
        let pieces = AnswerReading.pieces(of: text, Self.qwen, try plan(schema), tokenizer)
        return pieces.map { piece in
            if case .callArguments(_, let text) = piece { text } else { "" }
        }.joined()
    }

    @Test func `of optional members any may be there, and required ones must`() throws {
        let names = ["a", "b", "c", "d", "e"]
        let properties = names.map { #""\#($0)": {"type": "integer"}"# }.joined(separator: ",")
        for required in ["[]", #"["c"]"#, #"["a", "e"]"#] {
            let schema = #"{"properties": {\#(properties)}, "required": \#(required)}"#
            for subset in 0..<32 {
                let chosen = names.indices.filter { subset >> $0 & 1 == 1 }.map { names[$0] }
                let isRight = names.allSatisfy {
                    chosen.contains($0) || !required.contains("\"\($0)\"")
                }
                #expect(
                    try allows(schema, chosen.map { ($0, "1") }, GemmaFormat()) == isRight,
                    "\(chosen) \(required)")
            }
        }
    }

    @Test func `Gemma's names with signs of its own stand between quotation marks`() throws {
        let schema = #"{"properties": {"og:title": {"type": "string"}}, "required": ["og:title"]}"#
        let member = #"<|"|>og:title<|"|>"#
        #expect(try allows(schema, [(member, #"<|"|>x<|"|>"#)], GemmaFormat()))
        let pieces = AnswerReading.pieces(
            of: #"<|tool_call>call:f{\#(member):<|"|>x<|"|>}<tool_call|>"#, GemmaFormat(),
            try plan(schema), tokenizer)
        #expect(pieces.contains(.callArguments(0, #"{"og:title": "x"}"#)))
    }

    @Test func `numbers of elements are kept, and hostile ones harmless`() throws {
        func schema(_ bounds: String) -> String {
            #"{"properties": {"a": {"type": "array", "items": {"type": "integer"}, \#(bounds)}}}"#
        }
        func allows(_ bounds: String, _ list: String) throws -> Bool {
            try self.allows(schema(bounds), [("a", list)], GemmaFormat())
        }
        #expect(try allows(#""minItems": -9223372036854775808"#, "[]"))
        #expect(try allows(#""maxItems": -9223372036854775808"#, "[]"))
        #expect(try allows(#""maxItems": 0"#, "[]"))
        #expect(try !allows(#""maxItems": 0"#, "[1]"))
        #expect(try allows(#""minItems": 2, "maxItems": 3"#, "[1,2,3]"))
        #expect(try !allows(#""minItems": 2, "maxItems": 3"#, "[1]"))
    }

    /// Each of these had more parts than any machine could write out.
    private static let hostile: [String] = {
        let many = (0..<20).map { ##""p\##($0)": {"$ref": "#/$defs/n"}"## }.joined(separator: ",")
        let all = Array(repeating: ##"{"$ref": "#/$defs/n"}"##, count: 20).joined(separator: ",")
        let long = (0..<2000).map { ##""p\##($0)": {"$ref": "#/$defs/n"}"## }.joined(separator: ",")
        let values = (0..<4000).map { "\"v\($0)\"" }.joined(separator: ",")
        return [
            ##"{"properties": {"a": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"type": "object", "properties": {\##(many)}}}}"##,
            ##"{"properties": {"a": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"allOf": [\##(all)]}}}"##,
            ##"{"properties": {"a": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"anyOf": [\##(all)]}}}"##,
            ##"{"properties": {\##(long)}, "$defs": {"n": {"enum": [\##(values)]}}}"##,
        ]
    }()

    @Test(arguments: hostile)
    func `no schema takes for ever`(schema: String) throws {
        let plan = try plan(schema)
        let cache = ConstraintCache(ConstraintVocabulary(ByteVocabulary()))
        for format in [GemmaFormat(), Self.qwen] as [any AnswerFormat] {
            let structure = try #require(format.structure(for: plan, tokenizer: tokenizer))
            // What many members write out is refused, and all else is no larger than that.
            let isLarge = structure.isLarger(than: RecognitionLimits().maxParts)
            #expect(isLarge == (schema == Self.hostile.last))
            do throws(RecognitionError) {
                _ = try cache.constraint(for: structure)
                #expect(!isLarge)
            } catch {
                #expect(isLarge == error.reason.contains("more than"), "\(error)")
            }
        }
    }

    @Test func `gpt-oss goes on with a text that has begun, and may call then`() throws {
        var plan = AnswerPlan()
        plan.tools = [Tool(name: "f")]
        plan.continuesText = true
        let format = HarmonyFormat()
        let recognizer = try StructureRecognizer(
            #require(format.structure(for: plan, tokenizer: tokenizer)))
        let call = "<|channel|>commentary to=functions.f <|constrain|>json<|message|>{}"
        let next = "<|end|><|start|>assistant"
        func allows(_ text: String, _ recognizer: StructureRecognizer) -> Bool {
            recognizer.accepts(tokenizer.encode(text, addSpecial: false), tokenizer)
        }
        #expect(allows(" Paris.", recognizer))
        #expect(allows(" Paris." + next + call, recognizer))
        #expect(!allows("<|channel|>final<|message|>Paris.", recognizer))
        let pieces = AnswerReading.pieces(of: " to=Paris." + next + call, format, plan, tokenizer)
        #expect(pieces.first == .text(" to=Paris."))
        #expect(pieces.contains(.callArguments(0, "{}")))
        plan.choice = .required(allowed: nil)
        let required = try StructureRecognizer(
            #require(format.structure(for: plan, tokenizer: tokenizer)))
        #expect(!allows(" Paris.", required))
    }
}
