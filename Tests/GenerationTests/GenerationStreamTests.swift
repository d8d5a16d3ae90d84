// SPDX-License-Identifier: Apache-2.0

import Generation
import Inference
import Sampling
import Synchronization
import Testing

@Suite struct GenerationStreamTests {
    /// How many events may wait for each choice: the unjoined ones, the joined ones, its end, and the
    /// usage.
    private static func bound(tokenCount: Int) -> Int {
        let eventCount = GenerationStream.eventsPerChoice
        return eventCount + 3 + (tokenCount - eventCount) / GenerationStream.tokensPerEvent
    }

    private func engine(
        willForward: @escaping @Sendable (ForwardBatch) -> Void = { _ in }
    ) -> GenerationEngine {
        GenerationEngine(
            model: FakeModel(contextLength: 1_024, blockCount: 1_024, willForward: willForward),
            tokenizer: FakeTokenizer())
    }

    private func request(seed: UInt64, choices: Int = 1) -> GenerationRequest {
        GenerationRequest(
            promptTokens: [5, 6], sampling: SamplingParameters(seed: seed), maxTokens: 400,
            ignoresEOS: true, topLogprobs: 1, choiceCount: choices)
    }

    private func output(_ id: Int32, choice: Int = 0) -> GenerationEvent {
        .output(choice: choice, text: "\(id) ", tokens: TokenRun(TokenOutput(id: id)))
    }

    private func outputs(_ events: [GenerationEvent]) -> [Int] {
        events.compactMap { event in
            if case .output(_, _, let tokens) = event { tokens.count } else { nil }
        }
    }

    @Test func `a reader that keeps up gets an event for every token`() async throws {
        let gate = StepGate()
        let engine = engine { gate.pass($0) }
        let submitted = try engine.submit(request(seed: 1))
        gate.allowOne()
        var result = Generated()
        for await event in submitted.stream {
            result.add(event)
            gate.allowOne()
        }
        #expect(outputs(result.events) == Array(repeating: 1, count: 400))
    }

    @Test func `a reader that stops is kept a bounded number of events and loses nothing`()
        async throws
    {
        let engine = engine()
        let stopped = try engine.submit(request(seed: 1, choices: 3))
        let expected = try await engine.generate(request(seed: 1, choices: 3))
        // Others go on meanwhile, and the shutdown says that nothing more will come.
        #expect(try await engine.generate(request(seed: 2)).first.ids.count == 400)
        await engine.shutdown(grace: .seconds(600))
        let result = await Generated(stopped)
        #expect(result == expected)
        #expect(result.events.count <= 3 * Self.bound(tokenCount: 400))
        #expect(outputs(result.events).reduce(0, +) == 1_200)
    }

    @Test func `tokens are joined to their own choice and request`() async {
        let stream = GenerationStream()
        let (first, second) = (stream.open(), stream.open(choiceCount: 2))
        for id in Int32(0)..<1_000 {
            first.send(output(id))
            second.send(output(1_000 + id))
            second.send(output(2_000 + id, choice: 1))
        }
        for source in [first, second] {
            source.send(.finished(choice: 0, reason: .length, stop: nil))
            source.send(.usage(Usage()))
        }
        var ids: [[Int32]] = [[], [], []]
        var (eventCount, longest) = (0, 0)
        var texts = ["", "", ""]
        while case .event(let event, let request) = await stream.next() {
            eventCount += 1
            guard case .output(let choice, let text, let tokens) = event else { continue }
            longest = max(longest, tokens.count)
            ids[request + choice] += tokens.map(\.id)
            texts[request + choice] += text
        }
        #expect(eventCount <= 3 * Self.bound(tokenCount: 1_000))
        #expect(longest == GenerationStream.tokensPerEvent)
        for place in 0..<3 {
            let expected = (0..<1_000).map { Int32(1_000 * place + $0) }
            #expect(ids[place] == expected)
            #expect(texts[place] == expected.map { "\($0) " }.joined())
        }
    }

    @Test func `one event of each choice is left when the whole answer is collected`() async {
        let stream = GenerationStream()
        let source = stream.open(choiceCount: 2)
        let reader = Task { await stream.collect() }
        for id in Int32(0)..<1_000 { source.send(output(id, choice: Int(id) % 2)) }
        source.send(.usage(Usage(completionTokens: 1_000)))
        let events = await reader.value.map(\.event)
        #expect(outputs(events).reduce(0, +) == 1_000)
        #expect(events.last == .usage(Usage(completionTokens: 1_000)))
    }

    @Test func `what ended requests consumed is left when collecting is cancelled`() async {
        let stream = GenerationStream()
        let (ended, open) = (stream.open(), stream.open())
        let (cancelled, cancel) = AsyncStream.makeStream(of: Void.self)
        open.onCancellation { cancel.finish() }
        let reader = Task { await stream.collect() }
        ended.send(output(1))
        ended.send(.usage(Usage(promptTokens: 2)))
        open.send(output(3))
        reader.cancel()
        for await _ in cancelled {}
        #expect(await reader.value.map(\.event) == [.usage(Usage(promptTokens: 2))])
    }

    @Test func `a stream ends with the last of its requests`() async {
        let stream = GenerationStream()
        let (first, second) = (stream.open(), stream.open())
        second.send(.usage(Usage(promptTokens: 2)))
        second.send(output(1))
        first.send(output(3))
        first.finish()
        #expect(await stream.next() == .event(.usage(Usage(promptTokens: 2)), request: 1))
        #expect(await stream.next() == .event(output(3), request: 0))
        #expect(await stream.next() == nil)
    }

    @Test func `ticks come while nothing else does`() async throws {
        let stream = GenerationStream()
        let source = stream.open()
        var items: [GenerationStream.Item] = []
        try await stream.forEach(tickingEvery: .milliseconds(1)) { item in
            items.append(item)
            if items.count == 2 { source.send(.usage(Usage())) }
        }
        #expect(items == [.tick, .tick, .event(.usage(Usage()), request: 0)])
    }

    @Test func `requests are cancelled when a body throws or a stream is dropped`() async {
        struct Gone: Error {}
        let cancelled = Mutex<[String]>([])
        var stream = GenerationStream()
        stream.open().onCancellation { cancelled.withLock { $0.append("thrown") } }
        let ended = stream.open()
        ended.onCancellation { cancelled.withLock { $0.append("ended") } }
        ended.send(.usage(Usage()))
        await #expect(throws: Gone.self) {
            try await stream.forEach(tickingEvery: .seconds(60)) { _ in throw Gone() }
        }
        #expect(await stream.next() == nil)
        stream.open().onCancellation { cancelled.withLock { $0.append("late") } }
        stream = GenerationStream()
        stream.open().onCancellation { cancelled.withLock { $0.append("dropped") } }
        stream = GenerationStream()
        #expect(cancelled.withLock { $0 } == ["thrown", "late", "dropped"])
    }

    @Test func `a reader that waits is woken when its task is cancelled`() async {
        let stream = GenerationStream()
        let source = stream.open()
        let (ended, end) = AsyncStream.makeStream(of: Void.self)
        source.onCancellation { end.finish() }
        let reading = Task { await stream.next() }
        let collecting = GenerationStream()
        let other = collecting.open()
        let all = Task { await collecting.collect() }
        reading.cancel()
        for await _ in ended {}
        #expect(await reading.value == nil)
        all.cancel()
        #expect(await all.value.isEmpty)
        other.send(output(1))
    }
}
