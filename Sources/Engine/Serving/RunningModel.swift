// SPDX-License-Identifier: Apache-2.0

package import Generation
package import Inference
package import ModelFiles

/// A model in memory, and the engine that generates with its weights.
package struct RunningModel: Sendable {
    /// What answers questions.
    package let model: ServedModel

    /// What generates; it runs until it is shut down.
    package let engine: GenerationEngine

    /// The memory that it takes.
    package let memoryPlan: MemoryPlan

    /// Notices when the weights are gone; somebody has to let it look.
    package let watch: WeightsWatch
}
