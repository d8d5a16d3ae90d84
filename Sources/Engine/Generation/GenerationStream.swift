// SPDX-License-Identifier: Apache-2.0

/// The identity of an accepted request.
package struct RequestID: Hashable, Sendable, CustomStringConvertible {
    /// A number that no other request of the engine has.
    package let rawValue: UInt64

    /// The number.
    package var description: String { String(rawValue) }
}

/// The events of one request.
///
/// The request is cancelled when the task that iterates is cancelled, or when the stream is
/// dropped. Iterate it once.
package struct GenerationStream: AsyncSequence, Sendable {
    /// The request that the events belong to.
    package let id: RequestID

    /// Where the request stood in the queue when it was accepted.
    package let place: QueuePlace

    let events: AsyncStream<GenerationEvent>

    /// Begins the iteration.
    package func makeAsyncIterator() -> AsyncStream<GenerationEvent>.AsyncIterator {
        events.makeAsyncIterator()
    }
}
