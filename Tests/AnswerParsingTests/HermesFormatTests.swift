// SPDX-License-Identifier: Apache-2.0

import AnswerParsing
import ConversationSupport
import JSON
import Recognition
import Testing

@Suite struct HermesFormatTests {
    private let format = HermesFormat(thinking: .tags)
    private let tokenizer = ByteTokenizer(controls: ["<s>", "</s>"])
    private let tools = [Tool(name: "f"), Tool(name: "g"), Tool(name: "c", input: .text)]

    private func read(_ text: String, cutEvery size: Int = .max) -> [AnswerPiece] {
        var plan = AnswerPlan()
        plan.tools = tools
        plan.seed = 0
        return AnswerReading.pieces(of: text, format, plan, tokenizer, cutEvery: size)
    }

    @Test(arguments: [1, 2, 3, 7, 1000])
    func `text, thinking and calls come out however the answer was cut`(size: Int) {
        let answer = """
            <think>
            Hm.
            </think>

            Let me see.
            <tool_call>
            {"name": "f", "arguments": {"x": "</tool_call> \\" }", "y": [1, {}]}}
            </tool_call>
            <tool_call>
            {"name": "g", "arguments": {}}
            </tool_call>
            """
        let ids = AnswerReading.identities(2)
        #expect(
            read(answer, cutEvery: size) == [
                .thinking("Hm."), .text("Let me see."), .callBegun(0, id: ids[0], name: "f"),
                .callArguments(0, #"{"x": "</tool_call> \" }", "y": [1, {}]}"#), .callEnded(0),
                .callBegun(1, id: ids[1], name: "g"), .callArguments(1, "{}"), .callEnded(1),
            ])
    }

    @Test(arguments: [
        "a <tool_call> is a tag", "<tool_call>\n{\"name\": \"h\", \"arguments\": {}}\n</tool_call>",
        "<tool_call>\n{\"name\": ", "x\n<tool_call>\n{\"a\": {}}", "<tool_cal", " \n ", "",
        "<tool_call>{\"name\": 1}</tool_call>\n\n",
    ])
    func `what is no call is text`(answer: String) {
        #expect(read(answer) == (answer.isEmpty ? [] : [.text(answer)]))
        #expect(read(answer, cutEvery: 1) == read(answer))
    }

    @Test(arguments: [
        #"<tool_call>{"name":"f","arguments":{"a":1}}</tool_call>"#,
        #"<tool_call>[{"name":"f","arguments":{"a":1}}]</tool_call>"#,
        #"<tool_call>{"arguments":{"a":1},"x":[2],"name":"f"}"#,
        #"<tool_call> {"name":"f","parameters":"{\"a\":1}"} "#,
    ])
    func `calls are read however their JSON is written`(answer: String) {
        let id = AnswerReading.identities(1)[0]
        #expect(
            read(answer, cutEvery: 1) == [
                .callBegun(0, id: id, name: "f"), .callArguments(0, #"{"a":1}"#), .callEnded(0),
            ])
    }

    @Test(arguments: [
        #"{"name": "f", "arguments": {"a":1}}"#, #"{"name":"f","arguments":{"a":1}}"#,
        "```json\n{\"name\": \"f\", \"arguments\": {\"a\":1}}\n```",
        "\n```json\n{\n  \"name\": \"f\",\n  \"arguments\": {\"a\":1}\n}\n```\n",
    ])
    func `an answer that begins as a call without tags is one`(answer: String) throws {
        let id = AnswerReading.identities(1)[0]
        let call: [AnswerPiece] = [
            .callBegun(0, id: id, name: "f"), .callArguments(0, #"{"a": 1}"#), .callEnded(0),
        ]
        for size in [1, 2, 5, 1000] { #expect(read(answer, cutEvery: size) == call) }
        let thought = read("<think>\nHm.\n</think>\n" + answer, cutEvery: 1)
        #expect(thought == [.thinking("Hm.")] + call)
    }

    @Test(arguments: [
        #"{"name": "other", "arguments": {}}"#, #"{"name": "f"#, #"{"name": 1}"#, "{}", "[1]",
        #"{"arguments": {}, "name": "f"}"#, #"[{"name": "f", "arguments": {}}]"#,
        "```json\n{\"a\": 1}\n```", "```json\n[{\"name\": \"f\"}]\n```", "```json", "```js", "``",
        "Such as {\"name\": \"f\", \"arguments\": {}}", "So:\n```json\n{\"name\": \"f\"}\n```",
        "{\"name\": \"other\"}\n{\"name\": \"f\", \"arguments\": {}}",
    ])
    func `what only looks like a call without tags is text`(answer: String) {
        for size in [1, 4, 1000] { #expect(read(answer, cutEvery: size).texts == answer) }
    }

    @Test func `an object that was asked for is a text`() {
        let answer = #"{"name": "f", "arguments": {}}"#
        var plan = AnswerPlan()
        plan.tools = tools
        plan.output = .anyObject
        #expect(
            AnswerReading.pieces(of: answer, format, plan, tokenizer, cutEvery: 1)
                == [.text(answer)])
    }

    @Test func `a call without tags has arguments of its tool, or is text`() {
        let schema: JSONValue = [
            "type": "object", "properties": ["a": ["type": "integer"]], "required": ["a"],
        ]
        var plan = AnswerPlan()
        plan.seed = 0
        plan.tools = [
            Tool(name: "f", input: .arguments(schema)),
            Tool(name: "e", input: .expression("x+")), Tool(name: "c", input: .text),
        ]
        for answer in [
            #"{"name": "f", "arguments": {"a": "1"}}"#, #"{"name": "f", "arguments": {}}"#,
            #"{"name": "f", "arguments": {"a": 1, "b": 2}}"#, #"{"name": "f"}"#,
            #"{"name": "f", "arguments": "{}"}"#, #"{"name": "f", "arguments": {"a": 1,}}"#,
            #"{"name": "f", "arguments": {"a": 1}"#, #"{"name": "e", "arguments": {"input": "x"}}"#,
            "```json\n{\"name\": \"f\", \"arguments\": {}}\n```\nx",
        ] {
            let pieces = AnswerReading.pieces(of: answer, format, plan, tokenizer, cutEvery: 1)
            #expect(pieces.texts == answer, "\(pieces)")
        }
        let id = AnswerReading.identities(1)[0]
        let custom = #"{"name": "c", "arguments": {"input": "a\n"}}"#
        #expect(
            AnswerReading.pieces(of: custom, format, plan, tokenizer, cutEvery: 1) == [
                .callBegun(0, id: id, name: "c"), .callArguments(0, "a\n"), .callEnded(0),
            ])
    }

    @Test(arguments: [
        #"{"name": "g", "arguments": {}}"#, "```json\n{\"name\": \"g\", \"arguments\": {}}\n```",
    ])
    func `where one call is allowed, a second one without tags is text`(second: String) {
        var plan = AnswerPlan()
        plan.tools = tools
        plan.seed = 0
        plan.allowsParallelCalls = false
        let answer = #"{"name": "f", "arguments": {"a": 1}}"# + "\n" + second
        let id = AnswerReading.identities(1)[0]
        for size in [1, 5, 1000] {
            #expect(
                AnswerReading.pieces(of: answer, format, plan, tokenizer, cutEvery: size) == [
                    .callBegun(0, id: id, name: "f"), .callArguments(0, #"{"a": 1}"#),
                    .callEnded(0), .text("\n" + second),
                ])
        }
        #expect(read(answer).count == 6)
    }

    @Test func `a call with tags after an object that stays open is a call`() {
        let unclosed = #"{"name": "f", "arguments": {"a": "<b>"}"# + "\n"
        let call = "<tool_call>\n{\"name\": \"g\", \"arguments\": {}}\n</tool_call>"
        let id = AnswerReading.identities(1)[0]
        for size in [1, 5, 1000] {
            #expect(
                read(unclosed + call, cutEvery: size) == [
                    .text(unclosed), .callBegun(0, id: id, name: "g"), .callArguments(0, "{}"),
                    .callEnded(0),
                ])
            #expect(
                read("```json\n" + unclosed + call, cutEvery: size) == [
                    .text("```json\n" + unclosed), .callBegun(0, id: id, name: "g"),
                    .callArguments(0, "{}"), .callEnded(0),
                ])
        }
        let closed = #"{"name": "f", "arguments": {"a": "<tool_call>"}}"#
        #expect(
            read(closed, cutEvery: 1) == [
                .callBegun(0, id: id, name: "f"), .callArguments(0, #"{"a": "<tool_call>"}"#),
                .callEnded(0),
            ])
    }

    @Test(arguments: ["read file", "readfile ", "read\tfile"])
    func `white space in a name makes it another name`(name: String) {
        var plan = AnswerPlan()
        plan.tools = [Tool(name: "readfile")]
        let answer = "{\"name\": \"\(name)\", \"arguments\": {}}"
        let pieces = AnswerReading.pieces(of: answer, format, plan, tokenizer, cutEvery: 1)
        #expect(pieces == [.text(answer)])
    }

    @Test func `a custom tool's input comes out of its arguments`() {
        let id = AnswerReading.identities(1)[0]
        let answer = #"<tool_call>\#n{"name": "c", "arguments": {"input": "a\n\"\ud83d\ude00"}}"#
        #expect(
            read(answer, cutEvery: 1) == [
                .callBegun(0, id: id, name: "c"), .callArguments(0, "a\n\"😀"), .callEnded(0),
            ])
    }

    @Test func `a call that is cut off keeps what it has`() {
        let id = AnswerReading.identities(1)[0]
        #expect(
            read(#"<tool_call>{"name": "f", "arguments": {"a": "b"#) == [
                .callBegun(0, id: id, name: "f"), .callArguments(0, #"{"a": "b"#), .callEnded(0),
            ])
    }

    @Test func `without anything to hold to there is no structure`() {
        #expect(format.structure(for: AnswerPlan(), tokenizer: tokenizer) == nil)
    }

    @Test func `under none no call can begin`() {
        var plan = AnswerPlan()
        plan.tools = tools
        plan.choice = .none
        plan.allowsThinking = false
        #expect(
            format.structure(for: plan, tokenizer: tokenizer)
                == .freeText(until: ["<tool_call>"], orControls: []))
    }
}

extension [AnswerPiece] {
    /// All of its text; nil where it has anything else.
    fileprivate var texts: String? {
        var text = ""
        for piece in self {
            guard case .text(let more) = piece else { return nil }
            text += more
        }
        return text
    }
}
