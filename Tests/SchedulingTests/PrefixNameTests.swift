// SPDX-License-Identifier: Apache-2.0

import Scheduling
import Testing

@Suite struct PrefixNameTests {
    private let scope = CacheScope(rawValue: "1:salt")
    private let root = PrefixName(computation: "a model")

    /// A scheduler that has computed one prompt.
    private func scheduler(
        blockCount: Int = 8, _ prompt: [Int32]
    ) throws -> Scheduler {
        var scheduler = Scheduler(
            configuration: .init(
                maxBatchTokens: 64, maxSequences: 4, blockCount: blockCount, positionsPerBlock: 4,
                prefixRoot: root))
        try run(prompt, in: &scheduler, id: 1)
        return scheduler
    }

    private func run(_ prompt: [Int32], in scheduler: inout Scheduler, id: UInt64) throws {
        try scheduler.add(SequenceID(rawValue: id), request(prompt), at: .now)
        var step = ScheduledStep()
        scheduler.schedule(into: &step, at: .now)
        scheduler.commit(step, outcomes: [.finished])
    }

    private func request(_ prompt: [Int32]) -> SequenceRequest {
        SequenceRequest(promptTokens: prompt, maxTokens: 1, scope: scope)
    }

    /// Clients choose the texts of scopes; what is added to the model they cannot write there.
    @Test func `what is added to the model has names of its own, whatever the scope's text`() {
        let texts = ["", "7 1", "1:7 1", "a"]
        let adapters = ["", "7 1", "7 2", "a"]
        let names = texts.flatMap { text in
            adapters.map { PrefixName(root, in: CacheScope(rawValue: text, adapter: $0)) }
        }

        #expect(Set(names).count == texts.count * adapters.count)
        #expect(
            PrefixName(root, in: CacheScope(rawValue: "a", adapter: ""))
                == PrefixName(root, in: CacheScope(rawValue: "a")))
    }

    @Test func `a name is a digest of the computation, the scope and all tokens`() {
        // Python's hashlib.sha256 of struct.pack(">…I"): 1 and a byte of "model" each, then 2, that
        // digest and the scope, then 3, that digest and the tokens.
        let other = PrefixName(computation: "model")
        #expect(
            other.digits == "097d66c67b6a900089df8a7ef1ea9d73dd33226354e133d085ae4191f8434eb4")
        let empty = PrefixName(other, in: CacheScope(rawValue: "1:salt"))
        #expect(
            empty.digits == "cf4a729c54b06b77e3955b4f052b220ef70060cfc73d22f3360815c8e50e096f")
        let block = PrefixName(empty, then: [1, 2, 3, -1])
        #expect(
            block.digits == "7b978fee2c0203b9a59e614929b78070be41c3dc0081ab0b437ea9e8946808ee")
        // Several blocks of the digest.
        let long = PrefixName(empty, then: (0..<40).map { Int32($0) }[...])
        #expect(
            long.digits == "3dd4d31fa2c6faa57cf7846b382edb3473297942e0b60aa2a8a60ff220b758f4")
        #expect(Set([other, empty, block, long]).count == 4)
    }

    @Test func `a name is read as it is written, and nothing else is one`() {
        #expect(PrefixName(digits: root.digits) == root)
        #expect(PrefixName(digits: root.digits.uppercased()) == nil)
        #expect(PrefixName(digits: root.digits + "0") == nil)
        #expect(PrefixName(digits: root.digits.dropLast()) == nil)
        #expect(PrefixName(digits: "") == nil)
        #expect(PrefixName(digits: String(repeating: "g", count: 64)) == nil)
    }

    @Test func `blocks that give way are told while they hold what they held`() throws {
        let first = (0..<17).map { Int32($0) }
        var scheduler = try scheduler(first)
        let (found, names) = scheduler.prefixNames(of: request(first))
        #expect(found == 4 && names.count == 4)
        #expect(scheduler.cachedBlockCount(of: request(first)) == 4)
        #expect(Set(scheduler.pool.namedBlocks.map(\.name)) == Set(names))
        var evicted: [NamedBlock] = []
        scheduler.takeEvicted(into: &evicted)
        #expect(evicted.isEmpty)
        try run((100..<121).map { Int32($0) }, in: &scheduler, id: 2)
        scheduler.takeEvicted(into: &evicted)
        // The ends of a prompt go before its beginning.
        #expect(evicted.map(\.name) == [names[3], names[2]])
        scheduler.takeEvicted(into: &evicted)
        #expect(evicted.isEmpty)
        #expect(scheduler.prefixNames(of: request(first)).cachedCount == 2)
        #expect(scheduler.checkInvariants().isEmpty)
    }

    @Test func `blocks from elsewhere are found where the prompt before them is`() throws {
        let prompt = (0..<17).map { Int32($0) }
        var scheduler = try scheduler((0..<9).map { Int32($0) })
        #expect(scheduler.adopt(prompt, at: 3..<4, in: scope).isEmpty)
        let adopted = scheduler.adopt(prompt, at: 2..<4, in: scope)
        #expect(adopted.map(\.place) == [2, 3])
        #expect(scheduler.prefixNames(of: request(prompt)).cachedCount == 4)
        #expect(scheduler.adopt(prompt, at: 2..<4, in: scope).isEmpty)
        #expect(
            scheduler.cachedBlockCount(
                of: SequenceRequest(promptTokens: prompt, maxTokens: 1)) == 0)
        #expect(scheduler.checkInvariants().isEmpty)
        // No more than there is memory for, and not in place of their own beginning.
        let long = (0..<100).map { Int32($0) }
        #expect(scheduler.adopt(long, at: 4..<24, in: scope).map(\.place) == [4, 5, 6, 7])
        #expect(scheduler.checkInvariants().isEmpty)
    }

    @Test func `without a root there are no names`() {
        let scheduler = Scheduler(configuration: .init(blockCount: 128, positionsPerBlock: 4))
        #expect(scheduler.prefixNames(of: request([1, 2, 3, 4, 5])).1.isEmpty)
        #expect(scheduler.pool.namedBlocks.isEmpty)
    }

    @Test func `names of a scored prompt end where its logits are wanted`() throws {
        let prompt = (0..<17).map { Int32($0) }
        let scheduler = try scheduler(prompt)
        var scored = request(prompt)
        scored.scoresPrompt = true
        scored.scoredFrom = 9
        #expect(scheduler.prefixNames(of: scored).1.count == 2)
    }
}
