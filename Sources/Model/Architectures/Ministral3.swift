// SPDX-License-Identifier: Apache-2.0

import Computation
import Foundation
import JSON
import ModelFiles

extension FamilyNumber {
    /// By how much queries grow where their position passes a multiple of the original context.
    fileprivate static let queryScale = FamilyNumber("scale of queries")
    /// The original context, where a file states it for this apart from YaRN's.
    fileprivate static let queryScaleContext = FamilyNumber("original context of queries' scale")
}

extension Architecture {
    /// Ministral 3: Llama's layers, YaRN, and queries that grow with the logarithm of their position.
    ///
    /// - Source: `get_llama_4_attn_scale` of transformers' `modeling_ministral3.py`.
    static let ministral3 = Architecture(
        name: "Ministral 3", experts: .optional,
        gguf: GGUFKeys(
            architectures: ["mistral3"], written: "mistral3",
            numbers: [NumberKey("attention.temperature_scale", .queryScale, in: 0...100)]),
        huggingFace: HuggingFaceKeys(
            architecture: "Ministral3ForCausalLM", modelType: "ministral3",
            wrapper: "Mistral3ForConditionalGeneration", kvHeadCount: 8, headDimension: 128,
            contextLength: 262_144, ropeTheta: 10_000, rmsNormEpsilon: 1e-5,
            ropeNumbers: [NumberKey("llama_4_scaling_beta", .queryScale, in: 0...100)],
            ropeParameters: [
                "rope_type": "yarn", "rope_theta": 1e6, "factor": 16,
                "original_max_position_embeddings": 16384, "beta_fast": 32, "beta_slow": 1,
                "mscale": 1, "mscale_all_dim": 1, "llama_4_scaling_beta": 0.1,
            ]),
        mistral: MistralKeys(
            name: "ministral3", ropeTheta: 1e6, mark: "llama_4_scaling",
            numbers: [
                NumberKey("beta", .queryScale, in: 0...100),
                NumberKey("original_max_position_embeddings", .queryScaleContext, in: 1...1e9),
            ], ignored: ["vision_encoder"]),
        layer: { c, _ in
            [RMSNorm.beforeAttention] + Attention.tensors + [RMSNorm.beforeFeedForward]
                + (c.isMixtureOfExperts ? MixtureOfExperts.tensors : DenseFeedForward.tensors)
        },
        prefixes: MistralWithImages.prefixes, ignored: MistralWithImages.ignored,
        problem: { QueryScale.problem(in: $0) },
        scratch: { c in
            Attention.scratch
                + (c.isMixtureOfExperts ? MixtureOfExperts.scratch : DenseFeedForward.scratch)
        },
        network: { parts in
            let scale = QueryScale(parts)
            return Decoder(parts, prepare: { scale?.prepare($0) }) { layer in
                Ministral3Layer(
                    layer, scale,
                    layer.configuration.isMixtureOfExperts
                        ? MixtureOfExperts(layer) : DenseFeedForward(layer))
            }
        })
}

/// Llama's layer, with scaled queries.
private final class Ministral3Layer: DecoderLayer {
    private let attentionNorm: RMSNorm
    private let attention: Attention
    private let queryScale: QueryScale?
    private let feedForwardNorm: RMSNorm
    private let feedForward: any FeedForward
    private let isLast: Bool

    init(_ parts: LayerParts, _ queryScale: QueryScale?, _ feedForward: any FeedForward) {
        attentionNorm = RMSNorm(parts.weights.vector(.attentionNorm), parts.configuration)
        attention = Attention(parts)
        self.queryScale = queryScale
        feedForwardNorm = RMSNorm(parts.weights.vector(.feedForwardNorm), parts.configuration)
        self.feedForward = feedForward
        isLast = parts.isLast
    }

    func forward(_ step: ForwardStep) {
        attentionNorm.normalize(step)
        attention.project(step)
        attention.rotate(step)
        queryScale?.multiply(attention.queries, step)
        attention.store(step)
        if isLast { step.keepLogitsRows(of: attention.queries) }
        attention.attend(step)
        feedForwardNorm.normalize(step)
        feedForward.add(step)
    }
}

/// 1 + β · ln(1 + ⌊position / original context⌋) of each row.
private final class QueryScale {
    private let beta: Float
    private let originalContextLength: Int32
    private var factors: [Float] = []

    /// nil: the model does not scale its queries.
    init?(_ parts: NetworkParts) {
        let configuration = parts.configuration
        guard let beta = configuration.numbers[.queryScale],
            case .yarn(let yarn) = configuration.ropeScaling
        else { return nil }
        self.beta = Float(beta)
        originalContextLength = Int32(clamping: yarn.originalContextLength)
        factors.reserveCapacity(parts.step.maxTokenCount)
    }

    /// What keeps queries from being scaled as a configuration asks for, or nil.
    static func problem(in configuration: ModelConfiguration) -> String? {
        guard configuration.numbers[.queryScale] != nil else { return nil }
        guard case .yarn(let yarn) = configuration.ropeScaling else {
            return "queries are scaled by their position, but there is no YaRN scaling that says "
                + "what the original context is"
        }
        if let own = configuration.numbers[.queryScaleContext],
            own != Double(yarn.originalContextLength)
        {
            return "the original context is \(Int(own)) positions for the scale of queries, but "
                + "\(yarn.originalContextLength) for YaRN; only the same is supported"
        }
        return nil
    }

    /// The factors of the step's rows, once for all layers.
    func prepare(_ step: ForwardStep) {
        factors.removeAll(keepingCapacity: true)
        for position in step.plan.positions {
            factors.append(1 + beta * log(1 + Float(position / originalContextLength)))
        }
    }

    func multiply(_ queries: FloatBuffer, _ step: ForwardStep) {
        step.compute.scale(queries, rowCount: step.rowCount, by: factors)
    }
}
