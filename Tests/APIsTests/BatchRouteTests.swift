// SPDX-License-Identifier: Apache-2.0

import APIs
import Access
import Generation
import HTTP
import HTTPTypes
import JSON
import Jobs
import Sampling
import ServingSupport
import Synchronization
import TestSupport
import Testing

/// `/v1/batches`, `/v1/batch/jobs`, and how their lines are answered.
@Suite struct BatchRouteTests {
    private let folder: TemporaryFolder
    private let store: BatchStore

    init() throws {
        folder = try TemporaryFolder()
        store = try Self.store(in: folder.path)
    }

    private static func store(in path: String) throws -> BatchStore {
        var limits = BatchLimits()
        limits.maxUnfinishedPerOwner = 1_000_000
        return BatchStore(
            try FileStore(try JobDatabase(folder: path), unixTime: { 7 }), limits: limits,
            unixTime: { 7 })
    }

    /// A store with the file that examples of fields name, for tests of all endpoints.
    static func exampleStore() -> BatchStore? { examples.withLock { $0?.store } }

    private static let examples = Mutex(
        try? { () throws -> (folder: TemporaryFolder, store: BatchStore) in
            let folder = try TemporaryFolder()
            let store = try BatchRouteTests.store(in: folder.path)
            let writer = try store.files.make(
                for: Caller.anybody.owner, id: EndpointContract.exampleFile)
            _ = try writer.finish(name: "lines.jsonl", purpose: .batch)
            return (folder, store)
        }())

    /// A file of lines.
    private func file(
        _ lines: [String], of owner: String = Caller.anybody.owner,
        purpose: FilePurpose = .batch
    ) throws -> String {
        let writer = try store.files.make(for: owner)
        try writer.append(Array(lines.map { $0 + "\n" }.joined().utf8))
        return try writer.finish(name: "lines.jsonl", purpose: purpose).id
    }

    private func line(
        _ name: String, _ body: String = #"{"model": "default", "prompt": "abc", "max_tokens": 3}"#,
        url: String = "/v1/completions"
    ) -> String {
        "{\"custom_id\": \"\(name)\", \"method\": \"POST\", \"url\": \"\(url)\", \"body\": \(body)}"
    }

    private func order(_ file: String, endpoint: String = "/v1/completions") -> String {
        "{\"input_file_id\": \"\(file)\", \"endpoint\": \"\(endpoint)\", "
            + "\"completion_window\": \"24h\"}"
    }

    /// Works on all batches until one has ended.
    private func run(
        _ id: String, by client: TestClient, _ fields: [String: String] = [:]
    ) async throws {
        let runner = BatchRunner(
            store, lineCount: { 4 }, judge: { client.server.judge($0, $1) },
            report: { Issue.record("\($0)") }, answer: { await client.server.answer($0) })
        runner.start()
        while true {
            let batch = try await client.get("/v1/batches/\(id)", fields).json
            let status = try #require(batch["status"]?.stringValue.flatMap(BatchStatus.init))
            if status.isFinal { break }
            try await Task.sleep(for: .milliseconds(1))
        }
        await runner.stop()
    }

    private func content(_ id: String?, of owner: String) throws -> [JSONValue] {
        guard let id, let file = try store.files.file(id, of: owner) else { return [] }
        let bytes = try store.files.open(file).read(file.byteCount, at: 0)
        return try bytes.split(separator: 10).map { try JSONParser.parse(Array($0)) }
    }

    @Test func `a batch has OpenAI's members, and its answers those of requests`() async throws {
        let client = TestClient(batches: store)
        let file = try file([
            line("a"), line("b", #"{"model": "default", "prompt": 7}"#), line("c"),
        ])
        let made = try await client.post("/v1/batches", order(file))
        #expect(made.status == 200)
        #expect(try made.json["status"] == "validating")
        #expect(try made.json["input_file_id"] == .string(file))
        #expect(try made.json["expires_at"] == 86_407)
        let id = try #require(try made.json["id"]?.stringValue)
        try await run(id, by: client)
        let batch = try await client.get("/v1/batches/\(id)").json
        #expect(batch["status"] == "completed")
        #expect(batch["request_counts"] == ["total": 3, "completed": 2, "failed": 1])
        #expect(try made.json["model"] == .null)
        #expect(batch["model"] == "default")
        let output = try content(
            batch["output_file_id"]?.stringValue, of: Caller.anybody.owner)
        try #require(output.map { $0["custom_id"] } == ["a", "c"])
        let body = try #require(output[0]["response"]?["body"])
        let direct = try await client.post(
            "/openai/v1/completions",
            #"{"model": "default", "prompt": "abc", "max_tokens": 3}"#
        ).json
        #expect(body["choices"] == direct["choices"])
        #expect(body["object"] == direct["object"])
        #expect(body["usage"]?["prompt_tokens_details"]?["cached_tokens"] == 0)
        #expect(output[0]["response"]?["request_id"] != output[1]["response"]?["request_id"])
        let errors = try content(batch["error_file_id"]?.stringValue, of: Caller.anybody.owner)
        #expect(errors.map { $0["response"]?["status_code"] } == [400])
        #expect(errors[0]["response"]?["body"]?["error"]?["param"] == "prompt")
        let usage = batch["usage"]
        let count = try #require(direct["usage"]?["prompt_tokens"]?.intValue)
        #expect(usage?["input_tokens"]?.intValue == 2 * count)
        // What the cache had is told of the batch, whose lines do not depend on it.
        #expect(usage?["input_tokens_details"]?["cached_tokens"] == 2)
        // What the engine was given stands behind everything else, with seeds of its own.
        let given = client.engine.requests.filter(\.isInBackground)
        #expect(given.count == 2)
        #expect(Set(given.compactMap(\.sampling.seed)).count == 2)
        #expect(given.allSatisfy { $0.client < 0 })
    }

    @Test func `a line that is answered again has the same bytes`() async throws {
        let client = TestClient(batches: store)
        let batch = try store.make(
            BatchOrder(
                owner: Caller.anybody.owner, keyID: Caller.anybody.id, dialect: "openai",
                isMistral: false, endpoint: "/v1/chat/completions",
                inputFiles: [try file([line("a")])], window: "24h", windowSeconds: 86_400),
            at: 1_234)
        let body: JSONObject = [
            "model": "default", "messages": [["role": "user", "content": "hello"]],
        ]
        var answers: [[UInt8]] = []
        for index in [0, 0, 1] {
            let task = BatchTask(batch: batch, index: index, body: body)
            let answer = await client.server.answer(task)
            guard case .answered(200, _, let bytes, _) = answer else {
                Issue.record("no answer: \(answer)")
                return
            }
            answers.append(bytes)
        }
        #expect(answers[0] == answers[1])
        #expect(answers[0] != answers[2])
        #expect(try JSONParser.parse(answers[0])["created"] == 1_234)
        #expect(Set(client.engine.requests.map(\.sampling.seed)).count == 2)
    }

    @Test func `Mistral's jobs take lines within, and tell their answers`() async throws {
        let client = TestClient(batches: store)
        let made = try await client.post(
            "/v1/batch/jobs",
            #"""
            {"endpoint": "/v1/chat/completions", "model": "small", "metadata": {"a": "b"},
             "requests": [
              {"custom_id": "one", "body": {"messages": [{"role": "user", "content": "hi"}]}},
              {"body": {"messages": []}}
             ]}
            """#)
        #expect(made.status == 200, "\(made.text)")
        let id = try #require(try made.json["id"]?.stringValue)
        #expect(try made.json["status"] == "QUEUED")
        try await run(id, by: client)
        let job = try await client.get("/v1/batch/jobs/\(id)?inline=true").json
        #expect(job["status"] == "SUCCESS")
        #expect(job["succeeded_requests"] == 1)
        #expect(job["failed_requests"] == 1)
        #expect(job["metadata"] == ["a": "b"])
        let outputs = try #require(job["outputs"]?.arrayValue)
        #expect(outputs.map { $0["custom_id"] } == ["one", "1"])
        #expect(outputs.map { $0["response"]?["status_code"] } == [200, 422])
        #expect(try await client.get("/v1/batch/jobs/\(id)").json["outputs"] == nil)
        let listed = try await client.get(
            "/v1/batch/jobs?status=SUCCESS&status=FAILED&model=small"
                + "&created_after=1970-01-01T00:00:07.5Z"
        ).json
        #expect(listed["total"] == 1)
        #expect(try await client.get("/v1/batch/jobs?model=other").json["total"] == 0)
        #expect(try await client.get("/v1/batch/jobs?status=RUNNING").json["total"] == 0)
        #expect(
            try await client.get("/v1/batch/jobs?created_after=1970-01-01T01:00:08%2B01:00")
                .json["total"] == 0)
        let gone = try await client.send(.delete, "/v1/batch/jobs/\(id)")
        #expect(try gone.json["deleted"] == true)
        #expect(try await client.get("/v1/batch/jobs/\(id)").status == 404)
    }

    @Test(arguments: [
        ("{}", "completion_window"), (#"{"completion_window": "25d"}"#, "completion_window"),
        (#"{"completion_window": "0h"}"#, "completion_window"),
        (#"{"completion_window": "24h"}"#, "endpoint"),
        (#"{"completion_window": "24h", "endpoint": "/v1/images"}"#, "endpoint"),
        (
            #"{"completion_window": "24h", "endpoint": "/v1/completions"}"#, "input_file_id"
        ),
        (
            #"""
            {"completion_window": "24h", "endpoint": "/v1/completions", "input_file_id": "x",
             "metadata": {"a": 1}}
            """#, "metadata"
        ),
        (
            #"""
            {"completion_window": "24h", "endpoint": "/v1/completions", "input_file_id": "x",
             "output_expires_after": {"anchor": "created_at", "seconds": 1}}
            """#, "output_expires_after.seconds"
        ),
    ])
    func `a wrong order is refused by the field's name`(
        body: String, field: String
    ) async throws {
        let reply = try await TestClient(batches: store).post("/openai/v1/batches", body)
        #expect(reply.status == 400)
        #expect(try reply.json["error"]?["param"] == .string(field))
    }

    @Test func `files that are not there, or for something else, are refused`() async throws {
        let client = TestClient(batches: store)
        #expect(try await client.post("/v1/batches", order("nothing")).status == 404)
        let output = try file([line("a")], purpose: .batchOutput)
        #expect(try await client.post("/v1/batches", order(output)).status == 400)
        let other = try file([line("a")], of: "another")
        #expect(try await client.post("/v1/batches", order(other)).status == 404)
    }

    @Test func `a batch is cancelled once, and listed in pages`() async throws {
        let client = TestClient(batches: store)
        var ids: [String] = []
        for _ in 0..<3 {
            let made = try await client.post("/v1/batches", order(try file([line("a")])))
            ids.append(try #require(try made.json["id"]?.stringValue))
        }
        let page = try await client.get("/v1/batches?limit=2").json
        #expect(page["data"]?.arrayValue?.map { $0["id"] } == [.string(ids[2]), .string(ids[1])])
        #expect(page["has_more"] == true)
        let rest = try await client.get("/v1/batches?limit=2&after=\(ids[1])").json
        #expect(rest["data"]?.arrayValue?.map { $0["id"] } == [.string(ids[0])])
        #expect(try await client.get("/v1/batches?after=x").status == 400)
        let cancelled = try await client.send(.post, "/v1/batches/\(ids[0])/cancel")
        #expect(try cancelled.json["status"] == "cancelling")
        try await run(ids[0], by: client)
        #expect(
            try await client.send(.post, "/v1/batches/\(ids[0])/cancel").status == 409)
        let scrape = try await client.get("/metrics").text
        #expect(scrape.contains("cierzo_batches{status=\"cancelled\"} 1"))
    }

    @Test func `without a folder for jobs there are no batches`() async throws {
        let reply = try await TestClient().post("/v1/batches", order("x"))
        #expect(reply.status == 501)
        #expect(reply.text.contains("jobs-directory"))
    }

    @Test func `lines count for the key that asked for them, and end with it`() async throws {
        let server = try KeyedClient(
            [
                "a": .with {
                    $0.requestsPerMinute = 1
                    $0.concurrency = 1
                },
                "b": .with { $0.mayBatch = false }, "c": .with { $0.models = ["other"] },
            ], batches: store, isAccounted: true)
        let requests = (0..<3).map {
            #"{"custom_id": "\#($0)", "body": {"model": "default", "prompt": "abc"}}"#
        }
        let body =
            #"{"endpoint": "/v1/completions", "requests": ["#
            + requests.joined(separator: ", ") + "]}"
        #expect(try await server.post("/v1/batch/jobs", body, as: "b").status == 403)
        let made = try await server.post("/v1/batch/jobs", body, as: "a")
        let other = try await server.post("/v1/batch/jobs", body, as: "c")
        #expect((made.status, other.status) == (200, 200), "\(made.text) \(other.text)")
        let id = try #require(try made.json["id"]?.stringValue)
        let otherID = try #require(try other.json["id"]?.stringValue)
        #expect(try await server.get("/v1/batches/\(id)", as: "c").status == 404)
        try await run(id, by: server.client, server.fields("a"))
        // More lines than requests of a minute: those of days count alone.
        let batch = try await server.get("/v1/batches/\(id)", as: "a").json
        #expect(batch["request_counts"] == ["total": 3, "completed": 3, "failed": 0])
        let usage = try server.usage()
        #expect(usage.map(\.subject.name) == ["a"])
        #expect(usage.first?.counts.requests == 3)
        #expect(usage.first?.subject.family == "completions")
        // The other key is not for the model that lines get which name none.
        try await run(otherID, by: server.client, server.fields("c"))
        let refused = try await server.get("/v1/batches/\(otherID)", as: "c").json
        #expect(refused["status"] == "failed")
        #expect(refused["errors"]?["data"]?[0]?["code"] == "model_not_found")
    }

    @Test func `a line that is given up and comes again is no request of the key's`() async throws {
        let engine = ScriptedEngine { _ in AsyncStream { _ in } }
        let server = try KeyedClient(
            ["a": .with { $0.requestsPerDay = 2 }], engine: engine, batches: store,
            isAccounted: true)
        let made = try await server.post(
            "/v1/batch/jobs",
            #"{"endpoint": "/v1/completions", "requests": ["#
                + #"{"custom_id": "0", "body": {"model": "default", "prompt": "abc"}}]}"#, as: "a")
        #expect(made.status == 200, "\(made.text)")
        let taken = Mutex<BatchTask?>(nil)
        let runner = BatchRunner(
            store, lineCount: { 1 }, report: { Issue.record("\($0)") },
            answer: { task in
                taken.withLock { $0 = task }
                while !Task.isCancelled { await Task.yield() }
                return .stopped
            })
        runner.start()
        while taken.withLock({ $0 == nil }) { await Task.yield() }
        await runner.stop()
        let line = try #require(taken.withLock { $0 })
        let api = server.client.server
        for comesAgain in [true, true, true, false] {
            let task = BatchTask(batch: line.batch, index: 0, body: line.body) { comesAgain }
            engine.forget()
            let work = Task { await api.answer(task) }
            while engine.requests.isEmpty { await Task.yield() }
            work.cancel()
            guard case .stopped = await work.value else {
                Issue.record("it was answered")
                return
            }
        }
        let usage = try server.usage()
        #expect(usage.map(\.counts.requests) == [1])
        #expect(usage.map(\.counts.abandoned) == [1])
    }

    @Test func `a key that has been revoked ends its batches`() async throws {
        let client = TestClient(batches: store)
        let batch = try store.make(
            BatchOrder(
                owner: Caller.anybody.owner, keyID: "gone", dialect: "openai", isMistral: false,
                endpoint: "/v1/completions", inputFiles: [try file([line("a")])],
                window: "24h", windowSeconds: 86_400))
        try await run(batch.id, by: client)
        let ended = try #require(try store.batch(batch.id, of: Caller.anybody.owner))
        #expect(ended.status == .failed)
        #expect(ended.faults.map(\.code) == ["batch_refused"])
    }
}
