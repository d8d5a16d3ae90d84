// SPDX-License-Identifier: Apache-2.0

package import Inference
import Quantization

/// What an engine needs, known before any of it is allocated.
package struct EnginePlan: Sendable {
    /// What a step may consist of.
    package let limits: TransformerLimits

    /// The memory that it takes.
    package let memory: MemoryPlan

    /// The types that weights are packed as; nil where they are used as they are in the file.
    let packedTypes: [ElementType?]?
}
