// SPDX-License-Identifier: Apache-2.0

import Generation
import Inference
import Sampling
import Synchronization
import Testing

@Suite struct PromptScoringTests {
    private let prompt = (0..<50).map { Int32(2 + ($0 * 7) % 40) }

    /// The scores that the logits of each prefix give.
    private func expected(top: Int) throws -> [TokenLogprobs?] {
        var sampler = Sampler(vocabularyCount: FakeTokenizer.vocabularyCount)
        return try prompt.indices.map { index in
            if index == 0 { return nil }
            let row = FakeModel.random(Array(prompt[..<index]))
            return try sampler.logprobs(of: prompt[index], topCount: top, logits: row.span)
        }
    }

    @Test(arguments: [(128, 64), (9, 8), (20, 3), (4, 1)])
    func `a prompt is scored in any chunks`(batchTokens: Int, rows: Int) async throws {
        let model = FakeModel(maxBatchTokens: batchTokens, maxLogitsRows: rows)
        let engine = GenerationEngine(model: model, tokenizer: FakeTokenizer())
        var request = GenerationRequest(promptTokens: prompt, sampling: .greedy, maxTokens: 0)
        request.promptLogprobs = 3
        let scored = try await engine.generate(request)
        #expect(try scored.promptLogprobs == expected(top: 3))
        #expect(scored.first.reason == .length)
        #expect(scored.first.ids.isEmpty)
        request.maxTokens = 4
        let continued = try await engine.generate(request)
        #expect(try continued.promptLogprobs == expected(top: 3))
        request.promptLogprobs = nil
        #expect(try await engine.generate(request).first == continued.first)
    }

    @Test func `scores come before the output of every choice`() async throws {
        let engine = GenerationEngine(model: FakeModel(), tokenizer: FakeTokenizer())
        var request = GenerationRequest(promptTokens: prompt, maxTokens: 3)
        request.promptLogprobs = 0
        request.choiceCount = 3
        let result = try await engine.generate(request)
        guard case .promptLogprobs = result.events.first else {
            Issue.record("\(result.events.first.debugDescription) comes first")
            return
        }
        #expect(result.choices.count == 3)
        request.maxTokens = 0
        #expect(try await engine.generate(request).choices.count == 3)
    }

    @Test(arguments: [(128, 64), (9, 8), (20, 3), (4, 1)])
    func `candidates of some places get what the whole prompt's scores are made of`(
        batchTokens: Int, rows: Int
    ) async throws {
        let model = FakeModel(maxBatchTokens: batchTokens, maxLogitsRows: rows)
        let engine = GenerationEngine(model: model, tokenizer: FakeTokenizer())
        let all = Int32(FakeTokenizer.vocabularyCount)
        let places = [3, 4, 17, 49].map { index in
            PromptScoring.Place(index: index, candidates: [prompt[index], all - 1, 0])
        }
        var request = GenerationRequest(promptTokens: prompt, maxTokens: 0)
        request.scoring = PromptScoring(places: places)
        // The second time all that precedes the first place may be found.
        for _ in 0..<2 {
            let scored = try #require(try await engine.generate(request).promptLogprobs)
            let whole = try expected(top: Int(all))
            #expect(scored.map { $0?.id } == places.map { prompt[$0.index] })
            for (place, logprobs) in zip(places, scored) {
                let known = try #require(whole[place.index])
                #expect(logprobs?.logprob == known.logprob)
                let top = place.candidates.map { id in known.top.first { $0.id == id } }
                #expect(logprobs?.top == top.compactMap { $0 })
            }
        }
    }

    @Test func `a scored end costs its own tokens and one row`() async throws {
        let work = Mutex<[(tokens: Int, rows: Int)]>([])
        let model = FakeModel(willForward: { batch in
            work.withLock { $0.append((batch.tokens.count, batch.logitsRowCount)) }
        })
        let engine = GenerationEngine(model: model, tokenizer: FakeTokenizer())
        var request = GenerationRequest(promptTokens: prompt, maxTokens: 0)
        request.scoring = PromptScoring(places: [.init(index: 49, candidates: [2, 3])])
        #expect(try await engine.generate(request).cachedTokens == 0)
        let again = try await engine.generate(request)
        // The last place's own token is never computed, nor are whole blocks before it.
        #expect(work.withLock { $0.map(\.tokens) } == [49, 1])
        #expect(work.withLock { $0.map(\.rows) } == [1, 1])
        #expect(again.cachedTokens == 48)
    }

    @Test(arguments: [
        PromptScoring(places: []), PromptScoring(places: [.init(index: 0, candidates: [])]),
        PromptScoring(places: [.init(index: 50, candidates: [])]),
        PromptScoring(places: [.init(index: 5, candidates: []), .init(index: 5, candidates: [])]),
        PromptScoring(places: [.init(index: 5, candidates: [-1])]),
        PromptScoring(places: [.init(index: 5, candidates: [1 << 20])]),
    ])
    func `a scoring of what is not there is refused`(scoring: PromptScoring) throws {
        let engine = GenerationEngine(model: FakeModel(), tokenizer: FakeTokenizer())
        var request = GenerationRequest(promptTokens: prompt, maxTokens: 0)
        request.scoring = scoring
        let error = #expect(throws: SubmissionError.self) { _ = try engine.submit(request) }
        #expect("\(error?.description.prefix(8) ?? "")" == "scoring:")
    }

    @Test func `a scoring goes with nothing else`() throws {
        let engine = GenerationEngine(model: FakeModel(), tokenizer: FakeTokenizer())
        var request = GenerationRequest(promptTokens: prompt, maxTokens: 1)
        request.scoring = PromptScoring(places: [.init(index: 1, candidates: [])])
        #expect(throws: SubmissionError.self) { _ = try engine.submit(request) }
        request.maxTokens = 0
        request.promptLogprobs = 1
        #expect(throws: SubmissionError.self) { _ = try engine.submit(request) }
    }

    @Test func `a prompt of one token has nothing to score`() async throws {
        let engine = GenerationEngine(model: FakeModel(), tokenizer: FakeTokenizer())
        var request = GenerationRequest(promptTokens: [5], maxTokens: 0)
        request.promptLogprobs = 1
        #expect(try await engine.generate(request).promptLogprobs == [nil])
        request.promptLogprobs = nil
        let nothing = try await engine.generate(request)
        #expect(nothing.first.reason == .length)
        #expect(nothing.promptLogprobs == nil)
        #expect(engine.statistics.steps == 0)
    }
}
