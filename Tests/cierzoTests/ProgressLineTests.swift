// SPDX-License-Identifier: Apache-2.0

import Synchronization
import Testing
import cierzo

@Suite struct ProgressLineTests {
    /// A clock that a test sets, and what was written.
    private final class Screen: Sendable {
        private let time = Mutex(ContinuousClock.now)
        private let text = Mutex("")

        var shown: String { text.withLock { $0 } }

        func wait(_ duration: Duration) { time.withLock { $0 += duration } }

        func line(isTerminal: Bool) -> ProgressLine {
            ProgressLine(
                "packing", "of 93.8 MiB", isTerminal: isTerminal,
                now: { [self] in time.withLock { $0 } },
                write: { [self] piece in text.withLock { $0 += piece } })
        }
    }

    @Test func `work that ends within half a second says nothing`() {
        for isTerminal in [false, true] {
            let screen = Screen()
            let line = screen.line(isTerminal: isTerminal)
            screen.wait(.milliseconds(400))
            line.update(0.5)
            line.update(1)
            line.finish()
            #expect(screen.shown.isEmpty)
        }
    }

    @Test func `where nobody sees a terminal, every tenth is a line`() {
        let screen = Screen()
        let line = screen.line(isTerminal: false)
        screen.wait(.seconds(1))
        for percent in 0...25 { line.update(Double(percent) / 100) }
        line.update(2)
        line.finish()
        #expect(
            screen.shown
                == "packing: 10 %\npacking: 20 %\npacking: 100 %\n")
    }

    @Test func `on a terminal the line is rewritten ten times a second, and goes away`() {
        let screen = Screen()
        let line = screen.line(isTerminal: true)
        screen.wait(.seconds(1))
        line.update(0.1)
        screen.wait(.milliseconds(50))
        line.update(0.2)
        screen.wait(.milliseconds(60))
        line.update(0.3, "of more")
        line.finish()
        let clear = "\r\u{1B}[K"
        #expect(
            screen.shown
                == "\(clear)packing: 10 % of 93.8 MiB\(clear)packing: 30 % of more\(clear)")
    }
}
