// SPDX-License-Identifier: Apache-2.0

import Computation
import ModelFiles

extension TensorRole {
    static let selectionBias = TensorRole("selection bias")
    static let expertScales = TensorRole("scales of experts")
}

extension ScratchRole {
    static let routerLogits = ScratchRole("the router's logits")
}

/// Σ weight · expert(x) over the A of E experts that each row visits, and what it passes beside them.
///
/// Which experts, and what they weigh, the configuration's `mixture` says. Mixtral's weights are a
/// softmax over the logits of the experts that were chosen.
///
/// - Source: arXiv:2401.04088 §2.1; arXiv:2412.19437 §2.1.2.
final class MixtureOfExperts: FeedForward {
    /// The router and the experts: all that Mixtral has.
    static let tensors = [router] + networks

    /// All tensors of a layer with experts.
    static func tensors(of configuration: ModelConfiguration) -> [TensorDeclaration] {
        SharedExpert.tensors(of: configuration) + [router]
            + (configuration.mixture.hasSelectionBias ? [selectionBias] : [])
            + (configuration.mixture.hasBiases ? biases : []) + networks
    }

    /// Where the router and the experts have biases: they stand before the networks, whose matrices
    /// are read together.
    private static let biases = [
        TensorDeclaration(
            TensorRole.router.bias, [.E], gguf: ["blk.{L}.ffn_gate_inp.bias"],
            huggingFace: ["model.layers.{L}.mlp.router.bias"]),
        TensorDeclaration(
            TensorRole.gate.bias, [.E, .Fe], gguf: ["blk.{L}.ffn_gate_exps.bias"],
            huggingFace: [
                .transposedStack("model.layers.{L}.mlp.experts.gate_up_proj_bias", rows: .even)
            ], isVector: true),
        TensorDeclaration(
            TensorRole.up.bias, [.E, .Fe], gguf: ["blk.{L}.ffn_up_exps.bias"],
            huggingFace: [
                .transposedStack("model.layers.{L}.mlp.experts.gate_up_proj_bias", rows: .odd)
            ], isVector: true),
        TensorDeclaration(
            TensorRole.down.bias, [.E, .D], gguf: ["blk.{L}.ffn_down_exps.bias"],
            huggingFace: ["model.layers.{L}.mlp.experts.down_proj_bias"], isVector: true),
    ]

    private static let router = TensorDeclaration(
        .router, [.E, .D], gguf: ["blk.{L}.ffn_gate_inp.weight"],
        huggingFace: [
            "model.layers.{L}.block_sparse_moe.gate.weight",
            "model.layers.{L}.mlp.gate.weight",
            "model.layers.{L}.mlp.router.weight",
        ],
        mistral: ["layers.{L}.gate.weight", "layers.{L}.feed_forward.gate.weight"],
        isQuantised: false, isAdaptable: true)

    private static let selectionBias = TensorDeclaration(
        .selectionBias, [.E], gguf: ["blk.{L}.exp_probs_b.bias"],
        huggingFace: [
            "model.layers.{L}.mlp.gate.e_score_correction_bias",
            "model.layers.{L}.mlp.moe_statics.e_score_correction_bias",
            "model.layers.{L}.mlp.gate.moe_statics.e_score_correction_bias",
            "model.layers.{L}.block_sparse_moe.e_score_correction_bias",
            "model.layers.{L}.mlp.e_score_correction_bias",
        ])

    private static let networks = [
        TensorDeclaration(
            .gate, [.Fe, .D], copies: .E,
            gguf: [
                .stack("blk.{L}.ffn_gate_exps.weight"),
                .stackedPart(of: "blk.{L}.ffn_gate_up_exps.weight", below: [.Fe]),
                "blk.{L}.ffn_gate.{E}.weight",
            ],
            huggingFace: [
                "model.layers.{L}.block_sparse_moe.experts.{E}.w1.weight",
                "model.layers.{L}.mlp.experts.{E}.w1.weight",
                "model.layers.{L}.mlp.experts.{E}.gate_proj.weight",
                .stackedPart(of: "model.layers.{L}.mlp.experts.gate_up_proj", below: [.Fe]),
            ],
            mistral: [
                "layers.{L}.experts.{E}.w1.weight", "layers.{L}.feed_forward.experts.{E}.w1.weight",
            ], split: .experts, isAdaptable: true),
        TensorDeclaration(
            .up, [.Fe, .D], copies: .E,
            gguf: [
                .stack("blk.{L}.ffn_up_exps.weight"),
                .stackedPart(of: "blk.{L}.ffn_gate_up_exps.weight", above: [.Fe]),
                "blk.{L}.ffn_up.{E}.weight",
            ],
            huggingFace: [
                "model.layers.{L}.block_sparse_moe.experts.{E}.w3.weight",
                "model.layers.{L}.mlp.experts.{E}.w3.weight",
                "model.layers.{L}.mlp.experts.{E}.up_proj.weight",
                .stackedPart(of: "model.layers.{L}.mlp.experts.gate_up_proj", above: [.Fe]),
            ],
            mistral: [
                "layers.{L}.experts.{E}.w3.weight", "layers.{L}.feed_forward.experts.{E}.w3.weight",
            ], follows: .gate, split: .experts, isAdaptable: true),
        TensorDeclaration(
            .down, [.D, .Fe], copies: .E,
            gguf: [
                .stack("blk.{L}.ffn_down_exps.weight"), .stack("blk.{L}.ffn_down_exps.weight"),
                "blk.{L}.ffn_down.{E}.weight",
            ],
            huggingFace: [
                "model.layers.{L}.block_sparse_moe.experts.{E}.w2.weight",
                "model.layers.{L}.mlp.experts.{E}.w2.weight",
                "model.layers.{L}.mlp.experts.{E}.down_proj.weight",
                .stack("model.layers.{L}.mlp.experts.down_proj"),
            ],
            mistral: [
                "layers.{L}.experts.{E}.w2.weight", "layers.{L}.feed_forward.experts.{E}.w2.weight",
            ], follows: .gate, split: .experts, isAdaptable: true),
    ]

    static let scratch = [
        ScratchDeclaration(.routerLogits, .tokens, .E), ScratchDeclaration(.gated, .visits, .Fe),
        ScratchDeclaration(.down, .visits, .D),
    ]

    /// All buffers of a model whose layers have experts.
    static func scratch(of configuration: ModelConfiguration) -> [ScratchDeclaration] {
        scratch + SharedExpert.scratch(of: configuration)
    }

    private let layer: Int
    private let router: WeightMatrix
    private let rule: RouterRule
    /// `[E]`, or empty.
    private let selectionBias: [Float]
    /// Whether each row has Mixtral's one or two experts, by Mixtral's rule.
    private let isPlain: Bool
    private let shared: SharedExpert?
    /// `[E]`, or empty.
    private let routerBias: [Float]
    /// `[E]`, or empty: what the weights of an expert are multiplied with at last.
    private let scales: [Float]
    private let activation: GateActivation
    /// nil: there are no biases.
    private let gate: ExpertGate?
    /// `[E, D]`, or empty.
    private let downBias: [Float]
    /// `[Fe, D]`, `[D, Fe]` and `[Fe, D]` of each expert.
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

    /// Builds the mixture of a layer.
    ///
    /// - Parameters:
    ///   - parts: its weights and what steps work with.
    ///   - activation: of an expert's first product.
    init(_ parts: LayerParts, activation: GateActivation = .silu) {
        layer = parts.index
        self.activation = activation
        let mixture = parts.configuration.mixture
        router = parts.weights.matrix(.router)
        rule = mixture.rule
        selectionBias = mixture.hasSelectionBias ? parts.weights.vector(.selectionBias) : []
        isPlain =
            rule == RouterRule() && selectionBias.isEmpty
            && parts.configuration.expertsPerToken ?? 1 <= 2
        shared = mixture.sharedSize > 0 ? SharedExpert(parts) : nil
        let weights = parts.weights
        routerBias = weights.vectorIfDeclared(TensorRole.router.bias)
        scales = weights.vectorIfDeclared(.expertScales)
        gate = mixture.gate.map {
            ExpertGate(
                clamp: $0, biases: weights.vector(TensorRole.gate.bias),
                upBiases: weights.vector(TensorRole.up.bias))
        }
        downBias = weights.vectorIfDeclared(TensorRole.down.bias)
        w1 = parts.weights.matrices(.gate)
        w2 = parts.weights.matrices(.down)
        w3 = parts.weights.matrices(.up)
        expertByteCount = [w1, w2, w3].reduce(0) { $0 + ($1.first?.byteCount ?? 0) }
        routerLogits = parts.step.buffer(.routerLogits)
        gated = parts.step.buffer(.gated)
        down = parts.step.buffer(.down)
    }

    func add(_ step: ForwardStep) {
        shared?.add(step)
        route(step)
        add(to: step.residual, step)
    }

    /// Chooses the experts of the normalised rows.
    func route(_ step: ForwardStep) {
        let (compute, rowCount) = (step.compute, step.rowCount)
        let routerSums = step.sums(for: [.router], inLayer: layer, of: step.normed)
        compute.multiply(
            step.normed, rows: 0..<rowCount, router, into: routerLogits,
            adding: routerSums)  // [T, E]
        if !routerBias.isEmpty {
            compute.add(routerBias, toEach: routerLogits, rowCount: rowCount)
        }
        if isPlain {
            compute.route(routerLogits, rowCount: rowCount, into: &step.routing)
        } else {
            compute.route(
                routerLogits, rowCount: rowCount, by: rule, bias: selectionBias,
                into: &step.routing)
        }
        if !scales.isEmpty { step.routing.scaleWeights(by: scales, rowCount: rowCount) }
    }

    /// Adds what the chosen experts make of the normalised rows to a buffer.
    func add(to target: FloatBuffer, _ step: ForwardStep) {
        let (compute, rowCount) = (step.compute, step.rowCount)
        step.noteExperts(inLayer: layer, expertByteCount: expertByteCount)
        let sums = step.expertSums(
            for: [.gate, .up], inLayer: layer, reading: .token, of: step.normed)
        compute.multiplyGated(
            step.normed, step.routing.groups, w1: w1, w3: w3, by: activation, gate: gate,
            into: gated, adding: sums)  // [T·A, Fe]
        let downSums = step.expertSums(for: [.down], inLayer: layer, reading: .slot, of: gated)
        compute.multiplyGathered(
            gated, step.routing.groups, reading: .slot, w2, into: down, adding: downSums,
            ahead: step.read(expertsReading))  // [T·A, D]
        compute.addExperts(
            down, routing: step.routing, biases: downBias, rowCount: rowCount, to: target)
    }
}
