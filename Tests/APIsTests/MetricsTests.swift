// SPDX-License-Identifier: Apache-2.0

import APIs
import Access
import Computation
import Foundation
import Generation
import HTTP
import HTTPTypes
import JSON
import Jobs
import Serving
import ServingSupport
import Telemetry
import Testing

/// What `/metrics` and `/v1/admin/experts` say of the engine.
@Suite struct MetricsTests {
    private let model = #"{model_name="maker/model"}"#

    /// A model with an adapter and two layers of three experts each, of which the second layer has
    /// computed nothing.
    private func unevenModel() -> TestClient {
        let client = TestClient()
        let usage = ExpertUsage(layerCount: 2, expertCount: 3, expertsPerToken: 2)
        var groups = RowGroups(groupCount: 3)
        let selection: [Int32] = [0, 1, 0, 2, 0, 1]
        groups.assign(selection.span, choiceCount: 2)
        usage.add(groups, inLayer: 0)
        client.engine.statistics.expertUsage = usage
        if let adapters = AdapterTests.loaded("support") { client.slot.announce(adapters) }
        return client
    }

    @Test func `an engine's counts are told by model`() async throws {
        let client = TestClient()
        client.engine.statistics.runningSequences = 3
        client.engine.statistics.waitingSequences = 4
        client.engine.statistics.usedBlocks = 25
        client.engine.statistics.freeBlocks = 75
        client.engine.statistics.cacheHitTokens = 10
        client.engine.statistics.cacheMissTokens = 30
        client.engine.statistics.preemptions = 5
        client.engine.statistics.abandonedSteps = 6
        client.engine.statistics.decodedTokens = 7
        client.engine.statistics.decodingReadBytes = 7_000
        client.engine.statistics.decodingDuration = .milliseconds(1500)
        let text = try await client.get("/metrics").text
        for line in [
            "num_requests_running\(model) 3", "num_requests_waiting\(model) 4",
            "kv_cache_usage_perc\(model) 0.25", "prefix_cache_queries_total\(model) 40",
            "prefix_cache_hits_total\(model) 10", "num_preemptions_total\(model) 5",
            "abandoned_steps_total\(model) 6",
            "decoding_tokens_total\(model) 7", "decoding_read_bytes_total\(model) 7000",
            "decoding_seconds_total\(model) 1.5",
        ] {
            #expect(text.contains("\ncierzo_\(line)\n"), "\(line)")
        }
        #expect(!text.contains("expert"))
    }

    @Test(arguments: [false, true])
    func `an answer that fails after its status was sent counts as the error`(
        streams: Bool
    ) async throws {
        let server = try KeyedClient(
            ["operator": .with { $0.isAdmin = true }],
            configuration: .init(sendsHeartbeats: true),
            engine: .ending(with: .error("NaN")), isAccounted: true)
        let body = #"{"model":"default","prompt":"ab","stream":\#(streams)}"#
        _ = try? await server.post("/v1/completions", body, as: "operator")
        let text = try await server.get("/metrics", as: "operator").text
        let requests = text.split(separator: "\n").filter {
            $0.hasPrefix("cierzo_http_requests_total") && $0.contains("completions")
        }
        #expect(requests.count == 1)
        #expect(requests.first?.contains(#"status="500""#) == true)
        let record = try #require(try server.records().first)
        #expect(record["status"] == 500)
        #expect(record["ended"] == ["failed"])
    }

    @Test func `vLLM's names are those of vLLM, and other names are refused`() async throws {
        let client = TestClient()
        _ = try await client.chat()
        let text = try await client.get("/metrics?names=vllm").text
        for name in [
            "num_requests_running", "num_requests_waiting", "kv_cache_usage_perc",
            "prefix_cache_queries_total", "prefix_cache_hits_total", "num_preemptions_total",
            "prompt_tokens_total", "generation_tokens_total",
        ] {
            #expect(text.contains("\nvllm:\(name)\(model) "), "\(name)")
            #expect(!text.contains("cierzo_\(name)"))
        }
        let reply = try await client.get("/metrics?names=tgi")
        #expect(reply.status == 400)
        #expect(try reply.json["error"]?["param"] == "names")
    }

    @Test func `what keys ask for is told by their names, to operators`() async throws {
        let server = try KeyedClient([
            "a": .with { $0.requestsPerMinute = 1 }, "operator": .with { $0.isAdmin = true },
        ])
        let answer = try await server.complete(as: "a").json
        let prompt = try #require(answer["usage"]?["prompt_tokens"]?.intValue)
        let completion = try #require(answer["usage"]?["completion_tokens"]?.intValue)
        #expect(try await server.complete(as: "a").status == 429)
        #expect(try await server.complete(as: "nobody").status == 401)
        #expect(try await server.get("/metrics", as: "a").status == 403)
        let text = try await server.get("/metrics", as: "operator").text
        for line in [
            "requests_total{key=\"a\"} 3", "requests_limited_total{key=\"a\"} 1",
            "prompt_tokens_total{key=\"a\"} \(prompt)",
            "completion_tokens_total{key=\"a\"} \(completion)",
        ] {
            #expect(text.contains("\ncierzo_key_\(line)\n"), "\(line)")
        }
        #expect(!text.contains("nobody"))
        #expect(!text.contains(#"key="anybody""#))
        // Where nobody is told apart there are no keys.
        let open = TestClient()
        _ = try await open.chat()
        #expect(!(try await open.get("/metrics").text.contains("cierzo_key_")))
    }

    @Test func `experts are counted by layer, and how uneven they are`() async throws {
        let client = unevenModel()
        let text = try await client.get("/metrics").text
        for line in [
            #"tokens_total{expert="0",layer="0",model_name="maker/model"} 3"#,
            #"tokens_total{expert="2",layer="0",model_name="maker/model"} 1"#,
            #"tokens_total{expert="2",layer="1",model_name="maker/model"} 0"#,
            #"imbalance{layer="0",model_name="maker/model"} 1.5"#,
            #"imbalance{layer="1",model_name="maker/model"} 0"#,
        ] {
            #expect(text.contains("\ncierzo_expert_\(line)\n"), "\(line)")
        }
    }

    @Test func `a model with many experts has a series for each, but not for each of each layer`()
        async throws
    {
        let client = TestClient()
        let usage = ExpertUsage(layerCount: 48, expertCount: 128, expertsPerToken: 8)
        var groups = RowGroups(groupCount: 128)
        let selection: [Int32] = [5, 6]
        groups.assign(selection.span, choiceCount: 2)
        for layer in 0..<48 { usage.add(groups, inLayer: layer) }
        client.engine.statistics.expertUsage = usage
        let lines = try await client.get("/metrics").text.split(separator: "\n")
        let tokens = lines.filter { $0.hasPrefix("cierzo_expert_tokens_total{") }
        #expect(tokens.count == 128)
        #expect(
            tokens.contains(
                #"cierzo_expert_tokens_total{expert="5",layer="all",model_name="maker/model"} 48"#))
        #expect(lines.count { $0.hasPrefix("cierzo_expert_imbalance{") } == 48)
    }

    /// The names of all metrics that a server may show.
    private func exposedNames() async throws -> Set<String> {
        let residency = ModelResidency(.init(budget: 100))
        let models = ModelRegistry(residency: residency)
        let limits = GenerationEngine.Limits(
            .init(), tokenizer: ByteTokenizer(), vocabularyCount: ByteTokenizer.count,
            contextLength: 512, positionCount: 512, maxLogitsRows: 64, maxBatchTokens: 512)
        let engine = try residency.add(name: "m", byteCount: 10) { resident in
            ResidentEngine(resident, limits: limits) { _, _ in throw CancellationError() }
        }
        models.announce().announce(
            ModelDescription(name: "m", aliases: [], creationTime: 1, contextLength: 512),
            in: engine.resident, isEssential: true)
        let swapped = APIServer(models: models, unixTime: { 7 })
        let response = await swapped.handle(TestClient.request(.get, "/metrics", "", [:]))
        guard case .bytes(let bytes) = response.body else { return [] }
        let batches = BatchRouteTests.exampleStore()
        let texts = [
            String(decoding: bytes, as: UTF8.self), try await unevenModel().get("/metrics").text,
            try await TestClient(files: batches?.files, batches: batches).get("/metrics").text,
        ]
        let lines = texts.joined().split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }
        // What is counted where it happens appears when it first does, and must have a help then.
        return Set(lines.map { String($0.split(separator: " ")[2]) } + MetricHelp.texts.keys)
    }

    @Test(arguments: [
        "config/prometheus/cierzo-rules.yml", "config/grafana/cierzo-dashboard.json",
        "docs/operations.md", "README.md",
    ])
    func `every metric that is named beside the program is one of its own`(
        file: String
    )
        async throws
    {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(contentsOf: root.appending(path: file), encoding: .utf8)
        let known = try await exposedNames()
        let named = Set(text.matches(of: /\b(cierzo|process)_[a-z0-9_]+/).map { String($0.0) })
        #expect(!named.isEmpty)
        for name in named {
            let base = ["_bucket", "_sum", "_count"].first { name.hasSuffix($0) }
                .map { String(name.dropLast($0.count)) }
            #expect(known.contains(name) || known.contains(base ?? name), "\(name)")
        }
    }

    @Test func `the data of a heat map have each expert of each layer`() async throws {
        let reply = try await unevenModel().get("/v1/admin/experts")
        let card = try #require(try reply.json["data"]?[0])
        #expect(
            card == [
                "model": "maker/model", "layer_count": 2, "expert_count": 3,
                "tokens": [[3, 2, 1], [0, 0, 0]], "imbalance": [1.5, 0.0],
            ])
        let dense = try await TestClient().get("/v1/admin/experts")
        #expect(try dense.json == ["object": "list", "data": []])
        let closed = TestClient(.init(keys: APIKeys(["key"])))
        #expect(try await closed.get("/v1/admin/experts").status == 401)
    }
}
