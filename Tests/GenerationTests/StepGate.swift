// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Inference
import Synchronization

/// Lets a test see and hold each step of the engine's thread.
final class StepGate: Sendable {
    private let allowed = DispatchSemaphore(value: 0)
    private let batches: AsyncStream<ForwardBatch>
    private let arrived: AsyncStream<ForwardBatch>.Continuation
    private let isOpen = Mutex(false)

    init() {
        (batches, arrived) = AsyncStream.makeStream()
    }

    /// Called by the model on the engine's thread.
    func pass(_ batch: ForwardBatch) {
        arrived.yield(batch)
        if !isOpen.withLock({ $0 }) { allowed.wait() }
    }

    /// Waits until a step is at the gate, where it stays.
    func nextBatch() async -> ForwardBatch {
        for await batch in batches { return batch }
        return ForwardBatch()
    }

    /// Lets the step at the gate go on.
    func allowOne() { allowed.signal() }

    /// Lets this step and all further ones go on.
    func open() {
        isOpen.withLock { $0 = true }
        allowed.signal()
    }

    /// Holds further steps again, all but one.
    func close() { isOpen.withLock { $0 = false } }
}
