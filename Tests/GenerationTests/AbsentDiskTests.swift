// SPDX-License-Identifier: Apache-2.0

import Foundation
import Generation
import Inference
import Logging
import Sampling
import Scheduling
import TestSupport
import Testing

/// A disk with KV blocks that does not answer, or not now.
@Suite(.timeLimit(.minutes(60))) struct AbsentDiskTests {
    /// Twelve whole blocks of the fake model, and a piece.
    private func request(factor: Int32 = 7) -> GenerationRequest {
        GenerationRequest(
            promptTokens: (0..<50).map { 2 + ($0 * factor) % 30 }, sampling: .greedy,
            maxTokens: 1, ignoresEOS: true)
    }

    private func store(
        _ folder: TemporaryFolder, patience: Duration = .seconds(2), logger: Logger? = nil
    ) throws -> PrefixStore {
        var configuration = PrefixStore.Configuration(directory: folder.path, maxBytes: 1 << 20)
        configuration.patience = patience
        return try PrefixStore(configuration, logger: logger ?? Logger(label: "test"))
    }

    private func engine(_ store: PrefixStore?) -> GenerationEngine {
        GenerationEngine(
            model: FakeModel(), tokenizer: FakeTokenizer(),
            prefixes: store.map { PrefixSpace($0, computation: "a model") })
    }

    /// What an engine of its own gives, which ends afterwards.
    private func answer(
        _ request: GenerationRequest, with store: PrefixStore?
    ) async throws -> Generated {
        let engine = engine(store)
        let answer = try await engine.generate(request)
        await engine.shutdown(grace: .seconds(60))
        return answer
    }

    /// A folder with a prompt's blocks, one of which is damaged: a store that has read it says so to
    /// its logger, and reads nothing else until that returns.
    private func folderThatHangs() async throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        _ = try await answer(request(), with: store(folder))
        for file in try FileManager.default.contentsOfDirectory(atPath: folder.path)
        where file.hasSuffix(".kv") {
            try folder.write(Array(repeating: 0, count: 136), to: file)
        }
        return folder
    }

    @Test func `a request goes on without a disk that hangs`() async throws {
        let folder = try await folderThatHangs()
        let gate = StepGate()
        let logger = Logger(label: "test") { _ in HangingLog(gate: gate) }
        let engine = engine(try store(folder, patience: .zero, logger: logger))
        let answer = try await engine.generate(request())
        // The disk still hangs.
        _ = await gate.nextBatch()
        #expect(answer == (try await self.answer(request(), with: nil)))
        #expect(answer.cachedTokens == 0)
        gate.open()
        await engine.shutdown(grace: .seconds(60))
    }

    @Test func `a request waits for a disk no longer than for its answer`() async throws {
        let folder = try await folderThatHangs()
        let gate = StepGate()
        let logger = Logger(label: "test") { _ in HangingLog(gate: gate) }
        let engine = engine(try store(folder, patience: .seconds(36_000), logger: logger))
        var hurried = request()
        hurried.timeLimit = .milliseconds(1)
        #expect(try await engine.generate(hurried).first.reason == .expired)
        _ = await gate.nextBatch()
        gate.open()
        await engine.shutdown(grace: .seconds(60))
    }

    @Test func `a disk that is away for a while has lost nothing`() async throws {
        let folder = try TemporaryFolder()
        let plain = try await answer(request(), with: store(folder))
        let opened = try store(folder, patience: .seconds(36_000))
        let aside = try TemporaryFolder()
        let manager = FileManager.default
        try manager.moveItem(atPath: folder.path, toPath: aside.path + "/moved")
        // Something else than a folder: nothing in it can be opened, which is not to be gone.
        try Data().write(to: URL(fileURLWithPath: folder.path))
        let away = try await answer(request(), with: opened)
        #expect(away == plain && away.cachedTokens == 0)
        try manager.removeItem(atPath: folder.path)
        try manager.moveItem(atPath: aside.path + "/moved", toPath: folder.path)
        #expect(opened.statistics.flawCount == 0 && opened.statistics.blockCount == 12)
        let again = try await answer(request(), with: opened)
        #expect(again == plain && again.cachedTokens == 48)
    }
}

/// A log that takes no line before its gate is opened.
private struct HangingLog: LogHandler {
    let gate: StepGate
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]

    init(gate: StepGate) { self.gate = gate }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { gate.pass(ForwardBatch()) }
}
