// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Foundation
import Synchronization

/// Computes masks on threads of its own while the engine's thread is in the model.
final class MaskWorker: Sendable {
    private struct Queue {
        var matchers: [SharedMatcher] = []
        var nextIndex = 0
        var hasEnded = false

        mutating func next() -> SharedMatcher? {
            guard nextIndex < matchers.count else { return nil }
            defer { nextIndex += 1 }
            return matchers[nextIndex]
        }
    }

    private let queue = Mutex(Queue())
    private let wakeUp = DispatchSemaphore(value: 0)
    private let threadCount: Int

    /// Starts the threads, which sleep until there is something to do.
    ///
    /// - Parameter threadCount: by default one for every 16 processors, at least one: masks take
    ///   little time beside the model, which wants the processors.
    init(threadCount: Int = max(1, ProcessInfo.processInfo.activeProcessorCount / 16)) {
        self.threadCount = threadCount
        for index in 0..<threadCount {
            let thread = Thread { [self] in
                Thread.current.name = "cierzo-mask-\(index)"
                run()
            }
            // Recognizers bound their depth; this is what the engine's own thread has.
            thread.stackSize = 8 << 20
            thread.start()
        }
    }

    /// Has the masks of these answers computed; nothing is allocated in the long run.
    func begin(_ matchers: [SharedMatcher]) {
        if matchers.isEmpty { return }
        queue.withLock { $0.matchers.append(contentsOf: matchers) }
        for _ in 0..<min(matchers.count, threadCount) { wakeUp.signal() }
    }

    /// Forgets the answers whose masks no worker has begun.
    func stop() {
        queue.withLock { queue in
            queue.matchers.removeAll(keepingCapacity: true)
            queue.nextIndex = 0
        }
    }

    /// Ends the threads.
    func end() {
        queue.withLock { $0.hasEnded = true }
        for _ in 0..<threadCount { wakeUp.signal() }
    }

    private func run() {
        while true {
            wakeUp.wait()
            while let matcher = queue.withLock({ $0.next() }) { matcher.prepareMask() }
            if queue.withLock({ $0.hasEnded }) { return }
        }
    }
}
