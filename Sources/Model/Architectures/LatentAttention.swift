// SPDX-License-Identifier: Apache-2.0

import Computation
import ModelFiles

extension TensorRole {
    fileprivate static let queryLatent = TensorRole("wq_a")
    fileprivate static let queryLatentNorm = TensorRole("norm of the latents of queries")
    fileprivate static let latent = TensorRole("wkv_a")
    fileprivate static let latentNorm = TensorRole("norm of latents")
    fileprivate static let keyFromLatent = TensorRole("wk_b")
    fileprivate static let valueFromLatent = TensorRole("wv_b")
}

extension ScratchRole {
    fileprivate static let queryLatents = ScratchRole("latents of queries")
    fileprivate static let latents = ScratchRole("latents, and keys that all heads share")
    fileprivate static let unrotated = ScratchRole("what of each query does not rotate")
    fileprivate static let latentQueries = ScratchRole("queries of latents")
    fileprivate static let attendedLatents = ScratchRole("latents that attention found")
}

/// Multi-head latent attention: the keys and values of all heads are made of one vector for each
/// position, the latent, and the cache holds nothing else of it but a key that rotates.
///
/// It is computed *absorbed*, for prompts as for single tokens: a head's score of a position is
/// q · (Wk · c) = (Wkᵀ · q) · c for its latent c, and its result Σ p · (Wv · c) = Wv · Σ p · c. So
/// queries go through Wkᵀ of their head, attention runs over latents, of which all heads share one,
/// and what it finds goes through Wv. Keys and values are never made. Making them for the tokens of a
/// prompt would take fewer operations there, but gives other bits than the absorbed form, and an
/// answer would depend on how its prompt is cut, on prefixes that are shared, and on preemption.
///
/// A layer calls the parts in their order, and may do more between them.
///
/// - Source: arXiv:2405.04434 §2.1.2; transformers' `modeling_deepseek_v3.py`.
final class LatentAttention: AttentionBlock {
    /// The tensors of a layer.
    static func tensors(of configuration: ModelConfiguration) -> [TensorDeclaration] {
        (configuration.latent?.queryRank == nil ? [query] : queryByLatent) + latents
    }

    private static let query = TensorDeclaration(
        .query, [.H * .Dh, .D], gguf: ["blk.{L}.attn_q.weight"],
        huggingFace: ["model.layers.{L}.self_attn.q_proj.weight"],
        mistral: ["layers.{L}.attention.wq.weight"], split: .rows, fillsCache: true)

    private static let queryByLatent = [
        TensorDeclaration(
            .queryLatent, [.Lq, .D], gguf: ["blk.{L}.attn_q_a.weight"],
            huggingFace: ["model.layers.{L}.self_attn.q_a_proj.weight"],
            mistral: ["layers.{L}.attention.wq_a.weight"], fillsCache: true),
        TensorDeclaration(
            .queryLatentNorm, [.Lq], gguf: ["blk.{L}.attn_q_a_norm.weight"],
            huggingFace: ["model.layers.{L}.self_attn.q_a_layernorm.weight"],
            mistral: ["layers.{L}.attention.q_a_norm.weight"]),
        TensorDeclaration(
            .query, [.H * .Dh, .Lq], gguf: ["blk.{L}.attn_q_b.weight"],
            huggingFace: ["model.layers.{L}.self_attn.q_b_proj.weight"],
            mistral: ["layers.{L}.attention.wq_b.weight"], split: .rows, fillsCache: true),
    ]

    /// Files of llama.cpp have the matrices of heads one by one, that of keys transposed; the others
    /// have both of a head one above another, as llama.cpp's had at first.
    private static let latents = [
        TensorDeclaration(
            .latent, [.L + .R, .D], gguf: ["blk.{L}.attn_kv_a_mqa.weight"],
            huggingFace: ["model.layers.{L}.self_attn.kv_a_proj_with_mqa.weight"],
            mistral: ["layers.{L}.attention.wkv_a_with_mqa.weight"], fillsCache: true),
        TensorDeclaration(
            .keyFromLatent, [.L, .Dn], copies: .H,
            gguf: [
                .stack("blk.{L}.attn_k_b.weight"),
                .transposedFlatPart(of: "blk.{L}.attn_kv_b.weight", below: [.Dv]),
            ],
            huggingFace: [
                .transposedFlatPart(
                    of: "model.layers.{L}.self_attn.kv_b_proj.weight", below: [.Dv])
            ],
            mistral: [
                "layers.{L}.attention.wk_b.{E}.weight",
                .transposedFlatPart(of: "layers.{L}.attention.wkv_b.weight", below: [.Dv]),
            ], split: .rows, everyCopy: true),
        TensorDeclaration(
            .latentNorm, [.L], gguf: ["blk.{L}.attn_kv_a_norm.weight"],
            huggingFace: ["model.layers.{L}.self_attn.kv_a_layernorm.weight"],
            mistral: ["layers.{L}.attention.kv_a_norm.weight"]),
        TensorDeclaration(
            .valueFromLatent, [.Dv, .L], copies: .H,
            gguf: [
                .stack("blk.{L}.attn_v_b.weight"),
                .flatPart(of: "blk.{L}.attn_kv_b.weight", above: [.Dn]),
            ],
            huggingFace: [
                .flatPart(of: "model.layers.{L}.self_attn.kv_b_proj.weight", above: [.Dn])
            ],
            mistral: [
                "layers.{L}.attention.wv_b.{E}.weight",
                .flatPart(of: "layers.{L}.attention.wkv_b.weight", above: [.Dn]),
            ], follows: .keyFromLatent, split: .rows, everyCopy: true),
        TensorDeclaration(
            .attentionOutput, [.D, .H * .Dv], gguf: ["blk.{L}.attn_output.weight"],
            huggingFace: ["model.layers.{L}.self_attn.o_proj.weight"],
            mistral: ["layers.{L}.attention.wo.weight"], split: .columns),
    ]

    /// What a layer keeps of each position: the latent and the key that rotates.
    static func kv(_ configuration: ModelConfiguration, _ layer: Int) -> KVLayout {
        let rank = configuration.latent?.rank ?? 0
        return KVLayout(
            headCount: 1, headDimension: rank + configuration.ropeDimensionCount,
            valuesInKeys: rank, window: nil)
    }

    static func scratch(of configuration: ModelConfiguration) -> [ScratchDeclaration] {
        RotaryEmbedding.scratch
            + (configuration.latent?.queryRank == nil
                ? [] : [ScratchDeclaration(.queryLatents, .tokens, .Lq)]) + [
                ScratchDeclaration(.queries, .tokens, .H * .Dh),
                ScratchDeclaration(.latents, .tokens, .L + .R),
                ScratchDeclaration(.unrotated, .heads, .Dn),
                ScratchDeclaration(.latentQueries, .tokens, .H * (.L + .R)),
                ScratchDeclaration(.attendedLatents, .heads, .L),
                ScratchDeclaration(.attended, .tokens, .H * .Dv),
                ScratchDeclaration(.projected, .tokens, .D),
            ]
    }

    /// Of the norms of latents: transformers leaves it at this, whatever a file says of other norms.
    private static let epsilon: Float = 1e-6

    /// `[T, H·Dh]`: of each head what does not rotate, then what does.
    let queries: FloatBuffer
    let gates: FloatBuffer? = nil

    /// `[T, L + R]`.
    private let latents: FloatBuffer
    /// `[T, Lq]`; nil: queries are made of the residual stream.
    private let queryLatents: FloatBuffer?
    /// `[T·H, Dn]`.
    private let unrotated: FloatBuffer
    /// `[T, H·(L + R)]`.
    private let latentQueries: FloatBuffer
    /// `[T·H, L]`.
    private let attendedLatents: FloatBuffer
    /// `[T, H·Dv]`.
    private let attended: FloatBuffer
    private let projected: FloatBuffer
    private let rotary: RotaryEmbedding
    private let heads: HeadRows
    private let layer: Int
    private let scale: Float
    private let headDimension: Int
    private let valueDimension: Int
    /// What is computed of the normalised rows in one parallel region, wkv_a last.
    private let first: [WeightMatrix]
    private let firstOutputs: [FloatBuffer]
    private let firstReading: Reading
    private let queryLatentNorm: [Float]
    /// Of the latents of queries.
    private let query: WeightMatrix
    private let queryReading: Reading
    private let latentNorm: [Float]
    /// `[L, Dn]` and `[Dv, L]` of each head.
    private let keyFromLatent: [WeightMatrix]
    private let keyReading: Reading
    private let valueFromLatent: [WeightMatrix]
    private let valueReading: Reading
    private let wo: WeightMatrix
    private let woReading: Reading

    /// Builds the attention of a layer.
    ///
    /// - Parameters:
    ///   - parts: its weights and what steps work with.
    ///   - heads: which rows belong to each head, the same for all layers.
    init(_ parts: LayerParts, _ heads: HeadRows) {
        let (step, weights, configuration) = (parts.step, parts.weights, parts.configuration)
        let hasQueryLatents = configuration.latent?.queryRank != nil
        queries = step.buffer(.queries)
        latents = step.buffer(.latents)
        queryLatents = hasQueryLatents ? step.buffer(.queryLatents) : nil
        unrotated = step.buffer(.unrotated)
        latentQueries = step.buffer(.latentQueries)
        attendedLatents = step.buffer(.attendedLatents)
        attended = step.buffer(.attended)
        projected = step.buffer(.projected)
        rotary = parts.rotary
        self.heads = heads
        layer = parts.index
        scale = Float(configuration.attentionScale)
        headDimension = configuration.headDimension
        valueDimension = configuration.valueDimension
        query = weights.matrix(.query)
        first = [weights.matrix(hasQueryLatents ? .queryLatent : .query), weights.matrix(.latent)]
        firstOutputs = [queryLatents ?? queries, latents]
        queryLatentNorm = weights.vectorIfDeclared(.queryLatentNorm)
        latentNorm = weights.vector(.latentNorm)
        keyFromLatent = weights.matrices(.keyFromLatent)
        valueFromLatent = weights.matrices(.valueFromLatent)
        wo = weights.matrix(.attentionOutput)
        let compute = step.compute
        firstReading = Reading(compute.ahead(of: first))
        queryReading = Reading(compute.ahead(of: [query]))
        keyReading = Reading(compute.ahead(of: keyFromLatent))
        valueReading = Reading(compute.ahead(of: valueFromLatent))
        woReading = Reading(compute.ahead(of: [wo]))
    }

    /// Queries and latents of the normalised rows.
    func project(_ step: ForwardStep) {
        let (compute, rows) = (step.compute, 0..<step.rowCount)
        compute.multiply(
            step.normed, rows: rows, first, into: firstOutputs, ahead: step.read(firstReading))
        if let queryLatents {
            compute.rmsNorm(
                queryLatents, rowCount: step.rowCount, weight: queryLatentNorm,
                epsilon: Self.epsilon, into: queryLatents)
            compute.multiply(
                queryLatents, rows: rows, query, into: queries, ahead: step.read(queryReading))
        }
        compute.rmsNormBeginnings(
            latents, rowCount: step.rowCount, weight: latentNorm, epsilon: Self.epsilon)
    }

    /// Rotates the ends of queries, and the key that all heads share, by their positions.
    func rotate(_ step: ForwardStep) {
        rotary.rotateEnds(queries, width: headDimension, step)
        rotary.rotateEnds(latents, width: latents.columnCount, step)
    }

    /// Latents go to the cache.
    func store(_ step: ForwardStep) {
        step.compute.store(
            keys: latents, values: nil, in: step.cache, layer: layer, plan: step.plan)
    }

    /// residual += wo · attention of the queries to what they see of the cache.
    func attend(_ step: ForwardStep) {
        let (compute, rowCount) = (step.compute, step.rowCount)
        compute.partHeads(
            queries, rowCount: rowCount, into: unrotated, and: latentQueries,
            headCount: heads.headCount)
        compute.multiplyHeads(
            unrotated, rowCount: rowCount, heads, keyFromLatent, into: latentQueries,
            width: latents.columnCount, ahead: step.read(keyReading))
        step.plan.window = nil
        compute.attend(
            queries: latentQueries, cache: step.cache, layer: layer, plan: step.plan,
            scratch: step.attention(cacheLayer: layer), scale: scale, into: attendedLatents)
        compute.multiplyHeads(
            attendedLatents, rowCount: rowCount, heads, valueFromLatent, into: attended,
            width: valueDimension, ahead: step.read(valueReading))
        compute.multiply(
            attended, rows: 0..<rowCount, wo, into: projected, ahead: step.read(woReading))
        compute.add(projected, rowCount: rowCount, to: step.residual)  // [T, D]
    }
}

/// What families of latent attention have in common.
enum LatentFamily {
    /// The tensors of a layer.
    static func tensors(_ configuration: ModelConfiguration, _ layer: Int) -> [TensorDeclaration] {
        [RMSNorm.beforeAttention] + LatentAttention.tensors(of: configuration)
            + [RMSNorm.beforeFeedForward] + MixedFeedForward.tensors(configuration, layer)
    }

    /// What keeps a model from being computed as its configuration asks for, or nil.
    static func problem(in configuration: ModelConfiguration) -> String? {
        guard configuration.slidingWindow == nil else {
            return "a sliding window is not supported with latent attention"
        }
        return QueryScale.problem(in: configuration)
    }

    /// The buffers of a step.
    static func scratch(_ configuration: ModelConfiguration) -> [ScratchDeclaration] {
        LatentAttention.scratch(of: configuration) + MixedFeedForward.scratch(configuration)
    }

    /// A stack of such layers.
    static func network(_ parts: NetworkParts) -> any Network {
        let heads = HeadRows(
            headCount: parts.configuration.headCount, maxTokenCount: parts.step.maxTokenCount)
        let scale = QueryScale(parts)
        return Decoder(
            parts, prepare: { scale?.prepare($0) },
            layer: {
                LlamaLayer(
                    $0, LatentAttention($0, heads), MixedFeedForward.make($0), queryScale: scale)
            })
    }
}
