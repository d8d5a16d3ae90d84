// SPDX-License-Identifier: Apache-2.0

package import Generation

/// What the API server needs of the engine; tests script one of their own.
package protocol CompletionEngine: Sendable {
    /// The most tokens of a prompt and its answer together.
    var contextLength: Int { get }

    /// The number of ids that a prompt may use.
    var vocabularyCount: Int { get }

    /// How the engine is doing.
    var statistics: EngineStatistics { get }

    /// Accepts a request, or says at once why not.
    ///
    /// - Parameter request: what to generate.
    /// - Returns: the events, to be iterated once; the request is cancelled when nobody does.
    /// - Throws: `SubmissionError`.
    func accept(_ request: GenerationRequest) throws(SubmissionError) -> AcceptedRequest
}

/// A request that the engine has taken.
package struct AcceptedRequest: Sendable {
    /// What happens to it.
    package let events: GenerationEvents

    /// Where it stood in the queue.
    package let place: QueuePlace

    /// Creates the record of a request.
    package init(events: GenerationEvents, place: QueuePlace = QueuePlace()) {
        self.events = events
        self.place = place
    }
}

/// The events of one request.
package typealias GenerationEvents = any AsyncSequence<GenerationEvent, Never> & Sendable

extension GenerationEngine: CompletionEngine {
    package func accept(
        _ request: GenerationRequest
    ) throws(SubmissionError) -> AcceptedRequest {
        let stream = GenerationStream()
        let (_, place) = try submit(request, to: stream)
        return AcceptedRequest(events: stream, place: place)
    }
}
