// SPDX-License-Identifier: Apache-2.0

package import Generation
package import Serving

/// The counters of a server at one moment.
package struct MachineReading: Sendable {
    /// A model, in memory or not.
    package struct Model: Sendable {
        let name: String
        /// The words of `/v1/models`.
        let status: String
        /// How far loading has come, if it is known.
        let progress: ModelSlot.Progress?
        /// How its engine is doing; nil where it is not in memory.
        let statistics: EngineStatistics?

        /// A model that is in memory, if there is anything to say of its engine.
        package init(
            _ name: String, status: String = "loaded", progress: ModelSlot.Progress? = nil,
            statistics: EngineStatistics?
        ) {
            self.name = name
            self.status = status
            self.progress = progress
            self.statistics = statistics
        }
    }

    let instant: ContinuousClock.Instant
    let models: [Model]

    /// Counters that were read at some time.
    package init(_ models: [Model], at instant: ContinuousClock.Instant) {
        self.models = models
        self.instant = instant
    }

    /// The counters now.
    init(_ registry: ModelRegistry) {
        instant = .now
        models = registry.slots.compactMap { slot in
            guard let name = slot.description?.name else { return nil }
            var statistics: EngineStatistics?
            if case .serving(let model) = slot.state { statistics = model.engine.statistics }
            return Model(
                name, status: slot.status.name, progress: slot.progress,
                statistics: statistics)
        }
    }
}
