// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Which experts each token of the last requests was routed to, kept while somebody wants to know.
///
/// The thread of the steps writes, any other may read. While nobody watches, a step only looks whether
/// somebody does.
package final class ExpertTrace: Sendable {
    /// A token that the model has computed.
    package struct Token: Sendable, Equatable {
        /// Its place in the sequence.
        package let position: Int
        /// Its id.
        package let id: Int32
        /// `[layers, A]`: its experts, best first; ``none`` where a layer has no experts, or was not
        /// computed for this token, since nobody needed it.
        package let experts: [UInt16]
    }

    private struct Request {
        let number: UInt64
        let name: String
        let client: Int
        var tokens: [Token] = []
    }

    private struct State {
        /// `[T, layers, A]`.
        var step: [UInt16] = []
        /// The newest last.
        var requests: [Request] = []
    }

    /// Stands for no expert.
    package static let none = UInt16.max

    /// How many requests are kept, and how many tokens of each.
    private static let (mostRequests, mostTokens) = (16, 8192)

    /// The number of layers.
    package let layerCount: Int
    /// A.
    package let expertsPerToken: Int

    private let isWatched = Atomic(false)
    /// Whether the step that is being computed is written down.
    private let isOpen = Atomic(false)
    private let state = Mutex(State())

    init(layerCount: Int, expertsPerToken: Int) {
        self.layerCount = layerCount
        self.expertsPerToken = expertsPerToken
    }

    /// Says whether anybody watches; what was kept is gone when nobody does.
    package func watch(_ isWatched: Bool) {
        state.withLock { state in
            self.isWatched.store(isWatched, ordering: .relaxed)
            if !isWatched { state.requests = [] }
        }
    }

    /// Begins a step of so many tokens.
    ///
    /// - Returns: whether it is written down; then ``end()`` must follow.
    package func begin(tokenCount: Int) -> Bool {
        guard isWatched.load(ordering: .relaxed) else { return false }
        state.withLock { state in
            state.step.removeAll(keepingCapacity: true)
            state.step.append(
                contentsOf: repeatElement(
                    Self.none, count: tokenCount * layerCount * expertsPerToken))
        }
        isOpen.store(true, ordering: .relaxed)
        return true
    }

    /// Writes down the routing of a layer.
    ///
    /// - Parameters:
    ///   - selection: `[rows, A]`: the experts of each row, best first.
    ///   - rowCount: how many rows.
    ///   - tokens: the token of each row; nil where row t is token t.
    ///   - layer: below `layerCount`.
    package func note(
        _ selection: [Int32], rowCount: Int, tokens: [Int32]?, inLayer layer: Int
    ) {
        guard isOpen.load(ordering: .relaxed) else { return }
        state.withLock { state in
            for row in 0..<rowCount {
                let token = tokens.map { Int($0[row]) } ?? row
                let start = (token * layerCount + layer) * expertsPerToken
                guard start + expertsPerToken <= state.step.count else { return }
                for choice in 0..<expertsPerToken {
                    state.step[start + choice] = UInt16(
                        clamping: selection[row * expertsPerToken + choice])
                }
            }
        }
    }

    /// Keeps what the step has computed for a request, if somebody watches still.
    ///
    /// - Parameters:
    ///   - number: the server's own for its prompt, which no other one has.
    ///   - name: its identity, which its client chose, and may have chosen for others, too.
    ///   - client: who asked; nobody else is told.
    ///   - position: of the first of the tokens; what was known from there on is forgotten, for it was
    ///     only guessed, or is computed again.
    ///   - tokens: their ids.
    ///   - firstToken: the first of them among those of the step.
    package func keep(
        _ number: UInt64, named name: String, of client: Int, from position: Int,
        _ tokens: ArraySlice<Int32>, firstToken: Int
    ) {
        state.withLock { state in
            guard isWatched.load(ordering: .relaxed) else { return }
            let known = state.requests.firstIndex { $0.number == number }
            var entry =
                known.map { state.requests.remove(at: $0) }
                ?? Request(number: number, name: name, client: client)
            entry.tokens.removeAll { $0.position >= position }
            let width = layerCount * expertsPerToken
            for (offset, id) in tokens.enumerated() where entry.tokens.count < Self.mostTokens {
                let start = (firstToken + offset) * width
                entry.tokens.append(
                    Token(
                        position: position + offset, id: id,
                        experts: Array(state.step[start..<start + width])))
            }
            state.requests.append(entry)
            if state.requests.count > Self.mostRequests { state.requests.removeFirst() }
        }
    }

    /// Ends a step that was written down.
    package func end() { isOpen.store(false, ordering: .relaxed) }

    /// What is known of a request of a client, of the prompt that was computed last where several have
    /// that name; nil if nothing is.
    package func tokens(of name: String, of client: Int) -> [Token]? {
        state.withLock { $0.requests }.last { $0.name == name && $0.client == client }?.tokens
    }
}
