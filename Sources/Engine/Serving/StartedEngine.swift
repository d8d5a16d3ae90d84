// SPDX-License-Identifier: Apache-2.0

import Computation
package import Generation
package import Inference
package import ModelFiles

/// An engine that generates with a model's weights, and what notices when those are gone.
package struct StartedEngine: RunningEngine {
    /// What generates; it runs until it is shut down.
    package let engine: GenerationEngine

    /// The memory that it takes.
    package let memoryPlan: MemoryPlan

    /// Notices when a file of the weights changes while it is served.
    package let watch: WeightsWatch

    package var contextLength: Int { engine.contextLength }

    package var vocabularyCount: Int { engine.vocabularyCount }

    package var statistics: EngineStatistics { engine.statistics }

    package var isIdle: Bool { engine.isIdle }

    package var isQuiet: Bool { engine.isQuiet }

    package var byteCount: Int { memoryPlan.totalByteCount }

    package var problem: String? {
        watch.lost.map {
            "The model's file \($0.fileName) was cut short or overwritten while it was being "
                + "served; the server must be restarted with a whole file."
        }
    }

    package func accept(
        _ request: GenerationRequest, to stream: GenerationStream
    ) throws(SubmissionError) -> QueuePlace {
        try engine.accept(request, to: stream)
    }

    package func accept(
        _ request: GenerationRequest, since submitted: ContinuousClock.Instant,
        to source: EventSource
    ) throws(SubmissionError) {
        try engine.submit(request, since: submitted) { source }
    }

    package func lookAtWeights() { watch.look() }

    package func end(grace: Duration) async { await engine.shutdown(grace: grace) }
}
