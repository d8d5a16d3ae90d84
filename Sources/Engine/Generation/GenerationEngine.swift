// SPDX-License-Identifier: Apache-2.0

import Foundation
package import Logging
import Synchronization
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

    /// The most sequences that run at the same time.
    package let maxSequences: Int

    /// The limits that the engine keeps.
    package let configuration: Configuration

    let tokenizer: any Tokenizer
    let mailbox = Mailbox()

    /// Starts the engine's thread.
    ///
    /// - Parameters:
    ///   - model: the model, which belongs to the engine from now on.
    ///   - tokenizer: its vocabulary.
    ///   - configuration: limits, which the model's own may lower.
    ///   - logger: where failures of steps are reported.
    package init(
        model: sending any LanguageModel, tokenizer: any Tokenizer,
        configuration: Configuration = .init(), logger: Logger = Logger(label: "cierzo.engine")
    ) {
        let positionCount = model.blockCount * model.positionsPerBlock
        contextLength = min(
            model.contextLength, positionCount, configuration.contextLength ?? positionCount)
        vocabularyCount = model.vocabularyCount
        maxSequences = min(
            configuration.maxSequences, model.maxLogitsRows, model.maxBatchTokens - 1)
        self.configuration = configuration
        self.tokenizer = tokenizer

        let loop = Loop(
            model: model, tokenizer: tokenizer, configuration: configuration,
            maxSequences: maxSequences, mailbox: mailbox, logger: logger)
        let handover = Handover(loop)
        let thread = Thread {
            Thread.current.name = "cierzo-engine"
            handover.take()?.run()
        }
        thread.stackSize = 8 << 20
        thread.start()
    }

    deinit {
        mailbox.shutDown(by: .now)
    }

    /// Ends a request within one step; its choices finish with `.cancelled`.
    package func cancel(_ id: RequestID) {
        mailbox.cancel(id)
    }

    /// How the engine is doing.
    package var statistics: EngineStatistics { mailbox.statistics }

    /// Refuses new requests, gives running ones some time, cancels the rest and ends the thread.
    ///
    /// A second call may only shorten the time.
    ///
    /// - Parameter grace: how long running requests may go on.
    package func shutdown(grace: Duration = .zero) async {
        mailbox.shutDown(by: .now + grace)
        await mailbox.waitForEnd()
    }
}

/// Carries the loop to its thread, which is the only one that ever touches it.
private final class Handover: Sendable {
    private let loop: Mutex<GenerationEngine.Loop?>

    init(_ loop: sending GenerationEngine.Loop) {
        self.loop = Mutex(loop)
    }

    func take() -> sending GenerationEngine.Loop? {
        loop.withLock { loop in
            let taken = loop
            loop = nil
            return taken
        }
    }
}
