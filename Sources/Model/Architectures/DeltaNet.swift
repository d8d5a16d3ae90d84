// SPDX-License-Identifier: Apache-2.0

import Computation
package import ModelFiles

extension TensorRole {
    /// Queries, keys and values of a delta net.
    package static let deltaQueryKeyValue = TensorRole("delta wqkv")
    static let deltaGate = TensorRole("delta wz")
    static let deltaDecay = TensorRole("delta wa")
    static let deltaBeta = TensorRole("delta wb")
    static let deltaConvolution = TensorRole("delta convolution")
    static let deltaDecayBias = TensorRole("delta decay bias")
    static let deltaRate = TensorRole("delta rate")
    static let deltaNorm = TensorRole("delta norm")
    /// Output projection of a delta net.
    package static let deltaOutput = TensorRole("delta wo")
}

extension ScratchRole {
    static let deltaProjected = ScratchRole("queries, keys and values of a delta net")
    static let deltaConvolved = ScratchRole("the same after the convolution")
    static let deltaGates = ScratchRole("gates of what a delta net's states say")
    static let deltaDecays = ScratchRole("what is left of states")
    static let deltaBetas = ScratchRole("how much of what is new states take")
    static let deltaSaid = ScratchRole("what a delta net's states say")
}

/// A gated delta net: a state S of each value head, which forgets a little at each token and then
/// learns to say v where k is asked of it.
///
/// S = e^g · S + k (β · (v − e^g · Sᵀ k))ᵀ, g = −e^A · softplus(a + dt), β = sigmoid(b); what it says
/// is Sᵀ q, normalised and times silu(z).
///
/// - Source: arXiv:2412.06464; `Qwen3NextGatedDeltaNet` of transformers' `modeling_qwen3_next.py`.
final class DeltaNet {
    /// Its tensors, of which families have the projections under names of their own.
    ///
    /// - Parameters:
    ///   - queryKeyValue: names in Hugging Face's files.
    ///   - gate: likewise.
    ///   - decay: likewise.
    ///   - beta: likewise.
    /// - Returns: the tensors of a layer.
    static func tensors(
        queryKeyValue: TensorName, gate: TensorName, decay: TensorName, beta: TensorName
    ) -> [TensorDeclaration] {
        let stem = "model.layers.{L}.linear_attn."
        func name(_ end: String) -> TensorName { TensorName(stringLiteral: stem + end) }
        // The decays of a head stand after the betas of all its values.
        func joint(_ part: Int) -> TensorName {
            .grouped("blk.{L}.ssm_ba.weight", .G, parts: [.Hg, .Hg], taken: part...part)
        }
        return [
            TensorDeclaration(
                .deltaQueryKeyValue, [.C, .D], gguf: ["blk.{L}.attn_qkv.weight"],
                huggingFace: [queryKeyValue], split: .rows, fillsCache: true),
            TensorDeclaration(
                .deltaGate, [.Hv * .Ds, .D], gguf: ["blk.{L}.attn_gate.weight"],
                huggingFace: [gate], split: .rows, fillsCache: true),
            TensorDeclaration(
                .deltaDecay, [.Hv, .D], gguf: ["blk.{L}.ssm_alpha.weight", joint(1)],
                huggingFace: [decay], isQuantised: false, fillsCache: true),
            TensorDeclaration(
                .deltaBeta, [.Hv, .D], gguf: ["blk.{L}.ssm_beta.weight", joint(0)],
                huggingFace: [beta], follows: .deltaDecay, isQuantised: false, fillsCache: true),
            TensorDeclaration(
                .deltaConvolution, [.C, .W], gguf: ["blk.{L}.ssm_conv1d.weight"],
                huggingFace: [name("conv1d.weight")], isVector: true),
            TensorDeclaration(
                .deltaDecayBias, [.Hv], gguf: ["blk.{L}.ssm_dt.bias"],
                huggingFace: [name("dt_bias")]),
            TensorDeclaration(
                .deltaRate, [.Hv], gguf: ["blk.{L}.ssm_a"],
                huggingFace: [name("A_log").logarithm]),
            TensorDeclaration(
                .deltaNorm, [.Ds], gguf: ["blk.{L}.ssm_norm.weight"],
                huggingFace: [name("norm.weight")]),
            TensorDeclaration(
                .deltaOutput, [.D, .Hv * .Ds], gguf: ["blk.{L}.ssm_out.weight"],
                huggingFace: [name("out_proj.weight")], split: .columns),
        ]
    }

    static let scratch = [
        ScratchDeclaration(.deltaProjected, .tokens, .C),
        ScratchDeclaration(.deltaConvolved, .tokens, .C),
        ScratchDeclaration(.deltaGates, .tokens, .Hv * .Ds),
        ScratchDeclaration(.deltaDecays, .tokens, .Hv),
        ScratchDeclaration(.deltaBetas, .tokens, .Hv),
        ScratchDeclaration(.deltaSaid, .tokens, .Hv * .Ds),
    ]

    /// What keeps delta nets from being computed in a model, or nil.
    static func problem(in configuration: ModelConfiguration) -> String? {
        guard configuration.attentionLayers.isEmpty else { return nil }
        return "all layers are delta nets, and models without any attention are not supported"
    }

    private let layer: Int
    private let isLast: Bool
    private let projections: [WeightMatrix]
    private let projectionsReading: Reading
    private let gateProjections: [WeightMatrix]
    private let gateProjectionsReading: Reading
    private let wo: WeightMatrix
    private let woReading: Reading
    /// `[W, C]`.
    private let convolution: [Float]
    private let decayBias: [Float]
    private let rate: [Float]
    private let norm: [Float]
    private let epsilon: Float
    /// `[T, C]`.
    private let projected: FloatBuffer
    private let convolved: FloatBuffer
    /// `[T, Hv·Ds]`.
    private let gates: FloatBuffer
    private let said: FloatBuffer
    /// `[T, Hv]`.
    private let decays: FloatBuffer
    private let betas: FloatBuffer
    /// `[T, D]`.
    private let added: FloatBuffer

    init(_ parts: LayerParts) {
        let (weights, step) = (parts.weights, parts.step)
        let compute = step.compute
        layer = parts.stateLayer
        isLast = parts.isLast
        projections = [weights.matrix(.deltaQueryKeyValue), weights.matrix(.deltaGate)]
        projectionsReading = Reading(compute.ahead(of: projections))
        gateProjections = [weights.matrix(.deltaDecay), weights.matrix(.deltaBeta)]
        gateProjectionsReading = Reading(compute.ahead(of: gateProjections))
        wo = weights.matrix(.deltaOutput)
        woReading = Reading(compute.ahead(of: [wo]))
        let byChannel = weights.vector(.deltaConvolution)
        let tapCount = parts.configuration.deltaNet?.tapCount ?? 1
        let channelCount = byChannel.count / tapCount
        convolution = (0..<byChannel.count).map { index in
            byChannel[index % channelCount * tapCount + index / channelCount]
        }
        decayBias = weights.vector(.deltaDecayBias)
        rate = weights.vector(.deltaRate)
        norm = weights.vector(.deltaNorm)
        epsilon = parts.configuration.rmsNormEpsilon
        projected = step.buffer(.deltaProjected)
        convolved = step.buffer(.deltaConvolved)
        gates = step.buffer(.deltaGates)
        said = step.buffer(.deltaSaid)
        decays = step.buffer(.deltaDecays)
        betas = step.buffer(.deltaBetas)
        added = step.buffer(.projected)
    }

    /// residual += the net of the normalised rows.
    func add(_ step: ForwardStep) {
        guard let states = step.states else {
            preconditionFailure("a delta net without room for states")
        }
        let compute = step.compute
        let rows = 0..<step.rowCount
        compute.multiply(
            step.normed, rows: rows, projections, into: [projected, gates],
            ahead: step.read(projectionsReading))  // [T, C], [T, Hv·Ds]
        compute.multiply(
            step.normed, rows: rows, gateProjections, into: [decays, betas],
            ahead: step.read(gateProjectionsReading))  // [T, Hv]
        compute.convolve(
            projected, plan: step.statePlan, pool: states, layer: layer, weights: convolution,
            into: convolved)  // [T, C]
        compute.deltaGates(
            decay: decays, beta: betas, rowCount: step.rowCount, bias: decayBias, rate: rate)
        compute.passStates(
            convolved, decay: decays, beta: betas, plan: step.statePlan, pool: states,
            layer: layer, into: said)  // [T, Hv·Ds]
        if isLast { step.keepLogitsRows(of: said, gates) }
        compute.rmsNormGated(
            said, by: gates, rowCount: step.rowCount, weight: norm, epsilon: epsilon)
        compute.multiply(
            said, rows: 0..<step.rowCount, wo, into: added, ahead: step.read(woReading))
        compute.add(added, rowCount: step.rowCount, to: step.residual)  // [T, D]
    }
}

/// x += deltaNet(norm(x)), then x += feedForward(norm(x)).
final class DeltaNetLayer: DecoderLayer {
    private let deltaNorm: RMSNorm
    private let deltaNet: DeltaNet
    private let feedForwardNorm: RMSNorm
    private let feedForward: any FeedForward

    init(_ parts: LayerParts, _ feedForward: any FeedForward) {
        deltaNorm = RMSNorm(parts.weights.vector(.attentionNorm), parts.configuration)
        deltaNet = DeltaNet(parts)
        feedForwardNorm = RMSNorm(parts.weights.vector(.feedForwardNorm), parts.configuration)
        self.feedForward = feedForward
    }

    func forward(_ step: ForwardStep) {
        deltaNorm.normalize(step)
        deltaNet.add(step)
        feedForwardNorm.normalize(step)
        feedForward.add(step)
    }
}
