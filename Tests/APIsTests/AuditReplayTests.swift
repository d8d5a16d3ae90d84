// SPDX-License-Identifier: Apache-2.0

import APIs
import Access
import Foundation
import Generation
import HTTP
import HTTPTypes
import JSON
import Serving
import ServingSupport
import Storage
import TestSupport
import Testing

/// Requests of all families to a transformer, recorded with their content, and answered again.
@Suite struct AuditReplayTests {
    /// A server that records, and the model that answers there.
    private struct Recorded {
        let folder: TemporaryFolder
        let key: ContentKey.Private
        let control: AccessControl
        let server: APIServer
        /// The key of an operator, where the server has keys.
        private var fields: [String: String] = [:]

        init(_ policy: AuditContent.Policy = .all, isKeyed: Bool = false) throws {
            folder = try TemporaryFolder()
            key = try ContentKey.Private()
            var ring: KeyRing?
            if isKeyed {
                var keys = KeyFile()
                let cost = try #require(ScryptCost(n: 16, r: 1, p: 1))
                let secret = try keys.add(
                    "admin", .with { $0.isAdmin = true }, expires: nil, at: 7, cost: cost)
                fields = ["authorization": "Bearer \(secret)"]
                try PrivateFile("\(folder.path)/keys").write(keys.bytes)
                ring = try KeyRing(path: "\(folder.path)/keys", unixTime: { 7 })
            }
            let log = try AuditLog(
                folder: "\(folder.path)/audit", content: AuditContent(policy, for: key.publicKey),
                unixTime: { 7 })
            control = try AccessControl(
                keys: ring, audit: log, clock: AccessClock(milliseconds: { 0 }, unixTime: { 7 }))
            let models = ModelRegistry()
            let model = try Self.model(maxBatchTokens: 64)
            models.announce(model.description).serve(model)
            server = APIServer(
                models: models, configuration: .init(keepAliveInterval: .seconds(3_600)),
                access: control,
                storage: try RecordStore(
                    folder: "\(folder.path)/responses", limits: RecordLimits()),
                unixTime: { 7 })
        }

        /// The same weights, which each engine cuts into steps of its own.
        static func model(maxBatchTokens: Int) throws -> ServedModel {
            let engine = GenerationEngine(
                model: try TinyTransformer.make(
                    vocabularyCount: ByteTokenizer.count, maxBatchTokens: maxBatchTokens,
                    contextLength: 512),
                tokenizer: ByteTokenizer(fillsGaps: true),
                configuration: .init(maxSequences: 8, prefillChunkTokens: maxBatchTokens - 9))
            var description = ModelDescription(
                name: "tiny", creationTime: 1, contextLength: engine.contextLength)
            description.defaultTemperature = 0.7
            description.defaultMaxTokens = 24
            var model = ServedModel(
                description: description, engine: engine,
                tokenizer: ByteTokenizer(fillsGaps: true), prompts: PlainPrompts(),
                answerFormat: TaggedFormat(), fingerprint: "cierzo-test-0123456789abcdef")
            model.computation = ["context": 512]
            model.weightsHash = { String(repeating: "a", count: 64) }
            return model
        }

        /// Sends a request, and reads its answer to the end.
        @discardableResult
        func send(_ path: String, _ body: String, id: String = "id") async throws -> [UInt8] {
            let response = await server.handle(
                TestClient.request(
                    .post, path, body, fields.merging(["x-request-id": id]) { $1 }))
            switch response.body {
            case .bytes(let bytes):
                let text = String(decoding: bytes, as: UTF8.self)
                #expect(response.head.status.code == 200, "\(text)")
                return bytes
            case .stream(let produce):
                let sink = ByteSink()
                try await produce(ResponseWriter { sink.append($0) })
                return sink.bytes
            }
        }

        /// What an operator is told.
        func ask(_ path: String, _ body: JSONObject? = nil) async throws -> (Int, JSONValue) {
            let response = await server.handle(
                TestClient.request(
                    body == nil ? .get : .post, path,
                    body.map { JSONValue.object($0).serialized() } ?? "", fields))
            guard case .bytes(let bytes) = response.body else { return (0, .null) }
            return (response.head.status.code, try JSONParser.parse(bytes))
        }

        func record(_ id: String = "id") throws -> AuditRecord {
            control.flush()
            return try AuditRecord(of: id, in: "\(folder.path)/audit")
        }

        func content(_ id: String = "id") throws -> [UInt8] { try record(id).content(with: key) }

        /// Answers it again by an engine that takes other steps.
        func replay(
            _ id: String = "id", changing change: (inout JSONObject) -> Void = { _ in }
        ) async throws -> AuditReplay {
            var object = try #require(try JSONParser.parse(content(id)).objectValue)
            change(&object)
            return try await AuditReplay(
                of: AuditedContent(JSONValue.object(object).serializedBytes()),
                by: Self.model(maxBatchTokens: 17))
        }
    }

    private static let tools = #"""
        "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object",
        "properties":{"a":{"enum":["x","yes","zebra"]},"b":{"type":"boolean"}},
        "required":["a","b"],"additionalProperties":false}}}],"tool_choice":"required"
        """#

    static let requests: [(path: String, body: String)] = {
        let chat = #""model":"tiny","messages":[{"role":"user","content":"Say something."}]"#
        var requests = [
            ("/v1/chat/completions", "{\(chat)}"),
            ("/v1/chat/completions", #"{\#(chat),"temperature":0,"max_tokens":9}"#),
            ("/v1/chat/completions", #"{\#(chat),"n":3,"top_p":0.9,"seed":5}"#),
            ("/v1/chat/completions", "{\(chat),\(tools)}"),
            (
                "/v1/chat/completions",
                #"{\#(chat),"response_format":{"type":"json_schema","json_schema":{"name":"n","#
                    + #""schema":{"enum":["one","two","three"]}}}}"#
            ),
            ("/mistral/v1/chat/completions", #"{\#(chat),"random_seed":3,"max_tokens":12}"#),
            (
                "/v1/completions",
                #"{"model":"tiny","prompt":["ab","another one","ab"],"max_tokens":11,"n":2}"#
            ),
            (
                "/v1/completions",
                #"{"model":"tiny","prompt":"ab","best_of":4,"stop":["e","~"],"echo":true,"#
                    + #""logit_bias":{"101":2.5},"repetition_penalty":1.3,"min_p":0.01}"#
            ),
            ("/v1/completions", #"{"model":"tiny","prompt":[1,2,3],"max_tokens":5}"#),
            (
                "/v1/fim/completions",
                #"{"model":"tiny","prompt":"def f(","suffix":"return 1","max_tokens":8}"#
            ),
            (
                "/v1/responses",
                #"{"model":"tiny","input":"Hello","max_output_tokens":20,"store":true}"#
            ),
            (
                "/v1/messages",
                #"{"model":"tiny","max_tokens":13,"system":"Be brief.","#
                    + #""messages":[{"role":"user","content":"Hi"}]}"#
            ),
            (
                "/api/chat",
                #"{"model":"tiny","messages":[{"role":"user","content":"Hi"}],"stream":false,"#
                    + #""options":{"num_predict":9,"temperature":1.2,"top_k":30}}"#
            ),
            (
                "/api/generate",
                #"{"model":"tiny","prompt":"Once","stream":false,"options":{"num_predict":7}}"#
            ),
        ]
        // Each of them as a stream, too.
        requests += requests.filter { !$0.1.contains("best_of") }.map { path, body in
            let whole = body.replacing(#","stream":false"#, with: "")
            return (path, #"{"stream":true,"# + whole.dropFirst())
        }
        return requests
    }()

    @Test(arguments: requests)
    func `the answer is the one of then, token by token`(
        path: String, body: String
    )
        async throws
    {
        let server = try Recorded()
        try await server.send(path, body)
        let replay = try await server.replay()
        guard case .same(let choiceCount, let tokenCount) = replay.outcome else {
            Issue.record("\(replay.outcome)")
            return
        }
        #expect(choiceCount >= 1 && tokenCount >= choiceCount)
        #expect(replay.rendersSame)
        let record = try server.record()
        #expect(record.members["completion_tokens"]?.intValue == tokenCount)
        #expect(record.members["seed"]?.stringValue.flatMap(UInt64.init) != nil)
        #expect(record.members["weights_sha256"]?.stringValue?.count == 64)
        #expect(record.members["computation"] == ["context": 512])
    }

    @Test func `a name that only that server gave the model is no hindrance`() async throws {
        let server = try Recorded()
        try await server.send("/v1/completions", #"{"model":"tiny","prompt":"ab"}"#)
        let replay = try await server.replay { content in
            let body = content["body"]?.stringValue ?? ""
            content["body"] = .string(body.replacing("tiny", with: "gpt-4o"))
        }
        guard case .same = replay.outcome else {
            Issue.record("\(replay.outcome)")
            return
        }
    }

    @Test func `the first token that differs is named`() async throws {
        let server = try Recorded()
        try await server.send(
            "/v1/completions", #"{"model":"tiny","prompt":"ab","n":2,"ignore_eos":true}"#)
        func changed(_ change: (inout [JSONValue]) -> Void) async throws -> AuditReplay.Outcome {
            try await server.replay { content in
                var replies = content["replies"]?.arrayValue ?? []
                var reply = replies[1].objectValue ?? [:]
                var tokens = reply["tokens"]?.arrayValue ?? []
                change(&tokens)
                reply["tokens"] = .array(tokens)
                replies[1] = .object(reply)
                content["replies"] = .array(replies)
            }.outcome
        }
        let count = 16
        var second: Int32 = 0
        let other = try await changed { tokens in
            second = Int32(tokens[1].intValue ?? 0)
            tokens[1] = .integer(Int(second ^ 1))
        }
        #expect(other == .otherToken(choice: 1, index: 1, recorded: second ^ 1, found: second))
        let more = try await changed { $0.append(65) }
        #expect(more == .otherToken(choice: 1, index: count, recorded: 65, found: nil))
        let less = try await changed { $0.removeLast() }
        guard case .otherToken(1, count - 1, nil, .some) = less else {
            Issue.record("\(less)")
            return
        }
    }

    @Test func `another seed, temperature, prompt or end shows`() async throws {
        let server = try Recorded()
        try await server.send(
            "/v1/completions",
            #"{"model":"tiny","prompt":"ab","temperature":1.5,"seed":11,"ignore_eos":true}"#)
        for (name, value) in [
            ("seed", JSONValue.string("12345")), ("temperature", 0), ("prompt", [1, 2]),
            ("max_tokens", 7),
        ] {
            let replay = try await server.replay { content in
                var run = content["runs"]?[0]?.objectValue ?? [:]
                run[name] = value
                content["runs"] = [.object(run)]
            }
            guard case .otherToken = replay.outcome else {
                Issue.record("\(name): \(replay.outcome)")
                continue
            }
            #expect(replay.rendersSame == (name != "prompt"))
        }
        let replay = try await server.replay { content in
            var reply = content["replies"]?[0]?.objectValue ?? [:]
            reply["end"] = "stop"
            content["replies"] = [.object(reply)]
        }
        #expect(replay.outcome == .otherEnd(choice: 0, recorded: "stop", found: "length"))
    }

    @Test func `an answer that broke off is compared as far as it went`() async throws {
        let server = try Recorded()
        let request = TestClient.request(
            .post, "/v1/completions",
            #"{"model":"tiny","prompt":"ab","max_tokens":200,"ignore_eos":true,"stream":true}"#,
            ["x-request-id": "id"])
        guard case .stream(let produce) = await server.server.handle(request).body else {
            Issue.record("no stream")
            return
        }
        let sink = ByteSink()
        await #expect(throws: CancellationError.self) {
            try await produce(
                ResponseWriter { bytes in
                    sink.append(bytes)
                    if sink.bytes.count > 600 { throw CancellationError() }
                })
        }
        #expect(try server.record().members["ended"] == ["abandoned"])
        let outcome = try await server.replay().outcome
        guard case .same(1, let tokenCount) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect((1..<200).contains(tokenCount))
    }

    @Test func `a response that goes on from a stored one is answered without the storage`()
        async throws
    {
        let server = try Recorded()
        let first = try JSONParser.parse(
            await server.send(
                "/v1/responses", #"{"model":"tiny","input":"Hello","max_output_tokens":9}"#))
        let id = try #require(first["id"]?.stringValue)
        try await server.send(
            "/v1/responses",
            #"{"model":"tiny","input":"And?","previous_response_id":"\#(id)","#
                + #""max_output_tokens":9}"#, id: "second")
        let replay = try await server.replay("second")
        guard case .same(choiceCount: 1, _) = replay.outcome else {
            Issue.record("\(replay.outcome)")
            return
        }
        #expect(!replay.rendersSame)
    }

    @Test func `content is of answers alone, and of whom the policy says`() async throws {
        let server = try Recorded()
        _ = await server.server.handle(
            TestClient.request(
                .post, "/v1/completions", #"{"model":"tiny","prompt":7.5}"#,
                ["x-request-id": "refused"]))
        #expect(try server.record("refused").members["content"] == nil)
        let silent = try Recorded(.keys)
        try await silent.send("/v1/completions", #"{"model":"tiny","prompt":"ab"}"#)
        #expect(try silent.record().members["content"] == nil)
    }

    @Test(
        arguments: [
            ("version", "2"), ("runs", "[]"), ("runs", "[{}]"), ("runs", #"[{"prompt":["a"]}]"#),
            ("replies", "[]"), ("replies", #"[{"choice":0,"tokens":[4294967296],"end":null}]"#),
            ("replies", #"[{"choice":9223372036854775807,"tokens":[1],"end":null}]"#),
            ("replies", #"[{"choice":-1,"tokens":[1],"end":null}]"#),
            ("body", "7"), ("path", "null"), ("token_input", "1"), ("agent", "[]"),
            ("dialect", "{}"),
        ])
    func `content that is wrong is refused by its member`(
        member: String, value: String
    )
        async throws
    {
        let server = try Recorded()
        try await server.send("/v1/completions", #"{"model":"tiny","prompt":"ab"}"#)
        let error = await #expect(throws: AuditedContent.Failure.self) {
            try await server.replay { $0[member] = try? JSONParser.parse(value) }
        }
        #expect("\(try #require(error))".contains("'\(member)'"))
        #expect(throws: AuditedContent.Failure.self) { try AuditedContent([0xFF, 0x7B]) }
    }

    @Test(
        arguments: [
            ("path", #""/v1/models""#), ("path", #""/nowhere""#), ("path", #""/v1/embeddings""#),
            ("dialect", #""klingon""#), ("body", #""{}""#), ("body", #""[""#),
            ("body", #""{\"model\":\"tiny\",\"prompt\":[\"a\",\"b\"]}""#),
        ])
    func `a request that cannot be read now is refused, and nothing traps`(
        member: String, value: String
    )
        async throws
    {
        let server = try Recorded()
        try await server.send("/v1/completions", #"{"model":"tiny","prompt":"ab"}"#)
        await #expect(throws: AuditReplay.Failure.self) {
            try await server.replay { $0[member] = try? JSONParser.parse(value) }
        }
    }

    @Test func `an operator has a request answered again by the API`() async throws {
        let recorded = try Recorded(isKeyed: true)
        let body =
            #"{"model":"tiny","messages":[{"role":"user","content":"Say something."}],"max_tokens":9}"#
        try await recorded.send("/v1/chat/completions", body)
        let (_, found) = try await recorded.ask("/v1/admin/audit?request=id")
        let place = try #require(found["data"]?[0]?["place"])
        #expect(found["data"]?[0]?["sealed_for"]?.stringValue == recorded.key.publicKey.id)
        let (_, record) = try await recorded.ask("/v1/admin/audit/\(place.stringValue ?? "")")
        let box = try #require(Data(base64Encoded: record["sealed"]?["box"]?.stringValue ?? ""))
        let bound = try #require(record["sealed"]?["bound"]?.stringValue)
        let opened = try #require(try recorded.key.open(Array(box), boundTo: Array(bound.utf8)))
        let content = String(decoding: opened, as: UTF8.self)
        func replay(_ content: String) async throws -> (Int, JSONValue) {
            try await recorded.ask(
                "/v1/admin/audit/replay", ["place": place, "content": .string(content)])
        }
        let (status, answer) = try await replay(content)
        #expect(status == 200, "\(answer)")
        #expect(answer["same"] == true)
        #expect(answer["same_computation"] == true)
        #expect(answer["prompt_renders_same"] == true)
        #expect(answer["texts"]?.arrayValue?.count == 1)

        // What was changed is no content of that record.
        var object = try #require(try JSONParser.parse(content).objectValue)
        var runs = try #require(object["runs"]?.arrayValue)
        var run = try #require(runs[0].objectValue)
        run["prompt"] = [1, 2, 3]
        runs[0] = .object(run)
        object["runs"] = .array(runs)
        let (refused, error) = try await replay(JSONValue.object(object).serialized())
        #expect(refused == 400)
        #expect(error["error"]?["param"] == "content")
    }
}
