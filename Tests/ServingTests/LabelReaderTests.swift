// SPDX-License-Identifier: Apache-2.0

import Conversation
import Generation
import Sampling
import Serving
import ServingSupport
import Synchronization
import Testing
import Tokenization

@Suite struct LabelReaderTests {
    /// How probable a token is after others: any function of all of them.
    private static func logprob(of token: Int32, after prefix: ArraySlice<Int32>) -> Double {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for id in prefix + [token] {
            hash = (hash ^ UInt64(UInt32(bitPattern: id))) &* 0x100_0000_01B3
        }
        return -0.25 - Double(hash >> 40) / Double(1 << 24) * 6
    }

    private static func answer(_ request: GenerationRequest) -> [GenerationEvent] {
        let prompt = request.promptTokens
        let places = (request.scoring?.places ?? []).map { place in
            TokenLogprobs(
                id: prompt[place.index],
                logprob: logprob(of: prompt[place.index], after: prompt[..<place.index]),
                top: place.candidates.map {
                    TokenLogprob(id: $0, logprob: logprob(of: $0, after: prompt[..<place.index]))
                })
        }
        return [
            .promptLogprobs(places), .finished(choice: 0, reason: .length, stop: nil),
            .usage(
                Usage(
                    promptTokens: prompt.count, cachedPromptTokens: 2,
                    cacheWriteTokens: prompt.count - 2)),
        ]
    }

    private static func model(_ engine: ScriptedEngine) -> ServedModel {
        ServedModel(
            description: ModelDescription(name: "m", creationTime: 0, contextLength: 512),
            engine: engine, tokenizer: ByteTokenizer(), prompts: PlainPrompts(), fingerprint: "f")
    }

    private static func scoring() -> ScriptedEngine {
        ScriptedEngine { request throws(SubmissionError) in
            ScriptedEngine.events(answer(request))
        }
    }

    private func scores(
        _ readings: [LabelReading], _ engine: ScriptedEngine
    ) async throws(ServingError) -> [LabelScores] {
        try await Self.model(engine).labelReader(
            GenerationRequest(promptTokens: []), for: Client(number: 3, weight: 2)
        ).scores(of: readings)
    }

    @Test func `labels of one token take one place of one request`() async throws {
        let engine = Self.scoring()
        let reading = LabelReading(prompt: [5, 6, 7], labels: [[9], [8], [1]])
        let scores = try await scores([reading], engine)
        #expect(
            scores[0].logprobs
                == [9, 8, 1].map { Self.logprob(of: $0, after: [5, 6, 7]) })
        let request = try #require(engine.requests.first)
        #expect(engine.requests.count == 1)
        #expect(request.promptTokens == [5, 6, 7, 9])
        #expect(request.maxTokens == 0)
        #expect(
            request.scoring
                == PromptScoring(places: [.init(index: 3, candidates: [9, 8, 1])]))
        #expect(request.client == 3 && request.weight == 2)
        // What stands in the last place is no part of the prompt.
        #expect(scores[0].usage.promptTokens == 3)
        #expect(scores[0].usage.cachedPromptTokens == 2)
        #expect(scores[0].usage.cacheWriteTokens == 1)
    }

    @Test func `a long label has the probability of all its tokens`() async throws {
        let engine = Self.scoring()
        let labels: [[Int32]] = [[1, 257], [1, 2, 257], [1, 2, 3, 257], [4, 5], [4, 6], [7]]
        let prompt: [Int32] = [50, 51]
        let scores = try await scores([LabelReading(prompt: prompt, labels: labels)], engine)
        for (label, logprob) in zip(labels, scores[0].logprobs) {
            var sum = 0.0
            for (depth, token) in label.enumerated() {
                sum += Self.logprob(of: token, after: (prompt + label[..<depth])[...])
            }
            #expect(logprob == sum)
        }
        // One way down to the end of the longest, and one to the two that go on from 4.
        #expect(engine.requests.count == 2)
        #expect(engine.requests.map { $0.scoring?.places.count } == [4, 1])
    }

    @Test func `the first prompt goes alone, so that the others find its beginning`() async throws {
        let order = Order()
        let engine = ScriptedEngine { request throws(SubmissionError) in
            let isFirst = order.begin()
            let (stream, continuation) = AsyncStream.makeStream(of: GenerationEvent.self)
            Task {
                if isFirst {
                    for _ in 0..<50 { await Task.yield() }
                    order.endFirst()
                }
                for event in Self.answer(request) { continuation.yield(event) }
                continuation.finish()
            }
            return stream
        }
        let readings = (0..<100).map {
            LabelReading(prompt: [1, 2, Int32($0)], labels: [[1], [2]])
        }
        let scores = try await scores(readings, engine)
        #expect(!order.wereEarly)
        #expect(
            scores.map(\.logprobs)
                == readings.map { reading in
                    [1, 2].map { Self.logprob(of: $0, after: reading.prompt[...]) }
                })
    }

    @Test func `a full queue makes the rest wait while some are being answered`() async throws {
        let calls = Mutex(0)
        let engine = ScriptedEngine { request throws(SubmissionError) in
            let call = calls.withLock { count in
                count += 1
                return count
            }
            if call % 3 == 0 { throw .overloaded(retryAfter: .seconds(1)) }
            return ScriptedEngine.events(Self.answer(request))
        }
        let readings = (0..<20).map { LabelReading(prompt: [1, Int32($0)], labels: [[1], [2]]) }
        #expect(try await scores(readings, engine).count == 20)
    }

    @Test func `what was read before a failure is consumed`() async throws {
        let calls = Mutex(0)
        let engine = ScriptedEngine { request throws(SubmissionError) in
            let call = calls.withLock { count in
                count += 1
                return count
            }
            if call < 3 { return ScriptedEngine.events(Self.answer(request)) }
            return ScriptedEngine.events([
                .finished(choice: 0, reason: .expired, stop: nil), .usage(Usage()),
            ])
        }
        let readings = (0..<4).map { LabelReading(prompt: [1, Int32($0)], labels: [[1], [2]]) }
        var consumed: [Usage] = []
        await #expect(throws: ServingError.expired) {
            _ = try await Self.model(engine).labelReader(
                GenerationRequest(promptTokens: []), for: Client(number: 3, weight: 2)
            ).scores(of: readings, consumed: { consumed.append($0) })
        }
        #expect(!consumed.isEmpty && consumed.allSatisfy { $0.promptTokens == 2 })
    }

    @Test func `a full queue refuses the first, and a failure ends all`() async throws {
        let full = ScriptedEngine { _ throws(SubmissionError) in
            throw .overloaded(retryAfter: .seconds(4))
        }
        let reading = LabelReading(prompt: [1, 2], labels: [[1], [2]])
        await #expect(throws: ServingError.overloaded(retryAfter: .seconds(4))) {
            _ = try await scores([reading, reading], full)
        }
        let broken = ScriptedEngine { _ throws(SubmissionError) in
            ScriptedEngine.events([
                .finished(choice: 0, reason: .error("it broke"), stop: nil), .usage(Usage()),
            ])
        }
        await #expect(throws: ServingError.failed(reason: "it broke")) {
            _ = try await scores([reading, reading], broken)
        }
        let silent = ScriptedEngine { _ throws(SubmissionError) in
            ScriptedEngine.events([
                .promptLogprobs([]), .finished(choice: 0, reason: .length, stop: nil),
                .usage(Usage()),
            ])
        }
        await #expect(throws: ServingError.failed(reason: "the engine left out a label")) {
            _ = try await scores([reading], silent)
        }
    }

    @Test func `labels go on to the end where one begins another`() {
        var tokens = LabelTokens(ByteTokenizer())
        let prompt: [Int32] = [256, 97, 98]
        #expect(tokens.tokens(of: ["A", "B"], after: prompt) == [[65], [66]])
        #expect(
            tokens.tokens(of: ["1", "2", "12"], after: prompt) == [
                [49, 257], [50, 257], [49, 50, 257],
            ])
        #expect(tokens.tokens(of: ["21", "22"], after: prompt) == [[50, 49], [50, 50]])
    }
}

/// Whether requests came before the first of them was answered.
private final class Order: Sendable {
    private let state = Mutex((isFirst: true, isFirstDone: false, wereEarly: false))

    var wereEarly: Bool { state.withLock { $0.wereEarly } }

    /// Notes a request; true for the first.
    func begin() -> Bool {
        state.withLock { state in
            defer { state.isFirst = false }
            if !state.isFirst, !state.isFirstDone { state.wereEarly = true }
            return state.isFirst
        }
    }

    func endFirst() { state.withLock { $0.isFirstDone = true } }
}
