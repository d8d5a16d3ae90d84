// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Whether any engine of a machine has requests that are not of the background, so that the background
/// of the others stands still, too: a step of theirs would come between two of its tokens.
package final class ForegroundGate: Sendable {
    private let busyCount = Atomic<Int>(0)

    /// No engine has any.
    package init() {}

    /// Whether the background may go on.
    var isOpen: Bool { busyCount.load(ordering: .acquiring) == 0 }

    /// What one engine tells of itself; only its thread uses it.
    final class Passage {
        private let gate: ForegroundGate
        private var isBusy = false

        init(_ gate: ForegroundGate) { self.gate = gate }

        deinit { note(isBusy: false) }

        /// Says whether the engine has requests that are not of the background.
        func note(isBusy: Bool) {
            guard isBusy != self.isBusy else { return }
            self.isBusy = isBusy
            gate.busyCount.add(isBusy ? 1 : -1, ordering: .acquiringAndReleasing)
        }

        /// Whether the background may go on.
        var isOpen: Bool { gate.isOpen }
    }

    /// How long an engine waits until it looks again.
    static let pause = Duration.milliseconds(10)
}
