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

    /// Notices when a file of the weights changes while it is served.
    ///
    /// It does not look by itself: the server has to call it every now and then.
    package let watch: WeightsWatch
}
