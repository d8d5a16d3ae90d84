// SPDX-License-Identifier: Apache-2.0

import APIs
import AnswerParsing
import Conversation
import JSON
import Testing

/// What `input` becomes.
@Suite struct ResponseInputTests {
    private func messages(_ items: String, _ members: String = "") throws -> [Message] {
        let body = #"{"model":"m","input":[\#(items)]\#(members)}"#
        return try ResponseRequest(
            #require(try JSONParser.parse(body).objectValue), dialect: .openAI
        ).messages
    }

    @Test func `a text is a user's, and instructions come first`() throws {
        let body: JSONObject = ["model": "m", "input": "Hi", "instructions": "Be brief."]
        let messages = try ResponseRequest(body, dialect: .openAI).messages
        #expect(messages == [Message(.system, "Be brief."), Message(.user, "Hi")])
    }

    @Test func `messages are read with and without their type`() throws {
        let items = """
            {"role":"developer","content":"d"},{"type":"message","role":"user","content":[
            {"type":"input_text","text":"a"},{"type":"input_text","text":"b"}]},
            {"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[
            {"type":"output_text","text":"c","annotations":[]}]},{"role":"user","content":"e"}
            """
        #expect(
            try messages(items) == [
                Message(.developer, "d"), Message(role: .user, parts: ["a", "b"]),
                Message(.assistant, "c"), Message(.user, "e"),
            ])
    }

    @Test func `a turn of the assistant is one message, and each result one of its own`() throws {
        let items = """
            {"role":"user","content":"a"},
            {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"no"}],
            "content":[{"type":"reasoning_text","text":"so"}]},
            {"type":"message","role":"assistant","content":[{"type":"output_text","text":"Hm"}]},
            {"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},
            {"type":"custom_tool_call","call_id":"c2","name":"c","input":"x\\ny"},
            {"type":"function_call_output","call_id":"c1","output":"1"},
            {"type":"custom_tool_call_output","call_id":"c2","output":[
            {"type":"input_text","text":"2"},{"type":"input_text","text":"3"}]},
            {"type":"reasoning","summary":[{"type":"summary_text","text":"then"}]},
            {"type":"function_call","call_id":"c3","name":"find","namespace":"crm","arguments":""}
            """
        let found = try messages(items)
        #expect(found.map(\.role) == [.user, .assistant, .tool, .tool, .assistant])
        #expect(found[1].content == "Hm")
        #expect(found[1].extra["reasoning_content"] == "so")
        #expect(
            found[1].toolCalls == [
                ToolCall(id: "c1", name: "f", arguments: "{}"),
                ToolCall(id: "c2", name: "c", arguments: #"{"input": "x\ny"}"#),
            ])
        #expect(found[2] == Message(.tool, "1", toolCallID: "c1"))
        #expect(found[3].parts == ["2", "3"])
        #expect(found[4].extra["reasoning_content"] == "then")
        #expect(found[4].toolCalls.map(\.name) == ["crm__find"])
    }

    @Test func `two answers in a row stay two, and thoughts alone are none`() throws {
        let items = """
            {"role":"user","content":"a"},{"role":"assistant","content":"b"},
            {"role":"assistant","content":"c"},
            {"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"so"}]},
            {"role":"user","content":"d"},
            {"type":"reasoning","summary":[],"encrypted_content":"gAAAAABo"}
            """
        let found = try messages(items)
        #expect(found.map(\.role) == [.user, .assistant, .assistant, .user])
        #expect(found[2].extra["reasoning_content"] == "so")
    }

    @Test(arguments: [
        (#"{"role":"tool","content":"a"}"#, "input[0].role"),
        (#"{"content":"a"}"#, "input[0].type"), ("3", "input[0]"),
        (#"{"role":"user"}"#, "input[0].content"),
        (
            #"{"role":"user","content":[{"type":"input_text","text":"a"},"#
                + #"{"type":"input_image","image_url":"data:"}]}"#, "input[0].content[1]"
        ),
        (#"{"type":"item_reference","id":"msg_1"}"#, "input[0]"),
        (#"{"type":"local_shell_call","call_id":"c"}"#, "input[0]"),
        (#"{"type":"function_call","name":"f","arguments":"{}"}"#, "input[0].call_id"),
        (#"{"type":"function_call","call_id":"c","name":"f"}"#, "input[0].arguments"),
        (#"{"type":"function_call","call_id":"c","name":"f f","arguments":""}"#, "input[0].name"),
        (#"{"type":"custom_tool_call","call_id":"c","name":"f"}"#, "input[0].input"),
        (#"{"type":"function_call_output","call_id":"c"}"#, "input[0].output"),
        (
            #"{"type":"function_call_output","call_id":"c","output":[{"type":"input_file"}]}"#,
            "input[0].output[0]"
        ),
        (#"{"type":"reasoning","summary":[{}]}"#, "input[0].summary[0].text"),
        (#"{"role":"user","content":"a","tool_calls":[{}]}"#, "input[0].tool_calls"),
        (#"{"type":"reasoning","summary":[]}"#, "input"),
    ])
    func `a wrong item is named`(item: String, path: String) throws {
        let error = #expect(throws: FieldError.self) { try messages(item) }
        #expect(error?.path?.description == path)
    }

    @Test func `tools that stand flat are what nested ones are`() throws {
        func tools(_ tools: String) throws -> ToolFields {
            let body = #"{"model":"m","input":"a","tools":[\#(tools)]}"#
            return try ResponseRequest(
                #require(try JSONParser.parse(body).objectValue), dialect: .openAI
            ).calls
        }
        let schema = #""parameters":{"type":"object","properties":{"a":{"type":"string"}}}"#
        let members = #""name":"f","description":"d",\#(schema),"strict":true"#
        let flat = try tools(#"{"type":"function",\#(members)}"#)
        let nested = try tools(#"{"type":"function","function":{\#(members)}}"#)
        #expect(flat.tools == nested.tools)
        #expect(
            flat.definitions.map { $0.serialized() } == [
                #"{"type":"function","function":{"name":"f","description":"d",\#(schema)}}"#
            ])
        let member = try tools(
            #"{"type":"namespace","name":"mcp__git__","description":"Git.","tools":["#
                + #"{"type":"function","name":"log","description":"Lists."},"#
                + #"{"type":"custom","name":"diff"}]}"#)
        #expect(member.tools.map(\.name) == ["mcp__git__log", "mcp__git__diff"])
        #expect(member.tools[0].description == "Git.\n\nLists.")
        #expect(member.members["mcp__git__diff"]?.name == "diff")
    }
}
