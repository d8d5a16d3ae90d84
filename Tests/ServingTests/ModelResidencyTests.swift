// SPDX-License-Identifier: Apache-2.0

import Foundation
import Generation
import Serving
import ServingSupport
import Synchronization
import Testing

@Suite struct ModelResidencyTests {
    private let memory = MemoryMeter()

    /// Why a model does not load.
    private struct Damage: Error, CustomStringConvertible {
        let description = "the file is cut short"
    }

    private static var limits: GenerationEngine.Limits {
        GenerationEngine.Limits(
            .init(), tokenizer: ByteTokenizer(), vocabularyCount: ByteTokenizer.count,
            contextLength: 512, positionCount: 512, maxLogitsRows: 64, maxBatchTokens: 512)
    }

    private func engine(
        _ name: String, _ byteCount: Int, in residency: ModelResidency, isPinned: Bool = false,
        maxWaiting: Int = 256, gate: Gate? = nil,
        before: @escaping @Sendable () throws -> Void = {}
    ) throws -> ResidentEngine {
        try residency.add(
            name: name, byteCount: byteCount, isPinned: isPinned, maxWaiting: maxWaiting
        ) { resident in
            ResidentEngine(resident, limits: Self.limits) { [memory] whenIdle, progress in
                progress("packing the weights", 0.5)
                try before()
                return ScriptedResident(
                    name, byteCount: byteCount, of: memory, gate: gate, whenIdle: whenIdle)
            }
        }
    }

    private func request(_ tokens: Int = 3) -> GenerationRequest {
        GenerationRequest(promptTokens: [1, 2, 3], maxTokens: tokens)
    }

    /// The whole answer of an engine, and why it ended.
    private func ask(
        _ engine: ResidentEngine, _ request: GenerationRequest
    ) async throws -> (text: String, reason: FinishReason?) {
        let stream = GenerationStream()
        _ = try engine.accept(request, to: stream)
        var (text, reason): (String, FinishReason?) = ("", nil)
        for (_, event) in await stream.collect() {
            switch event {
            case .output(_, let part, _): text += part
            case .finished(_, let end, _): reason = end
            default: break
            }
        }
        return (text, reason)
    }

    /// Waits until something is so that other tasks bring about; it looks seldom, for they need the
    /// threads.
    private func until(_ isSo: () -> Bool) async {
        while !isSo() { try? await Task.sleep(for: .milliseconds(1)) }
    }

    @Test func `three models answer under a budget for two, each with its own name`() async throws {
        let residency = ModelResidency(
            .init(budget: 20, patience: .milliseconds(1), longestWait: .seconds(3_600)))
        let engines = try ["a", "b", "c"].map { try engine($0, 9, in: residency) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<300 {
                let (name, tokens) = (["a", "b", "c"][index % 3], index % 7 + 1)
                let engine = engines[index % 3]
                group.addTask {
                    let answer = try await ask(engine, request(tokens))
                    #expect(answer.text == String(repeating: name, count: tokens))
                    #expect(answer.reason == .stop)
                }
            }
            try await group.waitForAll()
        }
        #expect(memory.peak <= 20)
        #expect(memory.faults == [])
        #expect(residency.swapCount > 0)
        #expect(engines.map(\.statistics.finishedRequests).reduce(0, +) == 300)
        await residency.end(grace: .zero)
        #expect(memory.used == 0)
    }

    @Test func `a model is loaded for its first request, which waits for it`() async throws {
        let residency = ModelResidency(.init(budget: 10))
        let model = try engine("a", 10, in: residency)
        #expect(model.resident.status == .unloaded)
        #expect(try await ask(model, request(2)).text == "aa")
        #expect(model.resident.status == .loaded)
        #expect(model.resident.report.loadCount == 1)
        await residency.end(grace: .zero)
    }

    @Test func `a model that could never be in memory is refused when it is added`() throws {
        let residency = ModelResidency(.init(budget: 10))
        _ = try engine("pinned", 4, in: residency, isPinned: true)
        #expect(
            throws: ResidencyError.tooLarge(
                model: "large", byteCount: 7, budget: 10, pinnedByteCount: 4)
        ) { try engine("large", 7, in: residency) }
        _ = try engine("small", 5, in: residency)
        #expect(
            throws: ResidencyError.tooLarge(
                model: "small", byteCount: 5, budget: 10, pinnedByteCount: 6)
        ) { try engine("pinned, too", 2, in: residency, isPinned: true) }
    }

    @Test func `a model that cannot be loaded fails its requests, and others go on`() async throws {
        let residency = ModelResidency(
            .init(budget: 10, firstRetryDelay: .zero, longestRetryDelay: .zero))
        let isDamaged = Mutex(true)
        let broken = try engine("broken", 5, in: residency) {
            if isDamaged.withLock({ $0 }) { throw Damage() }
        }
        let whole = try engine("whole", 5, in: residency)
        let reason = "The model 'broken' could not be loaded: the file is cut short"
        #expect(
            try await ask(broken, request()).reason == .unavailable(reason, retryAfter: .zero))
        #expect(broken.resident.status == .failed(reason: reason))
        #expect(try await ask(whole, request(1)).text == "whole")
        await #expect(throws: Damage.self) { try await broken.resident.loaded() }
        isDamaged.withLock { $0 = false }
        #expect(try await ask(broken, request(1)).text == "broken")
        #expect(broken.resident.status == .loaded)
        await residency.end(grace: .zero)
        // What failed once is not told again of a server that stops.
        await #expect(throws: ServingError.self) { try await broken.resident.loaded() }
    }

    @Test func `a model that has just failed is not tried again at once`() async throws {
        let residency = ModelResidency(.init(firstRetryDelay: .seconds(3600)))
        let broken = try engine("broken", 5, in: residency) { throw Damage() }
        _ = try await ask(broken, request())
        #expect(throws: SubmissionError.self) {
            _ = try broken.accept(request(), to: GenerationStream())
        }
        #expect(broken.resident.report.failureCount == 1)
        await residency.end(grace: .zero)
    }

    @Test func `a busy model makes room in the end, and its next requests wait`() async throws {
        let gate = Gate()
        let residency = ModelResidency(
            .init(budget: 10, patience: .milliseconds(1), longestWait: .seconds(3_600)))
        let busy = try engine("busy", 10, in: residency, gate: gate)
        let other = try engine("other", 10, in: residency)
        async let first = ask(busy, request(1))
        await until { gate.waitingCount == 1 }
        async let second = ask(other, request(1))
        await until { other.resident.report.waitingCount == 1 }
        // Once it has to make room, it takes nothing new.
        let third = Mutex<[Task<String, any Error>]>([])
        await until {
            third.withLock { $0.append(Task { try await ask(busy, request(1)).text }) }
            return busy.resident.report.waitingCount > 0
        }
        #expect(memory.used == 10)
        gate.open()
        #expect(try await first.text == "busy")
        #expect(try await second.text == "other")
        for task in third.withLock({ $0 }) { #expect(try await task.value == "busy") }
        #expect(memory.peak == 10)
        #expect(memory.faults == [])
        await residency.end(grace: .zero)
    }

    @Test func `a model that only the background uses makes room for others at once`() async throws
    {
        let gate = Gate()
        let residency = ModelResidency(
            .init(budget: 10, patience: .seconds(3_600), longestWait: .seconds(36_000)))
        let busy = try engine("busy", 10, in: residency, gate: gate)
        let other = try engine("other", 10, in: residency)
        var background = request()
        background.priority = GenerationRequest.backgroundPriority
        async let line = ask(busy, background)
        await until { gate.waitingCount == 1 }
        #expect(try await ask(other, request(1)).text == "other")
        #expect(busy.resident.status == .unloaded)
        gate.open()
        // Whoever has asked for it asks again later.
        #expect(try await line.reason == .cancelled)
        #expect(memory.peak == 10)
        #expect(memory.faults == [])
        await residency.end(grace: .zero)
    }

    @Test func `who waits too long for room is told to come back`() async throws {
        let gate = Gate()
        let residency = ModelResidency(
            .init(budget: 10, patience: .seconds(3600), longestWait: .milliseconds(1)))
        let busy = try engine("busy", 10, in: residency, gate: gate)
        let other = try engine("other", 10, in: residency)
        async let first = ask(busy, request(1))
        await until { gate.waitingCount == 1 }
        guard case .unavailable(_, .seconds(3600)) = try await ask(other, request()).reason else {
            Issue.record("it was not refused")
            return
        }
        gate.open()
        #expect(try await first.text == "busy")
        await residency.end(grace: .zero)
    }

    @Test func `a time limit passes while the model is loading`() async throws {
        let gate = DispatchSemaphore(value: 0)
        let residency = ModelResidency(.init())
        let slow = try engine("slow", 1, in: residency) { gate.wait() }
        var request = request()
        request.timeLimit = .milliseconds(1)
        #expect(try await ask(slow, request).reason == .expired)
        gate.signal()
        try await slow.resident.loaded()
        await residency.end(grace: .zero)
    }

    @Test func `a request that is cancelled waits no longer`() async throws {
        let gate = DispatchSemaphore(value: 0)
        let residency = ModelResidency(.init())
        let slow = try engine("slow", 1, in: residency) { gate.wait() }
        let task = Task { try await ask(slow, request()) }
        await until { slow.resident.report.waitingCount == 1 }
        task.cancel()
        _ = try await task.value
        #expect(slow.resident.report.waitingCount == 0)
        let use = Task { try await slow.resident.use { 1 } }
        await until { slow.resident.report.waitingCount == 1 }
        use.cancel()
        await #expect(throws: CancellationError.self) { try await use.value }
        gate.signal()
        try await slow.resident.loaded()
        await residency.end(grace: .zero)
    }

    @Test func `the queue of a model that is loading is bounded`() async throws {
        let gate = DispatchSemaphore(value: 0)
        let residency = ModelResidency(.init())
        let slow = try engine("slow", 1, in: residency, maxWaiting: 2) { gate.wait() }
        async let first = ask(slow, request(1))
        async let second = ask(slow, request(1))
        await until { slow.resident.report.waitingCount == 2 }
        #expect(throws: SubmissionError.overloaded(retryAfter: .seconds(5))) {
            _ = try slow.accept(request(), to: GenerationStream())
        }
        gate.signal()
        #expect(try await [first.text, second.text] == ["slow", "slow"])
        await residency.end(grace: .zero)
    }

    @Test func `a request that the engine could not run is refused though it is not there`() throws
    {
        let residency = ModelResidency(.init())
        let model = try engine("a", 1, in: residency)
        #expect(throws: SubmissionError.promptTooLong(tokenCount: 600, contextLength: 512)) {
            _ = try model.accept(
                GenerationRequest(promptTokens: Array(repeating: 1, count: 600)),
                to: GenerationStream())
        }
        #expect(model.resident.status == .unloaded)
    }

    @Test func `a model is unloaded when it is asked for, once it is idle; a pinned one is not`()
        async throws
    {
        let gate = Gate()
        let residency = ModelResidency(.init())
        let model = try engine("a", 1, in: residency, gate: gate)
        let pinned = try engine("b", 1, in: residency, isPinned: true)
        async let answer = ask(model, request(1))
        await until { gate.waitingCount == 1 }
        #expect(model.resident.unload())
        #expect(model.resident.status == .loaded)
        gate.open()
        #expect(try await answer.text == "a")
        await until { model.resident.status == .unloaded }
        model.resident.load()
        await until { model.resident.status == .loaded }
        try await pinned.resident.loaded()
        #expect(!pinned.resident.unload())
        #expect(pinned.resident.status == .loaded)
        await residency.end(grace: .zero)
    }

    @Test func `work that is no generation keeps its model in memory`() async throws {
        let residency = ModelResidency(
            .init(budget: 10, patience: .milliseconds(1), longestWait: .seconds(3_600)))
        let one = try engine("one", 10, in: residency)
        let other = try engine("other", 10, in: residency)
        let gate = Gate()
        let use = Task {
            try await one.resident.use {
                await gate.wait()
                return one.resident.status
            }
        }
        await until { gate.waitingCount == 1 }
        async let answer = ask(other, request(1))
        await until { other.resident.report.waitingCount == 1 }
        gate.open()
        #expect(try await use.value == .loaded)
        #expect(try await answer.text == "other")
        #expect(memory.peak == 10)
        await residency.end(grace: .zero)
    }

    @Test func `who waits when the server stops is told so`() async throws {
        let gate = DispatchSemaphore(value: 0)
        let residency = ModelResidency(.init())
        let slow = try engine("slow", 1, in: residency) { gate.wait() }
        async let answer = ask(slow, request())
        await until { slow.resident.report.waitingCount == 1 }
        residency.stop()
        #expect(try await answer.reason == .cancelled)
        #expect(throws: SubmissionError.shuttingDown) {
            _ = try slow.accept(request(), to: GenerationStream())
        }
        await residency.end(grace: .zero)
        gate.signal()
        await until { !residency.isLoading }
        #expect(memory.used == 0)
    }
}
