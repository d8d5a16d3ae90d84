// SPDX-License-Identifier: Apache-2.0

package import Tokenization

/// Turns requests of token ids into streams of ids and text.
///
/// One thread of its own runs `schedule → forward → sample → commit`; everything else reaches it
/// through one mailbox. It sleeps when there is nothing to do.
package final class GenerationEngine: Sendable {
    /// The most tokens of a prompt and its answer together.
    package let contextLength: Int

    /// The number of ids that a prompt may use.
    package let vocabularyCount: Int

    /// The limits that the engine keeps.
    package let configuration: Configuration

    /// Starts the engine's thread.
    ///
    /// - Parameters:
    ///   - model: the model, which belongs to the engine from now on.
    ///   - tokenizer: its vocabulary.
    ///   - configuration: limits.
    package init(
        model: sending any LanguageModel, tokenizer: any Tokenizer,
        configuration: Configuration = .init()
    ) {
        contextLength = model.contextLength
        vocabularyCount = model.vocabularyCount
        self.configuration = configuration
    }

    /// Accepts a request, or says at once why not.
    ///
    /// - Parameter request: what to generate.
    /// - Returns: the events; the request is cancelled when nobody reads them any more.
    /// - Throws: `SubmissionError`.
    package func submit(_ request: GenerationRequest) throws(SubmissionError) -> GenerationStream {
        throw .shuttingDown
    }

    /// Ends a request within one step; its choices finish with `.cancelled`.
    package func cancel(_ id: RequestID) {}

    /// How the engine is doing.
    package var statistics: EngineStatistics { .init() }

    /// Refuses new requests, gives running ones some time, cancels the rest and ends the thread.
    ///
    /// - Parameter grace: how long running requests may go on.
    package func shutdown(grace: Duration = .zero) async {}
}
