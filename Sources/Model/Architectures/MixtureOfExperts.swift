// SPDX-License-Identifier: Apache-2.0

import Computation
import ModelFiles

extension ScratchRole {
    static let routerLogits = ScratchRole("the router's logits")
}

/// Σ weight · expert(x) over the A of E experts that each row visits.
///
/// The weights are a softmax over the logits of the experts that were chosen.
///
/// - Source: arXiv:2401.04088 §2.1.
final class MixtureOfExperts: FeedForward {
    static let tensors = [
        TensorDeclaration(
            .router, [.E, .D], gguf: ["blk.{L}.ffn_gate_inp.weight"],
            huggingFace: [
                "model.layers.{L}.block_sparse_moe.gate.weight",
                "model.layers.{L}.mlp.gate.weight",
            ],
            mistral: ["layers.{L}.gate.weight", "layers.{L}.feed_forward.gate.weight"],
            isQuantised: false),
        TensorDeclaration(
            .gate, [.F, .D], copies: .E,
            gguf: [
                .stack("blk.{L}.ffn_gate_exps.weight"),
                .stackedPart(of: "blk.{L}.ffn_gate_up_exps.weight", below: [.F]),
                "blk.{L}.ffn_gate.{E}.weight",
            ],
            huggingFace: [
                "model.layers.{L}.block_sparse_moe.experts.{E}.w1.weight",
                "model.layers.{L}.mlp.experts.{E}.w1.weight",
                .stackedPart(of: "model.layers.{L}.mlp.experts.gate_up_proj", below: [.F]),
            ],
            mistral: [
                "layers.{L}.experts.{E}.w1.weight", "layers.{L}.feed_forward.experts.{E}.w1.weight",
            ], split: .experts),
        TensorDeclaration(
            .up, [.F, .D], copies: .E,
            gguf: [
                .stack("blk.{L}.ffn_up_exps.weight"),
                .stackedPart(of: "blk.{L}.ffn_gate_up_exps.weight", above: [.F]),
                "blk.{L}.ffn_up.{E}.weight",
            ],
            huggingFace: [
                "model.layers.{L}.block_sparse_moe.experts.{E}.w3.weight",
                "model.layers.{L}.mlp.experts.{E}.w3.weight",
                .stackedPart(of: "model.layers.{L}.mlp.experts.gate_up_proj", above: [.F]),
            ],
            mistral: [
                "layers.{L}.experts.{E}.w3.weight", "layers.{L}.feed_forward.experts.{E}.w3.weight",
            ], follows: .gate, split: .experts),
        TensorDeclaration(
            .down, [.D, .F], copies: .E,
            gguf: [
                .stack("blk.{L}.ffn_down_exps.weight"), .stack("blk.{L}.ffn_down_exps.weight"),
                "blk.{L}.ffn_down.{E}.weight",
            ],
            huggingFace: [
                "model.layers.{L}.block_sparse_moe.experts.{E}.w2.weight",
                "model.layers.{L}.mlp.experts.{E}.w2.weight",
                .stack("model.layers.{L}.mlp.experts.down_proj"),
            ],
            mistral: [
                "layers.{L}.experts.{E}.w2.weight", "layers.{L}.feed_forward.experts.{E}.w2.weight",
            ], follows: .gate, split: .experts),
    ]

    static let scratch = [
        ScratchDeclaration(.routerLogits, .tokens, .E), ScratchDeclaration(.gated, .visits, .F),
        ScratchDeclaration(.down, .visits, .D),
    ]

    private let layer: Int
    private let router: WeightMatrix
    /// `[F, D]`, `[D, F]` and `[F, D]` of each expert.
    private let w1: [WeightMatrix]
    private let w2: [WeightMatrix]
    private let w3: [WeightMatrix]
    /// What the matrices of one expert have.
    private let expertByteCount: Int
    private let routerLogits: FloatBuffer
    private let gated: FloatBuffer
    private let down: FloatBuffer
    /// Nobody knows the experts before the router has spoken.
    private let expertsReading = Reading(nil)

    init(_ parts: LayerParts) {
        layer = parts.index
        router = parts.weights.matrix(.router)
        w1 = parts.weights.matrices(.gate)
        w2 = parts.weights.matrices(.down)
        w3 = parts.weights.matrices(.up)
        expertByteCount = [w1, w2, w3].reduce(0) { $0 + ($1.first?.byteCount ?? 0) }
        routerLogits = parts.step.buffer(.routerLogits)
        gated = parts.step.buffer(.gated)
        down = parts.step.buffer(.down)
    }

    func add(_ step: ForwardStep) {
        let compute = step.compute
        let rowCount = step.rowCount
        compute.multiply(
            step.normed, rows: 0..<rowCount, router, into: routerLogits)  // [T, E]
        compute.route(routerLogits, rowCount: rowCount, into: &step.routing)
        step.noteExperts(inLayer: layer, expertByteCount: expertByteCount)
        compute.multiplyGated(
            step.normed, step.routing.groups, w1: w1, w3: w3, into: gated)  // [T·A, F]
        compute.multiplyGathered(
            gated, step.routing.groups, reading: .slot, w2, into: down,
            ahead: step.read(expertsReading))  // [T·A, D]
        compute.addExperts(down, routing: step.routing, rowCount: rowCount, to: step.residual)
    }
}
