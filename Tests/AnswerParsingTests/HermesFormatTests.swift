// SPDX-License-Identifier: Apache-2.0

import AnswerParsing
import ConversationSupport
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
