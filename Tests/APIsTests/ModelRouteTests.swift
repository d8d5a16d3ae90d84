// SPDX-License-Identifier: Apache-2.0

import APIs
import Foundation
import Generation
import HTTP
import HTTPTypes
import JSON
import Serving
import ServingSupport
import Synchronization
import Testing

/// Models that come and go, as clients see it.
@Suite struct ModelRouteTests {
    private let memory = MemoryMeter()

    /// A server of models that take ten bytes each.
    private struct Server {
        let residency: ModelResidency
        let server: APIServer
        let slots: [ModelSlot]

        func send(
            _ method: HTTPRequest.Method, _ path: String, _ body: String = "",
            _ fields: [String: String] = [:]
        ) async throws -> Reply {
            let response = await server.handle(TestClient.request(method, path, body, fields))
            var bytes: [UInt8] = []
            switch response.body {
            case .bytes(let whole): bytes = whole
            case .stream(let produce):
                let sink = ByteSink()
                try await produce(ResponseWriter { sink.append($0) })
                bytes = sink.bytes
            }
            return Reply(
                status: response.head.status.code, fields: response.head.headerFields, body: bytes)
        }

        func chat(_ model: String, _ more: String = "") async throws -> Reply {
            try await send(
                .post, "/v1/chat/completions",
                #"{"model":"\#(model)","messages":[{"role":"user","content":"a"}],"max_tokens":2\#(more)}"#
            )
        }

        func statuses() async throws -> [String?] {
            let list = try await send(.get, "/v1/models").json
            return (0..<slots.count).map { list["data"]?[$0]?["meta"]?["status"]?.stringValue }
        }
    }

    private func server(
        _ names: [String], budget: Int, pinned: String? = nil, keys: APIKeys = .init(),
        longestWait: Duration = .seconds(3600), keepAlive: Duration = .seconds(3600),
        gate: Gate? = nil, loading: @escaping @Sendable (String) throws -> Void = { _ in }
    ) throws -> Server {
        let residency = ModelResidency(
            .init(budget: budget, patience: .milliseconds(1), longestWait: longestWait))
        let models = ModelRegistry(residency: residency)
        let limits = GenerationEngine.Limits(
            .init(), tokenizer: ByteTokenizer(), vocabularyCount: ByteTokenizer.count,
            contextLength: 512, positionCount: 512, maxLogitsRows: 64, maxBatchTokens: 512)
        let slots = try names.enumerated().map { index, name in
            let engine = try residency.add(name: name, byteCount: 10, isPinned: name == pinned) {
                ResidentEngine($0, limits: limits) { [memory] whenIdle, progress in
                    progress("packing the weights", 0.5)
                    try loading(name)
                    return ScriptedResident(
                        name, byteCount: 10, of: memory, gate: gate, whenIdle: whenIdle)
                }
            }
            let description = ModelDescription(
                name: name, aliases: [name + "-latest"], creationTime: 1, contextLength: 512)
            let slot = models.announce()
            slot.announce(description, in: engine.resident, isEssential: index == 0)
            slot.serve(
                ServedModel(
                    description: description, engine: engine, tokenizer: ByteTokenizer(),
                    prompts: PlainPrompts(), fingerprint: "fp", problem: { engine.problem }))
            return slot
        }
        let server = APIServer(
            models: models, configuration: .init(keys: keys, keepAliveInterval: keepAlive),
            unixTime: { 7 })
        return Server(residency: residency, server: server, slots: slots)
    }

    private func until(_ isSo: () async throws -> Bool) async throws {
        while try await !isSo() { try await Task.sleep(for: .milliseconds(1)) }
    }

    @Test func `requests to more models than fit are all answered, each by its own model`()
        async throws
    {
        let server = try server(["a", "b", "c"], budget: 20)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<60 {
                let name = ["a", "b", "c-latest"][index % 3]
                group.addTask {
                    let reply = try await server.chat(name)
                    #expect(reply.status == 200)
                    let own = String(name.prefix(1))
                    #expect(
                        try reply.json["choices"]?[0]?["message"]?["content"]?.stringValue
                            == own + own)
                    #expect(try reply.json["model"]?.stringValue == own)
                }
            }
            try await group.waitForAll()
        }
        #expect(memory.peak <= 20)
        #expect(memory.faults == [])
        let metrics = try await server.send(.get, "/metrics").text
        #expect(metrics.contains("cierzo_model_swaps_total \(server.residency.swapCount)\n"))
        #expect(metrics.contains("cierzo_models_memory_limit_bytes 20\n"))
        #expect(metrics.contains("cierzo_model_bytes{model_name=\"c\"} 10\n"))
        #expect(metrics.contains("cierzo_model_loads_total{model_name=\"b\"} "))
        #expect(try await server.send(.get, "/health").status == 200)
        await server.residency.end(grace: .zero)
    }

    @Test func `a model is loaded and unloaded as the operator says`() async throws {
        let server = try server(["a", "b"], budget: 20, pinned: "a")
        #expect(try await server.statuses() == ["unloaded", "unloaded"])
        for path in ["/v1/models/load", "/models/load"] {
            let reply = try await server.send(.post, path, #"{"model":"b-latest"}"#)
            #expect(reply.status == 200)
            #expect(try reply.json == ["success": true])
        }
        try await until { try await server.statuses()[1] == "loaded" }
        let card = try await server.send(.get, "/v1/models/b").json
        #expect(card["status"] == ["value": "loaded"])
        #expect(
            try await server.send(.post, "/models/unload", #"{"model":"b"}"#).status == 200)
        try await until { try await server.statuses()[1] == "unloaded" }
        let pinned = try await server.send(.post, "/v1/models/unload", #"{"model":"a"}"#)
        #expect(pinned.status == 400)
        #expect(try pinned.json["error"]?["param"] == "model")
        #expect(
            try await server.send(.post, "/v1/models/load", #"{"model":"x"}"#).status == 404)
        #expect(try await server.send(.post, "/v1/models/load", "{}").status == 400)
        await server.residency.end(grace: .zero)
    }

    @Test func `nobody without a key moves models`() async throws {
        let server = try server(["a"], budget: 20, keys: APIKeys(["secret"]))
        for path in ["/v1/models/load", "/v1/models/unload"] {
            #expect(try await server.send(.post, path, #"{"model":"a"}"#).status == 401)
            let reply = try await server.send(
                .post, path, #"{"model":"a"}"#, ["authorization": "Bearer secret"])
            #expect(reply.status == 200)
        }
        await server.residency.end(grace: .zero)
    }

    @Test func `the list answers while a model is loading, and tells how it went`() async throws {
        struct Damage: Error {}
        let gate = DispatchSemaphore(value: 0)
        let server = try server(["a", "b"], budget: 20) { name in
            gate.wait()
            if name == "b" { throw Damage() }
        }
        _ = try await server.send(.post, "/models/load", #"{"model":"a"}"#)
        #expect(try await server.statuses()[0] == "loading")
        _ = try await server.send(.post, "/models/load", #"{"model":"b"}"#)
        // More often than twice, for on a slow machine the failed model may be tried once more.
        for _ in 0..<100 { gate.signal() }
        try await until { try await server.statuses() == ["loaded", "failed"] }
        let card = try await server.send(.get, "/v1/models/b").json
        #expect(card["status"] == ["value": "unloaded", "failed": true])
        // A moment later it is not tried again, and a client learns when that makes sense.
        let reply = try await server.chat("b")
        #expect(reply.status == 503)
        #expect(reply.field("retry-after").flatMap { Int($0) } ?? 0 >= 1)
        #expect(try await server.chat("a").status == 200)
        #expect(try await server.send(.get, "/health").status == 200)
        await server.residency.end(grace: .zero)
    }

    @Test func `a request gets 503 where other models are too busy to make room`() async throws {
        let gate = Gate()
        let server = try server(
            ["a", "b"], budget: 10, longestWait: .milliseconds(20), gate: gate)
        async let busy = server.chat("a")
        try await until { gate.waitingCount == 1 }
        let reply = try await server.chat("b")
        #expect(reply.status == 503)
        #expect(reply.field("retry-after") == "1")
        #expect(try reply.json["error"]?["message"]?.stringValue?.contains("'b'") == true)
        gate.open()
        #expect(try await busy.status == 200)
        await server.residency.end(grace: .zero)
    }

    @Test func `a stream is not silent while its model is loading`() async throws {
        let gate = DispatchSemaphore(value: 0)
        let server = try server(["a"], budget: 10, keepAlive: .milliseconds(2)) { _ in gate.wait() }
        let response = await server.server.handle(
            TestClient.request(
                .post, "/v1/chat/completions",
                #"{"model":"a","messages":[{"role":"user","content":"a"}],"stream":true}"#, [:]))
        guard case .stream(let produce) = response.body else {
            Issue.record("no stream")
            return
        }
        let sink = ByteSink()
        let isOpen = Mutex(false)
        try await produce(
            ResponseWriter { bytes in
                sink.append(bytes)
                let isComment = String(decoding: bytes, as: UTF8.self).hasPrefix(":")
                if isComment,
                    isOpen.withLock({ wasOpen in
                        defer { wasOpen = true }
                        return !wasOpen
                    })
                {
                    gate.signal()
                }
            })
        let text = String(decoding: sink.bytes, as: UTF8.self)
        #expect(text.contains(": keep-alive"))
        #expect(text.hasSuffix("data: [DONE]\n\n"))
        await server.residency.end(grace: .zero)
    }
}
