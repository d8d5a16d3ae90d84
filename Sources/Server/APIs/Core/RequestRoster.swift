// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The requests that models are answering, and who gets how many tokens, for whoever watches.
///
/// A request costs a lock and a line here when it begins and when it ends. Tokens are counted only while
/// somebody watches.
package final class RequestRoster: Sendable {
    /// A request as it is now.
    struct Glance: Sendable {
        let id: String
        let route: String
        let model: String
        /// The name of the key that it came with; nil for none.
        let key: String?
        let elapsed: Duration
        let promptTokens: Int
        /// Those that were told, which only streams do before the end.
        let answeredTokens: Int
    }

    /// What somebody has got.
    package struct Tokens: Sendable, Equatable {
        var prompt = 0
        var generated = 0

        /// Of prompts, and of answers.
        package init(prompt: Int = 0, generated: Int = 0) {
            self.prompt = prompt
            self.generated = generated
        }
    }

    private struct Entry {
        weak var record: RequestRecord?
    }

    private struct State {
        var nextNumber = 1
        var entries: [Int: Entry] = [:]
        /// By the names of keys; empty for requests without one.
        var tokens: [String: Tokens] = [:]
    }

    private let state = Mutex(State())
    private let isWatched = Atomic(false)

    /// Adds a request, which does not live longer for it.
    ///
    /// - Returns: the number by which it leaves.
    func enter(_ record: RequestRecord) -> Int {
        state.withLock { state in
            defer { state.nextNumber += 1 }
            state.entries[state.nextNumber] = Entry(record: record)
            return state.nextNumber
        }
    }

    /// Removes a request that has ended.
    func leave(_ number: Int) {
        state.withLock { state in _ = state.entries.removeValue(forKey: number) }
    }

    /// Counts tokens of a key, if somebody wants to know.
    func add(_ tokens: Tokens, of key: String?) {
        guard isWatched.load(ordering: .relaxed), tokens != Tokens() else { return }
        state.withLock { state in
            state.tokens[key ?? "", default: Tokens()].prompt += tokens.prompt
            state.tokens[key ?? "", default: Tokens()].generated += tokens.generated
        }
    }

    /// Says whether anybody watches.
    func watch(_ isWatched: Bool) {
        self.isWatched.store(isWatched, ordering: .relaxed)
        if !isWatched { state.withLock { $0.tokens = [:] } }
    }

    /// The tokens that were counted since this was last asked.
    func takeTokens() -> [String: Tokens] {
        state.withLock { state in
            defer { state.tokens = [:] }
            return state.tokens
        }
    }

    /// The requests, the oldest first.
    ///
    /// - Parameter limit: how many at most.
    /// - Returns: as they are now, and how many there are in all.
    func glances(limit: Int) -> (first: [Glance], count: Int) {
        let (records, count) = state.withLock { state in
            (
                state.entries.sorted { $0.key < $1.key }.prefix(limit).map(\.value.record),
                state.entries.count
            )
        }
        return (records.compactMap { $0?.glance }, count)
    }
}
