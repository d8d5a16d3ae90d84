// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// Writes lines for people to a descriptor from a thread of its own, so that callers never wait for
/// the reader.
///
/// A reader that went away, a full disk and a closed descriptor cost lines, and so does a reader that
/// does not read once much waits for it; how many were lost is said as soon as that can be written.
// Safety: `state` is used only while `condition` is locked.
package final class DiagnosticWriter: @unchecked Sendable {
    /// The writer of stderr.
    package static let standardError = DiagnosticWriter(descriptor: STDERR_FILENO)

    private struct State {
        var texts: [[UInt8]] = []
        var byteCount = 0
        /// What was not even queued since the writing thread last took the queue.
        var lostCount = 0
        var isWriting = false
        var hasThread = false
    }

    private let descriptor: Int32
    private let byteLimit: Int
    private let condition = NSCondition()
    private var state = State()

    /// A writer that has nothing to write.
    ///
    /// - Parameters:
    ///   - descriptor: where to write; it stays open.
    ///   - byteLimit: how much may wait.
    package init(descriptor: Int32, byteLimit: Int = 1 << 20) {
        self.descriptor = descriptor
        self.byteLimit = byteLimit
    }

    /// Queues a text, or drops it where too much waits already; never blocks.
    ///
    /// - Parameter text: whole lines, or something that a terminal shows for a while.
    package func write(_ text: String) {
        condition.lock()
        defer { condition.unlock() }
        let bytes = Array(text.utf8)
        guard state.byteCount + bytes.count <= byteLimit else {
            state.lostCount += 1
            return
        }
        state.texts.append(bytes)
        state.byteCount += bytes.count
        startThread()
        condition.broadcast()
    }

    /// Waits until everything is written, or given up, or the time is over.
    ///
    /// - Returns: whether nothing waits any more.
    @discardableResult
    package func flush(within time: Duration) -> Bool {
        let deadline = Date(timeIntervalSinceNow: time / .seconds(1))
        condition.lock()
        defer { condition.unlock() }
        while !state.texts.isEmpty || state.isWriting {
            guard condition.wait(until: deadline) else { return false }
        }
        return true
    }

    private func startThread() {
        guard !state.hasThread else { return }
        state.hasThread = true
        let thread = Thread { [self] in run() }
        thread.name = "cierzo-log"
        thread.stackSize = 1 << 18
        thread.start()
    }

    /// Writes what is queued, again and again; the thread never ends.
    private func run() {
        var output = Output(descriptor: descriptor)
        while true {
            condition.lock()
            state.isWriting = false
            condition.broadcast()
            while state.texts.isEmpty { condition.wait() }
            let texts = state.texts
            let lostCount = state.lostCount
            state = State()
            state.isWriting = true
            state.hasThread = true
            condition.unlock()
            for text in texts { output.write(text) }
            // The lines that were dropped came after those that were queued, so their loss is
            // reported after these.
            output.lostCount += lostCount
            output.reportLosses()
        }
    }

    /// The writing thread's side of the descriptor.
    private struct Output {
        let descriptor: Int32
        var lostCount = 0
        /// Whether the last thing written is a part of a line.
        var isTorn = false

        mutating func write(_ text: [UInt8]) {
            reportLosses()
            if !put(text) { lostCount += 1 }
        }

        mutating func reportLosses() {
            guard lostCount > 0 else { return }
            let lines = lostCount == 1 ? "1 line" : "\(lostCount) lines"
            if put(Array("cierzo: \(lines) of this log could not be written\n".utf8)) {
                lostCount = 0
            }
        }

        private mutating func put(_ text: [UInt8]) -> Bool {
            let bytes = isTorn ? [UInt8(ascii: "\n")] + text : text
            do {
                try Console.write(bytes, to: descriptor)
                isTorn = false
                return true
            } catch {
                isTorn = isTorn || error.writtenCount > 0
                return false
            }
        }
    }
}
