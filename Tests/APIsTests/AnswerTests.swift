// SPDX-License-Identifier: Apache-2.0

import APIs
import JSON
import Testing

@Suite struct AnswerTests {
    private let header = AnswerHeader(
        id: "chatcmpl-1", object: "chat.completion", created: 7, model: "m",
        systemFingerprint: "fp")

    private let the = TokenProbability(
        token: "The", bytes: [84, 104, 101], tokenID: 5, logprob: -0.5,
        top: [
            TokenProbability(token: "A", bytes: [65], tokenID: 6, logprob: -0.25),
            TokenProbability(token: "\u{FFFD}", bytes: [0xE2], tokenID: 7, logprob: -.infinity),
        ])

    @Test func `a chat answer has the superset that both SDKs read`() {
        let answer = ChatCompletion(
            header: header,
            choices: [
                .init(
                    index: 0, content: "The", finishReason: "stop", logprobs: [the],
                    tokenIDs: [5, 2])
            ],
            usage: UsageReport(promptTokens: 3, completionTokens: 2, cachedTokens: 1),
            promptTokenIDs: [1, 2, 3])
        let expected = #"""
            {"id":"chatcmpl-1","object":"chat.completion","created":7,"model":"m",
            "system_fingerprint":"fp","choices":[{"index":0,
            "message":{"role":"assistant","content":"The","refusal":null,"tool_calls":null},
            "logprobs":{"content":[{"token":"The","logprob":-0.5,"bytes":[84,104,101],"token_id":5,
            "top_logprobs":[{"token":"A","logprob":-0.25,"bytes":[65],"token_id":6},
            {"token":"\#u{FFFD}","logprob":-9999.0,"bytes":[226],"token_id":7}]}],"refusal":null},
            "finish_reason":"stop","token_ids":[5,2]}],
            "usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,
            "prompt_tokens_details":{"cached_tokens":1,"cache_write_tokens":0},
            "completion_tokens_details":{"reasoning_tokens":0}},"prompt_token_ids":[1,2,3]}
            """#
        #expect(answer.json.serialized() == expected.split(separator: "\n").joined())
    }

    @Test func `completion logprobs are four arrays of one length`() {
        var logprobs = CompletionLogprobs()
        logprobs.appendFirst(
            TokenProbability(token: "<s>", bytes: [], tokenID: 1, logprob: 0), textOffset: 0)
        logprobs.append(the, textOffset: 0)
        let expected = #"""
            {"tokens":["<s>","The"],"token_logprobs":[null,-0.5],
            "top_logprobs":[null,{"A":-0.25,"bytes:\\xe2":-9999.0,"The":-0.5}],
            "text_offset":[0,0]}
            """#
        #expect(logprobs.json.serialized() == expected.split(separator: "\n").joined())
    }

    @Test func `every chunk has a finish_reason, be it null`() throws {
        let choice = ChatChunkChoice(index: 1, opens: true, content: "")
        var bytes: [UInt8] = []
        choice.append(to: &bytes)
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == #"{"index":1,"delta":{"role":"assistant","content":""},"logprobs":null,"#
                + #""finish_reason":null}"#)
        #expect(try chunk(.omitted)["usage"] == nil)
        #expect(try chunk(.lastChunk)["usage"] == .null)
        #expect(try chunk(.omitted, .init(usage: UsageReport()))["usage"] != nil)
    }

    @Test func `a chunk has every member in its place`() {
        var rest = ChunkWriter.Rest(usage: UsageReport(promptTokens: 1, completionTokens: 2))
        rest.tokens = [3, 4]
        rest.promptTokenIDs = [5]
        var choice = ChatChunkChoice(
            index: 0, content: "a\"\n\u{1}é", finishReason: "length",
            stopReason: "repetition_detected", logprobs: [], tokenIDs: [3, 4])
        choice.tokens = []
        var bytes: [UInt8] = []
        ChunkWriter(header, usage: .lastChunk).append(to: &bytes, rest) { choice.append(to: &$0) }
        let expected = #"""
            data: {"id":"chatcmpl-1","object":"chat.completion","created":7,"model":"m",
            "system_fingerprint":"fp","choices":[{"index":0,"delta":{"content":"a\"\n\u0001é"},
            "logprobs":{"content":[],"refusal":null},"finish_reason":"length",
            "stop_reason":"repetition_detected","token_ids":[3,4],"tokens":[]}],
            "usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,
            "prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":0},
            "completion_tokens_details":{"reasoning_tokens":0}},"tokens":[3,4],
            "prompt_token_ids":[5]}
            """#
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == expected.split(separator: "\n").joined() + "\n\n")
    }

    private func chunk(
        _ usage: StreamUsage, _ rest: ChunkWriter.Rest = .init()
    ) throws -> JSONValue {
        var bytes: [UInt8] = []
        ChunkWriter(header, usage: usage).append(to: &bytes, rest) { _ in }
        return try JSONParser.parse(Array(bytes.dropFirst(6)))
    }

    @Test func `a model card tells its id, its aliases and default`() {
        let card = ModelCard(id: "a/b", aliases: ["c"], created: 1, maxContextLength: 512)
        let json = card.json(status: "loaded")
        #expect(json["id"] == "a/b")
        #expect(json["aliases"] == ["default", "c"])
        #expect(json["type"] == "base")
        #expect(json["object"] == "model")
        #expect(json["capabilities"]?["completion_chat"] == true)
        #expect(json["meta"]?["status"] == "loaded")
    }
}
