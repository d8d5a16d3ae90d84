// SPDX-License-Identifier: Apache-2.0

import Foundation
import Generation
import Sampling
import Testing

@Suite struct BeamSearchTests {
    private static let logits: @Sendable ([Int32]) -> [Float] = { prefix in
        // Steeper than FakeModel's, so that answers differ much.
        FakeModel.random(prefix).map { $0 * 2 }
    }

    private func engine(blockCount: Int = 256) -> GenerationEngine {
        GenerationEngine(
            model: FakeModel(blockCount: blockCount, logits: Self.logits),
            tokenizer: FakeTokenizer())
    }

    private func request(
        _ width: Int, returning count: Int = 1, maxTokens: Int = 6, lengthPenalty: Double = 1
    ) -> GenerationRequest {
        var request = GenerationRequest(
            promptTokens: [5, 6, 7, 8, 9], sampling: .greedy, maxTokens: maxTokens,
            choiceCount: count, continuesText: true)
        request.beamSearch = BeamSearchLimits(width: width, lengthPenalty: lengthPenalty)
        return request
    }

    @Test func `a search for no tokens leaves no place taken`() async throws {
        let engine = engine()
        for _ in 0..<200 { _ = try await engine.generate(request(8, maxTokens: 0)) }
        #expect(try await engine.generate(request(8)).choices.count == 1)
    }

    /// The log probabilities of what may follow.
    private static func logprobs(after prefix: [Int32]) -> [Double] {
        let row = logits(prefix).map { Double($0) }
        let maximum = row.max() ?? 0
        let sum = row.map { exp($0 - maximum) }.reduce(0, +)
        return row.map { $0 - maximum - log(sum) }
    }

    private struct Answer {
        var ids: [Int32]
        var logprob: Double
        var hasEnded = false

        func score(_ lengthPenalty: Double) -> Double {
            logprob / pow(Double(ids.count), lengthPenalty)
        }
    }

    /// Every answer of at most that many tokens.
    private static func everything(after prompt: [Int32], maxTokens: Int) -> [Answer] {
        var open = [Answer(ids: [], logprob: 0)]
        var ended: [Answer] = []
        for _ in 0..<maxTokens {
            var longer: [Answer] = []
            for answer in open {
                for (id, logprob) in logprobs(after: prompt + answer.ids).enumerated() {
                    let next = Answer(
                        ids: answer.ids + [Int32(id)], logprob: answer.logprob + logprob)
                    if Int32(id) == FakeTokenizer.eos {
                        ended.append(next)
                    } else {
                        longer.append(next)
                    }
                }
            }
            open = longer
        }
        return ended + open
    }

    /// The same search, step by step over whole rows.
    private static func search(
        _ width: Int, after prompt: [Int32], maxTokens: Int, lengthPenalty: Double
    ) -> [Answer] {
        var open = [Answer(ids: [], logprob: 0)]
        var ended: [Answer] = []
        for _ in 0..<maxTokens {
            var longer: [Answer] = []
            for answer in open {
                let row = logprobs(after: prompt + answer.ids)
                let best = row.indices.sorted { row[$0] > row[$1] }.prefix(2 * width)
                for id in best {
                    let next = Answer(
                        ids: answer.ids + [Int32(id)], logprob: answer.logprob + row[id])
                    if Int32(id) == FakeTokenizer.eos {
                        ended.append(next)
                    } else {
                        longer.append(next)
                    }
                }
            }
            open = Array(longer.sorted { $0.logprob > $1.logprob }.prefix(width))
        }
        return (ended + open).sorted { $0.score(lengthPenalty) > $1.score(lengthPenalty) }
    }

    @Test(arguments: [0, 1, 2] as [Double])
    func `a search that is wide enough finds the best of all answers`(
        lengthPenalty: Double
    ) async throws {
        let width = FakeTokenizer.vocabularyCount
        let all = Self.everything(after: [5, 6, 7, 8, 9], maxTokens: 2)
            .sorted { $0.score(lengthPenalty) > $1.score(lengthPenalty) }
        let found = try await engine().generate(
            request(width, returning: 5, maxTokens: 2, lengthPenalty: lengthPenalty))
        #expect((0..<5).map { found.choices[$0]?.ids } == all.prefix(5).map(\.ids))
    }

    @Test(arguments: [1, 2, 3, 5], [0, 1, 1.5] as [Double])
    func `a search finds what the same search over whole rows finds`(
        width: Int, lengthPenalty: Double
    ) async throws {
        let expected = Self.search(
            width, after: [5, 6, 7, 8, 9], maxTokens: 8, lengthPenalty: lengthPenalty)
        let found = try await engine().generate(
            request(width, returning: width, maxTokens: 8, lengthPenalty: lengthPenalty))
        #expect(
            (0..<width).map { found.choices[$0]?.ids } == expected.prefix(width).map(\.ids))
        for (index, answer) in expected.prefix(width).enumerated() {
            let ends = answer.ids.last == FakeTokenizer.eos
            #expect(found.choices[index]?.reason == (ends ? .stop : .length))
        }
        #expect(found.completionTokens == expected.prefix(width).map(\.ids.count).reduce(0, +))
        #expect(found.promptTokens == 5)
    }

    @Test func `a search one wide is greedy`() async throws {
        let engine = engine()
        var greedy = request(1, maxTokens: 20)
        let found = try await engine.generate(greedy)
        greedy.beamSearch = nil
        let plain = try await engine.generate(greedy)
        #expect(found.first.ids == plain.first.ids)
        #expect(found.first.text == plain.first.text)
        #expect(found.first.reason == plain.first.reason)
    }

    @Test func `the answers are the same whatever else runs, and with few blocks`() async throws {
        let wanted = request(4, returning: 2, maxTokens: 10)
        let alone = try await engine().generate(wanted)
        let engine = engine(blockCount: 24)
        let others = try (0..<6).map { index in
            var other = GenerationRequest(promptTokens: [Int32(10 + index)], maxTokens: 30)
            other.sampling.seed = UInt64(index)
            return try engine.submit(other)
        }
        let beside = try await engine.generate(wanted)
        for other in others { _ = await Generated(other) }
        #expect(beside.choices == alone.choices)
        #expect(try await engine.generate(wanted).choices == alone.choices)
    }

    @Test func `log probabilities are those of the answer's tokens`() async throws {
        var request = request(3, returning: 2, maxTokens: 5)
        request.topLogprobs = 2
        request.promptLogprobs = 0
        let found = try await engine().generate(request)
        for choice in found.choices.values {
            var prefix: [Int32] = [5, 6, 7, 8, 9]
            for token in choice.tokens {
                let logprobs = try #require(token.logprobs)
                let row = Self.logprobs(after: prefix)
                #expect(abs(logprobs.logprob - row[Int(token.id)]) < 1e-5)
                #expect(logprobs.top.count == 2)
                prefix.append(token.id)
            }
        }
        #expect(found.promptLogprobs?.count == 5)
    }

    @Test func `stops end answers, and none is shorter than the least length`() async throws {
        let engine = engine()
        var stopped = request(3, returning: 3, maxTokens: 12)
        let free = try await engine.generate(stopped)
        let letter = try #require(free.first.text.dropFirst().first.map(String.init))
        stopped.stopStrings = [letter]
        let found = try await engine.generate(stopped)
        #expect(found.choices.values.allSatisfy { !$0.text.contains(letter) })
        var least = request(3, returning: 3, maxTokens: 12)
        least.minTokens = 9
        let longer = try await engine.generate(least)
        #expect(longer.choices.values.allSatisfy { $0.ids.count >= 9 })
        var endless = request(3, returning: 3, maxTokens: 12)
        endless.ignoresEOS = true
        let all = try await engine.generate(endless)
        #expect(all.choices.values.allSatisfy { $0.ids.count == 12 && $0.reason == .length })
    }

    @Test func `a search that stops early has as many answers as it is wide`() async throws {
        var early = request(4, returning: 4, maxTokens: 60)
        early.beamSearch?.stopsEarly = true
        let found = try await engine().generate(early)
        #expect(found.choices.count == 4)
        #expect(found.choices.values.allSatisfy { $0.reason != nil })
    }

    @Test func `a search whose reader goes away ends, and gives back its places`() async throws {
        let model = FakeModel(logits: Self.logits)
        let engine = GenerationEngine(
            model: model, tokenizer: FakeTokenizer(),
            configuration: .init(maxSequences: 4, maxQueuedSequences: 0))
        var endless = request(4, maxTokens: 200)
        endless.ignoresEOS = true
        do {
            let submitted = try engine.submit(endless)
            #expect(throws: SubmissionError.self) { try engine.submit(request(2)) }
            _ = submitted
        }
        while (try? engine.submit(request(2))) == nil { await Task.yield() }
        #expect(try await engine.generate(request(2)).first.reason != nil)
    }

    @Test func `what a search cannot do is refused`() {
        let engine = engine()
        var narrow = request(2, returning: 3)
        #expect(throws: SubmissionError.self) { try engine.submit(narrow) }
        narrow = request(65)
        #expect(throws: SubmissionError.self) { try engine.submit(narrow) }
        narrow = request(2, lengthPenalty: .nan)
        #expect(throws: SubmissionError.self) { try engine.submit(narrow) }
    }

    @Test func `a search ends with its engine`() async throws {
        let engine = engine()
        var endless = request(4, maxTokens: 200)
        endless.ignoresEOS = true
        let submitted = try engine.submit(endless)
        await engine.shutdown()
        let result = await Generated(submitted)
        #expect(result.first.reason == .cancelled)
    }
}
