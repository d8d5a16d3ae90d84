// SPDX-License-Identifier: Apache-2.0

import Foundation
import Generation
import Inference
import ModelFiles
import Sampling
import Serving
import Testing

@Suite struct ModelEntryTests {
    private func entry(_ name: String) -> ModelEntry {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "InferenceTests/Goldens/tiny-models")
        var entry = ModelEntry(path: folder.appending(path: "\(name).gguf").path)
        entry.assembly.threads = 2
        entry.assembly.context = 64
        entry.assembly.maxSequences = 4
        entry.assembly.maxBatchTokens = 32
        entry.assembly.kvByteCount = 1 << 20
        return entry
    }

    private func open(_ entry: ModelEntry, in residency: ModelResidency) throws -> OpenedModel {
        try entry.open(in: residency, build: "1")
    }

    private func ask(_ model: ServedModel, _ seed: Int) async throws -> [Int32] {
        var question = Question(.tokens([1, 2, Int32(3 + seed)]))
        question.temperature = 0
        question.generation.maxTokens = 6
        question.generation.ignoresEOS = true
        let answer = try model.submit(model.requests(for: question), for: Client())
        return try await answer.collected().parts[0].choices[0].tokens.map(\.id)
    }

    @Test func `models that take turns in memory and on the threads answer as they do alone`()
        async throws
    {
        let names = ["linear", "mixtral-top2", "ministral3"]
        var alone: [[[Int32]]] = []
        var sizes: [Int] = []
        for name in names {
            let residency = ModelResidency()
            let opened = try open(entry(name), in: residency)
            var answers: [[Int32]] = []
            for seed in 0..<3 { answers.append(try await ask(opened.model, seed)) }
            alone.append(answers)
            sizes.append(opened.plan.memory.totalByteCount)
            #expect(opened.engine.resident.report.byteCount == sizes.last)
            await residency.end(grace: .zero)
        }
        // Two of the three, whichever.
        let budget = sizes.reduce(0, +) - (sizes.min() ?? 0)
        let residency = ModelResidency(
            .init(budget: budget, patience: .milliseconds(1), longestWait: .seconds(3_600)))
        let pool = try entry(names[0]).assembly.makePool()
        let models = try names.map { name in
            var entry = entry(name)
            entry.assembly.sharedPool = pool
            return try open(entry, in: residency)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<27 {
                let (model, seed) = (models[index % 3].model, index / 3 % 3)
                let expected = alone[index % 3][seed]
                group.addTask {
                    let answer = try await ask(model, seed)
                    #expect(answer == expected)
                }
            }
            try await group.waitForAll()
        }
        #expect(residency.swapCount > 0)
        #expect(residency.usedByteCount <= budget)
        await residency.end(grace: .zero)
    }

    @Test func `an unloaded model has given back its engine and its file`() async throws {
        let residency = ModelResidency()
        let opened = try open(entry("linear"), in: residency)
        try await opened.engine.resident.loaded()
        _ = try await ask(opened.model, 0)
        let steps = opened.engine.statistics.steps
        #expect(steps > 0)
        opened.engine.resident.unload()
        while opened.engine.resident.status != .unloaded {
            try await Task.sleep(for: .milliseconds(1))
        }
        #expect(residency.usedByteCount == 0)
        #expect(opened.engine.statistics.steps >= steps)
        #expect(opened.engine.statistics.freeBlocks == 0)
        #expect(opened.engine.resident.report.unloadCount == 1)
        await residency.end(grace: .zero)
    }

    @Test func `what the operator says of a model holds`() throws {
        var entry = entry("linear")
        entry.name = "small"
        entry.aliases = ["tiny", "small", "linear"]
        entry.temperature = 0.25
        entry.maxTokens = 3
        let opened = try open(entry, in: ModelResidency())
        #expect(opened.model.description.name == "small")
        #expect(opened.model.description.aliases == ["linear", "tiny"])
        #expect(opened.model.description.defaultTemperature == 0.25)
        let request = try opened.model.requests(for: Question(.tokens([1])))
        #expect(request.map(\.maxTokens) == [3])
        #expect(request.map(\.sampling.temperature) == [0.25])
    }

    @Test func `a model larger than the budget is refused before it is loaded`() throws {
        #expect(throws: ResidencyError.self) {
            try open(entry("linear"), in: ModelResidency(.init(budget: 1000)))
        }
    }

    @Test func `a file that became another model is not served under the old one's name`()
        async throws
    {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "model.gguf").path
        var copy = entry("linear")
        try FileManager.default.copyItem(atPath: copy.path, toPath: path)
        copy.path = path
        let residency = ModelResidency()
        let opened = try open(copy, in: residency)
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.copyItem(atPath: entry("yarn").path, toPath: path)
        await #expect(throws: ModelEntry.ChangedFile.self) {
            try await opened.engine.resident.loaded()
        }
        await residency.end(grace: .zero)
    }
}
