// SPDX-License-Identifier: Apache-2.0

import Synchronization
package import Tokenization

/// A model that is ready to answer.
package struct ServedModel: Sendable {
    /// How it is described to clients.
    package let card: ModelCard

    /// What generates.
    package let engine: any CompletionEngine

    /// Its vocabulary.
    package let tokenizer: any Tokenizer

    /// Its chat format.
    package let prompts: any PromptSource

    /// The template of its chats, for clients that apply it themselves; nil if there is none.
    package let chatTemplate: String?

    /// The build and the weights, for `system_fingerprint`.
    package let systemFingerprint: String

    /// Why it cannot answer any more, if that is so.
    let problem: @Sendable () -> String?

    /// How its vocabulary marks a gap to fill, if it can.
    let fim: FIMFormat?

    /// Puts a model together.
    package init(
        card: ModelCard, engine: any CompletionEngine, tokenizer: any Tokenizer,
        prompts: any PromptSource, chatTemplate: String? = nil, systemFingerprint: String,
        problem: @escaping @Sendable () -> String? = { nil }
    ) {
        self.problem = problem
        self.engine = engine
        self.tokenizer = tokenizer
        self.prompts = prompts
        self.chatTemplate = chatTemplate
        self.systemFingerprint = systemFingerprint
        fim = FIMFormat(tokenizer: tokenizer)
        var card = card
        card.fillsInTheMiddle = fim != nil
        self.card = card
    }
}

/// The place where the served model stands once it is loaded.
package final class ModelSlot: Sendable {
    enum State: Sendable {
        case loading(ModelCard?)
        case serving(ServedModel)
        case stopping(ServedModel)
    }

    /// How far loading has come.
    struct Progress: Sendable {
        /// What is being done.
        var stage: String
        /// The share of it that is done, from 0 to 1.
        var share: Double
    }

    private let current: Mutex<State>
    private let reported = Mutex<Progress?>(nil)

    /// An empty place.
    ///
    /// - Parameter announced: the card of the model that is being loaded, if it is known.
    package init(announcing announced: ModelCard? = nil) {
        current = Mutex(.loading(announced))
    }

    /// Says for `/health` how far loading has come.
    ///
    /// - Parameters:
    ///   - stage: what is being done.
    ///   - share: how much of it is done, from 0 to 1.
    package func report(_ stage: String, _ share: Double) {
        reported.withLock { $0 = Progress(stage: stage, share: share) }
    }

    /// Lets requests reach the model.
    package func serve(_ model: ServedModel) { current.withLock { $0 = .serving(model) } }

    /// Refuses new requests; those under way go on.
    package func stop() {
        current.withLock { state in
            if case .serving(let model) = state { state = .stopping(model) }
        }
    }

    var state: State { current.withLock { $0 } }

    var progress: Progress? { reported.withLock { $0 } }

    /// The model, or why it cannot answer.
    func model() throws(APIError) -> ServedModel {
        switch state {
        case .serving(let model):
            if let problem = model.problem() { throw .unavailable(reason: problem) }
            return model
        case .loading: throw .unavailable(reason: "The model is still loading.")
        case .stopping: throw .unavailable(reason: "The server is shutting down.")
        }
    }

    /// The model, if that is its name.
    func model(named name: String?) throws(APIError) -> ServedModel {
        let model = try model()
        if let name, !model.card.isNamed(name) { throw .modelNotFound(name) }
        return model
    }
}
