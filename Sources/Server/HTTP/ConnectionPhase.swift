// SPDX-License-Identifier: Apache-2.0

package import HTTPTypes
import Synchronization

/// What a connection is doing, which decides whether it may give way to another.
package final class ConnectionPhase: Sendable {
    /// How dispensable a connection is.
    package struct Standing: Sendable {
        /// Whether nothing of a request has come.
        package let isSilent: Bool
        /// Since when.
        package let since: ContinuousClock.Instant
    }

    private enum Phase {
        /// No byte of a request, the first or a further one, has come.
        case silent(since: ContinuousClock.Instant)
        /// Some of a header has come.
        case beginning(since: ContinuousClock.Instant)
        /// A request is being received or answered.
        case busy
        /// The last answer is sent, and the client has yet to close its side.
        case lingering(since: ContinuousClock.Instant)
    }

    private struct State {
        var phase = Phase.silent(since: .now)
        var head: HTTPRequest?
    }

    private let state = Mutex(State())

    /// The phase of a connection that has just been accepted.
    package init() {}

    /// The header of the request being received or answered.
    var head: HTTPRequest? { state.withLock { $0.head } }

    /// How dispensable the connection is, or nil while a request is being received or answered.
    package var standing: Standing? {
        switch state.withLock({ $0.phase }) {
        case .silent(let since), .lingering(let since): Standing(isSilent: true, since: since)
        // A header comes in one piece, as a rule. Where it does not and there are too many, those
        // that came first go first.
        case .beginning(let since): Standing(isSilent: false, since: since)
        case .busy: nil
        }
    }

    /// Waits for the first byte of the next request from now on.
    func becomeSilent() {
        state.withLock { $0 = State(phase: .silent(since: .now)) }
    }

    /// Some of a header has come; its clock starts with the first byte.
    package func beginHeader() {
        state.withLock { state in
            if case .silent = state.phase { state.phase = .beginning(since: .now) }
        }
    }

    /// The header of a request has come.
    package func beginRequest(_ head: HTTPRequest) {
        state.withLock { $0 = State(phase: .busy, head: head) }
    }

    /// The last answer is sent.
    package func linger() { state.withLock { $0.phase = .lingering(since: .now) } }
}
