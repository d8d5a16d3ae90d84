// SPDX-License-Identifier: Apache-2.0

import Generation
import Synchronization

/// The place in a ``ModelRegistry`` where a model stands once it is loaded.
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

        /// Creates a report.
        package init(stage: String, share: Double) {
            self.stage = stage
            self.share = share
        }
    }

    /// The model's place in memory, where models come and go.
    private struct Place {
        let resident: Resident
        /// Whether the server is not ready before the model was in memory once.
        let isEssential: Bool
    }

    /// A place that is another's, with an adapter.
    private struct Adaptation {
        let base: ModelSlot
        let adapter: LoadedAdapter
    }

    private let adaptation: Adaptation?
    private let adapterSource = Mutex<ModelAdapters?>(nil)
    private let current: Mutex<State>
    private let reported = Mutex<Progress?>(nil)
    private let place = Mutex<Place?>(nil)

    /// An empty place.
    ///
    /// - Parameter announced: the model that is being loaded, if it is known.
    init(announcing announced: ModelDescription?) {
        current = Mutex(.loading(announced))
        adaptation = nil
    }

    /// The place of a model with an adapter: whatever becomes of the model becomes of it, too.
    private init(_ base: ModelSlot, adaptedBy adapter: LoadedAdapter) {
        adaptation = Adaptation(base: base, adapter: adapter)
        current = Mutex(.loading(nil))
    }

    // MARK: Adapters

    /// Says where the model's adapters come from.
    package func announce(_ adapters: ModelAdapters) {
        adapterSource.withLock { $0 = adapters }
    }

    /// The model's adapters; nil where it can have none.
    package var adapters: ModelAdapters? { adapterSource.withLock { $0 } }

    /// The places of the model with each of its adapters.
    package var adapted: [ModelSlot] {
        (adapters?.all ?? []).map { ModelSlot(self, adaptedBy: $0) }
    }

    /// The place of the model with the adapter of that name.
    func adapted(by name: String) -> ModelSlot? {
        adapters?.adapter(named: name).map { ModelSlot(self, adaptedBy: $0) }
    }

    /// Says for those who wait how far loading has come.
    ///
    /// - Parameters:
    ///   - stage: what is being done.
    ///   - share: how much of it is done, from 0 to 1.
    package func report(_ stage: String, _ share: Double) {
        reported.withLock { $0 = Progress(stage: stage, share: share) }
    }

    /// Says what will stand there.
    ///
    /// - Parameters:
    ///   - description: what is known of the model.
    ///   - resident: the model's place in memory, where models come and go.
    ///   - isEssential: whether the server is not ready before the model was in memory once.
    package func announce(
        _ description: ModelDescription, in resident: Resident, isEssential: Bool
    ) {
        place.withLock { $0 = Place(resident: resident, isEssential: isEssential) }
        current.withLock { state in
            if case .loading = state { state = .loading(description) }
        }
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
    package var state: State {
        guard let adaptation else { return current.withLock { $0 } }
        let adapter = adaptation.adapter
        return switch adaptation.base.state {
        case .loading(let base): .loading(base.map(adapter.describe))
        case .serving(let model): .serving(model.adapted(by: adapter))
        case .stopping(let model): .stopping(model.adapted(by: adapter))
        }
    }

    /// The model's place in memory; nil for a model that never leaves it.
    package var resident: Resident? {
        adaptation.map(\.base.resident) ?? place.withLock { $0?.resident }
    }

    /// Whether the server is not ready before the model was in memory once.
    package var isEssential: Bool { place.withLock { $0?.isEssential ?? true } }

    /// Whether the model is in memory.
    package var status: Resident.Status {
        if let resident { return resident.status }
        return switch state {
        case .loading: .loading(progress)
        case .serving, .stopping: .loaded
        }
    }

    /// How far loading has come, if that was reported.
    package var progress: Progress? {
        if case .loading(let progress?)? = resident?.status { return progress }
        return reported.withLock { $0 }
    }

    /// What is known of the model.
    package var description: ModelDescription? {
        switch state {
        case .serving(let model), .stopping(let model): model.description
        case .loading(let announced): announced
        }
    }

    /// The model.
    ///
    /// - Returns: a model that answers.
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

    /// Whether requests can be answered, or why not.
    ///
    /// - Parameter stallLimit: how long work may be pending without a step.
    /// - Returns: what is to be told.
    func readiness(stallLimit: Duration) -> ModelRegistry.Readiness {
        switch state {
        case .loading: return .loading(progress)
        case .stopping: return .stopping
        case .serving(let model):
            // Who asks for another model can be answered.
            if isEssential, let problem = model.problem() { return .failed(reason: problem) }
            return model.engine.statistics.isStalled(limit: stallLimit) ? .stalled : .ready
        }
    }
}
