// SPDX-License-Identifier: Apache-2.0

/// What happens to the requests of one answer: the only stream between the engine and a socket.
///
/// The engine never waits for a reader. One that keeps up gets an event for every token; while one
/// is behind by more than `eventsPerChoice` for each choice, the tokens of a choice are joined into
/// its last event, up to `tokensPerEvent` of them, so that what waits is at most that many events
/// and the rest of the answer in few more, which `maxTokens` bounds. To hold the engine back instead would let a client that does not read keep
/// its place and its KV blocks from the others.
///
/// The requests are cancelled when the task that reads is cancelled, or when the stream is dropped.
/// Only one task reads.
package final class GenerationStream: AsyncSequence, Sendable {
    /// What comes out next.
    package enum Item: Hashable, Sendable {
        /// An event of a request, which is counted from 0 in the order of submission.
        case event(GenerationEvent, request: Int)

        /// Some time has passed; see ``forEach(tickingEvery:_:)``.
        case tick
    }

    /// The events of all requests without their numbers.
    package struct AsyncIterator: AsyncIteratorProtocol {
        let stream: GenerationStream

        /// The next event; nil after the last one, and once the reading task is cancelled.
        package mutating func next() async -> GenerationEvent? {
            while let item = await stream.next() {
                if case .event(let event, _) = item { return event }
            }
            return nil
        }
    }

    /// How many events of each choice may wait before tokens are joined.
    package static let eventsPerChoice = 256

    /// How many tokens are joined before another event begins.
    package static let tokensPerEvent = 64

    private let buffer = EventBuffer()

    /// Creates the stream of an answer to which no request belongs yet.
    package init() {}

    deinit { buffer.cancel() }

    /// Adds a request; all must be added before the first event is read.
    ///
    /// - Parameter choiceCount: how many choices its events may have.
    /// - Returns: where its events go.
    package func open(choiceCount: Int = 1) -> EventSource {
        buffer.open(choiceCount: choiceCount)
    }

    /// The next item; nil after the last request's last event, and once the task is cancelled.
    package func next() async -> Item? { await buffer.next() }

    /// Reads to the end, with ticks in between.
    ///
    /// The requests are cancelled if the body throws.
    ///
    /// - Parameters:
    ///   - interval: the time between two ticks.
    ///   - body: takes the next item.
    /// - Throws: what the body throws, or `CancellationError`.
    package func forEach(
        tickingEvery interval: Duration, _ body: (Item) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { [buffer] group in
            group.addTask {
                while true {
                    try await Task.sleep(for: interval)
                    buffer.tick()
                }
            }
            do {
                while let item = await next() { try await body(item) }
            } catch {
                buffer.cancel()
                throw error
            }
            group.cancelAll()
        }
        try Task.checkCancellation()
    }

    /// Waits until all requests have ended, for those who need the answer as a whole.
    ///
    /// - Returns: the events that are left, the tokens of a choice in one event; if the task was
    ///   cancelled, only the usage of requests that had ended before.
    package func collect() async -> [(request: Int, event: GenerationEvent)] {
        await buffer.collect()
    }

    /// Begins the iteration.
    package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(stream: self) }
}

/// Where the events of one request go.
package struct EventSource: Sendable {
    let buffer: EventBuffer
    let request: Int

    /// Delivers an event; `usage` is the last one.
    package func send(_ event: GenerationEvent) { buffer.add(event, of: request) }

    /// Ends the request's events where there is no `usage` to say so.
    package func finish() { buffer.end(request) }

    /// Says what to do if nobody reads the events any more before the last one; at once if that is
    /// so already.
    package func onCancellation(_ cancel: @escaping @Sendable () -> Void) {
        buffer.onCancellation(of: request, cancel)
    }
}

/// The identity of an accepted request.
package struct RequestID: Hashable, Sendable, CustomStringConvertible {
    /// A number that no other request of the engine has.
    package let rawValue: UInt64

    /// The number.
    package var description: String { String(rawValue) }
}
