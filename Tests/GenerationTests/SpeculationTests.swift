// SPDX-License-Identifier: Apache-2.0

import Generation
import Sampling
import Testing

/// Tokens that are guessed and checked several at a time.
@Suite struct SpeculationTests {
    /// A model whose next token depends on the last two, so that its answers go in circles.
    static let circling: @Sendable ([Int32]) -> [Float] = { prefix in
        FakeModel.random(Array(prefix.suffix(2)))
    }

    private func engine(
        _ model: sending FakeModel, guesses: Bool, maxSequences: Int = 64
    ) -> GenerationEngine {
        var configuration = GenerationEngine.Configuration(
            maxSequences: maxSequences, maxQueuedSequences: 1_000, prefillChunkTokens: 16,
            prefillChunkTokensWhileDecoding: 4)
        configuration.drafts = guesses
        return GenerationEngine(
            model: model, tokenizer: FakeTokenizer(), configuration: configuration)
    }

    /// Requests of every kind, half of which predict something of their answers.
    private func requests(_ answers: [Generated]? = nil) -> [GenerationRequest] {
        EngineInvarianceTests.requests(60).enumerated().map { index, request in
            var request = request
            request.maxTokens = 60 + index
            request.ignoresEOS = index % 4 != 0
            request.topLogprobs = nil
            if let answers, index % 2 == 0 {
                // Some of it is wrong.
                request.predictedTokens = answers[index].first.ids
                for place in stride(from: 7, to: request.predictedTokens.count, by: 20) {
                    request.predictedTokens[place] = 3
                }
            }
            return request
        }
    }

    @Test(arguments: [(256, 64), (60, 6)])
    func `answers are the same with guesses as without, together as alone`(
        blockCount: Int, maxSequences: Int
    ) async throws {
        let plain = engine(FakeModel(logits: Self.circling), guesses: false)
        var expected: [Generated] = []
        for request in requests() { expected.append(try await plain.generate(request)) }
        #expect(plain.statistics.draftTokens == 0)

        let engine = engine(
            FakeModel(blockCount: blockCount, maxBatchTokens: 80, logits: Self.circling),
            guesses: true, maxSequences: maxSequences)
        var alone: [Generated] = []
        for request in requests(expected) { alone.append(try await engine.generate(request)) }
        #expect(alone == expected)
        #expect(engine.statistics.acceptedDraftTokens > 100)
        #expect(engine.statistics.acceptedDraftTokens < engine.statistics.draftTokens)
        #expect(try await engine.generate(together: requests(expected)) == expected)
        #expect(engine.statistics.freeBlocks == blockCount)
    }

    @Test func `samplers that remember their choices are not led astray`() async throws {
        let requests = EngineInvarianceTests.chained(requests())
        let plain = engine(FakeModel(logits: Self.circling), guesses: false)
        let guessing = engine(FakeModel(logits: Self.circling), guesses: true)
        for request in requests {
            #expect(try await guessing.generate(request) == plain.generate(request))
        }
        #expect(guessing.statistics.acceptedDraftTokens > 0)
    }

    @Test func `log probabilities are those of the tokens that they stand beside`() async throws {
        let plain = engine(FakeModel(logits: Self.circling), guesses: false)
        let guessing = engine(FakeModel(logits: Self.circling), guesses: true)
        for var request in requests() {
            request.topLogprobs = 3
            #expect(try await guessing.generate(request) == plain.generate(request))
        }
        #expect(guessing.statistics.acceptedDraftTokens > 0)
    }

    @Test func `a right prediction takes fewer steps, and is counted`() async throws {
        var request = GenerationRequest(
            promptTokens: FakeTokenizer().encode("|", addSpecial: false), sampling: .greedy,
            maxTokens: 100)
        let answer: [Int32] = (0..<80).map { place in
            let mixed: Int = place * place * 7 + place / 3
            return Int32(2 + mixed % 40)
        }
        let model = FakeModel(logits: FakeModel.script(answer))
        let engine = engine(model, guesses: true)
        request.predictedTokens = answer
        let result = try await engine.generate(request)
        #expect(result.first.ids.prefix(80) == answer[...])
        let usage = try #require(result.usage)
        // How many are guessed depends on what steps seem to cost, so on what else the machine does.
        #expect(usage.acceptedPredictionTokens > 0)
        #expect(usage.acceptedPredictionTokens + Int(engine.statistics.steps) < 100)
        #expect(usage.completionTokens == 81)
        // However the last guess ended, all that were checked are counted.
        let counted = usage.acceptedPredictionTokens + usage.rejectedPredictionTokens
        #expect(counted == Int(engine.statistics.draftTokens))
    }

    @Test func `an answer ends where it would, whatever was guessed after that`() async throws {
        var request = GenerationRequest(
            promptTokens: FakeTokenizer().encode("|", addSpecial: false), sampling: .greedy,
            maxTokens: 100)
        let answer = (0..<30).map { Int32(2 + $0 % 40) }
        let engine = engine(FakeModel(logits: FakeModel.script(answer)), guesses: true)
        request.predictedTokens = answer + answer + answer
        #expect(try await engine.generate(request).first.ids.count == 31)
        request.maxTokens = 17
        let short = try await engine.generate(request)
        #expect(short.first.ids == Array(answer[..<17]))
        #expect(short.first.reason == .length)
    }
}

/// Where guesses come from.
@Suite struct DraftSourceTests {
    @Test func `what followed the last three tokens before is guessed to follow again`() {
        var source = DraftSource(
            prompt: [1, 2, 3, 4, 5, 6, 7, 8], prediction: [], answerCount: 20)
        #expect(source.draft(4).tokens.isEmpty)
        for token: Int32 in [2, 3] { source.append(token) }
        #expect(source.draft(4).tokens.isEmpty)
        source.append(4)
        #expect(source.draft(3).tokens == [5, 6, 7])
        #expect(source.draft(3).origin == .text)
        source.append(5)
        #expect(source.draft(2).tokens == [6, 7])
        source.append(9)
        #expect(source.draft(2).tokens.isEmpty)
    }

    @Test func `the end of a prompt may be known already`() {
        let source = DraftSource(
            prompt: [1, 2, 3, 9, 1, 2, 3], prediction: [], answerCount: 20)
        #expect(source.draft(9).tokens == [9, 1, 2, 3])
    }

    @Test func `a prediction is followed, left, and found again`() {
        var source = DraftSource(
            prompt: [50], prediction: Array(1...20), answerCount: 40)
        #expect(source.draft(3).tokens == [1, 2, 3])
        #expect(source.draft(3).origin == .prediction)
        for token: Int32 in [1, 2, 3] { source.append(token) }
        #expect(source.draft(2).tokens == [4, 5])
        source.append(90)
        #expect(source.draft(2).tokens.isEmpty)
        for token: Int32 in [9, 10, 11] { source.append(token) }
        #expect(source.draft(2).tokens == [12, 13])
        for token: Int32 in 12...20 { source.append(token) }
        #expect(source.draft(2).tokens.isEmpty)
    }

    @Test func `any tokens are taken in, and nothing is guessed that does not stand there`() {
        var state: UInt64 = 1
        func next(_ limit: UInt64) -> Int32 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int32((state >> 33) % limit)
        }
        for round in 0..<200 {
            let prompt = (0..<Int(next(50) + 1)).map { _ in next(4) }
            let prediction = round % 2 == 0 ? [] : (0..<Int(next(60))).map { _ in next(4) }
            var source = DraftSource(prompt: prompt, prediction: prediction, answerCount: 5)
            var text = prediction + prompt
            for _ in 0..<200 {
                let token = next(4)
                source.append(token)
                text.append(token)
                let (tokens, origin) = source.draft(8)
                #expect(tokens.count <= 8)
                if origin == .text, !tokens.isEmpty {
                    // It follows the same three tokens somewhere.
                    let found = text.indices.contains { start in
                        start + 3 + tokens.count <= text.count
                            && text[start..<start + 3].elementsEqual(text.suffix(3))
                            && text[start + 3..<start + 3 + tokens.count].elementsEqual(tokens)
                    }
                    #expect(found)
                }
            }
        }
    }
}

/// What guesses may cost.
@Suite struct DraftAccountTests {
    @Test func `steps of numbers that nobody has seen are estimated between those seen`() {
        var costs = StepCosts()
        #expect(costs.estimate(tokenCount: 4) == nil)
        costs.note(tokenCount: 2, seconds: 2)
        costs.note(tokenCount: 6, seconds: 4)
        #expect(costs.estimate(tokenCount: 2) == 2)
        #expect(costs.estimate(tokenCount: 4) == 3)
        #expect(costs.estimate(tokenCount: 1) == 2)
        let beyond = costs.estimate(tokenCount: 8) ?? 0
        #expect(beyond > 4 && beyond < 6)
        costs.note(tokenCount: 100_000, seconds: 1)
    }

    /// Steps of one sequence with guesses of which none is right.
    private func loss(steps: Int, slope: Double) -> Double {
        var costs = StepCosts()
        var account = DraftAccount()
        var lost = 0.0
        for _ in 0..<steps {
            costs.note(tokenCount: 1, seconds: 1)
            account.note(stepSeconds: 1)
            let count = account.count(
                from: .text, available: 16, tokenCount: 1, sequenceCount: 1, costs)
            guard count > 0 else { continue }
            let longer = 1 + slope * Double(count)
            costs.note(tokenCount: 1 + count, seconds: longer)
            lost += longer - 1
            account.settle(
                count, keptCount: 0, from: .text, cost: longer - 1, stepSeconds: 1)
        }
        return lost
    }

    @Test(arguments: [0.05, 0.3, 0.6, 1.5])
    func `wrong guesses cost no more than a fiftieth, and one guess`(slope: Double) {
        let first = 3 * slope
        #expect(loss(steps: 100, slope: slope) <= 2 + first)
        #expect(loss(steps: 5_000, slope: slope) <= 100 + first)
    }

    @Test func `right guesses are made as long as they may be, and save`() {
        var costs = StepCosts()
        var account = DraftAccount()
        var (tokens, time) = (0, 0.0)
        var lastCount = 0
        while tokens < 500 {
            let count = account.count(
                from: .prediction, available: 16, tokenCount: 1, sequenceCount: 1, costs)
            let seconds = 1 + 0.2 * Double(count)
            costs.note(tokenCount: 1 + count, seconds: seconds)
            account.note(stepSeconds: 1)
            if count > 0 {
                account.settle(
                    count, keptCount: count, from: .prediction, cost: seconds - 1, stepSeconds: 1)
            }
            tokens += 1 + count
            time += seconds
            lastCount = count
        }
        #expect(lastCount == DraftAccount.mostTokens)
        #expect(time < 200)
    }

    @Test func `nothing is guessed where a longer step costs more than it can save`() {
        var costs = StepCosts()
        var account = DraftAccount()
        for count in 1...64 { costs.note(tokenCount: count, seconds: Double(count)) }
        account.note(stepSeconds: 1)
        let count = account.count(
            from: .text, available: 16, tokenCount: 8, sequenceCount: 8, costs)
        #expect(count == 0)
    }
}
