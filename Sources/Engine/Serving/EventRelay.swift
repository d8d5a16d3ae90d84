// SPDX-License-Identifier: Apache-2.0

package import Generation

/// Joins the events of several requests and the ticks of a clock into one sequence.
package enum EventRelay {
    /// What happened next.
    package enum Item: Sendable {
        /// An event of the request in that place.
        case event(prompt: Int, GenerationEvent)

        /// The interval has passed once more.
        case tick
    }

    /// Calls the body with one item after the other until all requests have ended.
    ///
    /// When the task is cancelled or the body throws, the requests are cancelled.
    ///
    /// - Parameters:
    ///   - requests: the events of each request.
    ///   - interval: the time between ticks.
    ///   - body: takes the next item.
    /// - Throws: what the body throws, or `CancellationError`.
    package static func forEach(
        of requests: [GenerationEvents], interval: Duration,
        _ body: (Item) async throws -> Void
    ) async throws {
        let (items, continuation) = AsyncStream.makeStream(of: Item.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await withTaskGroup(of: Void.self) { pumps in
                    for (prompt, events) in requests.enumerated() {
                        pumps.addTask {
                            for await event in events {
                                continuation.yield(.event(prompt: prompt, event))
                            }
                        }
                    }
                }
                continuation.finish()
            }
            group.addTask {
                while true {
                    try await Task.sleep(for: interval)
                    continuation.yield(.tick)
                }
            }
            for await item in items { try await body(item) }
            group.cancelAll()
        }
        try Task.checkCancellation()
    }
}
