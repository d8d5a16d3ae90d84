// SPDX-License-Identifier: Apache-2.0

import Foundation
import Generation
import Inference
import Sampling
import Scheduling
import TestSupport
import Testing

@Suite struct PrefixStoreTests {
    private static let headerCount = 104
    private static let blockCount = 12

    /// A prompt of twelve whole blocks of the fake model, and a piece.
    private func request(
        _ length: Int = 50, scope: String = "", factor: Int32 = 7
    ) -> GenerationRequest {
        var request = GenerationRequest(
            promptTokens: (0..<Int32(length)).map { 2 + ($0 * factor) % 30 }, sampling: .greedy,
            maxTokens: 1, ignoresEOS: true)
        request.cacheScope = scope
        return request
    }

    private func store(
        _ folder: TemporaryFolder, maxBytes: Int = 1 << 20
    ) throws -> PrefixStore {
        try PrefixStore(.init(directory: folder.path, maxBytes: maxBytes))
    }

    private func engine(
        _ store: PrefixStore?, computation: String = "a model", blockCount: Int = 64,
        hasItsWeights: Bool = true
    ) -> GenerationEngine {
        GenerationEngine(
            model: FakeModel(blockCount: blockCount, hasItsWeights: hasItsWeights),
            tokenizer: FakeTokenizer(),
            prefixes: store.map { PrefixSpace($0, computation: computation) })
    }

    /// What an engine of its own gives, which ends afterwards.
    private func answer(
        _ requests: [GenerationRequest], with store: PrefixStore?, computation: String = "a model"
    ) async throws -> [Generated] {
        let engine = engine(store, computation: computation)
        var answers: [Generated] = []
        for request in requests { answers.append(try await engine.generate(request)) }
        await engine.shutdown(grace: .seconds(60))
        return answers
    }

    private func files(_ folder: TemporaryFolder, _ suffix: String = ".kv") throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path)
            .filter { $0.hasSuffix(suffix) }.sorted().map { folder.path + "/" + $0 }
    }

    // MARK: What is found

    @Test func `after a restart a prompt is found, and gives the same`() async throws {
        let folder = try TemporaryFolder()
        let plain = try await answer([request()], with: nil)
        let first = try await answer([request()], with: store(folder))
        #expect(first[0].cachedTokens == 0 && first == plain)
        #expect(try files(folder).count == Self.blockCount)
        let opened = try store(folder)
        let second = try await answer([request(), request()], with: opened)
        #expect(second.map(\.cachedTokens) == [48, 48])
        #expect(second[0] == plain[0] && second[1] == plain[0])
        #expect(second[0].usage?.cacheWriteTokens == 0)
        // The second time it was in memory.
        #expect(opened.statistics.readCount == Self.blockCount)
        #expect(opened.statistics.writtenCount == 0)
    }

    @Test func `only what the prompt begins with is taken`() async throws {
        let folder = try TemporaryFolder()
        _ = try await answer([request()], with: store(folder))
        var other = request()
        other.promptTokens[30] = 1
        let plain = try await answer([other], with: nil)
        let found = try await answer([other], with: store(folder))
        #expect(found[0].cachedTokens == 28)
        #expect(found == plain)
    }

    @Test func `two engines at once share a folder, and each gives what it gives alone`()
        async throws
    {
        let folder = try TemporaryFolder()
        let (one, two) = (try store(folder), try store(folder))
        let (first, second) = (engine(one), engine(two))
        let requests = (3..<11).map { request(40 + Int($0), factor: $0) }
        let plain = try await answer(requests, with: nil)
        let left = try requests.map { try first.submit($0) }
        let right = try requests.reversed().map { try second.submit($0) }
        var answers: [[Generated]] = [[], []]
        for submitted in left { answers[0].append(await Generated(submitted)) }
        for submitted in right { answers[1].append(await Generated(submitted)) }
        #expect(answers == [plain, plain.reversed()])
        await first.shutdown(grace: .seconds(60))
        await second.shutdown(grace: .seconds(60))
        #expect(try files(folder, ".part").isEmpty)
        let again = try await answer(requests, with: store(folder))
        #expect(again == plain)
        #expect(again.allSatisfy { $0.cachedTokens >= 40 })
    }

    @Test func `no client finds what another has left`() async throws {
        let folder = try TemporaryFolder()
        _ = try await answer(
            ["ann:", "ann:salt"].map { request(scope: $0) }, with: store(folder))
        let found = try await answer(
            ["bob:", "ann:", "", "ann:salt", "ann:pepper"].map { request(scope: $0) },
            with: store(folder))
        #expect(found.map(\.cachedTokens) == [0, 48, 0, 48, 0])
    }

    @Test func `models of one store do not find each other's blocks`() async throws {
        let folder = try TemporaryFolder()
        let store = try store(folder)
        let (one, two) = (engine(store, computation: "one"), engine(store, computation: "two"))
        #expect(try await one.generate(request()).cachedTokens == 0)
        await one.shutdown(grace: .seconds(60))
        #expect(store.statistics.blockCount == Self.blockCount)
        #expect(try await two.generate(request()).cachedTokens == 0)
        await two.shutdown(grace: .seconds(60))
        #expect(store.statistics.blockCount == 2 * Self.blockCount)
        let again = try await answer([request()], with: store, computation: "one")
        #expect(again[0].cachedTokens == 48)
        let other = try await answer([request()], with: store, computation: "three")
        #expect(other[0].cachedTokens == 0)
    }

    @Test func `what gave way in memory is read from disk`() async throws {
        let folder = try TemporaryFolder()
        let store = try store(folder)
        let engine = engine(store, blockCount: 20)
        let plain = try await answer([request()], with: nil)
        var rounds: [Generated] = []
        for factor: Int32 in [7, 11, 13, 7, 11, 13] {
            rounds.append(try await engine.generate(request(factor: factor)))
            store.flush()
        }
        #expect(rounds[0] == plain[0] && rounds[3] == plain[0])
        #expect(rounds[1] == rounds[4] && rounds[2] == rounds[5])
        #expect(rounds[3...].allSatisfy { $0.cachedTokens > 0 })
        await engine.shutdown(grace: .seconds(60))
        #expect(store.statistics.blockCount == 3 * Self.blockCount)
    }

    @Test func `what is computed reaches the disk before the engine ends`() async throws {
        let folder = try TemporaryFolder()
        let store = try store(folder)
        let engine = engine(store)
        _ = try await engine.generate(request())
        while store.statistics.writtenCount < Self.blockCount { await Task.yield() }
        #expect(try files(folder).count == Self.blockCount)
        await engine.shutdown(grace: .seconds(60))
        #expect(store.statistics.writtenCount == Self.blockCount)
    }

    @Test(arguments: [1, 16], TinyTransformer.Kind.allCases)
    func `a real model's answers have the same bits after a restart`(
        maxBatchTokens: Int, kind: TinyTransformer.Kind
    ) async throws {
        let folder = try TemporaryFolder()
        func answer(_ store: PrefixStore?) async throws -> Generated {
            let model = try TinyTransformer.make(
                vocabularyCount: FakeTokenizer.vocabularyCount,
                maxBatchTokens: maxBatchTokens + 32, kind: kind)
            let engine = GenerationEngine(
                model: model, tokenizer: FakeTokenizer(),
                prefixes: store.map { PrefixSpace($0, computation: "tiny") })
            var request = request(100)
            request.maxTokens = 20
            request.topLogprobs = 3
            let answer = try await engine.generate(request)
            await engine.shutdown(grace: .seconds(60))
            return answer
        }
        let plain = try await answer(nil)
        #expect(try await answer(store(folder)) == plain)
        let again = try await answer(store(folder))
        #expect(again.cachedTokens == 96)
        #expect(again == plain)
    }

    @Test func `choices, scores and vectors of a prompt from disk are the same`() async throws {
        let folder = try TemporaryFolder()
        var choices = request()
        choices.choiceCount = 3
        choices.maxTokens = 7
        choices.sampling.temperature = 1
        choices.sampling.seed = 5
        var scored = request(52)
        scored.promptLogprobs = 2
        let plain = try await answer([choices, scored], with: nil)
        _ = try await answer([request(), request(52)], with: store(folder))
        #expect(try await answer([choices, scored], with: store(folder)) == plain)
        #expect(try await answer([scored, choices], with: store(folder)) == plain.reversed())
    }

    @Test func `who parts clients in another way finds nothing of before`() async throws {
        let folder = try TemporaryFolder()
        func store(_ sharing: String) throws -> PrefixStore {
            var configuration = PrefixStore.Configuration(
                directory: folder.path, maxBytes: 1 << 20)
            configuration.sharing = sharing
            return try PrefixStore(configuration)
        }
        _ = try await answer([request()], with: store("each key"))
        #expect(try await answer([request()], with: store("all keys"))[0].cachedTokens == 0)
        #expect(try await answer([request()], with: store("each key"))[0].cachedTokens == 48)
    }

    @Test func `nothing is kept of a model that has lost its weights`() async throws {
        let folder = try TemporaryFolder()
        let engine = engine(try store(folder), blockCount: 20, hasItsWeights: false)
        // So many that the first ones give way while the engine runs.
        for factor: Int32 in [7, 11, 13] { _ = try await engine.generate(request(factor: factor)) }
        await engine.shutdown(grace: .seconds(60))
        #expect(try files(folder).isEmpty)
    }

    // MARK: What is not trusted

    @Test(arguments: [0, 9, 17, 25, 33, 95, 97, 103, 104, 120, 135])
    func `a damaged file is no block, and is made anew`(place: Int) async throws {
        let folder = try TemporaryFolder()
        let plain = try await answer([request()], with: store(folder))
        let names = try files(folder)
        for path in names {
            var content = try contents(path)
            content[place] ^= 0x40
            try Data(content).write(to: URL(fileURLWithPath: path))
        }
        let opened = try store(folder)
        #expect(opened.statistics.blockCount == Self.blockCount)
        let again = try await answer([request()], with: opened)
        #expect(again == plain && again[0].cachedTokens == 0)
        #expect(opened.statistics.flawCount == Self.blockCount)
        #expect(try files(folder) == names)
        #expect(try await answer([request()], with: store(folder))[0].cachedTokens == 48)
    }

    @Test func `files that were cut short, swapped or replaced are no blocks`() async throws {
        let folder = try TemporaryFolder()
        let plain = try await answer([request()], with: store(folder))
        let whole = try files(folder)
        func replace(_ change: (Int, [UInt8]) throws -> [UInt8]) throws {
            for (index, path) in whole.enumerated() {
                let changed = try change(index, contents(path))
                try Data(changed).write(to: URL(fileURLWithPath: path))
            }
        }
        let changes: [(Int, [UInt8]) throws -> [UInt8]] = [
            { _, file in Array(file.dropLast()) }, { _, _ in [] }, { _, file in file + [0] },
            { index, _ in try contents(whole[(index + 1) % whole.count]) },
            { _, file in Array(repeating: 0, count: file.count) },
        ]
        for change in changes {
            try replace(change)
            let found = try await answer([request()], with: store(folder))
            #expect(found == plain && found[0].cachedTokens == 0)
            #expect(try files(folder) == whole)
            #expect(try await answer([request()], with: store(folder))[0].cachedTokens == 48)
        }
        for path in whole {
            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.createSymbolicLink(
                atPath: path, withDestinationPath: "/dev/zero")
        }
        #expect(try await answer([request()], with: store(folder)) == plain)
    }

    @Test func `what is no block is left alone, and unfinished files are removed`() async throws {
        let folder = try TemporaryFolder()
        _ = try await answer([request()], with: store(folder))
        let path = try #require(try files(folder).first)
        let name = URL(fileURLWithPath: path).lastPathComponent.dropLast(3)
        try folder.write("hello", to: "notes.txt")
        try folder.write("hello", to: "notes.kv")
        try folder.write("hello", to: "notes.part")
        try folder.write("hello", to: "\(name).abc.part")
        let opened = try store(folder)
        #expect(opened.statistics.blockCount == Self.blockCount)
        #expect(try files(folder, ".part").map { $0.hasSuffix("/notes.part") } == [true])
        #expect(try files(folder, "notes.kv").count == 1)
        // Another process may still be writing.
        try folder.write("hello", to: "\(name).abc.part")
        withExtendedLifetime(opened) { _ = try? store(folder) }
        #expect(try files(folder, ".part").count == 2)
    }

    // MARK: What there is room for

    @Test func `the files never take more than they may, and the longest unused go first`()
        async throws
    {
        let folder = try TemporaryFolder()
        let size = 32 + Self.headerCount
        let limit = 2 * Self.blockCount * size + size / 2
        for factor: Int32 in [7, 11] {
            _ = try await answer([request(factor: factor)], with: store(folder, maxBytes: limit))
        }
        // Used again, so that the other is the older one.
        #expect(
            try await answer([request(factor: 7)], with: store(folder, maxBytes: limit))[0]
                .cachedTokens == 48)
        let last = try store(folder, maxBytes: limit)
        _ = try await answer([request(factor: 13)], with: last)
        #expect(last.statistics.byteCount == 2 * Self.blockCount * size)
        #expect(try files(folder).count == 2 * Self.blockCount)
        let found = try await answer([7, 13].map { request(factor: $0) }, with: store(folder))
        #expect(found.map(\.cachedTokens) == [48, 48])
        // The end of a prompt goes before its beginning.
        #expect(try store(folder, maxBytes: size * 20).statistics.blockCount == 20)
        let rest = try await answer([13, 7].map { request(factor: $0) }, with: store(folder))
        #expect(rest.map(\.cachedTokens).sorted() == [32, 48])
        #expect(try store(folder, maxBytes: 1).statistics.blockCount == 0)
    }

    @Test func `a folder that cannot be used is an error`() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("x", to: "file")
        let error = #expect(throws: PrefixStore.Failure.self) {
            _ = try PrefixStore(.init(directory: file, maxBytes: 1 << 20))
        }
        #expect(error?.description.hasPrefix(file + ": ") == true)
        #expect(throws: PrefixStore.Failure.self) {
            _ = try PrefixStore(.init(directory: file + "/below", maxBytes: 1 << 20))
        }
    }

    @Test func `a disk that takes nothing keeps nobody from an answer`() async throws {
        let folder = try TemporaryFolder()
        let plain = try await answer([request(), request()], with: nil)
        var configuration = PrefixStore.Configuration(directory: folder.path, maxBytes: 1 << 20)
        configuration.pause = .seconds(86_400)
        let opened = try PrefixStore(configuration)
        try FileManager.default.removeItem(atPath: folder.path)
        #expect(try await answer([request(), request()], with: opened) == plain)
        // One failure is enough to stop trying for a while.
        #expect(opened.statistics.failureCount == 1)
        #expect(opened.statistics.writtenCount == 0)
        #expect(opened.flush())
    }

    @Test func `files that vanish are computed again`() async throws {
        let folder = try TemporaryFolder()
        let plain = try await answer([request()], with: store(folder))
        let opened = try store(folder)
        for path in try files(folder) { try FileManager.default.removeItem(atPath: path) }
        let again = try await answer([request()], with: opened)
        #expect(again == plain && again[0].cachedTokens == 0)
        #expect(opened.statistics.flawCount == 0)
        #expect(try files(folder).count == Self.blockCount)
    }

    // MARK: Requests that wait

    @Test func `requests that are cancelled while they wait for the disk end`() async throws {
        let folder = try TemporaryFolder()
        let plain = try await answer([request()], with: store(folder))
        let engine = engine(try store(folder))
        for _ in 0..<20 {
            let submitted = try engine.submit(request())
            engine.cancel(submitted.id)
            _ = await Generated(submitted)
        }
        #expect(try await engine.generate(request()) == plain[0])
        #expect(engine.statistics.usedBlocks == 0)
        await engine.shutdown(grace: .seconds(60))
    }

    @Test func `many prompts from disk at once, and a stop amidst them`() async throws {
        let folder = try TemporaryFolder()
        let requests = (Int32(3)..<15).map { factor in
            var request = request(factor: factor)
            request.maxTokens = 12
            return request
        }
        let plain = try await answer(requests, with: nil)
        _ = try await answer(requests, with: store(folder))
        let engine = engine(try store(folder), blockCount: 40)
        let submitted = try requests.map { try engine.submit($0) }
        var answers: [Generated] = []
        for one in submitted { answers.append(await Generated(one)) }
        #expect(answers == plain)
        let cut = try requests.map { try engine.submit($0) }
        await engine.shutdown(grace: .zero)
        for one in cut {
            let answer = await Generated(one)
            #expect(answer.first.reason != nil)
        }
    }
}
