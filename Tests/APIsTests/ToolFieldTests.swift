// SPDX-License-Identifier: Apache-2.0

import APIs
import AnswerParsing
import Conversation
import JSON
import Testing

@Suite struct ToolFieldTests {
    private static let two =
        #""tools":[{"type":"function","function":{"name":"f"}},{"function":{"name":"g"}}]"#

    private func read(_ members: String) throws -> ChatCompletionRequest {
        let body = #"{"model":"m","messages":[{"role":"user","content":"Hi"}],\#(members)}"#
        return try ChatCompletionRequest(
            #require(try JSONParser.parse(body).objectValue), dialect: .openAI)
    }

    private func input(_ tool: String) throws -> Tool.Input {
        try #require(try read(#""tools":[\#(tool)]"#).calls.tools.first).input
    }

    private func function(_ members: String) -> String {
        #"{"type":"function","function":{"name":"f",\#(members)}}"#
    }

    @Test(arguments: [
        ("", ToolChoice.auto(allowed: nil)), (#","tool_choice":"auto""#, .auto(allowed: nil)),
        (#","tool_choice":"required""#, .required(allowed: nil)),
        (#","tool_choice":"any""#, .required(allowed: nil)),
        (#","tool_choice":{"type":"any"}"#, .required(allowed: nil)),
        (#","tool_choice":"none""#, .none),
        (
            #","tool_choice":{"type":"function","function":{"name":"g"}}"#,
            .required(allowed: ["g"])
        ),
        (#","tool_choice":{"function":{"name":"g"}}"#, .required(allowed: ["g"])),
        (#","tool_choice":{"type":"function","name":"g"}"#, .required(allowed: ["g"])),
        (
            #","tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":"#
                + #"[{"type":"function","function":{"name":"g"}}]}}"#, .auto(allowed: ["g"])
        ),
        (
            #","tool_choice":{"type":"allowed_tools","mode":"required","tools":"#
                + #"[{"type":"function","name":"f"}]}"#, .required(allowed: ["f"])
        ),
    ])
    func `a choice says which tools are called`(members: String, choice: ToolChoice) throws {
        #expect(try read(Self.two + members).calls.choice == choice)
    }

    @Test func `calls may be parallel unless the client or a name says otherwise`() throws {
        #expect(try read(Self.two).calls.allowsParallelCalls)
        #expect(
            try !read(Self.two + #","parallel_tool_calls":false"#).calls.allowsParallelCalls)
        #expect(
            try !read(Self.two + #","tool_choice":{"function":{"name":"f"}}"#).calls
                .allowsParallelCalls)
    }

    @Test func `a function without parameters takes none, an empty schema anything`() throws {
        let nothing: JSONValue = [
            "type": "object", "properties": [:], "additionalProperties": false,
        ]
        #expect(try input(#"{"function":{"name":"f"}}"#) == .arguments(nothing))
        #expect(try input(function(#""parameters":null"#)) == .arguments(nothing))
        #expect(try input(function(#""parameters":{}"#)) == .arguments([:]))
    }

    @Test(arguments: ["true", "false", "null"])
    func `arguments are kept to their schema, strict or not`(strict: String) throws {
        let tool = function(#""strict":\#(strict),"parameters":{"type":"object","required":["a"]}"#)
        #expect(try input(tool) == .arguments(["type": "object", "required": ["a"]]))
    }

    @Test func `a schema of arguments is one of objects, whatever stands beside it`() throws {
        #expect(
            try input(function(#""parameters":{"properties":{"a":true}}"#))
                == .arguments(["properties": ["a": true], "type": "object"]))
        #expect(
            try input(function(##""parameters":{"$ref":"#/$defs/a","$defs":{"a":{}}}"##))
                == .arguments([
                    "$defs": ["a": [:]], "allOf": [["$ref": "#/$defs/a"]], "type": "object",
                ]))
        #expect(
            try input(function(#""parameters":{"type":["object","null"]}"#))
                == .arguments(["type": "object"]))
    }

    @Test func `a custom tool takes any text, or one of a grammar`() throws {
        func custom(_ format: String) -> String {
            #"{"type":"custom","custom":{"name":"c"\#(format)}}"#
        }
        #expect(try input(custom("")) == .text)
        #expect(try input(custom(#","format":{"type":"text"}"#)) == .text)
        #expect(
            try input(
                custom(
                    #","format":{"type":"grammar","grammar":{"syntax":"lark","definition":"a"}}"#))
                == .grammar("a"))
        #expect(
            try input(custom(#","format":{"type":"grammar","syntax":"regex","definition":"a"}"#))
                == .expression("a"))
    }

    @Test func `names that clients of MCP make are taken`() throws {
        let name = "mcp__files.read:v1/" + String(repeating: "a", count: 60)
        let request = try read(#""tools":[{"type":"function","function":{"name":"\#(name)"}}]"#)
        #expect(request.calls.tools.map(\.name) == [name])
    }

    @Test func `an equal tool counts once, another of its name is an error`() throws {
        let tool = function(#""description":"d""#)
        #expect(try read(#""tools":[\#(tool),\#(tool)]"#).calls.tools.count == 1)
        let error = #expect(throws: FieldError.self) {
            try read(#""tools":[\#(tool),\#(function(#""description":"e""#))]"#)
        }
        #expect(error?.path?.description == "tools[1].function.name")
    }

    @Test func `28 tools of 21 kB are taken`() throws {
        let long = String(repeating: "words ", count: 110)
        let tools = (0..<28).map {
            #"{"type":"function","function":{"name":"tool_\#($0)","description":"\#(long)","#
                + #""parameters":{"type":"object","properties":{"q":{"type":"string"}}}}}"#
        }
        #expect(try read(#""tools":[\#(tools.joined(separator: ","))]"#).calls.tools.count == 28)
    }

    @Test func `functions are tools of which one is called`() throws {
        let functions = #""functions":[{"name":"f","parameters":{"type":"object"}}]"#
        let request = try read(functions)
        #expect(request.calls.areFunctions && !request.calls.allowsParallelCalls)
        #expect(request.calls.choice == .auto(allowed: nil))
        #expect(
            request.tools == [
                ["type": "function", "function": ["name": "f", "parameters": ["type": "object"]]]
            ])
        #expect(
            try read(functions + #","function_call":{"name":"f"}"#).calls.choice
                == .required(allowed: ["f"]))
        #expect(try read(functions + #","function_call":"none""#).tools.isEmpty)
    }

    @Test(arguments: [
        (#""tool_choice":{"function":{"name":"x"}}"#, "tool_choice.function.name"),
        (#""tool_choice":{"type":"function"}"#, "tool_choice.name"),
        (#""tool_choice":{"type":"search"}"#, "tool_choice.type"),
        (
            #""tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":"#
                + #"[{"type":"function","function":{"name":"x"}}]}}"#,
            "tool_choice.allowed_tools.tools[0].function.name"
        ),
        (
            #""tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[]}}"#,
            "tool_choice.allowed_tools.tools"
        ),
        (#""functions":[{"name":"h"}]"#, "functions"),
    ])
    func `what a choice names must be offered`(members: String, path: String) throws {
        let error = #expect(throws: FieldError.self) { try read(Self.two + "," + members) }
        #expect(error?.path?.description == path)
    }

    @Test(arguments: [
        (
            #"{"type":"function","function":{"name":"f","parameters":{"type":"string"}}}"#,
            "tools[0].function.parameters.type"
        ),
        (#"{"type":"document_library","library_ids":[]}"#, "tools[0].type"),
        (
            #"{"type":"custom","custom":{"name":"c","format":{"type":"grammar"}}}"#,
            "tools[0].custom.format.definition"
        ),
        (
            #"{"type":"custom","custom":{"name":"c","format":{"type":"grammar","grammar":"#
                + #"{"syntax":"ebnf","definition":"a"}}}}"#,
            "tools[0].custom.format.grammar.syntax"
        ),
    ])
    func `a wrong tool is named`(tool: String, path: String) throws {
        let error = #expect(throws: FieldError.self) { try read(#""tools":[\#(tool)]"#) }
        #expect(error?.path?.description == path)
    }

    @Test(arguments: [
        (#""functions":[{"name":"f"}],"tool_choice":"none""#, "tool_choice"),
        (#""functions":[{"name":"f"}],"tool_choice":"required""#, "tool_choice"),
        (Self.two + #","function_call":"none""#, "function_call"),
    ])
    func `a choice of the other notation is no choice`(members: String, field: String) {
        let error = #expect(throws: FieldError.self) { try read(members) }
        #expect("\(String(describing: error))".contains(field))
    }

    @Test func `a function's result answers the last call of its name`() throws {
        let body = """
            {"model":"m","messages":[{"role":"user","content":"a"},
            {"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},
            {"role":"function","name":"f","content":"1"}]}
            """
        let messages = try ChatCompletionRequest(
            #require(try JSONParser.parse(body).objectValue), dialect: .openAI
        ).messages
        let id = try #require(messages[1].toolCalls.first?.id)
        #expect(id.utf8.count == 9)
        #expect(messages[2].toolCallID == id)
        #expect(messages[2].role == .function)
    }

    @Test func `a custom tool's call is read back`() throws {
        let body = """
            {"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"a","type":"custom",
            "custom":{"name":"c","input":"1 + 1"}}]},{"role":"tool","tool_call_id":"a",
            "content":"2"}]}
            """
        let messages = try ChatCompletionRequest(
            #require(try JSONParser.parse(body).objectValue), dialect: .openAI
        ).messages
        #expect(messages[0].toolCalls == [.init(id: "a", name: "c", arguments: "1 + 1")])
    }
}
