// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The place where the served model stands once it is loaded.
package final class ModelSlot: Sendable {
    /// What stands there.
    package enum State: Sendable {
        /// Nothing yet; what will, if that is known.
        case loading(ModelDescription?)

        /// A model that answers.
        case serving(ServedModel)

        /// A model that only ends what it has begun.
        case stopping(ServedModel)
    }

    /// How far loading has come.
    package struct Progress: Hashable, Sendable {
        /// What is being done.
        package var stage: String

        /// The share of it that is done, from 0 to 1.
        package var share: Double
    }

    private let current: Mutex<State>
    private let reported = Mutex<Progress?>(nil)

    /// An empty place.
    ///
    /// - Parameter announced: the model that is being loaded, if it is known.
    package init(announcing announced: ModelDescription? = nil) {
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

    /// What stands there now.
    package var state: State { current.withLock { $0 } }

    /// How far loading has come, if that was reported.
    package var progress: Progress? { reported.withLock { $0 } }

    /// The model.
    ///
    /// - Throws: `ServingError` where it cannot answer.
    package func model() throws(ServingError) -> ServedModel {
        switch state {
        case .serving(let model):
            if let problem = model.problem() { throw .broken(reason: problem) }
            return model
        case .loading: throw .loading
        case .stopping: throw .stopping
        }
    }

    /// The model, if that is its name.
    ///
    /// - Parameter name: one of its names, `default`, or nil for whichever it is.
    /// - Returns: the model.
    /// - Throws: `ServingError` where it cannot answer, or has another name.
    package func model(named name: String?) throws(ServingError) -> ServedModel {
        let model = try model()
        if let name, name != "default", !model.description.isNamed(name) {
            throw .unknownModel(name)
        }
        return model
    }
}
