// SPDX-License-Identifier: Apache-2.0

import Scheduling
import Testing

@Suite struct PromptHistoryTests {
    private typealias Prompt = PromptHistory.Prompt

    private func tokens(_ count: Int, then rest: Int32...) -> [Int32] {
        (0..<Int32(count)).map { $0 } + rest
    }

    private func diagnosis(
        _ tokens: [Int32], found: Int = 0, after past: [Prompt], client: Int = 1,
        scope: String = "1:", key: String = ""
    ) -> CacheDiagnosis {
        var history = PromptHistory()
        for prompt in past { history.note(prompt) }
        return history.diagnosis(
            of: Prompt(
                tokens: tokens, client: ClientID(rawValue: client),
                scope: CacheScope(rawValue: scope), key: key),
            foundCount: found, blockSize: 16)
    }

    private func prompt(
        _ tokens: [Int32], client: Int = 1, scope: String = "1:", key: String = ""
    ) -> Prompt {
        Prompt(
            tokens: tokens, client: ClientID(rawValue: client),
            scope: CacheScope(rawValue: scope), key: key)
    }

    @Test func `all whole blocks but the last token's are a hit`() {
        #expect(diagnosis(tokens(65), found: 64, after: []).reason == .hit)
        #expect(diagnosis(tokens(64), found: 48, after: []).reason == .hit)
        // One of less than a block cannot be found at all.
        #expect(diagnosis(tokens(16), found: 0, after: []).reason == .hit)
        let part = diagnosis(tokens(65), found: 48, after: [prompt(tokens(65))])
        #expect(part.reason == .evicted(position: 48))
        #expect(part.foundCount == 48 && part.missedCount == 17)
    }

    @Test func `the first token that differs from the nearest prompt is told`() {
        let past = [
            prompt(tokens(5, then: 99)), prompt(tokens(40, then: 99, 98)),
            prompt(tokens(30, then: 99)),
        ]
        #expect(diagnosis(tokens(80), found: 32, after: past).reason == .changed(position: 40))
        // One that only goes on differs where the other ends.
        #expect(
            diagnosis(tokens(90), found: 64, after: [prompt(tokens(70))]).reason
                == .changed(position: 70))
    }

    @Test func `what was there and has gone is evicted`() {
        #expect(diagnosis(tokens(80), after: [prompt(tokens(80))]).reason == .evicted(position: 0))
        #expect(
            diagnosis(tokens(80), found: 16, after: [prompt(tokens(70))]).reason
                == .evicted(position: 16))
    }

    @Test func `another salt and another client are told apart`() {
        let salted = prompt(tokens(80), scope: "1:salt")
        let foreign = prompt(tokens(80), client: 2, scope: "2:")
        let longer = prompt(tokens(90), client: 2, scope: "2:")
        #expect(diagnosis(tokens(80), after: [salted]).reason == .otherSalt)
        #expect(diagnosis(tokens(80), after: [foreign]).reason == .otherClient)
        // Whether others ask what begins alike cannot be found out by trying.
        #expect(diagnosis(tokens(80), after: [longer]).reason == .unseen)
        #expect(diagnosis(tokens(80), after: [salted, foreign]).reason == .otherSalt)
        // What is the client's own says more, as long as it is as near by whole blocks.
        #expect(
            diagnosis(tokens(80), found: 64, after: [foreign, prompt(tokens(72, then: 99))]).reason
                == .hit)
        #expect(
            diagnosis(tokens(90), found: 64, after: [foreign, prompt(tokens(72, then: 99))]).reason
                == .changed(position: 72))
    }

    @Test func `nothing alike is unseen`() {
        #expect(diagnosis(tokens(80), after: []).reason == .unseen)
        #expect(diagnosis(tokens(80), after: [prompt([99, 1, 2])]).reason == .unseen)
        // Another's beginning of less than a block explains nothing.
        let foreign = prompt(tokens(15, then: 99), client: 2, scope: "2:")
        #expect(diagnosis(tokens(80), after: [foreign]).reason == .unseen)
    }

    @Test func `no more prompts and tokens are kept than there may be`() {
        var history = PromptHistory(maxPrompts: 10, maxTokens: 500)
        for length in 1...200 { history.note(prompt(tokens(length))) }
        #expect(history.count == 2)
        history.note(prompt(tokens(700)))
        #expect(history.count == 1)
        for _ in 0..<100 { history.note(prompt([1])) }
        #expect(history.count == 10)
        let oldest = history.diagnosis(of: prompt(tokens(700)), foundCount: 0, blockSize: 16)
        #expect(oldest.reason == .unseen)
    }
}
