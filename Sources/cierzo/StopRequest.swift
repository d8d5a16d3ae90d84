// SPDX-License-Identifier: Apache-2.0

import Console
import Foundation
import Logging
import Synchronization

/// What signals ask of the running server.
///
/// The first SIGTERM or SIGINT lets requests end, or ends the process at once while there is nothing
/// that could be cut off; the second ends it in any case. SIGHUP
/// asks for a reload.
final class StopRequest: Sendable {
    private enum Stage {
        /// Nothing is being served.
        case loading
        case serving
        case draining
    }

    private struct State {
        var stage = Stage.loading
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())
    private let logger: Logger
    private let reload: @Sendable () -> Void

    /// Takes the signals of the process.
    ///
    /// - Parameters:
    ///   - logger: is told of them.
    ///   - reload: reads again what may have changed.
    init(logger: Logger, reload: @escaping @Sendable () -> Void = {}) {
        self.logger = logger
        self.reload = reload
        SignalWatch.shared.take { [self] in receive($0) }
    }

    /// Says that there are requests to wait for.
    func drains() {
        state.withLock { if $0.stage == .loading { $0.stage = .serving } }
    }

    /// Waits for the first signal.
    func wait() async {
        await withCheckedContinuation { continuation in
            let isAsked = state.withLock { state in
                if state.stage != .draining { state.waiter = continuation }
                return state.stage == .draining
            }
            if isAsked { continuation.resume() }
        }
    }

    /// Asks for the end as a signal would.
    ///
    /// - Returns: whether nothing had asked for it before.
    func ask() -> Bool {
        let (isFirst, waiter) = state.withLock { state in
            defer {
                state.stage = .draining
                state.waiter = nil
            }
            return (state.stage != .draining, state.waiter)
        }
        waiter?.resume()
        return isFirst
    }

    private func receive(_ signal: Int32) {
        if signal == SIGHUP {
            logger.notice("SIGHUP: reading again what may change; the rest needs a restart")
            return reload()
        }
        let name: Logger.MetadataValue = signal == SIGINT ? "SIGINT" : "SIGTERM"
        let (stage, waiter) = state.withLock { state in
            defer {
                state.waiter = nil
                if state.stage == .serving { state.stage = .draining }
            }
            return (state.stage, state.waiter)
        }
        switch stage {
        case .loading:
            logger.info("stopped while loading", metadata: ["signal": name])
            end(code: 0)
        case .serving:
            logger.info("asked to stop", metadata: ["signal": name])
            waiter?.resume()
        case .draining:
            logger.warning(
                "a second signal: stopping at once, requests are cut off",
                metadata: ["signal": name])
            end(code: 128 + signal)
        }
    }

    /// Ends the process without what `exit` would run while other threads are at work.
    func end(code: Int32) -> Never {
        DiagnosticWriter.standardError.flush(within: .milliseconds(200))
        _exit(code)
    }
}
