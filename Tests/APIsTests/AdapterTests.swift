// SPDX-License-Identifier: Apache-2.0

import APIs
import Access
import Foundation
import Generation
import HTTP
import HTTPTypes
import JSON
import ModelFiles
import Serving
import ServingSupport
import Synchronization
import TestSupport
import Testing

/// LoRA adapters as clients see them.
@Suite struct AdapterTests {
    /// D 8, H 2, K 1, Dh 4, F 8, V 6, E 2, one layer.
    private static let base = Result { AdapterBase(try RawGGUF.model(experts: 2).open()) }

    /// A folder with one adapter of that model, `support`; it stays until the tests end.
    static let folder = Mutex(
        Result {
            let folder = try TemporaryFolder()
            try write("support", into: folder, seed: 1)
            return folder
        })

    /// Its path.
    static var folderPath: String {
        folder.withLock { (try? $0.get().path) ?? "" }
    }

    /// That model with that adapter.
    static func loaded(_ name: String) -> ModelAdapters? {
        guard let base = try? base.get() else { return nil }
        let adapters = ModelAdapters(of: base)
        try? adapters.load(folderPath + "/\(name)", named: name)
        return adapters
    }

    /// Writes an adapter of that model.
    private static func write(_ name: String, into folder: TemporaryFolder, seed: UInt64) throws {
        let model = try RawGGUF.model(experts: 2).open()
        let raw = RandomAdapter.gguf(for: model.configuration, seed: seed)
        try folder.write(raw.bytes(), to: name)
    }

    private func server(
        _ folder: TemporaryFolder? = nil, residency: ModelResidency? = nil,
        hash: (@Sendable (String) throws -> String)? = nil
    ) throws -> TestClient {
        var configuration = APIServer.Configuration()
        configuration.adapterDirectory = folder?.path
        let client = TestClient(configuration)
        client.slot.announce(ModelAdapters(of: try Self.base.get(), in: residency, hash: hash))
        return client
    }

    private func ask(_ model: String, of server: TestClient) async throws -> Reply {
        try await server.post(
            "/v1/completions", #"{"model":"\#(model)","prompt":"a","max_tokens":2}"#)
    }

    @Test func `an adapter is a model of its own, by each of its names`() async throws {
        let folder = try TemporaryFolder()
        try Self.write("one.gguf", into: folder, seed: 1)
        let server = try server()
        try server.slot.adapters?.load(folder.path + "/one.gguf", named: "support")

        for name in ["support", "maker/model:support", "small:support", "default:support"] {
            let reply = try await ask(name, of: server)
            #expect(reply.status == 200)
            #expect(try reply.json["model"] == "support")
        }
        for name in ["maker/model", "small", "default"] {
            #expect(try await ask(name, of: server).json["model"] == "maker/model")
        }
        #expect(try await ask("small:other", of: server).status == 404)
        let adapters = server.engine.requests.map(\.adapter)
        #expect(adapters.map { $0 != nil } == [true, true, true, true, false, false, false])
        #expect(adapters[0]?.scale == 1)
    }

    @Test func `every family of APIs takes its name`() async throws {
        let folder = try TemporaryFolder()
        try Self.write("one.gguf", into: folder, seed: 1)
        let server = try server()
        try server.slot.adapters?.load(folder.path + "/one.gguf", named: "support")
        let messages = #""messages":[{"role":"user","content":"a"}]"#
        let bodies = [
            ("/v1/chat/completions", messages), ("/v1/completions", #""prompt":"a""#),
            ("/v1/responses", #""input":"a""#),
            ("/v1/messages", messages + #","max_tokens":4"#),
            ("/v1/fim/completions", #""prompt":"a""#),
            ("/api/chat", messages + #","stream":false"#),
            ("/api/generate", #""prompt":"a","stream":false"#),
        ]
        for (path, members) in bodies {
            let reply = try await server.post(path, #"{"model":"support",\#(members)}"#)
            #expect(reply.status == 200 || path.contains("fim"), "\(path): \(reply.text)")
        }
        #expect(server.engine.requests.count >= bodies.count - 1)
        #expect(server.engine.requests.allSatisfy { $0.adapter != nil })
    }

    @Test func `the list names an adapter, and the model that it is of`() async throws {
        let folder = try TemporaryFolder()
        try Self.write("one.gguf", into: folder, seed: 1)
        let server = try server()
        try server.slot.adapters?.load(folder.path + "/one.gguf", named: "support")

        let cards = try await server.get("/v1/models").json["data"]?.arrayValue ?? []
        let own = try await server.get("/v1/models/small:support").json

        #expect(cards.map { $0["id"] } == ["maker/model", "support"])
        #expect(cards.map { $0["parent"] } == [.null, "maker/model"])
        #expect(cards.map { $0["root"] } == ["maker/model", "maker/model"])
        #expect(cards.map { $0["type"] } == ["base", "fine-tuned"])
        #expect(cards[1]["aliases"] == ["maker/model:support", "small:support"])
        #expect(own == cards[1])
        let metrics = try await server.get("/metrics").text
        #expect(
            metrics.contains(
                "cierzo_adapter_bytes{adapter=\"support\",model_name=\"maker/model\"} "))
    }

    // MARK: At run time

    @Test func `adapters come and go while the server runs`() async throws {
        let folder = try TemporaryFolder()
        try Self.write("one.gguf", into: folder, seed: 1)
        try Self.write("two.gguf", into: folder, seed: 2)
        let server = try server(folder)
        func load(_ members: String) async throws -> Reply {
            try await server.post("/v1/load_lora_adapter", "{\(members)}")
        }

        let loaded = try await load(#""lora_name":"a","lora_path":"one.gguf""#)
        #expect(loaded.status == 200)
        #expect(try loaded.json == ["success": true])
        #expect(try await ask("a", of: server).status == 200)
        let first = server.engine.requests.last?.adapter

        // The name is taken, unless the client says that it may be.
        let again = try await load(#""lora_name":"a","lora_path":"two.gguf""#)
        #expect(again.status == 400)
        #expect(try again.json["error"]?["param"] == "lora_name")
        let replaced = try await load(
            #""lora_name":"a","lora_path":"\#(folder.path)/two.gguf","load_inplace":true"#)
        #expect(replaced.status == 200)
        #expect(try await ask("a", of: server).status == 200)
        #expect(server.engine.requests.last?.adapter != first)

        let gone = try await server.post("/v1/unload_lora_adapter", #"{"lora_name":"a"}"#)
        #expect(gone.status == 200)
        #expect(try await ask("a", of: server).status == 404)
        #expect(
            try await server.post("/v1/unload_lora_adapter", #"{"lora_name":"a"}"#).status == 404)
    }

    @Test func `what is not in the folder is not loaded`() async throws {
        let folder = try TemporaryFolder()
        let outside = try TemporaryFolder()
        try Self.write("one.gguf", into: outside, seed: 1)
        try Self.write("sound.gguf", into: folder, seed: 1)
        try folder.write("no adapter", to: "damaged.gguf")
        let server = try server(folder)
        for path in [
            "\(outside.path)/one.gguf", "../one.gguf", "a/../../one.gguf", "/etc/passwd", "",
            "nothing.gguf", "damaged.gguf", "sound.gguf/", ".",
        ] where path != "sound.gguf/" {
            let reply = try await server.post(
                "/v1/load_lora_adapter", #"{"lora_name":"a","lora_path":"\#(path)"}"#)
            #expect(reply.status == 400, "\(path)")
            #expect(try reply.json["error"]?["param"] == "lora_path")
            #expect(!reply.text.contains(folder.path))
        }
        #expect(
            try await server.post(
                "/v1/load_lora_adapter",
                #"{"lora_name":"a","lora_path":"sound.gguf","base_model_name":"x"}"#
            ).status == 404)
        for name in ["maker/model", "small", "default"] {
            let reply = try await server.post(
                "/v1/load_lora_adapter", #"{"lora_name":"\#(name)","lora_path":"sound.gguf"}"#)
            #expect(try reply.json["error"]?["param"] == "lora_name")
        }
        #expect(try await server.get("/v1/models").json["data"]?.arrayValue?.count == 1)
    }

    @Test func `where the folder is, is not told, however it is named`() async throws {
        let folder = try TemporaryFolder()
        try folder.write("no adapter", to: "damaged.gguf")
        var configuration = APIServer.Configuration()
        let depth = FileManager.default.currentDirectoryPath.count { $0 == "/" }
        let real = URL(fileURLWithPath: folder.path).resolvingSymlinksInPath().path
        configuration.adapterDirectory =
            String(repeating: "../", count: depth) + real.dropFirst()
        let client = TestClient(configuration)
        client.slot.announce(ModelAdapters(of: try Self.base.get(), in: nil, hash: nil))
        let reply = try await client.post(
            "/v1/load_lora_adapter", #"{"lora_name":"a","lora_path":"damaged.gguf"}"#)
        #expect(reply.status == 400)
        #expect(reply.text.contains("adapter-directory/damaged.gguf"))
        #expect(!reply.text.contains(real.dropFirst()))
    }

    @Test func `files of a folder that are links to elsewhere are not read`() async throws {
        let folder = try TemporaryFolder()
        let outside = try TemporaryFolder()
        let weights = try outside.write("weights", to: "weights")
        let own = "\(folder.path)/own"
        try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: false)
        try FileManager.default.createSymbolicLink(
            atPath: own + "/adapter_model.safetensors", withDestinationPath: weights)
        let reply = try await server(folder).post(
            "/v1/load_lora_adapter", #"{"lora_name":"a","lora_path":"own"}"#)
        #expect(reply.status == 400)
        #expect(reply.text.contains("a path within the server's adapter-directory"))
    }

    @Test func `without a folder nothing is loaded at run time`() async throws {
        let server = try server()
        let reply = try await server.post(
            "/v1/load_lora_adapter", #"{"lora_name":"a","lora_path":"one.gguf"}"#)
        #expect(reply.status == 403)
        #expect(reply.text.contains("adapter-directory"))
    }

    @Test func `only an operator's key loads adapters`() async throws {
        let server = try KeyedClient(
            ["user": AccessLimits(), "operator": .with { $0.isAdmin = true }])
        for path in ["/v1/load_lora_adapter", "/v1/unload_lora_adapter"] {
            let body = #"{"lora_name":"a","lora_path":"one.gguf"}"#
            #expect(
                try await server.post(path, body, as: "user").text.contains("not an operator's"))
            #expect(
                try await !server.post(path, body, as: "operator").text.contains(
                    "not an operator's"))
        }
    }

    @Test func `adapters take their memory from the budget of all models`() async throws {
        let folder = try TemporaryFolder()
        try Self.write("one.gguf", into: folder, seed: 1)
        let size = try AdapterFile.open(
            path: folder.path + "/one.gguf", for: Self.base.get()
        ).byteCount
        let residency = ModelResidency(.init(budget: 2 * size + 1))
        let server = try server(folder, residency: residency)
        func load(_ name: String) async throws -> Reply {
            try await server.post(
                "/v1/load_lora_adapter", #"{"lora_name":"\#(name)","lora_path":"one.gguf"}"#)
        }

        #expect(try await load("a").status == 200)
        #expect(try await load("b").status == 200)
        #expect(residency.usedByteCount == 2 * size)
        let full = try await load("c")
        #expect(full.status == 400)
        #expect(full.text.contains("memory-limit"))
        _ = try await server.post("/v1/unload_lora_adapter", #"{"lora_name":"a"}"#)
        #expect(residency.usedByteCount == size)
        #expect(try await load("c").status == 200)
    }

    @Test func `memory is counted until the last request with an adapter has ended`() async throws {
        let folder = try TemporaryFolder()
        try Self.write("one.gguf", into: folder, seed: 1)
        let residency = ModelResidency(.init(budget: 1 << 20))
        let server = try server(folder, residency: residency)
        try server.slot.adapters?.load(folder.path + "/one.gguf", named: "a")
        let size = residency.usedByteCount
        #expect(size > 0)
        // The engine of these tests keeps what it was asked.
        #expect(try await ask("a", of: server).status == 200)

        #expect(
            try await server.post("/v1/unload_lora_adapter", #"{"lora_name":"a"}"#).status == 200)
        #expect(try await ask("a", of: server).status == 404)
        #expect(residency.usedByteCount == size)
        server.engine.forget()
        #expect(residency.usedByteCount == 0)
    }

    @Test func `of two that are loaded at once under one name one is refused`() async throws {
        let folder = try TemporaryFolder()
        for number in 0..<8 { try Self.write("\(number).gguf", into: folder, seed: UInt64(number)) }
        let server = try server(folder)
        let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<8 {
                group.addTask {
                    try await server.post(
                        "/v1/load_lora_adapter",
                        #"{"lora_name":"a","lora_path":"\#(number).gguf"}"#
                    ).status
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(statuses.sorted() == [200] + Array(repeating: 400, count: 7))
        #expect(server.slot.adapters?.all.count == 1)
    }

    @Test func `the record of a change says of what`() async throws {
        let folder = try TemporaryFolder()
        try Self.write("one.gguf", into: folder, seed: 1)
        var configuration = APIServer.Configuration()
        configuration.adapterDirectory = folder.path
        let server = try KeyedClient(
            ["operator": .with { $0.isAdmin = true }], configuration: configuration,
            isAccounted: true)
        server.client.slot.announce(ModelAdapters(of: try Self.base.get()))
        _ = try await server.post(
            "/v1/load_lora_adapter", #"{"lora_name":"a","lora_path":"one.gguf"}"#, as: "operator")
        _ = try await server.post("/v1/unload_lora_adapter", #"{"lora_name":"b"}"#, as: "operator")
        _ = try await server.post("/v1/models/load", #"{"model":"small"}"#, as: "operator")

        let records = try server.records()
        #expect(records.map { $0["subject"] } == ["a", "b", "small"])
        #expect(records.map { $0["status"] } == [200, 404, 200])
    }
}
