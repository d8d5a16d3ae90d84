// SPDX-License-Identifier: Apache-2.0

import APIs
import JSON
import Recognition
import Testing

@Suite struct OutputFieldTests {
    private static let schema: JSONValue = ["type": "object"]

    private func chat(_ members: String, _ dialect: Dialect = .openAI) throws -> RequestedOutput? {
        let body = #"{"model":"m","messages":[{"role":"user","content":"Hi"}],\#(members)}"#
        return try ChatCompletionRequest(
            #require(try JSONParser.parse(body).objectValue), dialect: dialect
        ).options.output
    }

    private func completion(_ members: String) throws -> RequestedOutput? {
        try CompletionRequest(
            #require(
                try JSONParser.parse(#"{"model":"m","prompt":"a",\#(members)}"#).objectValue),
            dialect: .openAI
        ).options.output
    }

    @Test(arguments: [
        (
            #""response_format":{"type":"json_schema","json_schema":{"name":"a","strict":true,"#
                + #""schema":{"type":"object"}}}"#,
            Structure.schema(Self.schema), "response_format.json_schema.schema"
        ),
        (
            #""response_format":{"type":"json_schema","json_schema":{"name":"a","strict":false,"#
                + #""description":"d","schema":{"type":"object"}}}"#,
            .schema(Self.schema), "response_format.json_schema.schema"
        ),
        (#""response_format":{"type":"json_object"}"#, .anyObject, "response_format.type"),
        (
            #""response_format":{"type":"json_object","schema":{"type":"object"}}"#,
            .schema(Self.schema), "response_format.schema"
        ),
        (
            #""structured_outputs":{"json":{"type":"object"}}"#, .schema(Self.schema),
            "structured_outputs.json"
        ),
        (
            #""structured_outputs":{"json":"{\"type\":\"object\"}"}"#, .schema(Self.schema),
            "structured_outputs.json"
        ),
        (
            #""structured_outputs":{"json_object":true,"regex":null}"#, .anyObject,
            "structured_outputs.json_object"
        ),
        (
            #""structured_outputs":{"regex":"a+"}"#, .expression("a+"), "structured_outputs.regex"
        ),
        (
            #""structured_outputs":{"choice":["a","b"]}"#, .choice([.literal("a"), .literal("b")]),
            "structured_outputs.choice"
        ),
        (
            #""structured_outputs":{"grammar":"root ::= \"a\""}"#, .grammar(#"root ::= "a""#),
            "structured_outputs.grammar"
        ),
        (#""guided_json":{"type":"object"}"#, .schema(Self.schema), "guided_json"),
        (#""guided_json":"{\"type\":\"object\"}""#, .schema(Self.schema), "guided_json"),
        (#""guided_regex":"a+""#, .expression("a+"), "guided_regex"),
        (#""guided_choice":["a"]"#, .choice([.literal("a")]), "guided_choice"),
        (#""guided_grammar":"start: \"a\"""#, .grammar(#"start: "a""#), "guided_grammar"),
        (#""grammar":"root ::= \"a\"""#, .grammar(#"root ::= "a""#), "grammar"),
        (#""json_schema":{"type":"object"}"#, .schema(Self.schema), "json_schema"),
    ])
    func `what a text must look like goes by many names`(
        members: String, structure: Structure, path: String
    ) throws {
        for output in [try chat(members), try chat(members, .mistral), try completion(members)] {
            #expect(output?.structure == structure)
            #expect(output?.path.description == path)
        }
    }

    @Test(arguments: [
        #""response_format":{"type":"text"}"#, #""json_schema":{},"grammar":"""#,
        #""structured_outputs":{}"#, #""structured_outputs":null,"guided_json":null"#,
        #""structured_outputs":{"json_object":false,"disable_any_whitespace":true}"#,
    ])
    func `what asks for nothing leaves the text free`(members: String) throws {
        #expect(try chat(members) == nil)
    }

    @Test func `equal forms by two names agree, others are an error that names both`() throws {
        let format =
            #""response_format":{"type":"json_schema","json_schema":{"name":"a","schema":"#
            + #"{"type":"object"}}}"#
        #expect(try chat(format + #","guided_json":{"type":"object"}"#) != nil)
        let error = #expect(throws: FieldError.self) {
            try chat(format + #","guided_regex":"a""#)
        }
        #expect(error?.path?.description == "guided_regex")
        #expect(error?.description.contains("response_format.json_schema.schema") == true)
    }

    @Test(arguments: [
        (#""response_format":{"type":"json_schema"}"#, "response_format.json_schema"),
        (
            #""response_format":{"type":"json_schema","json_schema":{"schema":{}}}"#,
            "response_format.json_schema.name"
        ),
        (
            #""response_format":{"type":"json_schema","json_schema":{"name":"a"}}"#,
            "response_format.json_schema.schema"
        ),
        (
            #""response_format":{"type":"json_schema","json_schema":{"name":"a","schema":1}}"#,
            "response_format.json_schema.schema"
        ),
        (#""guided_json":"{""#, "guided_json"), (#""guided_json":"1""#, "guided_json"),
        (#""guided_choice":[]"#, "guided_choice"), (#""guided_choice":[1]"#, "guided_choice[0]"),
        (#""guided_regex":1"#, "guided_regex"), (#""grammar":1"#, "grammar"),
        (#""structured_outputs":{"regex":"a","json":{}}"#, "structured_outputs.regex"),
        (#""structured_outputs":{"frobnicate":1}"#, "structured_outputs.frobnicate"),
        (
            #""structured_outputs":{"json":{},"whitespace_pattern":" *"}"#,
            "structured_outputs.whitespace_pattern"
        ),
        (#""guided_whitespace_pattern":"a""#, "guided_whitespace_pattern"),
        (
            #""structured_outputs":{"structural_tag":{}}"#,
            "structured_outputs.structural_tag"
        ),
    ])
    func `a wrong form is an error that names the member`(members: String, path: String) throws {
        let ofChat = #expect(throws: FieldError.self) { try chat(members) }
        #expect(ofChat?.path?.description == path)
        let ofCompletion = #expect(throws: FieldError.self) { try completion(members) }
        #expect(ofCompletion?.path?.description == path)
    }

    @Test func `an older structural tag is free text up to a trigger, then a tag`() throws {
        let tag = """
            {"structures":[{"begin":"<f>","schema":{"type":"object"},"end":"</f>"}],
            "triggers":["<"]}
            """
        let call = Structure.choice([
            .sequence([.literal("<f>"), .schema(Self.schema), .literal("</f>")])
        ])
        let free = Structure.freeText(until: ["<"], orControls: [])
        let expected = Structure.sequence([
            free, .repetition(.sequence([call, free]), least: 0, most: nil),
        ])
        #expect(
            try chat(#""structured_outputs":{"structural_tag":\#(tag)}"#)?.structure == expected)
        let text = JSONValue.string(tag).serialized()
        #expect(
            try chat(#""structured_outputs":{"structural_tag":\#(text)}"#)?.structure == expected)
    }

    @Test func `a gap is filled with any text only`() throws {
        let body = #"{"model":"m","prompt":"a","guided_regex":"a"}"#
        let error = #expect(throws: FieldError.self) {
            try FIMCompletionRequest(
                #require(try JSONParser.parse(body).objectValue), dialect: .mistral)
        }
        #expect(error?.path?.description == "guided_regex")
    }

    @Test func `a prefix is no part of what is held to a form`() throws {
        let body = """
            {"model":"m","response_format":{"type":"json_object"},"messages":[
            {"role":"user","content":"a"},{"role":"assistant","content":"{","prefix":true}]}
            """
        let error = #expect(throws: FieldError.self) {
            try ChatCompletionRequest(
                #require(try JSONParser.parse(body).objectValue), dialect: .mistral)
        }
        #expect(error?.path?.description == "response_format.type")
    }

    @Test(arguments: [
        "thinking_token_budget", "thinking_budget", "thinking_budget_tokens", "reasoning_budget",
    ])
    func `a budget of thinking goes by four names`(name: String) throws {
        func budget(_ value: Int) throws -> ThinkingFields {
            let body =
                #"{"model":"m","messages":[{"role":"user","content":"Hi"}],"\#(name)":\#(value)}"#
            return try ChatCompletionRequest(
                #require(try JSONParser.parse(body).objectValue), dialect: .openAI
            ).options.thinking
        }
        #expect(try budget(64).budget == 64)
        #expect(try budget(-1).budget == nil)
        #expect(try budget(-1).isAllowed)
        #expect(try !budget(0).isAllowed)
        #expect(throws: FieldError.self) { try budget(-2) }
    }
}
