// SPDX-License-Identifier: Apache-2.0

import APIs
import Generation
import HTTP
import HTTPTypes
import JSON
import Sampling
import Serving
import ServingSupport
import TestSupport
import Testing
import Tokenization

@Suite struct DecisionTests {
    /// An engine to which each candidate is half as probable as the one before, the first a half.
    private static func halving() -> ScriptedEngine {
        ScriptedEngine { request throws(SubmissionError) in
            let places = (request.scoring?.places ?? []).map { place in
                TokenLogprobs(
                    id: 0, logprob: 0,
                    top: place.candidates.enumerated().map { rank, id in
                        TokenLogprob(id: id, logprob: -0.6931471805599453 * Double(rank + 1))
                    })
            }
            return ScriptedEngine.events([
                .promptLogprobs(places), .finished(choice: 0, reason: .length, stop: nil),
                .usage(Usage(promptTokens: request.promptTokens.count, cachedPromptTokens: 16)),
            ])
        }
    }

    private static let predicate = #"{"type":"predicate","instructions":"it rains","name":"rain"}"#
    private static let choice = """
        {"type":"choice","instructions":"What is it?","choices":[{"value":"true"},
        {"value":true,"description":"it is so"},{"value":"other"}]}
        """
    private static let score = """
        {"type":"score","instructions":"How much?","levels":[{"label":"none"},
        {"label":"some","description":"a bit"},{"label":"all"}]}
        """

    private func ask(
        _ questions: String..., input: String = #""It rains.""#, more: String = "",
        client: TestClient = TestClient(engine: halving())
    ) async throws -> Reply {
        try await client.post(
            "/v1/decisions",
            #"{"model":"default","input":\#(input),"questions":[\#(questions.joined(separator: ","))]\#(more)}"#
        )
    }

    private func number(_ value: JSONValue?) -> Double { value?.doubleValue ?? .nan }

    @Test func `every kind of question gets its kind of answer`() async throws {
        let reply = try await ask(Self.predicate, Self.choice, Self.score)
        #expect(reply.status == 200)
        let json = try reply.json
        #expect(json["model"] == "maker/model")
        let answers = try #require(json["answers"]?.arrayValue)
        #expect(answers.count == 3)

        #expect(answers[0]["type"] == "predicate")
        #expect(answers[0]["name"] == "rain")
        // "Yes" takes three tokens here and "No" two: 1/2 · 1/2 · 1/2 and 1/4 · 1/2.
        #expect(abs(number(answers[0]["probability"]) - 0.5) < 1e-12)
        #expect(abs(number(answers[0]["label_mass"]) - 0.25) < 1e-12)

        #expect(answers[1]["type"] == "choice")
        #expect(answers[1]["name"] == .null)
        #expect(answers[1]["choice"] == "true")
        let options = try #require(answers[1]["probabilities"]?.arrayValue)
        #expect(options.map { $0["value"] } == ["true", true, "other"])
        let probabilities = options.map { number($0["probability"]) }
        #expect(abs(probabilities.reduce(0, +) - 1) < 1e-12)
        #expect(abs(probabilities[1] - 2.0 / 7) < 1e-12)
        #expect(abs(number(answers[1]["confidence"]) - 0.5) < 1e-12)

        #expect(answers[2]["type"] == "score")
        #expect(abs(number(answers[2]["score"]) - 4.0 / 7) < 1e-12)
        let levels = try #require(answers[2]["probabilities"]?.arrayValue)
        #expect(levels.map { $0["value"] } == [0, 1, 2])
        #expect(levels.map { $0["label"] } == ["none", "some", "all"])

        let usage = try #require(json["usage"])
        let inputTokens = try #require(usage["input_tokens"]?.intValue)
        #expect(usage["total_tokens"]?.intValue == inputTokens)
        #expect(usage["output_tokens"] == 0)
        #expect(usage["input_tokens_details"]?["cached_tokens"] == 48)
        #expect(usage["input_tokens_details"]?["cache_write_tokens"] == 0)
        #expect(usage["output_tokens_details"]?["reasoning_tokens"] == 0)
    }

    @Test func `the model reads the input, then the question with its labels`() async throws {
        let client = TestClient(engine: Self.halving())
        let input = """
            [{"role":"system","content":"Be strict."},
            {"role":"user","content":[{"type":"input_text","text":"It rains.",
            "prompt_cache_breakpoint":{"mode":"explicit"}},
            {"type":"input_json","data":{"mm":3}}]},
            {"type":"function_call","call_id":"c","name":"look","arguments":"{}"},
            {"type":"function_call_output","call_id":"c","output":"wet"}]
            """
        _ = try await ask(
            Self.predicate, Self.choice, Self.score, input: input, client: client)
        let prompts = client.engine.requests.map { ByteTokenizer().decode($0.promptTokens) }
        let shared = #"system=Be strict.;user=It rains.|{"mm":3};assistant=;tool=wet;user="#
            .replacing("|", with: "\n")
        #expect(
            prompts == [
                shared
                    + "Question: it rains\nIs this so? Answer with Yes or No only.;assistant=Yes",
                shared + "Question: it rains\nIs this so? Answer with Yes or No only.;assistant=No",
                shared + """
                    Question: What is it?
                    A: "true"
                    B: true - it is so
                    C: "other"
                    Answer with the letter of one option only.;assistant=A
                    """,
                shared + """
                    Question: How much?
                    0: none
                    1: some - a bit
                    2: all
                    Answer with the number of one level only.;assistant=0
                    """,
            ])
    }

    @Test(arguments: [
        (#"{"type":"predicate"}"#, "questions[0].instructions"),
        (#"{"type":"guess","instructions":"a"}"#, "questions[0].type"),
        (#"{"instructions":"a"}"#, "questions[0].type"),
        (#"3"#, "questions[0]"),
        (#"{"type":"predicate","instructions":7}"#, "questions[0].instructions"),
        (#"{"type":"predicate","instructions":"a","name":7}"#, "questions[0].name"),
        (
            #"{"type":"predicate","instructions":[{"type":"input_image","image_url":"data:"}]}"#,
            "questions[0].instructions[0]"
        ),
        (#"{"type":"choice","instructions":"a"}"#, "questions[0].choices"),
        (
            #"{"type":"choice","instructions":"a","choices":[{"value":"a"}]}"#,
            "questions[0].choices"
        ),
        (
            #"{"type":"choice","instructions":"a","choices":[{"value":"a"},{"value":3}]}"#,
            "questions[0].choices[1].value"
        ),
        (
            #"{"type":"choice","instructions":"a","choices":[{"value":"a"},{"value":"a"}]}"#,
            "questions[0].choices[1].value"
        ),
        (
            #"{"type":"score","instructions":"a","levels":[{"label":"a"},{}]}"#,
            "questions[0].levels[1].label"
        ),
    ])
    func `what is wrong with a question is named`(question: String, path: String) async throws {
        let reply = try await ask(question)
        #expect(reply.status == 400)
        #expect(try reply.json["error"]?["param"] == .string(path))
    }

    @Test(arguments: [
        (#"{"input":"a","questions":[PREDICATE]}"#, "model"),
        (#"{"model":"default","questions":[PREDICATE]}"#, "input"),
        (#"{"model":"default","input":[],"questions":[PREDICATE]}"#, "input"),
        (#"{"model":"default","input":3,"questions":[PREDICATE]}"#, "input"),
        (#"{"model":"default","input":"a"}"#, "questions"),
        (#"{"model":"default","input":"a","questions":[]}"#, "questions"),
        (
            #"{"model":"default","input":[{"role":"tool","content":"a"}],"questions":[PREDICATE]}"#,
            "input[0].role"
        ),
        (
            #"{"model":"default","input":[{"role":"user"}],"questions":[PREDICATE]}"#,
            "input[0].content"
        ),
        (
            #"{"model":"default","input":[{"role":"user","content":[{"type":"input_image"}]}],"questions":[PREDICATE]}"#,
            "input[0].content[0]"
        ),
        (
            #"{"model":"default","input":[{"role":"user","content":[{"type":"input_json","data":3}]}],"questions":[PREDICATE]}"#,
            "input[0].content[0].data"
        ),
        (
            #"{"model":"default","input":[{"type":"function_call_output","call_id":"x","output":"a"}],"questions":[PREDICATE]}"#,
            "input[0].call_id"
        ),
        (
            #"{"model":"default","input":"a","questions":[PREDICATE],"prompt_cache_options":{"mode":"never"}}"#,
            "prompt_cache_options.mode"
        ),
        (#"{"model":"default","input":"a","questions":[PREDICATE],"stream":true}"#, "stream"),
    ])
    func `what is wrong with a request is named`(body: String, path: String) async throws {
        let client = TestClient(engine: Self.halving())
        let reply = try await client.post(
            "/v1/decisions", body.replacing("PREDICATE", with: Self.predicate))
        #expect(reply.status == 400)
        #expect(try reply.json["error"]?["param"] == .string(path))
        #expect(client.engine.requests.isEmpty)
    }

    @Test func `there are at most 400 questions, of at most 255 options`() async throws {
        func asking(_ count: Int) async throws -> Reply {
            let questions = Array(repeating: Self.predicate, count: count)
            return try await ask(questions.joined(separator: ","))
        }
        #expect(try await asking(400).json["answers"]?.arrayValue?.count == 400)
        let reply = try await asking(401)
        #expect(reply.status == 400)
        #expect(try reply.json["error"]?["param"] == "questions")
        let options = (0..<256).map { #"{"value":"v\#($0)"}"# }.joined(separator: ",")
        let wide = try await ask(
            #"{"type":"choice","instructions":"a","choices":[\#(options)]}"#)
        #expect(try wide.json["error"]?["param"] == "questions[0].choices")
    }

    @Test func `a question that does not fit is named`() async throws {
        let long = String(repeating: "a", count: 600)
        let reply = try await ask(
            Self.predicate, #"{"type":"predicate","instructions":"\#(long)"}"#, Self.predicate)
        #expect(reply.status == 400)
        #expect(try reply.json["error"]?["code"] == "context_length_exceeded")
        #expect(reply.text.contains("questions[1]"))
    }

    @Test func `options of the cache are accepted`() async throws {
        let reply = try await ask(
            Self.predicate,
            more: #"""
                ,"prompt_cache_key":"k","prompt_cache_options":{"mode":"implicit","ttl":"30m"},
                "safety_identifier":"s","cache_salt":"c","max_time":60,"priority":1
                """#)
        #expect(reply.status == 200)
    }

    @Test func `probabilities are those of single scoring requests, to the last bit`()
        async throws
    {
        let engine = GenerationEngine(
            model: try TinyTransformer.make(
                vocabularyCount: ByteTokenizer.count, blockCount: 200, contextLength: 1_024),
            tokenizer: ByteTokenizer(), configuration: .init(maxSequences: 8))
        let description = ModelDescription(
            name: "tiny", creationTime: 1, contextLength: engine.contextLength)
        let models = ModelRegistry()
        models.announce(description).serve(
            ServedModel(
                description: description, engine: engine, tokenizer: ByteTokenizer(),
                prompts: PlainPrompts(), fingerprint: "fp"))
        let server = APIServer(models: models, unixTime: { 7 })
        func post(_ path: String, _ body: String) async throws -> JSONValue {
            let response = await server.handle(TestClient.request(.post, path, body, [:]))
            guard case .bytes(let bytes) = response.body else { return .null }
            return try JSONParser.parse(bytes)
        }
        let input = String(repeating: "It rains and rains. ", count: 15)
        let options = (0..<30).map { #"{"value":"v\#($0)"}"# }.joined(separator: ",")
        let wide = #"{"type":"choice","instructions":"Which?","choices":[\#(options)]}"#
        let many = (0..<12).map { #"{"type":"predicate","instructions":"it is \#($0)"}"# }
        let questions = ([Self.predicate, Self.choice, Self.score, wide] + many)
            .joined(separator: ",")
        let json = try await post(
            "/v1/decisions",
            #"{"model":"tiny","input":"\#(input)","return_token_ids":true,"questions":[\#(questions)]}"#
        )
        let answers = try #require(json["answers"]?.arrayValue)
        #expect(answers.count == 16)
        // Every prompt but the first finds the input in the cache.
        let cached = try #require(
            json["usage"]?["input_tokens_details"]?["cached_tokens"]?.intValue)
        #expect(cached >= 15 * (input.utf8.count / 16 * 16))

        for answer in answers {
            let prompt = try #require(answer["prompt_token_ids"]?.arrayValue)
            var masses: [Double] = []
            for label in try #require(answer["labels"]?.arrayValue) {
                let ids = try #require(label["token_ids"]?.arrayValue)
                let tokens = JSONValue.array(prompt + ids).serialized()
                let scored = try await post(
                    "/v1/completions",
                    #"{"model":"tiny","prompt":\#(tokens),"max_tokens":0,"echo":true,"logprobs":0}"#
                )
                let logprobs = try #require(
                    scored["choices"]?.arrayValue?[0]["logprobs"]?["token_logprobs"]?.arrayValue)
                let sum = logprobs.suffix(ids.count).reduce(0) { $0 + number($1) }
                #expect(number(label["logprob"]) == sum)
                masses.append(PortableMath.exp(sum))
            }
            let mass = masses.reduce(0, +)
            #expect(abs(number(answer["label_mass"]) - mass) < 1e-12)
            let told =
                answer["probabilities"]?.arrayValue?.map { number($0["probability"]) }
                ?? [number(answer["probability"]), 1 - number(answer["probability"])]
            #expect(told.count == masses.count)
            for (probability, own) in zip(told, masses) {
                #expect(abs(probability - own / mass) < 1e-12)
            }
        }
    }
}
