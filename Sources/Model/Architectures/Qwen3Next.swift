// SPDX-License-Identifier: Apache-2.0

import Computation
import JSON
import ModelFiles

extension Architecture {
    /// Qwen3-Next and Qwen3-Coder-Next: three of four layers delta nets, the others attention with
    /// gates, and many narrow experts beside a gated one.
    ///
    /// - Source: transformers' `modeling_qwen3_next.py`.
    static let qwen3Next = Architecture(
        name: "Qwen3-Next", experts: .always,
        gguf: DeltaNetFamily.ggufKeys("qwen3next", mixture: DeltaNetFamily.usualMixture),
        huggingFace: huggingFace,
        layer: { c, layer in
            DeltaNetFamily.tensors(
                c, layer, MixedFeedForward.tensors(c, layer),
                DeltaNet.tensors(
                    queryKeyValue: projection(0...2), gate: projection(3...3),
                    decay: gate(1), beta: gate(0)))
        },
        outputs: DeltaNetFamily.outputs, ignored: ["mtp.", "model.mtp."],
        problem: DeltaNet.problem, scratch: DeltaNetFamily.scratch,
        network: DeltaNetFamily.network)

    /// Some of query, key, value and gate, which the family's files have together for each key head.
    private static func projection(_ parts: ClosedRange<Int>) -> TensorName {
        .grouped(
            "model.layers.{L}.linear_attn.in_proj_qkvz.weight", .G,
            parts: [.Dk, .Dk, .Hg * .Ds, .Hg * .Ds], taken: parts)
    }

    private static func gate(_ part: Int) -> TensorName {
        .grouped(
            "model.layers.{L}.linear_attn.in_proj_ba.weight", .G, parts: [.Hg, .Hg],
            taken: part...part)
    }

    private static let huggingFace = {
        var keys = HuggingFaceKeys(
            architecture: "Qwen3NextForCausalLM", modelType: "qwen3_next", kvHeadCount: 2,
            headDimension: 256, contextLength: 32_768, ropeTheta: 10_000, rmsNormEpsilon: 1e-6,
            hasSlidingWindow: false,
            mixture: HuggingFaceMixtureKeys(
                expertCount: ("num_experts", 512), expertsPerToken: ("num_experts_per_tok", 10),
                expertSize: ("moe_intermediate_size", 512),
                sharedSize: ("shared_expert_intermediate_size", 512),
                normalizes: "norm_topk_prob",
                dense: .listed("mlp_only_layers", step: ("decoder_sparse_step", 1)),
                usual: DeltaNetFamily.usualMixture),
            partialRotaryFactor: 0.25)
        keys.hasDeltaNets = true
        keys.intermediateSize = 5632
        return keys
    }()
}

/// What families of delta nets and gated attention have in common.
enum DeltaNetFamily {
    /// The tensors of a layer.
    ///
    /// - Parameters:
    ///   - configuration: says which layers are delta nets.
    ///   - layer: the layer.
    ///   - feedForward: what follows.
    ///   - deltaNet: those of a delta net.
    /// - Returns: all tensors of the layer.
    static func tensors(
        _ configuration: ModelConfiguration, _ layer: Int, _ feedForward: [TensorDeclaration],
        _ deltaNet: [TensorDeclaration]
    ) -> [TensorDeclaration] {
        let attention =
            configuration.deltaLayers.contains(layer)
            ? deltaNet : Attention.gatedTensors + HeadNorm.tensors.map(\.aroundZero)
        return [RMSNorm.beforeAttention.aroundZero] + attention
            + [RMSNorm.afterAttention.aroundZero] + feedForward
    }

    /// The tensors after the layers.
    static let outputs = Readout.tensors.map {
        $0.role == .outputNorm ? $0.aroundZero : $0
    }

    /// The buffers of a step.
    @Sendable static func scratch(_ configuration: ModelConfiguration) -> [ScratchDeclaration] {
        Attention.gatedScratch + (configuration.deltaLayers.isEmpty ? [] : DeltaNet.scratch)
            + (configuration.isMixtureOfExperts
                ? MixedFeedForward.scratch(configuration) : DenseFeedForward.scratch)
    }

    /// The forward pass.
    @Sendable static func network(_ parts: NetworkParts) -> any Network {
        Decoder(parts) { layer in
            let feedForward: any FeedForward =
                layer.configuration.isMixtureOfExperts
                ? MixedFeedForward.make(layer) : DenseFeedForward(layer)
            guard !layer.configuration.deltaLayers.contains(layer.index) else {
                return DeltaNetLayer(layer, feedForward)
            }
            let norm = HeadNorm(layer)
            return LlamaLayer(layer, feedForward, isGated: true) { norm.normalize($0, $1) }
        }
    }

    /// A gated expert beside the others, whose weights are normalised.
    static let usualMixture = {
        var mixture = ExpertMixture()
        mixture.gatesShared = true
        return mixture
    }()

    /// The keys of GGUF files.
    ///
    /// - Parameters:
    ///   - name: the family's.
    ///   - mixture: its experts; nil: it has none.
    ///   - isTiled: whether value heads that share a key head lie apart.
    /// - Returns: the keys.
    static func ggufKeys(
        _ name: String, mixture: ExpertMixture?, isTiled: Bool = false
    ) -> GGUFKeys {
        var keys = GGUFKeys(
            architectures: [name], written: name, ropePairing: .halves, mixture: mixture)
        keys.deltaNet = GGUFDeltaNetKeys(isTiled: isTiled)
        return keys
    }
}
