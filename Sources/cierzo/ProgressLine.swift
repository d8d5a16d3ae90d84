// SPDX-License-Identifier: Apache-2.0

import Console
import Foundation
import Inference
import ModelFiles
import Serving
import Synchronization

/// Progress of long work on stderr: one line that is rewritten on a terminal, a line per 10 %
/// elsewhere, nothing for work that ends within half a second.
final class ProgressLine: Sendable {
    private struct State {
        var lastPercent = -1
        var lastShown = ContinuousClock.now
        var isVisible = false
    }

    private let title: String
    /// What is worked on, where an update does not say.
    private let detail: String
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let started = ContinuousClock.now
    private let state = Mutex(State())

    init(_ title: String, _ detail: String = "") {
        self.title = title
        self.detail = detail
    }

    /// The line for what happens to a model's weights before they can be used.
    convenience init(preparing file: ModelFile) {
        self.init(file.preparation, "of " + byteText(file.tensors.byteCount))
    }

    /// Shows how much is done.
    ///
    /// - Parameters:
    ///   - fraction: 0 to 1.
    ///   - detail: what is being worked on, if it differs from before.
    func update(_ fraction: Double, _ detail: String? = nil) {
        let detail = detail ?? self.detail
        let percent = Int(max(0, min(1, fraction)) * 100)
        let now = ContinuousClock.now
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
    func finish() {
        state.withLock { state in
            if isTerminal, state.isVisible { write("\r\u{1B}[K") }
            state.isVisible = false
        }
    }

    private func write(_ text: String) {
        DiagnosticWriter.standardError.write(text)
    }
}
