// SPDX-License-Identifier: Apache-2.0

import Computation
import ModelFiles

extension TensorRole {
    static let sinks = TensorRole("sinks")
    static let attentionOutputNorm = TensorRole("norm after attention")
}

extension ScratchRole {
    static let queries = ScratchRole("queries")
    static let keys = ScratchRole("keys")
    static let values = ScratchRole("values")
    static let attended = ScratchRole("what attention found")
    static let queriesAndGates = ScratchRole("queries and gates, head by head")
    static let attentionGates = ScratchRole("gates of what attention finds")
    static let projected = ScratchRole("what attention adds to the residual stream")
}

/// What a layer asks of attention, in this order; it may do more between the parts.
protocol AttentionBlock: AnyObject {
    /// The queries of the step's rows, head by head.
    var queries: FloatBuffer { get }
    /// `[T, H·Dh]`: a gate for what each query finds; nil: there are none.
    var gates: FloatBuffer? { get }

    /// Computes queries, and what the cache keeps, of the normalised rows.
    func project(_ step: ForwardStep)
    /// Rotates them by their positions.
    func rotate(_ step: ForwardStep)
    /// Puts what the cache keeps there.
    func store(_ step: ForwardStep)
    /// Adds to the residual stream what the queries find.
    func attend(_ step: ForwardStep)
}

/// Attention of H query heads to the K key/value heads of all positions that a row sees.
final class Attention: AttentionBlock {
    static let tensors = [
        TensorDeclaration(
            .query, [.H * .Dh, .D],
            gguf: [
                "blk.{L}.attn_q.weight",
                .part(of: "blk.{L}.attn_qkv.weight", below: [.K * .Dh, .K * .Dh]),
            ],
            huggingFace: ["model.layers.{L}.self_attn.q_proj.weight"],
            mistral: ["layers.{L}.attention.wq.weight"], split: .rows, rotates: true,
            fillsCache: true, isAdaptable: true),
        TensorDeclaration(
            .key, [.K * .Dh, .D],
            gguf: [
                "blk.{L}.attn_k.weight",
                .part(of: "blk.{L}.attn_qkv.weight", above: [.H * .Dh], below: [.K * .Dh]),
            ],
            huggingFace: ["model.layers.{L}.self_attn.k_proj.weight"],
            mistral: ["layers.{L}.attention.wk.weight"], follows: .query, split: .rows,
            rotates: true, fillsCache: true, isAdaptable: true),
        TensorDeclaration(
            .value, [.K * .Dh, .D],
            gguf: [
                "blk.{L}.attn_v.weight",
                .part(of: "blk.{L}.attn_qkv.weight", above: [.H * .Dh, .K * .Dh]),
            ],
            huggingFace: ["model.layers.{L}.self_attn.v_proj.weight"],
            mistral: ["layers.{L}.attention.wv.weight"], follows: .query, split: .rows,
            fillsCache: true, isAdaptable: true),
        TensorDeclaration(
            .attentionOutput, [.D, .H * .Dh], gguf: ["blk.{L}.attn_output.weight"],
            huggingFace: ["model.layers.{L}.self_attn.o_proj.weight"],
            mistral: ["layers.{L}.attention.wo.weight"], split: .columns, isAdaptable: true),
    ]

    /// The same where each query head has a gate for what it finds, in one matrix with the queries.
    static let gatedTensors =
        [
            TensorDeclaration(
                .query, [.H * .two * .Dh, .D], gguf: ["blk.{L}.attn_q.weight"],
                huggingFace: ["model.layers.{L}.self_attn.q_proj.weight"], split: .rows,
                fillsCache: true, isAdaptable: true)
        ] + tensors.dropFirst().map { $0.named(gguf: Array($0.gguf.prefix(1))) }

    /// A logit for each head that joins the softmax of its scores and whose share is dropped.
    static let sinks = TensorDeclaration(
        .sinks, [.H], gguf: ["blk.{L}.attn_sinks.weight"],
        huggingFace: ["model.layers.{L}.self_attn.sinks"])

    /// The norm of what attention adds to the residual stream.
    static let outputNorm = TensorDeclaration(
        .attentionOutputNorm, [.D], gguf: ["blk.{L}.post_attention_norm.weight"],
        huggingFace: ["model.layers.{L}.post_attention_layernorm.weight"])

    /// What is added to the output projection.
    static let outputBias = TensorDeclaration(
        TensorRole.attentionOutput.bias, [.D], gguf: ["blk.{L}.attn_output.bias"],
        huggingFace: ["model.layers.{L}.self_attn.o_proj.bias"])

    static let scratch =
        RotaryEmbedding.scratch + [
            ScratchDeclaration(.queries, .tokens, .H * .Dh),
            ScratchDeclaration(.keys, .tokens, .K * .Dh),
            ScratchDeclaration(.values, .tokens, .K * .Dh),
            ScratchDeclaration(.attended, .tokens, .H * .Dh),
            ScratchDeclaration(.projected, .tokens, .D),
        ]

    /// What attention with gates needs.
    static let gatedScratch =
        scratch + [
            ScratchDeclaration(.queriesAndGates, .tokens, .H * .two * .Dh),
            ScratchDeclaration(.attentionGates, .tokens, .H * .Dh),
        ]

    /// `[T, H·Dh]`.
    let queries: FloatBuffer

    /// `[T, H·Dh]`, whose sigmoids multiply what the heads find; nil: nothing does.
    let gates: FloatBuffer?

    /// `[T, K·Dh]`.
    let keys: FloatBuffer
    /// `[T, K·Dh]`.
    let values: FloatBuffer

    /// `[T, H·2·Dh]`; nil: queries stand alone.
    private let queriesAndGates: FloatBuffer?
    private let attended: FloatBuffer
    private let projected: FloatBuffer
    private let rotary: RotaryEmbedding
    private let layer: Int
    private let cacheLayer: Int
    /// nil: 1/√Dh.
    private let scale: Float?
    private let headDimension: Int
    private let window: Int?
    /// wq, wk and wv, or those of them that there are, and what they compute, in one parallel region.
    private let queryKeyValue: [WeightMatrix]
    private let roles: [TensorRole]
    private let outputs: [FloatBuffer]
    /// Whether values are the keys as projected.
    private let keysAreValues: Bool
    /// Whether keys and values are those of another layer.
    private let borrows: Bool
    private let queryKeyValueReading: Reading
    private let wo: WeightMatrix
    private let woReading: Reading
    /// `[H]`, or empty.
    private let sinks: [Float]
    /// `[D]`, or empty.
    private let outputBias: [Float]
    /// `[D]`, or empty.
    private let outputNorm: [Float]
    private let epsilon: Float
    private let scratch: AttentionScratch

    /// Builds the attention of a layer.
    ///
    /// - Parameters:
    ///   - parts: its weights and what steps work with.
    ///   - isGated: whether its tensors are `gatedTensors`.
    ///   - scale: what scores are multiplied with; nil: 1/√Dh.
    init(_ parts: LayerParts, isGated: Bool = false, scale: Float? = nil) {
        let (step, numbers) = (parts.step, parts.configuration)
        queries = step.buffer(.queries, of: numbers)
        gates = isGated ? step.buffer(.attentionGates) : nil
        queriesAndGates = isGated ? step.buffer(.queriesAndGates) : nil
        keys = step.buffer(.keys, of: numbers)
        values = step.buffer(.values, of: numbers)
        attended = step.buffer(.attended, of: numbers)
        projected = step.buffer(.projected)
        rotary = parts.rotary
        layer = parts.index
        cacheLayer = parts.cacheLayer
        self.scale = scale
        headDimension = parts.configuration.headDimension
        window = parts.configuration.window(layer: parts.index)
        roles = [TensorRole.query, .key, .value].filter { parts.weights.has($0) }
        queryKeyValue = roles.map { parts.weights.matrix($0) }
        outputs = Array([queriesAndGates ?? queries, keys, values].prefix(roles.count))
        borrows = parts.configuration.borrows(layer: parts.index)
        keysAreValues = roles == [.query, .key]
        queryKeyValueReading = Reading(step.compute.ahead(of: queryKeyValue))
        wo = parts.weights.matrix(.attentionOutput)
        woReading = Reading(step.compute.ahead(of: [wo]))
        sinks = parts.weights.vectorIfDeclared(.sinks)
        outputBias = parts.weights.vectorIfDeclared(TensorRole.attentionOutput.bias)
        outputNorm = parts.weights.vectorIfDeclared(.attentionOutputNorm)
        epsilon = numbers.rmsNormEpsilon
        scratch = step.attention(cacheLayer: parts.cacheLayer)
    }

    /// Queries, keys and values of the normalised rows.
    func project(_ step: ForwardStep) {
        let sums = step.sums(for: roles, inLayer: layer, of: step.normed)
        step.compute.multiply(
            step.normed, rows: 0..<step.rowCount, queryKeyValue, into: outputs, adding: sums,
            ahead: step.read(queryKeyValueReading))
        if let gates, let queriesAndGates {
            step.compute.part(
                queriesAndGates, rowCount: step.rowCount, width: headDimension, into: queries,
                and: gates)
        }
        if keysAreValues { step.compute.copy(keys, rowCount: step.rowCount, into: values) }
    }

    /// Rotates queries and keys by their positions.
    func rotate(_ step: ForwardStep) {
        rotary.rotate(queries, step)  // [T, H·Dh]
        if !borrows { rotary.rotate(keys, step) }  // [T, K·Dh]
    }

    /// Keys and values go to the cache, if they are the layer's own.
    func store(_ step: ForwardStep) {
        if borrows { return }
        step.compute.store(
            keys: keys, values: values, in: step.cache, layer: cacheLayer, plan: step.plan)
    }

    /// residual += wo · attention of the queries to what they see of the cache.
    func attend(_ step: ForwardStep) {
        step.plan.window = window
        step.compute.attend(
            queries: queries, cache: step.cache, layer: cacheLayer, plan: step.plan,
            scratch: scratch, sinks: sinks, scale: scale, into: attended)  // [T, H·Dh]
        if let gates { step.compute.gate(attended, by: gates, rowCount: step.rowCount) }
        let sums = step.sums(for: [.attentionOutput], inLayer: layer, of: attended)
        step.compute.multiply(
            attended, rows: 0..<step.rowCount, wo, into: projected, adding: sums,
            ahead: step.read(woReading))
        if !outputBias.isEmpty {
            step.compute.add(outputBias, toEach: projected, rowCount: step.rowCount)
        }
        if !outputNorm.isEmpty {
            step.compute.rmsNorm(
                projected, rowCount: step.rowCount, weight: outputNorm, epsilon: epsilon,
                into: projected)
        }
        step.compute.add(projected, rowCount: step.rowCount, to: step.residual)  // [T, D]
    }
}
