// SPDX-License-Identifier: Apache-2.0

import APIs
import Generation
import JSON
import Sampling
import Serving
import ServingSupport
import Testing

/// The samplers of vLLM and llama-server, from the body to the engine.
@Suite struct SamplerFieldTests {
    private func question(_ members: String) throws -> Question {
        try CompletionRequest(
            #require(
                try JSONParser.parse(#"{"model":"m","prompt":"a",\#(members)}"#).objectValue),
            dialect: .openAI
        ).options.question
    }

    private func chain(_ members: String) throws -> SamplerChain? {
        try question(members).generation.sampling.chain
    }

    @Test func `llama-server's samplers make a chain in its order`() throws {
        let chain = try #require(
            try chain(
                """
                "dry_multiplier":0.8,"dry_base":2,"dry_allowed_length":3,"dry_penalty_last_n":100,
                "xtc_probability":0.5,"xtc_threshold":0.2,"typical_p":0.9,"top_n_sigma":1.5,
                "dynatemp_range":0.5,"dynatemp_exponent":2,"min_keep":2,
                "mirostat":2,"mirostat_tau":4,"mirostat_eta":0.2,
                "adaptive_target":0.3,"adaptive_decay":0.5
                """))
        var expected = SamplerChain()
        expected.dry = DRYPenalty(multiplier: 0.8, base: 2, allowedLength: 3, window: 100)
        expected.xtcProbability = 0.5
        expected.xtcThreshold = 0.2
        expected.typicalP = 0.9
        expected.topNSigma = 1.5
        expected.temperatureRange = 0.5
        expected.temperatureExponent = 2
        expected.minKeep = 2
        expected.mirostat = .init(version: 2, tau: 4, eta: 0.2)
        #expect(chain == expected)
        #expect(
            chain.order == [
                .penalties, .dry, .topNSigma, .topK, .typicalP, .topP, .minP, .xtc, .temperature,
            ])
    }

    @Test func `a request that uses none of them has no chain`() throws {
        for members in [
            #""temperature":0.7,"top_p":0.9,"top_k":40,"min_p":0.1,"repeat_penalty":1.1"#,
            #""mirostat":0,"mirostat_tau":3,"dry_multiplier":0,"dry_base":2,"xtc_threshold":0.3"#,
            #""dynatemp_exponent":2,"adaptive_decay":0.5,"adaptive_target":-1,"typical_p":1"#,
            #""min_keep":1,"top_n_sigma":-1,"dry_multiplier":1,"dry_penalty_last_n":0"#,
        ] {
            #expect(try chain(members) == nil, "\(members)")
        }
    }

    @Test func `adaptive-p acts where the order names it`() throws {
        let fields = #""adaptive_target":0.3,"adaptive_decay":0.5"#
        #expect(try chain(fields) == nil)
        let chain = try #require(try chain(#""samplers":"a","# + fields))
        #expect(chain.order == [.adaptiveP])
        #expect(chain.adaptiveTarget == 0.3)
        #expect(chain.adaptiveDecay == 0.5)
    }

    @Test func `an order of none leaves the distribution as it is`() throws {
        #expect(try chain(#""samplers":[]"#)?.order == [])
        #expect(try chain(#""samplers":"""#)?.order == [])
    }

    @Test(arguments: [
        #"["top_k","typ_p","temperature"]"#, #"["top-k","typical-p","temp"]"#, #""kyt""#,
    ])
    func `samplers are put in order by name or by letter`(samplers: String) throws {
        #expect(try chain("\"samplers\":\(samplers)")?.order == [.topK, .typicalP, .temperature])
    }

    @Test func `an order that is the default is still llama-server's`() throws {
        #expect(try chain(#""samplers":"edskypmxt""#) == SamplerChain())
    }

    @Test(arguments: [
        ("samplers", #"["top_q"]"#, "samplers[0]"), ("samplers", #""kz""#, "samplers"),
        ("samplers", "[1]", "samplers[0]"), ("samplers", "3", "samplers"),
        ("samplers", #"["infill"]"#, "samplers[0]"), ("mirostat", "3", "mirostat"),
        ("mirostat_tau", "-1", "mirostat_tau"), ("typical_p", "0", "typical_p"),
        ("xtc_probability", "1.5", "xtc_probability"), ("dry_multiplier", "-1", "dry_multiplier"),
        ("dry_sequence_breakers", "[1]", "dry_sequence_breakers[0]"),
        ("dry_sequence_breakers", #""[x""#, "dry_sequence_breakers"),
        ("adaptive_decay", "1", "adaptive_decay"), ("min_keep", "-1", "min_keep"),
        ("repeat_last_n", "-2", "repeat_last_n"), ("penalty_prompt", "3", "penalty_prompt"),
        ("allowed_token_ids", "[]", "allowed_token_ids"),
        ("allowed_token_ids", "[-1]", "allowed_token_ids[0]"),
        ("bad_words", #"[""]"#, "bad_words[0]"), ("bad_words", #""a""#, "bad_words"),
        ("bad_words_ids", "[[]]", "bad_words_ids[0]"),
        ("logprob_token_ids", "[1]", "logprob_token_ids"),
        ("repetition_detection", "3", "repetition_detection"),
        (
            "repetition_detection", #"{"max_pattern_size":5000,"min_count":2}"#,
            "repetition_detection.max_pattern_size"
        ),
        (
            "repetition_detection", #"{"max_pattern_size":2,"min_pattern_size":3,"min_count":2}"#,
            "repetition_detection.min_pattern_size"
        ),
        (
            "repetition_detection", #"{"max_pattern_size":2}"#, "repetition_detection.min_count"
        ),
        ("length_penalty", "2", "length_penalty"), ("early_stopping", "true", "early_stopping"),
        ("use_beam_search", "1", "use_beam_search"),
    ])
    func `what is wrong is named`(field: String, value: String, path: String) throws {
        let error = #expect(throws: FieldError.self) { try question("\"\(field)\":\(value)") }
        #expect(error?.path?.description == path)
    }

    @Test func `a window of penalties is llama-server's, -1 and none are everything`() throws {
        func window(_ members: String) throws -> Int? {
            try question(members).generation.sampling.penaltyWindow
        }
        #expect(try window(#""repeat_penalty":1.1,"repeat_last_n":64"#) == 64)
        #expect(try window(#""frequency_penalty":1,"penalty_last_n":0"#) == 0)
        #expect(try window(#""repeat_penalty":1.1,"repeat_last_n":-1"#) == nil)
        #expect(try window(#""repeat_penalty":1.1,"repetition_penalty_range":0"#) == nil)
        #expect(try window(#""repeat_penalty":1.1"#) == nil)
    }

    @Test func `DRY's breakers are a list or the text of one, and llama-server's by default`()
        throws
    {
        func breakers(_ members: String) throws -> [String] {
            try question(#""dry_multiplier":1"# + members).samplingTexts.sequenceBreakers
        }
        #expect(try breakers("") == ["\n", ":", "\"", "*"])
        #expect(try breakers(#","dry_sequence_breakers":["a","b"]"#) == ["a", "b"])
        #expect(try breakers(#","dry_sequence_breakers":"[\"a\"]""#) == ["a"])
        #expect(try breakers(#","dry_sequence_breakers":"\"a\", \"b\"""#) == ["a", "b"])
    }

    @Test func `vLLM's detection of repetitions reaches the engine`() throws {
        let limit = try question(
            #""repetition_detection":{"max_pattern_size":20,"min_pattern_size":3,"min_count":4}"#
        ).generation.repetitionLimit
        #expect(limit == RepetitionLimit(maxPatternSize: 20, minPatternSize: 3, minCount: 4))
        #expect(
            try question(#""repetition_detection":{"max_pattern_size":0}"#).generation
                .repetitionLimit == nil)
    }

    @Test func `words become tokens, at the beginning and after a space`() async throws {
        let client = TestClient()
        let reply = try await client.complete(
            #""bad_words":[" ab"],"bad_words_ids":[[9,8]],"suppress_tokens":[5]"#)
        #expect(reply.status == 200)
        #expect(
            client.engine.requests.first?.sampling.bannedSequences
                == [[9, 8], [5], [97, 98], [32, 97, 98]])
        let none = try await client.complete(#""bad_words":["  "]"#)
        #expect(none.status == 400)
        #expect(try none.json["error"]?["param"] == "bad_words")
    }

    @Test func `breakers are tokens that have their text, or begin it`() async throws {
        let client = TestClient()
        _ = try await client.complete(
            #""dry_multiplier":1,"dry_sequence_breakers":["\n","ab"]"#)
        var expected = SequenceBreakers()
        expected.insert(10)
        expected.insert(97, then: [98])
        #expect(client.engine.requests.first?.sampling.chain?.dry?.breakers == expected)
    }

    @Test func `what penalties take for the prompt is a text or ids`() async throws {
        let client = TestClient()
        _ = try await client.complete(#""repeat_penalty":1.1,"penalty_prompt":"xy""#)
        #expect(client.engine.requests.first?.sampling.penaltyPrompt == [120, 121])
        _ = try await client.complete(#""repeat_penalty":1.1,"penalty_prompt":[1,2]"#)
        #expect(client.engine.requests.last?.sampling.penaltyPrompt == [1, 2])
    }

    @Test func `tokens that are named are told with the log probabilities`() async throws {
        let client = TestClient()
        #expect(
            try await client.complete(#""logprobs":0,"logprob_token_ids":[5,6]"#).status == 200)
        #expect(client.engine.requests.last?.logprobTokenIDs == [5, 6])
        #expect(
            try await client.chat(#""logprobs":true,"logprob_token_ids":[5]"#).status == 200)
        #expect(client.engine.requests.last?.logprobTokenIDs == [5])
        #expect(try await client.chat(#""logprob_token_ids":[5]"#).status == 400)
        let many = (0..<129).map(String.init).joined(separator: ",")
        #expect(
            try await client.complete(#""logprobs":0,"logprob_token_ids":[\#(many)]"#).status
                == 400)
    }

    @Test func `a beam search is as wide as best_of or n, and may stream`() async throws {
        let client = TestClient()
        let reply = try await client.complete(
            #""use_beam_search":true,"best_of":4,"n":2,"length_penalty":0.5,"early_stopping":true"#)
        #expect(reply.status == 200)
        let request = try #require(client.engine.requests.last)
        #expect(request.choiceCount == 2)
        #expect(
            request.beamSearch == BeamSearchLimits(width: 4, lengthPenalty: 0.5, stopsEarly: true))
        #expect(try reply.json["choices"]?.arrayValue?.count == 2)
        #expect(
            try await client.complete(#""use_beam_search":true,"best_of":4,"stream":true"#).status
                == 200)
        _ = try await client.chat(#""use_beam_search":true,"n":3"#)
        #expect(client.engine.requests.last?.beamSearch == BeamSearchLimits(width: 3))
    }

    @Test(arguments: [
        #""presence_penalty":1"#, #""repeat_penalty":1.1"#, #""logit_bias":{"5":1}"#,
        #""min_p":0.1"#, #""allowed_token_ids":[1]"#, #""bad_words":["a"]"#,
        #""dry_multiplier":1"#, #""mirostat":1"#, #""top_p":0.9"#, #""top_k":5"#,
    ])
    func `a beam search refuses what would bend the model's probabilities`(
        members: String
    ) throws {
        #expect(throws: FieldError.self) { try question(#""use_beam_search":true,"# + members) }
    }
}
