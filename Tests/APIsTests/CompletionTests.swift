// SPDX-License-Identifier: Apache-2.0

import APIs
import Generation
import JSON
import ServingSupport
import Testing

@Suite struct CompletionTests {
    @Test func `a completion has text, choices and usage`() async throws {
        let client = TestClient()
        let reply = try await client.complete()
        let expected = #"""
            {"id":"ID","object":"text_completion","created":7,"model":"maker/model",
            "system_fingerprint":"fp","choices":[{"index":0,"text":"Hé!","logprobs":null,
            "finish_reason":"stop"}],
            "usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8,
            "prompt_tokens_details":{"cached_tokens":1,"cache_write_tokens":0},
            "completion_tokens_details":{"reasoning_tokens":0}}}
            """#
        #expect(try reply.stable == expected.split(separator: "\n").joined())
        #expect(client.engine.requests.first?.maxTokens == 16)
        #expect(client.engine.requests.first?.continuesText == true)
        #expect(client.engine.requests.first?.promptTokens == [256, 97, 98])
    }

    @Test func `control tokens in a prompt are read, and BOS is not put twice`() async throws {
        let client = TestClient()
        let reply = try await client.post(
            "/v1/completions",
            #"{"model":"small","prompt":"<s>a</s>b","echo":true,"logprobs":0,"max_tokens":0}"#)
        #expect(client.engine.requests.first?.promptTokens == [256, 97, 257, 98])
        let choice = try #require(try reply.json["choices"]?[0])
        #expect(choice["text"] == "<s>a</s>b")
        #expect(choice["logprobs"]?["text_offset"] == [0, 3, 4, 8])
    }

    @Test func `a suffix is text, whatever it names`() async throws {
        let client = TestClient(tokenizer: ByteTokenizer(fillsGaps: true))
        _ = try await client.post(
            "/v1/completions", #"{"model":"small","prompt":"a","suffix":"</s>"}"#)
        #expect(
            client.engine.requests.first?.promptTokens == [256, 259, 60, 47, 115, 62, 258, 97])
    }

    @Test func `a prompt of ids is taken as it is`() async throws {
        let client = TestClient()
        let reply = try await client.post(
            "/v1/completions", #"{"model":"small","prompt":[97,98],"return_token_ids":true}"#)
        #expect(client.engine.requests.first?.promptTokens == [97, 98])
        #expect(try reply.json["prompt_token_ids"] == [97, 98])
        #expect(try reply.json["choices"]?[0]?["prompt_token_ids"] == [97, 98])
        #expect(try reply.json["choices"]?[0]?["token_ids"] == [72, 195, 169, 33, 257])
    }

    @Test func `llama-server's return_tokens puts the answer's ids beside its choices`()
        async throws
    {
        let reply = try await TestClient().complete(#""return_tokens":true,"n":2"#)
        #expect(try reply.json["tokens"] == [72, 195, 169, 33, 257])
        #expect(try reply.json["choices"]?[1]?["tokens"] == [72, 195, 169, 33, 257])
        #expect(try await TestClient().complete().json["tokens"] == nil)
    }

    @Test func `what mistral-common's server asks of llama-server is answered`() async throws {
        let reply = try await TestClient().post(
            "/completions",
            """
            {"prompt":[97,98],"return_tokens":true,"id":null,"model":null,"temperature":0.7,
            "top_p":1.0,"max_tokens":null,"random_seed":null,"stop":null,"stream":false,
            "response_format":{"type":"text","json_schema":null},"tool_choice":"auto",
            "continue_final_message":false,"truncate_for_context_length":false,"n":1,
            "presence_penalty":0,"frequency_penalty":0,"reasoning_effort":null}
            """)
        #expect(reply.status == 200)
        #expect(try reply.json["tokens"] == [72, 195, 169, 33, 257])
    }

    @Test func `a stream tells its usage where the last choice ends`() async throws {
        let client = TestClient()
        let plain = try await client.complete(#""stream":true,"n":2"#).events.dropLast()
        #expect(plain.filter { $0.contains("usage") }.count == 1)
        #expect(
            plain.last?.contains(#""finish_reason":"stop"}],"usage":{"prompt_tokens":3,"#) == true)
        let continuous = try await client.complete(
            #""stream":true,"stream_options":{"include_usage":true,"continuous_usage_stats":true}"#)
        #expect(
            try continuous.events.dropLast().allSatisfy {
                $0.contains(#""usage":{"prompt_tokens":3,"#)
            })
    }

    @Test func `a context that the model does not have is refused`() async throws {
        let client = TestClient()
        #expect(try await client.complete(#""num_ctx":512"#).status == 200)
        let reply = try await client.complete(#""num_ctx":513"#)
        #expect(reply.status == 400)
        #expect(try reply.json["error"]?["param"] == "num_ctx")
    }

    @Test func `logprobs are four arrays with offsets in characters`() async throws {
        let reply = try await TestClient().complete(#""logprobs":1"#)
        #expect(
            try reply.json["choices"]?[0]?["logprobs"]?.serialized()
                == #"{"tokens":["H","bytes:\\xc3","bytes:\\xa9","!"],"#
                + #""token_logprobs":[-0.25,-0.25,-0.25,-0.25],"#
                + #""top_logprobs":[{"H":-0.25},{"bytes:\\xc3":-0.25},{"bytes:\\xa9":-0.25},"#
                + #"{"!":-0.25}],"text_offset":[0,1,1,2]}"#)
    }

    @Test func `echo without tokens scores the prompt`() async throws {
        let client = TestClient()
        let reply = try await client.complete(#""logprobs":0,"echo":true,"max_tokens":0"#)
        #expect(client.engine.requests.first?.promptLogprobs == 0)
        let choice = try #require(try reply.json["choices"]?[0])
        #expect(choice["text"] == "ab")
        #expect(choice["finish_reason"] == "length")
        #expect(
            choice["logprobs"]?.serialized()
                == #"{"tokens":["<s>","a","b"],"token_logprobs":[null,-0.5,-0.5],"#
                + #""top_logprobs":[null,{"a":-0.5},{"b":-0.5}],"text_offset":[0,0,1]}"#)
        #expect(try reply.json["usage"]?["completion_tokens"] == 0)
    }

    @Test func `echoed log probabilities are no more than can be written`() async throws {
        let prompt = Array(repeating: "a", count: 400).joined()
        let prompts = Array(repeating: "\"\(prompt)\"", count: 5).joined(separator: ",")
        let client = TestClient()
        func ask(_ members: String) async throws -> Reply {
            try await client.post(
                "/v1/completions",
                #"{"model":"small","prompt":[\#(prompts)],"logprobs":20,"max_tokens":0,\#(members)}"#
            )
        }
        let refused = try await ask(#""n":51,"echo":true"#)
        #expect(refused.status == 400)
        #expect(try refused.json["error"]?["param"] == "logprobs")
        #expect(client.engine.requests.isEmpty)
        #expect(try await ask(#""n":1,"echo":true"#).status == 200)
    }

    @Test func `echo puts the prompt before the text and shifts the offsets`() async throws {
        let reply = try await TestClient().complete(#""logprobs":0,"echo":true"#)
        let choice = try #require(try reply.json["choices"]?[0])
        #expect(choice["text"] == "abHé!")
        #expect(choice["logprobs"]?["text_offset"] == [0, 0, 1, 2, 3, 3, 4])
    }

    @Test func `many prompts give their choices in order and one usage`() async throws {
        let client = TestClient()
        let reply = try await client.post(
            "/v1/completions", #"{"model":"small","prompt":["a","bc"],"n":2,"echo":true}"#)
        let choices = try #require(try reply.json["choices"]?.arrayValue)
        #expect(choices.compactMap { $0["index"] } == [0, 1, 2, 3])
        #expect(choices.compactMap { $0["text"] } == ["aHé!", "aHé!", "bcHé!", "bcHé!"])
        #expect(try reply.json["usage"]?["prompt_tokens"] == 5)
        #expect(try reply.json["usage"]?["completion_tokens"] == 20)
    }

    @Test func `best_of returns the most probable and counts all`() async throws {
        let client = TestClient()
        let reply = try await client.complete(#""best_of":3,"n":1,"return_token_ids":true"#)
        #expect(client.engine.requests.first?.choiceCount == 3)
        #expect(client.engine.requests.first?.topLogprobs == 0)
        let choices = try #require(try reply.json["choices"]?.arrayValue)
        #expect(choices.count == 1)
        #expect(choices[0]["index"] == 0)
        #expect(choices[0]["logprobs"] == .null)
        #expect(try reply.json["usage"]?["completion_tokens"] == 15)
        let ranked = try await client.complete(#""best_of":3,"n":2,"logprobs":0"#)
        let logprobs = try #require(try ranked.json["choices"]?.arrayValue).compactMap {
            $0["logprobs"]?["token_logprobs"]?[0]
        }
        #expect(logprobs == [-0.125, -0.25])
    }

    @Test(arguments: [
        (#"{"model":"small","prompt":[1,261]}"#, "prompt[1]"),
        (#"{"model":"small","prompt":[[1],[2,261]]}"#, "prompt[1][1]"),
        (#"{"model":"small","prompt":"","add_special_tokens":false}"#, "prompt"),
        (#"{"model":"small","prompt":"a","suffix":"b"}"#, "suffix"),
    ])
    func `a prompt that cannot be used is named`(body: String, path: String) async throws {
        let reply = try await TestClient().post("/v1/completions", body)
        #expect(reply.status == 400)
        #expect(try reply.json["error"]?["param"]?.stringValue == path)
    }

    @Test func `a stream echoes, speaks, ends and tells usage`() async throws {
        let reply = try await TestClient().complete(
            #""stream":true,"echo":true,"stream_options":{"include_usage":true}"#)
        let events = try reply.events.dropLast().map { try JSONParser.parse($0) }
        #expect(
            events.dropLast().compactMap { $0["choices"]?[0]?["text"] }
                == ["ab", "H", "é", "!", ""])
        #expect(
            events.dropLast().compactMap { $0["choices"]?[0]?["finish_reason"] }
                == [nil, nil, nil, nil, "stop"])
        #expect(events.last?["choices"] == [])
        #expect(events.last?["usage"]?["total_tokens"] == 8)
        #expect(events.dropLast().allSatisfy { $0["usage"] == .null })
        #expect(try reply.events.last == "data: [DONE]")
    }

    @Test func `a stream of two prompts mixes choices and tells one usage`() async throws {
        let reply = try await TestClient().post(
            "/v1/completions",
            """
            {"model":"small","prompt":["a","bc"],"stream":true,"logprobs":0,"echo":true,
            "return_token_ids":true,"stream_options":{"include_usage":true}}
            """)
        let events = try reply.events.dropLast().map { try JSONParser.parse($0) }
        for (index, text) in ["aHé!", "bcHé!"].enumerated() {
            let parts = events.compactMap { $0["choices"]?[0] }
                .filter { $0["index"] == .integer(index) }
            #expect(parts.compactMap { $0["text"]?.stringValue }.joined() == text)
            #expect(parts.filter { $0["prompt_token_ids"] != nil }.count == 1)
            #expect(parts.first?["logprobs"]?["token_logprobs"]?[0] == .null)
        }
        #expect(events.filter { $0["usage"]?["total_tokens"] == 15 }.count == 1)
        #expect(events.compactMap { $0["prompt_token_ids"] } == [[256, 97]])
    }

    @Test func `fill-in-the-middle writes the gap as the vocabulary does`() async throws {
        let client = TestClient(tokenizer: ByteTokenizer(fillsGaps: true))
        let reply = try await client.post(
            "/v1/fim/completions", #"{"model":"small","prompt":"a","suffix":"b"}"#)
        #expect(try reply.json["object"] == "chat.completion")
        #expect(try reply.json["choices"]?[0]?["message"]?["content"] == "Hé!")
        #expect(client.engine.requests.first?.promptTokens == [256, 259, 98, 258, 97])
        #expect(client.engine.requests.first?.continuesText == true)
        _ = try await client.complete(#""suffix":"c""#)
        #expect(client.engine.requests.last?.promptTokens == [256, 259, 99, 258, 97, 98])
        let card = try await client.get("/v1/models/small")
        #expect(try card.json["capabilities"]?["completion_fim"] == true)
    }

    @Test func `fill-in-the-middle is refused where the vocabulary cannot`() async throws {
        let reply = try await TestClient().post(
            "/v1/fim/completions", #"{"model":"small","prompt":"a"}"#)
        #expect(reply.status == 422)
        #expect(reply.text.contains("cannot fill in the middle"))
    }
}

@Suite struct TokenizeTests {
    @Test func `a text is tokenized with and without BOS`() async throws {
        for path in ["/v1/tokenize", "/tokenize", "/openai/v1/tokenize"] {
            let reply = try await TestClient().post(path, #"{"model":"small","prompt":"ab"}"#)
            #expect(reply.text == #"{"tokens":[256,97,98],"count":3,"max_model_len":512}"#)
        }
        let plain = try await TestClient().post(
            "/v1/tokenize",
            #"{"prompt":"ab","add_special_tokens":false,"return_token_strs":true}"#)
        #expect(try plain.json["token_strs"] == ["a", "b"])
        #expect(try plain.json["count"] == 2)
    }

    @Test func `control tokens are read out of a text unless parse_special is false`() async throws
    {
        let client = TestClient()
        let parsed = try await client.post("/v1/tokenize", #"{"prompt":"<s>a</s>"}"#)
        #expect(try parsed.json["tokens"] == [256, 97, 257])
        let plain = try await client.post(
            "/v1/tokenize", #"{"prompt":"</s>","add_special_tokens":false,"parse_special":false}"#)
        #expect(try plain.json["tokens"] == [60, 47, 115, 62])
    }

    @Test func `messages are tokenized as a chat would be`() async throws {
        let client = TestClient()
        let body = #"{"model":"small","messages":[{"role":"user","content":"Hi"}]}"#
        let tokens = try await client.post("/v1/tokenize", body)
        _ = try await client.post("/v1/chat/completions", body)
        let prompt = try #require(client.engine.requests.first?.promptTokens)
        #expect(try tokens.json["tokens"] == .array(prompt.map { .integer(Int($0)) }))
        let count = try await client.post("/v1/chat/completions/input_tokens", body)
        #expect(try count.json["input_tokens"] == 19)
    }

    @Test func `llama-server's tokens stand beside their texts, without BOS unless asked`()
        async throws
    {
        let client = TestClient()
        let plain = try await client.post("/tokenize", #"{"content":"ab"}"#)
        #expect(try plain.json["tokens"] == [97, 98])
        let special = try await client.post(
            "/tokenize", #"{"content":"é","add_special":true,"with_pieces":true}"#)
        #expect(
            try special.json["tokens"]
                == [
                    ["id": 256, "piece": "<s>"], ["id": 195, "piece": [195]],
                    ["id": 169, "piece": [169]],
                ])
    }

    @Test func `a template is applied, and BOS is left to the completion`() async throws {
        let client = TestClient()
        let reply = try await client.post(
            "/apply-template", #"{"messages":[{"role":"user","content":"Hi"}]}"#)
        #expect(reply.text == #"{"prompt":"user=Hi;assistant="}"#)
        #expect(try await client.post("/apply-template", #"{"prompt":"a"}"#).status == 400)
    }

    @Test func `a client that applies the template itself is told of it, with a key`() async throws
    {
        let reply = try await TestClient().get("/tokenizer_info")
        #expect(try reply.json["tokenizer_class"] == "PreTrainedTokenizerFast")
        #expect(try reply.json["chat_template"] == .null)
        #expect(try reply.json["bos_token"] == "<s>")
        #expect(try reply.json["eos_token"] == "</s>")
        #expect(try reply.json["model_max_length"] == 512)
        #expect(
            try reply.json["added_tokens_decoder"]?["257"]
                == ["content": "</s>", "special": true])
        #expect(
            try await TestClient(.init(keys: APIKeys(["secret"]))).get("/tokenizer_info").status
                == 401)
    }

    @Test func `ids become text again`() async throws {
        let reply = try await TestClient().post(
            "/v1/detokenize", #"{"tokens":[256,72,195,169]}"#)
        #expect(reply.text == #"{"prompt":"<s>Hé","content":"<s>Hé"}"#)
        let plain = try await TestClient().post(
            "/v1/detokenize", #"{"tokens":[256,72,195,169],"skip_special_tokens":true}"#)
        #expect(plain.text == #"{"prompt":"Hé","content":"Hé"}"#)
        let wrong = try await TestClient().post("/detokenize", #"{"tokens":[1,261]}"#)
        #expect(wrong.status == 400)
        #expect(try wrong.json["error"]?["param"] == "tokens[1]")
        let other = try await TestClient().post(
            "/detokenize", #"{"model":"x","tokens":[1]}"#)
        #expect(other.status == 404)
    }
}
