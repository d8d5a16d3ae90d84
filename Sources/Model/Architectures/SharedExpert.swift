// SPDX-License-Identifier: Apache-2.0

import Computation
package import ModelFiles

extension TensorRole {
    static let sharedGate = TensorRole("shared w1")
    static let sharedUp = TensorRole("shared w3")
    /// Down projection of what every token passes beside its experts.
    package static let sharedDown = TensorRole("shared w2")
    static let sharedRouter = TensorRole("gate of the shared expert")
}

extension ScratchRole {
    static let sharedGated = ScratchRole("silu(w1·x) ⊙ w3·x of the shared expert")
}

/// The network that every row passes beside its experts; several shared experts are one wide one.
///
/// Some families multiply what it gives by a sigmoid of the row.
final class SharedExpert {
    private static let networks = [
        TensorDeclaration(
            .sharedGate, [.Fs, .D], gguf: ["blk.{L}.ffn_gate_shexp.weight"],
            huggingFace: names("gate_proj"), mistral: mistral("gate", "w1"), split: .rows,
            isAdaptable: true),
        TensorDeclaration(
            .sharedUp, [.Fs, .D], gguf: ["blk.{L}.ffn_up_shexp.weight"],
            huggingFace: names("up_proj"), mistral: mistral("up", "w3"), follows: .sharedGate,
            split: .rows,
            isAdaptable: true),
        TensorDeclaration(
            .sharedDown, [.D, .Fs], gguf: ["blk.{L}.ffn_down_shexp.weight"],
            huggingFace: names("down_proj"), mistral: mistral("down", "w2"),
            follows: .sharedGate, split: .columns, isAdaptable: true),
    ]

    private static let gate = TensorDeclaration(
        .sharedRouter, [.D], gguf: ["blk.{L}.ffn_gate_inp_shexp.weight"],
        huggingFace: ["model.layers.{L}.mlp.shared_expert_gate.weight"])

    private static func names(_ part: String) -> [TensorName] {
        ["shared_expert", "shared_experts"].map {
            TensorName(stringLiteral: "model.layers.{L}.mlp.\($0).\(part).weight")
        }
    }

    /// The name of packed files, then that of Mistral's own.
    private static func mistral(_ packed: String, _ own: String) -> [TensorName] {
        [
            TensorName(stringLiteral: "blk.{L}.ffn_\(packed)_shexp.weight"),
            TensorName(stringLiteral: "layers.{L}.shared_experts.\(own).weight"),
        ]
    }

    static func tensors(of configuration: ModelConfiguration) -> [TensorDeclaration] {
        guard configuration.mixture.sharedSize > 0 else { return [] }
        return networks + (configuration.mixture.gatesShared ? [gate] : [])
    }

    static func scratch(of configuration: ModelConfiguration) -> [ScratchDeclaration] {
        configuration.mixture.sharedSize > 0
            ? [ScratchDeclaration(.sharedGated, .tokens, .Fs)] : []
    }

    private let layer: Int
    private let w1: WeightMatrix
    private let w2: WeightMatrix
    private let w3: WeightMatrix
    /// `[D]`; nil: there is no gate.
    private let gate: [Float]?
    private let gated: FloatBuffer
    /// The experts', of which each row has at least one.
    private let down: FloatBuffer
    private let gatedReading: Reading
    private let downReading: Reading

    init(_ parts: LayerParts) {
        layer = parts.index
        w1 = parts.weights.matrix(.sharedGate)
        w2 = parts.weights.matrix(.sharedDown)
        w3 = parts.weights.matrix(.sharedUp)
        gate =
            parts.configuration.mixture.gatesShared ? parts.weights.vector(.sharedRouter) : nil
        gated = parts.step.buffer(.sharedGated)
        down = parts.step.buffer(.down)
        let compute = parts.step.compute
        gatedReading = Reading(compute.ahead(of: [w1], gating: [w3]))
        downReading = Reading(compute.ahead(of: [w2]))
    }

    /// residual += the network of the normalised rows.
    func add(_ step: ForwardStep) {
        let compute = step.compute
        let rowCount = step.rowCount
        let sums = step.sums(for: [.sharedGate, .sharedUp], inLayer: layer, of: step.normed)
        compute.multiplyGated(
            step.normed, rows: 0..<rowCount, w1: w1, w3: w3, into: gated, adding: sums,
            ahead: step.read(gatedReading))  // [T, Fs]
        let downSums = step.sums(for: [.sharedDown], inLayer: layer, of: gated)
        compute.multiply(
            gated, rows: 0..<rowCount, w2, into: down, adding: downSums,
            ahead: step.read(downReading))  // [T, D]
        if let gate { compute.gate(down, by: step.normed, rowCount: rowCount, weight: gate) }
        compute.add(down, rowCount: rowCount, to: step.residual)
    }
}
