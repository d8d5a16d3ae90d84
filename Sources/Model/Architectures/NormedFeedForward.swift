// SPDX-License-Identifier: Apache-2.0

import Computation
import ModelFiles

extension TensorRole {
    fileprivate static let feedForwardOutputNorm = TensorRole("norm after the networks")
    fileprivate static let denseOutputNorm = TensorRole("norm after the network beside experts")
    fileprivate static let expertNorm = TensorRole("norm before experts")
    fileprivate static let expertOutputNorm = TensorRole("norm after experts")
    fileprivate static let routerScale = TensorRole("scale of the router's input")
    fileprivate static let layerScale = TensorRole("scale of a layer")
}

extension ScratchRole {
    fileprivate static let besideGated = ScratchRole("gelu(w1·x) ⊙ w3·x beside experts")
    fileprivate static let both = ScratchRole("what a network and the experts beside it give")
    fileprivate static let mixed = ScratchRole("what experts give")
}

/// What follows attention in Gemma 4: a network between two norms, which may have experts beside it,
/// between norms of their own; then the layer's own input, and a factor of all.
///
/// - Source: `Gemma4TextDecoderLayer` of transformers' `modeling_gemma4.py`.
final class NormedFeedForward: FeedForward {
    /// The tensors of a layer, in the order of their use.
    static func tensors(_ configuration: ModelConfiguration) -> [TensorDeclaration] {
        [norm(.feedForwardNorm, gguf: "ffn_norm", huggingFace: "pre_feedforward_layernorm")]
            + (configuration.isMixtureOfExperts ? beside + experts : DenseFeedForward.tensors)
            + [
                norm(
                    .feedForwardOutputNorm, gguf: "post_ffw_norm",
                    huggingFace: "post_feedforward_layernorm")
            ] + LayerInput.tensors(of: configuration) + [
                TensorDeclaration(
                    .layerScale, [.one], gguf: ["blk.{L}.layer_output_scale.weight"],
                    huggingFace: ["model.layers.{L}.layer_scalar"])
            ]
    }

    private static func norm(
        _ role: TensorRole, gguf: String, huggingFace: String
    ) -> TensorDeclaration {
        TensorDeclaration(
            role, [.D], gguf: [TensorName(stringLiteral: "blk.{L}.\(gguf).weight")],
            huggingFace: [TensorName(stringLiteral: "model.layers.{L}.\(huggingFace).weight")])
    }

    /// The network that every token passes beside its experts has the names of the only one of
    /// others, but packed files have both in a layer.
    private static let beside = [
        TensorDeclaration(
            .sharedGate, [.F, .D], gguf: ["blk.{L}.ffn_gate.weight"],
            huggingFace: ["model.layers.{L}.mlp.gate_proj.weight"], split: .rows,
            isAdaptable: true),
        TensorDeclaration(
            .sharedUp, [.F, .D], gguf: ["blk.{L}.ffn_up.weight"],
            huggingFace: ["model.layers.{L}.mlp.up_proj.weight"], split: .rows,
            isAdaptable: true),
        TensorDeclaration(
            .sharedDown, [.D, .F], gguf: ["blk.{L}.ffn_down.weight"],
            huggingFace: ["model.layers.{L}.mlp.down_proj.weight"], split: .columns,
            isAdaptable: true),
    ]

    private static let experts =
        [
            norm(
                .denseOutputNorm, gguf: "post_ffw_norm_1",
                huggingFace: "post_feedforward_layernorm_1"),
            TensorDeclaration(
                .routerScale, [.D], gguf: ["blk.{L}.ffn_gate_inp.scale"],
                huggingFace: ["model.layers.{L}.router.scale"]),
            TensorDeclaration(
                .expertScales, [.E], gguf: ["blk.{L}.ffn_down_exps.scale"],
                huggingFace: ["model.layers.{L}.router.per_expert_scale"]),
            norm(
                .expertNorm, gguf: "pre_ffw_norm_2", huggingFace: "pre_feedforward_layernorm_2"),
            norm(
                .expertOutputNorm, gguf: "post_ffw_norm_2",
                huggingFace: "post_feedforward_layernorm_2"),
        ] + MixtureOfExperts.tensors.map(named)

    private static func named(_ tensor: TensorDeclaration) -> TensorDeclaration {
        let gateAndUp = "model.layers.{L}.experts.gate_up_proj"
        return switch tensor.role {
        case .router: tensor.named(huggingFace: ["model.layers.{L}.router.proj.weight"])
        case .gate: tensor.named(huggingFace: [.stackedPart(of: gateAndUp, below: [.Fe])])
        case .up: tensor.named(huggingFace: [.stackedPart(of: gateAndUp, above: [.Fe])])
        default: tensor.named(huggingFace: [.stack("model.layers.{L}.experts.down_proj")])
        }
    }

    /// The buffers of a step.
    static func scratch(_ configuration: ModelConfiguration) -> [ScratchDeclaration] {
        guard configuration.isMixtureOfExperts else { return DenseFeedForward.scratch }
        return MixtureOfExperts.scratch + [
            ScratchDeclaration(.besideGated, .tokens, .F), ScratchDeclaration(.both, .tokens, .D),
            ScratchDeclaration(.mixed, .tokens, .D),
        ]
    }

    /// A mixture beside the network, and the norms of both.
    private struct Experts {
        let mixture: MixtureOfExperts
        let denseOutputNorm: [Float]
        /// The router's input has a norm of its own.
        let routerNorm: [Float]
        let norm: [Float]
        let outputNorm: [Float]
        let both: FloatBuffer
        let mixed: FloatBuffer

        init(_ parts: LayerParts) {
            mixture = MixtureOfExperts(parts, activation: .gelu)
            denseOutputNorm = parts.weights.vector(.denseOutputNorm)
            let scale = 1 / Float(parts.configuration.hiddenSize).squareRoot()
            routerNorm = parts.weights.vector(.routerScale).map { $0 * scale }
            norm = parts.weights.vector(.expertNorm)
            outputNorm = parts.weights.vector(.expertOutputNorm)
            both = parts.step.buffer(.both)
            mixed = parts.step.buffer(.mixed)
        }
    }

    private let dense: DenseFeedForward
    private let experts: Experts?
    private let outputNorm: [Float]
    private let layerInput: LayerInput?
    private let scale: Float
    private let epsilon: Float

    init(_ parts: LayerParts) {
        let hasExperts = parts.configuration.isMixtureOfExperts
        dense =
            hasExperts
            ? DenseFeedForward(
                parts, gated: .besideGated, roles: (.sharedGate, .sharedUp, .sharedDown),
                activation: .gelu)
            : DenseFeedForward(parts, activation: .gelu)
        experts = hasExperts ? Experts(parts) : nil
        outputNorm = parts.weights.vector(.feedForwardOutputNorm)
        layerInput = LayerInput(parts)
        scale = parts.weights.vector(.layerScale)[0]
        epsilon = parts.configuration.rmsNormEpsilon
    }

    func add(_ step: ForwardStep) {
        let (compute, rowCount) = (step.compute, step.rowCount)
        func normalize(_ x: FloatBuffer, _ weight: [Float], into y: FloatBuffer) {
            compute.rmsNorm(x, rowCount: rowCount, weight: weight, epsilon: epsilon, into: y)
        }
        dense.compute(step)
        var given = dense.down  // [T, D]
        if let experts {
            // The experts write over what the network gave.
            normalize(dense.down, experts.denseOutputNorm, into: experts.both)
            normalize(step.residual, experts.routerNorm, into: step.normed)
            experts.mixture.route(step)
            normalize(step.residual, experts.norm, into: step.normed)
            compute.clear(experts.mixed, rowCount: rowCount)
            experts.mixture.add(to: experts.mixed, step)
            normalize(experts.mixed, experts.outputNorm, into: experts.mixed)
            compute.add(experts.mixed, rowCount: rowCount, to: experts.both)
            given = experts.both
        }
        normalize(given, outputNorm, into: given)
        compute.add(given, rowCount: rowCount, to: step.residual)
        layerInput?.add(step)
        compute.scale(step.residual, rowCount: rowCount, by: scale)
    }
}
