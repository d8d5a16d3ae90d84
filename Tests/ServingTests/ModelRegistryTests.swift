// SPDX-License-Identifier: Apache-2.0

import Generation
import Serving
import ServingSupport
import TestSupport
import Testing

@Suite struct ModelRegistryTests {
    private func description(_ name: String, _ aliases: String...) -> ModelDescription {
        ModelDescription(name: name, aliases: aliases, creationTime: 0, contextLength: 512)
    }

    private func model(
        _ description: ModelDescription, _ engine: any CompletionEngine = ScriptedEngine(),
        problem: String? = nil
    ) -> ServedModel {
        ServedModel(
            description: description, engine: engine, tokenizer: ByteTokenizer(),
            prompts: PlainPrompts(), fingerprint: "f", problem: { problem })
    }

    private func ask(_ registry: ModelRegistry, _ name: String?) async throws -> [Int32] {
        let model = try registry.model(named: name)
        var question = Question(.text("Where to?"))
        question.temperature = 0
        question.generation.maxTokens = 12
        question.generation.ignoresEOS = true
        let answer = try model.submit(model.requests(for: question), for: Client())
        return try await answer.collected().parts[0].choices[0].tokens.map(\.id)
    }

    @Test func `two models answer from one registry, each by its own engine`() async throws {
        let registry = ModelRegistry()
        var alone: [[Int32]] = []
        for (name, seed) in [("large", 42), ("small", 7)] {
            let engine = GenerationEngine(
                model: try TinyTransformer.make(
                    vocabularyCount: ByteTokenizer.count, seed: UInt64(seed)),
                tokenizer: ByteTokenizer())
            let own = ModelRegistry()
            own.announce().serve(model(description(name), engine))
            alone.append(try await ask(own, name))
            registry.announce(description(name, name + "-latest"))
                .serve(model(description(name, name + "-latest"), engine))
        }
        #expect(alone[0] != alone[1])
        async let large = ask(registry, "large-latest")
        async let small = ask(registry, "small")
        async let first = ask(registry, nil)
        #expect(try await [large, small, first] == [alone[0], alone[1], alone[0]])
        #expect(try await ask(registry, "default") == alone[0])
        #expect(throws: ServingError.unknownModel("medium")) {
            try registry.model(named: "medium")
        }
        #expect(registry.statistics?.finishedRequests == 6)
    }

    @Test func `a tag that says nothing may be left out or added`() throws {
        let registry = ModelRegistry()
        registry.announce(description("a")).serve(model(description("a"), ScriptedEngine()))
        #expect(registry.slot(named: "a:latest")?.description?.name == "a")
        #expect(registry.slot(named: "default:latest")?.description?.name == "a")
        #expect(registry.slot(named: "a:7b") == nil)
        #expect(registry.slot(named: "a:latest:latest") == nil)
    }

    @Test func `requests reach the model that they name`() async throws {
        let registry = ModelRegistry()
        let engines = [ScriptedEngine(), ScriptedEngine()]
        for (name, engine) in zip(["a", "b"], engines) {
            registry.announce(description(name)).serve(model(description(name), engine))
        }
        _ = try await ask(registry, "b")
        #expect(engines.map(\.requests.count) == [0, 1])
        #expect(registry.slots.map(\.description?.name) == ["a", "b"])
    }

    @Test func `the server is ready when every announced model is`() {
        let registry = ModelRegistry()
        let limit = Duration.seconds(60)
        #expect(registry.readiness(stallLimit: limit) == .loading(nil))
        let first = registry.announce(description("a"))
        let second = registry.announce()
        first.serve(model(description("a")))
        second.report("packing the weights", 0.5)
        #expect(
            registry.readiness(stallLimit: limit)
                == .loading(ModelSlot.Progress(stage: "packing the weights", share: 0.5)))
        second.serve(model(description("b")))
        #expect(registry.readiness(stallLimit: limit) == .ready)
        registry.stop()
        #expect(registry.readiness(stallLimit: limit) == .stopping)
    }

    @Test func `a model that has failed is no obstacle to another`() throws {
        let registry = ModelRegistry()
        registry.announce(description("a")).serve(model(description("a")))
        let problem = "b.gguf: the file is cut short"
        registry.announce(description("b")).serve(model(description("b"), problem: problem))
        #expect(try registry.model(named: "a").description.name == "a")
        #expect(throws: ServingError.broken(reason: problem)) {
            try registry.model(named: "b")
        }
        #expect(registry.readiness(stallLimit: .seconds(60)) == .failed(reason: problem))
    }

    @Test func `an engine that stands still and lost weights are told`() {
        let engine = ScriptedEngine()
        engine.statistics.runningSequences = 1
        engine.statistics.lastProgress = .now - .seconds(61)
        let registry = ModelRegistry()
        registry.announce().serve(model(description("a"), engine))
        #expect(registry.readiness(stallLimit: .seconds(60)) == .stalled)
        registry.announce().serve(model(description("b"), problem: "lost"))
        #expect(registry.readiness(stallLimit: .seconds(60)) == .failed(reason: "lost"))
        #expect(throws: ServingError.broken(reason: "lost")) { try registry.model(named: "b") }
    }

    @Test func `work that stands still is noticed while the server ends, too`() {
        let engine = ScriptedEngine()
        engine.statistics.waitingSequences = 1
        engine.statistics.lastProgress = .now - .seconds(61)
        let registry = ModelRegistry()
        let slot = registry.announce()
        #expect(!registry.isStalled(limit: .seconds(60)))
        slot.serve(model(description("a"), engine))
        #expect(registry.isStalled(limit: .seconds(60)))
        #expect(!registry.isStalled(limit: .seconds(36_000)))
        slot.stop()
        #expect(registry.isStalled(limit: .seconds(60)))
        engine.statistics.waitingSequences = 0
        #expect(!registry.isStalled(limit: .seconds(60)))
    }

    @Test func `while names are unknown, an unknown name is one of a model that loads`() {
        let registry = ModelRegistry()
        #expect(throws: ServingError.loading) { try registry.model(named: "a") }
        let slot = registry.announce()
        #expect(throws: ServingError.loading) { try registry.model(named: "a") }
        slot.serve(model(description("b")))
        #expect(throws: ServingError.unknownModel("a")) { try registry.model(named: "a") }
        slot.stop()
        #expect(throws: ServingError.stopping) { try registry.model(named: "b") }
    }
}
