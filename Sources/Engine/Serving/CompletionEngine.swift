// SPDX-License-Identifier: Apache-2.0

package import Generation

/// What serving needs of the engine; tests script one of their own.
package protocol CompletionEngine: Sendable {
    /// The most tokens of a prompt and its answer together.
    var contextLength: Int { get }

    /// The number of ids that a prompt may use.
    var vocabularyCount: Int { get }

    /// How the engine is doing.
    var statistics: EngineStatistics { get }

    /// Accepts a request, or says at once why not.
    ///
    /// - Parameters:
    ///   - request: what to generate.
    ///   - stream: gets the events; the request is cancelled when nobody reads it any more.
    /// - Returns: where the request stands in the queue.
    /// - Throws: `SubmissionError`.
    func accept(
        _ request: GenerationRequest, to stream: GenerationStream
    ) throws(SubmissionError) -> QueuePlace
}

extension GenerationEngine: CompletionEngine {
    package func accept(
        _ request: GenerationRequest, to stream: GenerationStream
    ) throws(SubmissionError) -> QueuePlace {
        try submit(request, to: stream).place
    }
}
