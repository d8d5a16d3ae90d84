// SPDX-License-Identifier: Apache-2.0

import Scheduling

/// How long a step of a mixture of experts takes on some machine.
///
/// A step reads every weight that any of its tokens needs once, and multiplies each token with its
/// own: whichever takes longer counts, and attention comes on top. Experts are chosen evenly and
/// independently; kernels reach the given rates when they have a few tokens to work on.
struct CostModel {
    /// A machine's sustained limits.
    struct Machine {
        let name: String
        /// Bytes per second that all cores together read.
        let bandwidth: Double
        /// Operations per second of the products.
        let productRate: Double
        /// Operations per second of attention, which is f32.
        let attentionRate: Double
        /// Seconds of every step that are neither.
        let overhead: Double
    }

    /// A model's sizes.
    struct Model {
        let name: String
        /// Weights that every token needs, of all layers.
        let denseWeights: Double
        /// Weights of all experts of all layers.
        let expertWeights: Double
        /// Weights of the output.
        let outputWeights: Double
        let expertCount: Double
        let expertsPerToken: Double
        let bytesPerWeight: Double
        /// Bytes of keys and values of one position, all layers together.
        let kvBytesPerPosition: Double
        /// Operations of attention for one query and one position, all layers together.
        let attentionOperations: Double
    }

    let machine: Machine
    let model: Model

    /// The seconds that a step takes.
    func seconds(of step: borrowing ScheduledStep) -> Double {
        let tokens = Double(step.tokenCount)
        var rows = 0.0
        var kvBytes = 0.0
        var pairs = 0.0
        for slice in step.slices {
            let count = Double(slice.tokenCount)
            let context = Double(slice.startPosition) + count
            if slice.samples { rows += 1 }
            // Queries of one sequence read its keys and values together, eight at a time.
            kvBytes += context * (count / 8).rounded(.up) * model.kvBytesPerPosition
            pairs += count * (Double(slice.startPosition) + (count + 1) / 2)
        }
        let missed = 1 - model.expertsPerToken / model.expertCount
        var untouched = 1.0
        for _ in 0..<min(step.tokenCount, 4_096) { untouched *= missed }
        let read =
            model.denseWeights + model.expertWeights * (1 - untouched)
            + (rows > 0 ? model.outputWeights : 0)
        let active =
            model.denseWeights + model.expertWeights * model.expertsPerToken / model.expertCount
        let operations = 2 * (tokens * active + rows * model.outputWeights)
        return max(
            read * model.bytesPerWeight / machine.bandwidth, operations / machine.productRate)
            + max(
                kvBytes / machine.bandwidth,
                pairs * model.attentionOperations / machine.attentionRate) + machine.overhead
    }
}

extension CostModel.Machine {
    static let all = [
        // Read and product rates as `cierzo-micro` measures them, the latter 60 % of the peak.
        CostModel.Machine(
            name: "vm2", bandwidth: 30e9, productRate: 550e9, attentionRate: 100e9, overhead: 3e-4),
        // 12 channels of DDR5 and 64 cores, at the same share of their peaks.
        CostModel.Machine(
            name: "server64", bandwidth: 350e9, productRate: 15e12, attentionRate: 3e12,
            overhead: 5e-4),
    ]
}

extension CostModel.Model {
    static let all = [
        CostModel.Model(
            name: "mixtral", denseWeights: 32 * 41.9e6, expertWeights: 32 * 8 * 176.2e6,
            outputWeights: 131e6, expertCount: 8, expertsPerToken: 2, bytesPerWeight: 0.61,
            kvBytesPerPosition: 32 * 2 * 8 * 128 * 2, attentionOperations: 32 * 4 * 32 * 128),
        // Mixtral's shape with 2 of its 32 layers.
        CostModel.Model(
            name: "mixtral2", denseWeights: 2 * 41.9e6, expertWeights: 2 * 8 * 176.2e6,
            outputWeights: 131e6, expertCount: 8, expertsPerToken: 2, bytesPerWeight: 0.61,
            kvBytesPerPosition: 2 * 2 * 8 * 128 * 4, attentionOperations: 2 * 4 * 32 * 128),
    ]
}
