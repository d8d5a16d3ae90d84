// SPDX-License-Identifier: Apache-2.0

import APIs
import Generation
import JSON
import Sampling
import ServingSupport
import Testing
import Tokenization

@Suite struct ChatTests {
    @Test func `an answer has the superset that both SDKs read`() async throws {
        let reply = try await TestClient().chat()
        #expect(reply.status == 200)
        #expect(reply.field("content-type") == "application/json")
        #expect(try reply.json["id"]?.stringValue?.hasPrefix("chatcmpl-") == true)
        let expected = #"""
            {"id":"ID","object":"chat.completion","created":7,"model":"maker/model",
            "system_fingerprint":"fp","choices":[{"index":0,
            "message":{"role":"assistant","content":"Hé!","refusal":null,"tool_calls":null},
            "logprobs":null,"finish_reason":"stop"}],
            "usage":{"prompt_tokens":19,"completion_tokens":5,"total_tokens":24,
            "prompt_tokens_details":{"cached_tokens":1,"cache_write_tokens":0},
            "completion_tokens_details":{"reasoning_tokens":0}}}
            """#
        #expect(try reply.stable == expected.split(separator: "\n").joined())
    }

    @Test func `Mistral's answer has an id of 32 digits`() async throws {
        let reply = try await TestClient().chat(path: "/mistral/v1/chat/completions")
        #expect(try reply.json["id"]?.stringValue?.count == 32)
    }

    @Test func `every option reaches the engine`() async throws {
        let client = TestClient()
        _ = try await client.chat(
            """
            "max_completion_tokens":9,"min_tokens":2,"temperature":0.5,"top_p":0.75,"top_k":40,
            "min_p":0.25,"frequency_penalty":1,"presence_penalty":-1,"repetition_penalty":1.5,
            "logit_bias":{"5":-100},"seed":-2,"stop":["a"],"stop_token_ids":[7],"n":2,
            "ignore_eos":true,"include_stop_str_in_output":true,"logprobs":true,"top_logprobs":3
            """)
        let request = try #require(client.engine.requests.first)
        #expect(request.maxTokens == 9)
        #expect(request.minTokens == 2)
        #expect(
            request.sampling
                == SamplingParameters(
                    temperature: 0.5, topP: 0.75, topK: 40, minP: 0.25, frequencyPenalty: 1,
                    presencePenalty: -1, repetitionPenalty: 1.5, logitBias: [5: -100],
                    seed: .max - 1))
        #expect(request.stopStrings == ["a"])
        #expect(request.stopTokenIDs == [7])
        #expect(request.choiceCount == 2)
        #expect(request.ignoresEOS)
        #expect(request.includesStopString)
        #expect(request.topLogprobs == 3)
        #expect(!request.continuesText)
    }

    @Test(arguments: [
        ("/v1/chat/completions", false), ("/v1/chat/completions", true),
        ("/mistral/v1/chat/completions", false), ("/mistral/v1/chat/completions", true),
        ("/v1/completions", false), ("/v1/completions", true),
    ])
    func `an answer that repeated itself says so`(path: String, streams: Bool) async throws {
        let engine = ScriptedEngine { _ throws(SubmissionError) in
            ScriptedEngine.events([
                .finished(choice: 0, reason: .repetition, stop: nil), .usage(Usage()),
            ])
        }
        let client = TestClient(engine: engine)
        let body = #"{"model":"default","prompt":"a","messages":[{"role":"user","content":"a"}],"#
        let reply = try await client.post(path, body + #""stream":\#(streams)}"#)
        #expect(reply.text.contains(#""finish_reason":"length""#))
        #expect(reply.text.contains(#""stop_reason":"repetition_detected""#))
        #expect(client.engine.requests.first?.stopsOnRepetition == true)
    }

    @Test(arguments: [(#","stop_on_repetition":false"#, true), ("", false)])
    func `stopping on repetition can be turned off`(field: String, isOn: Bool) async throws {
        let client = TestClient(.init(limits: .init(stopsOnRepetition: isOn)))
        _ = try await client.post("/v1/completions", #"{"model":"default","prompt":"a"\#(field)}"#)
        #expect(client.engine.requests.first?.stopsOnRepetition == false)
    }

    @Test func `the default temperature is the card's in both dialects`() async throws {
        let client = TestClient()
        _ = try await client.chat()
        _ = try await client.chat(path: "/mistral/v1/chat/completions")
        #expect(client.engine.requests.map(\.sampling.temperature) == [0.25, 0.25])
    }

    @Test func `a nucleus of nothing keeps the best token`() async throws {
        let client = TestClient()
        _ = try await client.chat(#""top_p":0"#)
        #expect(client.engine.requests.first?.sampling.topK == 1)
        #expect(client.engine.requests.first?.sampling.topP == 1)
    }

    @Test func `logprobs cover the text and leave the end out`() async throws {
        let reply = try await TestClient().chat(#""logprobs":true,"top_logprobs":2"#)
        let content = try #require(
            try reply.json["choices"]?[0]?["logprobs"]?["content"]?.arrayValue)
        #expect(content.count == 4)
        #expect(
            content[1].serialized()
                == #"{"token":"\#u{FFFD}","logprob":-0.25,"bytes":[195],"token_id":195,"top_logprobs":"#
                + #"[{"token":"\#u{FFFD}","logprob":-0.25,"bytes":[195],"token_id":195},"#
                + #"{"token":"Z","logprob":-4.0,"bytes":[90],"token_id":90}]}"#)
    }

    @Test func `token ids of prompt and choices are returned on request`() async throws {
        let reply = try await TestClient().chat(#""return_token_ids":true,"n":2"#)
        #expect(try reply.json["prompt_token_ids"]?.arrayValue?.count == 19)
        #expect(try reply.json["choices"]?[1]?["token_ids"] == [72, 195, 169, 33, 257])
        #expect(try reply.json["choices"]?[1]?["index"] == 1)
    }

    @Test func `Mistral's prompt logprobs leave the first token out`() async throws {
        let reply = try await TestClient().chat(#""prompt_logprobs":true"#)
        let logprobs = try reply.json["choices"]?[0]?["prompt_logprobs"]?["content"]
        #expect(logprobs?.arrayValue?.count == 18)
    }

    @Test func `Mistral's answer begins with the prefix, vLLM's continuation does not`()
        async throws
    {
        let client = TestClient()
        let prefix = try await client.post(
            "/v1/chat/completions",
            """
            {"model":"small","messages":[{"role":"user","content":"Hi"},
            {"role":"assistant","content":"Oh, ","prefix":true}]}
            """)
        #expect(prefix.field("x-api-dialect") == "mistral")
        #expect(try prefix.json["choices"]?[0]?["message"]?["content"] == "Oh, Hé!")
        let continuation = try await client.post(
            "/v1/chat/completions",
            """
            {"model":"small","continue_final_message":true,"add_generation_prompt":false,
            "messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Oh, "}]}
            """)
        #expect(try continuation.json["choices"]?[0]?["message"]?["content"] == "Hé!")
        #expect(client.engine.requests.map(\.continuesText) == [true, true])
        #expect(client.engine.requests[0].promptTokens == client.engine.requests[1].promptTokens)
    }

    @Test func `tools reach the prompt in the client's key order`() async throws {
        let client = TestClient()
        let tool = #"{"type":"function","function":{"name":"f","parameters":{"z":1,"a":2}}}"#
        _ = try await client.chat(#""tools":[\#(tool)]"#)
        let prompt = try #require(client.engine.requests.first?.promptTokens)
        #expect(ByteTokenizer().decode(prompt).contains(tool))
    }

    @Test func `a conversation with tools is rendered once`() async throws {
        let prompts = PlainPrompts()
        let tools = #""tools":[{"type":"function","function":{"name":"f"}}]"#
        #expect(try await TestClient(prompts: prompts).chat(tools).status == 200)
        #expect(prompts.renderings.value == 1)
    }

    @Test(arguments: [
        (FinishReason.stop, "stop", "stop"), (.length, "length", "length"),
        (.contextLength, "length", "model_length"),
    ])
    func `a finish reason is written as the dialect has it`(
        reason: FinishReason, openAI: String, mistral: String
    ) async throws {
        let client = TestClient(engine: .ending(with: reason))
        let first = try await client.chat()
        #expect(try first.json["choices"]?[0]?["finish_reason"]?.stringValue == openAI)
        let second = try await client.chat(path: "/mistral/v1/chat/completions")
        #expect(try second.json["choices"]?[0]?["finish_reason"]?.stringValue == mistral)
    }

    @Test func `a failure of the engine is a 500 and its shutdown a 503`() async throws {
        let failed = try await TestClient(engine: .ending(with: .error("NaN in logits"))).chat()
        #expect(failed.status == 500)
        #expect(failed.field("x-should-retry") == "false")
        #expect(try failed.json["error"]?["type"] == "server_error")
        #expect(try await TestClient(engine: .ending(with: .cancelled)).chat().status == 503)
        let silent = ScriptedEngine { _ throws(SubmissionError) in ScriptedEngine.events([]) }
        #expect(try await TestClient(engine: silent).chat().status == 503)
    }

    @Test func `a conversation that the template refuses is the client's error`() async throws {
        let body = #"{"model":"default","messages":[{"role":"user","content":"raise"}]}"#
        let openAI = try await TestClient().post("/v1/chat/completions", body)
        #expect(openAI.status == 400)
        #expect(try openAI.json["error"]?["param"] == "messages")
        #expect(!openAI.text.contains("<b>"))
        let mistral = try await TestClient().post("/mistral/v1/chat/completions", body)
        #expect(mistral.status == 400)
        #expect(try mistral.json["code"] == "3230")
    }

    @Test func `an unknown model is 404, or 400 for Mistral`() async throws {
        let body = #"{"model":"nope","messages":[{"role":"user","content":"Hi"}]}"#
        let openAI = try await TestClient().post("/v1/chat/completions", body)
        #expect(openAI.status == 404)
        #expect(try openAI.json["error"]?["code"] == "model_not_found")
        let mistral = try await TestClient().post("/mistral/v1/chat/completions", body)
        #expect(mistral.status == 400)
        #expect(try mistral.json["type"] == "invalid_model")
    }

    @Test func `what the engine refuses becomes a status`() async throws {
        let busy = ScriptedEngine { _ throws(SubmissionError) in
            throw .overloaded(retryAfter: .milliseconds(2500))
        }
        let overloaded = try await TestClient(engine: busy).chat()
        #expect(overloaded.status == 503)
        #expect(overloaded.field("retry-after") == "3")
        let slow = ScriptedEngine { _ throws(SubmissionError) in
            throw .tooLate(estimatedWait: .seconds(300))
        }
        let tooLate = try await TestClient(engine: slow).chat(#""max_time":2"#)
        #expect(tooLate.status == 503)
        #expect(tooLate.field("retry-after") == "120")
        #expect(try tooLate.json["error"]?["code"] == "deadline_unreachable")
        let small = ScriptedEngine { _ throws(SubmissionError) in
            throw .promptTooLong(tokenCount: 900, contextLength: 512)
        }
        let tooLong = try await TestClient(engine: small).chat(#""stream":true"#)
        #expect(tooLong.status == 400)
        #expect(try tooLong.json["error"]?["n_prompt"] == 900)
        #expect(try tooLong.json["error"]?["param"] == "messages")
        let strict = ScriptedEngine { _ throws(SubmissionError) in
            throw .invalid(field: "n", reason: "at most 4")
        }
        let invalid = try await TestClient(engine: strict).chat()
        #expect(invalid.status == 400)
        #expect(try invalid.json["error"]?["param"] == "n")
    }

    @Test(arguments: [
        (#""logit_bias":{"261":1}"#, "logit_bias.261"),
        (#""stop_token_ids":[1,261]"#, "stop_token_ids[1]"),
    ])
    func `ids must be in the vocabulary`(members: String, path: String) async throws {
        let reply = try await TestClient().chat(members)
        #expect(reply.status == 400)
        #expect(try reply.json["error"]?["param"]?.stringValue == path)
    }
}

extension ScriptedEngine {
    /// Says one token and ends for that reason.
    static func ending(with reason: FinishReason) -> ScriptedEngine {
        ScriptedEngine { request throws(SubmissionError) in
            events([
                .output(choice: 0, text: "a", tokens: [TokenOutput(id: 97)]),
                .finished(choice: 0, reason: reason, stop: nil),
                .usage(Usage(promptTokens: request.promptTokens.count, completionTokens: 1)),
            ])
        }
    }
}
