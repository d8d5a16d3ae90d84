// SPDX-License-Identifier: Apache-2.0

package import Generation
import Synchronization

/// The models of a server, found by their names; each has an engine of its own.
package final class ModelRegistry: Sendable {
    /// Whether the server can answer whatever it is there for.
    package enum Readiness: Hashable, Sendable {
        /// Every model answers.
        case ready

        /// An engine has had work for some time and has not done a step.
        case stalled

        /// A model is still loading; how far that has come, if it is known.
        case loading(ModelSlot.Progress?)

        /// The server is shutting down.
        case stopping

        /// A model cannot answer any more, or never could.
        case failed(reason: String)

        /// What is told first where models differ.
        fileprivate var urgency: Int {
            switch self {
            case .ready: 0
            case .stalled: 1
            case .loading: 2
            case .stopping: 3
            case .failed: 4
            }
        }
    }

    /// The name by which every client may ask for the default model.
    package static let defaultName = "default"

    /// Held while an adapter is loaded.
    let adapterLoading = Mutex(())
    private let announced = Mutex<[ModelSlot]>([])

    /// What keeps models in memory, where they come and go.
    package let residency: ModelResidency?

    /// A registry without models.
    ///
    /// - Parameter residency: what keeps its models in memory; nil where they never leave it.
    package init(residency: ModelResidency? = nil) { self.residency = residency }

    /// Makes a place for a model; the server is not ready before the model is.
    ///
    /// The first model is the default one.
    ///
    /// - Parameter description: what is known of it before it is loaded.
    /// - Returns: the place.
    package func announce(_ description: ModelDescription? = nil) -> ModelSlot {
        let slot = ModelSlot(announcing: description)
        announced.withLock { $0.append(slot) }
        return slot
    }

    /// The places of all models, the default one first.
    package var slots: [ModelSlot] { announced.withLock { $0 } }

    /// The places of all models, each followed by those of the model with each of its adapters.
    package var slotsWithAdapters: [ModelSlot] { slots.flatMap { [$0] + $0.adapted } }

    /// The place of the model of that name.
    ///
    /// An adapter has a name of its own, and is also called `MODEL:ADAPTER`.
    ///
    /// Clients of Ollama give every name a tag, which says nothing where it is `latest`: then the
    /// name without it counts, too.
    ///
    /// - Parameter name: one of a model's names, or ``defaultName``.
    /// - Returns: its place; of several models with that name the one that was announced first, and
    ///   nil if there is none.
    package func slot(named name: String) -> ModelSlot? {
        let slots = slots
        func slot(_ name: String) -> ModelSlot? {
            // A model may have the name of the default one.
            slots.first { $0.description?.isNamed(name) ?? false }
                ?? (name == Self.defaultName ? slots.first : nil)
                ?? adapted(name)
        }
        func adapted(_ name: String) -> ModelSlot? {
            for slot in slots {
                if let adapted = slot.adapted(by: name) { return adapted }
            }
            // Either name may have colons, too.
            for colon in name.indices where name[colon] == ":" {
                let (model, adapter) = (String(name[..<colon]), name[name.index(after: colon)...])
                for slot in slots
                where slot.description?.isNamed(model) ?? false
                    || model == Self.defaultName && slot === slots.first
                {
                    if let adapted = slot.adapted(by: String(adapter)) { return adapted }
                }
            }
            return nil
        }
        let tag = ":latest"
        return slot(name) ?? (name.hasSuffix(tag) ? slot(String(name.dropLast(tag.count))) : nil)
    }

    /// The model of that name.
    ///
    /// - Parameter name: one of its names, or nil for the default model.
    /// - Returns: a model that answers.
    /// - Throws: `ServingError` where it cannot answer, or where no model has that name.
    package func model(named name: String? = nil) throws(ServingError) -> ServedModel {
        if let slot = slot(named: name ?? Self.defaultName) { return try slot.model() }
        // The name may be that of a model which does not know its names yet.
        let slots = slots
        guard let first = slots.first else { throw .loading }
        _ = try first.model()
        if slots.contains(where: { $0.description == nil }) { throw .loading }
        throw .unknownModel(name ?? Self.defaultName)
    }

    /// Refuses new requests to all models, and those that wait for one; those under way go on.
    package func stop() {
        for slot in slots { slot.stop() }
        residency?.stop()
    }

    /// Whether every model that was announced can answer, or the most urgent reason why not.
    ///
    /// - Parameter stallLimit: how long work may be pending without a step.
    /// - Returns: what is to be told.
    package func readiness(stallLimit: Duration) -> Readiness {
        slots.map { $0.readiness(stallLimit: stallLimit) }.max { $0.urgency < $1.urgency }
            ?? .loading(nil)
    }

    /// Whether an engine has had work for some time and has not done a step, also while the server
    /// only ends what it has begun.
    ///
    /// - Parameter limit: for how long.
    /// - Returns: whether that is so.
    package func isStalled(limit: Duration) -> Bool {
        slots.contains { slot in
            switch slot.state {
            case .loading: false
            case .serving(let model), .stopping(let model):
                model.engine.statistics.isStalled(limit: limit)
            }
        }
    }

    /// How the engines of the models that answer are doing, all together; nil if there is none.
    package var statistics: EngineStatistics? {
        var total: EngineStatistics?
        for slot in slots {
            guard case .serving(let model) = slot.state else { continue }
            let statistics = model.engine.statistics
            total = total?.adding(statistics) ?? statistics
        }
        return total
    }
}
