// SPDX-License-Identifier: Apache-2.0

import Console
import Foundation
import Inference
import ModelFiles
import Serving
import Synchronization

/// Progress of long work on stderr: one line that is rewritten on a terminal, a line per 10 %
/// elsewhere, nothing for work that ends within half a second.
package final class ProgressLine: Sendable {
    private struct State {
        var lastPercent = -1
        var lastShown: ContinuousClock.Instant
        var isVisible = false
    }

    private let title: String
    /// What is worked on, where an update does not say.
    private let detail: String
    private let isTerminal: Bool
    private let now: @Sendable () -> ContinuousClock.Instant
    private let write: @Sendable (String) -> Void
    private let started: ContinuousClock.Instant
    private let state: Mutex<State>

    /// Begins.
    ///
    /// - Parameters:
    ///   - title: what is done.
    ///   - detail: what is worked on, where an update does not say.
    ///   - isTerminal: whether a line can be rewritten.
    ///   - now: the clock.
    ///   - write: takes what is shown.
    package init(
        _ title: String, _ detail: String = "", isTerminal: Bool = isatty(STDERR_FILENO) == 1,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        write: @escaping @Sendable (String) -> Void = { DiagnosticWriter.standardError.write($0) }
    ) {
        self.title = title
        self.detail = detail
        self.isTerminal = isTerminal
        self.now = now
        self.write = write
        started = now()
        state = Mutex(State(lastShown: started))
    }

    /// Shows what happens to a model's weights before they can be used.
    static func preparing<Result>(
        _ file: ModelFile, _ work: (@escaping @Sendable (Double) -> Void) throws -> Result
    ) rethrows -> Result {
        let line = ProgressLine(file.preparation, "of " + byteText(file.tensors.byteCount))
        defer { line.finish() }
        return try work { line.update($0) }
    }

    /// Shows how much is done.
    ///
    /// - Parameters:
    ///   - fraction: 0 to 1.
    ///   - detail: what is being worked on, if it differs from before.
    package func update(_ fraction: Double, _ detail: String? = nil) {
        let detail = detail ?? self.detail
        let percent = Int(max(0, min(1, fraction)) * 100)
        let now = now()
        state.withLock { state in
            guard now - started > .milliseconds(500) else { return }
            if isTerminal {
                guard now - state.lastShown > .milliseconds(100) || percent == 100 else { return }
                write("\r\u{1B}[K\(title): \(percent) % \(detail)")
            } else {
                guard percent / 10 > state.lastPercent / 10 else { return }
                write("\(title): \(percent) %\n")
            }
            state.lastPercent = percent
            state.lastShown = now
            state.isVisible = true
        }
    }

    /// Ends the line.
    package func finish() {
        state.withLock { state in
            if isTerminal, state.isVisible { write("\r\u{1B}[K") }
            state.isVisible = false
        }
    }
}
