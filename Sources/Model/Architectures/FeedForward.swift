// SPDX-License-Identifier: Apache-2.0

import Computation
import ModelFiles

extension ScratchRole {
    static let gated = ScratchRole("silu(w1·x) ⊙ w3·x")
    static let down = ScratchRole("what feed-forward networks add to the residual stream")
}

/// What follows attention in a layer.
protocol FeedForward: AnyObject {
    /// residual += the network of the normalised rows.
    func add(_ step: ForwardStep)
}

/// w2 · (activation(w1·x) ⊙ (w3·x)).
final class DenseFeedForward: FeedForward {
    static let tensors = [
        TensorDeclaration(
            .gate, [.F, .D], gguf: ["blk.{L}.ffn_gate.weight"],
            huggingFace: ["model.layers.{L}.mlp.gate_proj.weight"],
            mistral: ["layers.{L}.feed_forward.w1.weight"], split: .rows, isAdaptable: true),
        TensorDeclaration(
            .up, [.F, .D], gguf: ["blk.{L}.ffn_up.weight"],
            huggingFace: ["model.layers.{L}.mlp.up_proj.weight"],
            mistral: ["layers.{L}.feed_forward.w3.weight"], split: .rows, isAdaptable: true),
        TensorDeclaration(
            .down, [.D, .F], gguf: ["blk.{L}.ffn_down.weight"],
            huggingFace: ["model.layers.{L}.mlp.down_proj.weight"],
            mistral: ["layers.{L}.feed_forward.w2.weight"], split: .columns, isAdaptable: true),
    ]

    static let scratch = [
        ScratchDeclaration(.gated, .tokens, .F), ScratchDeclaration(.down, .tokens, .D),
    ]

    private let layer: Int
    private let roles: Roles
    private let activation: GateActivation
    private let w1: WeightMatrix
    private let w2: WeightMatrix
    private let w3: WeightMatrix
    private let gated: FloatBuffer
    /// What `compute` gives.
    let down: FloatBuffer
    private let gatedReading: Reading
    private let downReading: Reading

    /// Builds the network of a layer.
    ///
    /// - Parameters:
    ///   - parts: its weights and what steps work with.
    ///   - role: the buffer for what its first two matrices compute.
    ///   - roles: its matrices.
    ///   - activation: of the first product.
    init(
        _ parts: LayerParts, gated role: ScratchRole = .gated,
        roles: Roles = (.gate, .up, .down), activation: GateActivation = .silu
    ) {
        layer = parts.index
        self.roles = roles
        self.activation = activation
        w1 = parts.weights.matrix(roles.gate)
        w2 = parts.weights.matrix(roles.down)
        w3 = parts.weights.matrix(roles.up)
        gated = parts.step.buffer(role, of: parts.configuration)
        down = parts.step.buffer(.down)
        let compute = parts.step.compute
        gatedReading = Reading(compute.ahead(of: [w1], gating: [w3]))
        downReading = Reading(compute.ahead(of: [w2]))
    }

    /// The roles of a network's matrices.
    typealias Roles = (gate: TensorRole, up: TensorRole, down: TensorRole)

    func add(_ step: ForwardStep) {
        compute(step)
        step.compute.add(down, rowCount: step.rowCount, to: step.residual)
    }

    /// down = the network of the normalised rows.
    func compute(_ step: ForwardStep) {
        let rows = 0..<step.rowCount
        let sums = step.sums(for: [roles.gate, roles.up], inLayer: layer, of: step.normed)
        step.compute.multiplyGated(
            step.normed, rows: rows, w1: w1, w3: w3, by: activation, into: gated, adding: sums,
            ahead: step.read(gatedReading))  // [T, F]
        let downSums = step.sums(for: [roles.down], inLayer: layer, of: gated)
        step.compute.multiply(
            gated, rows: rows, w2, into: down, adding: downSums,
            ahead: step.read(downReading))  // [T, D]
    }
}
