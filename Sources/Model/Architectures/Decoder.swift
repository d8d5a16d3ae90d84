// SPDX-License-Identifier: Apache-2.0

import Computation
import ModelFiles

extension ScratchRole {
    static let residual = ScratchRole("the residual stream")
    static let normed = ScratchRole("normalised rows")
    static let logits = ScratchRole("logits")
}

extension FamilyNumber {
    /// What logits never reach: each becomes the limit times the tanh of its share of it.
    static let logitLimit = FamilyNumber("limit of logits")
}

/// A stack of layers between a token embedding and the logits.
final class Decoder: Network {
    /// The buffers that every decoder needs.
    static let scratch = [
        ScratchDeclaration(.residual, .tokens, .D), ScratchDeclaration(.normed, .tokens, .D),
        ScratchDeclaration(.logits, .logits, .V),
    ]

    private let embedding: Embedding
    private let rotary: RotaryEmbedding
    private let windowRotary: RotaryEmbedding?
    private let layerInputs: LayerInputs?
    private let prepare: ((ForwardStep) -> Void)?
    private let layers: [any DecoderLayer]
    private let readout: Readout

    /// Builds the stack.
    ///
    /// - Parameters:
    ///   - parts: the weights and what steps work with.
    ///   - embeddingScale: what token embeddings are multiplied with.
    ///   - layerInputs: what each layer gets of the tokens besides; nil: nothing.
    ///   - prepare: what is computed once a step for all layers, besides the angles of rotation.
    ///   - layer: builds a layer.
    init(
        _ parts: NetworkParts, embeddingScale: Float = 1, layerInputs: LayerInputs? = nil,
        prepare: ((ForwardStep) -> Void)? = nil,
        layer: (LayerParts) -> any DecoderLayer
    ) {
        let rotary = RotaryEmbedding(parts.configuration, parts.step)
        let windowRotary = RotaryEmbedding(ofWindows: parts.configuration, parts.step)
        embedding = Embedding(parts, scale: embeddingScale)
        self.rotary = rotary
        self.windowRotary = windowRotary
        self.layerInputs = layerInputs
        self.prepare = prepare
        layers = parts.weights.layers.indices.map { index in
            let hasWindow = parts.configuration.window(layer: index) != nil
            return layer(LayerParts(parts, index, hasWindow ? windowRotary ?? rotary : rotary))
        }
        readout = Readout(parts)
    }

    func forward(
        _ tokens: Span<Int32>, _ step: ForwardStep, isUnwanted: (() -> Bool)?
    ) -> Bool {
        embedding.lookUp(tokens, step)
        rotary.prepare(step)
        windowRotary?.prepare(step)
        layerInputs?.prepare(tokens, step)
        prepare?(step)
        for layer in layers {
            if isUnwanted?() == true { return false }
            layer.forward(step)
        }
        readout.forward(step)
        return true
    }
}

/// A layer of a decoder, made once of its weights.
protocol DecoderLayer: AnyObject {
    /// Adds what the layer makes of the residual stream to it.
    func forward(_ step: ForwardStep)
}

/// What a layer is made of.
struct LayerParts {
    let weights: TensorGroup
    /// The numbers of the layer, where they differ from those of others.
    let configuration: ModelConfiguration
    let index: Int
    /// Which of the layers that keep keys and values has those that it reads.
    let cacheLayer: Int
    /// Which of the layers that keep a state it is.
    let stateLayer: Int
    /// Whether no layer follows that keeps keys and values: only rows that get logits are needed after
    /// its attention.
    let isLast: Bool
    let step: ForwardStep
    let rotary: RotaryEmbedding

    init(_ parts: NetworkParts, _ index: Int, _ rotary: RotaryEmbedding) {
        weights = parts.weights.layers[index]
        let model = parts.configuration
        configuration = model.own(layer: index)
        self.index = index
        stateLayer = model.deltaLayers.count { $0 < index }
        let lender = model.lender(toLayer: index) ?? index
        cacheLayer = model.attentionLayers.count { $0 < lender }
        isLast = index == model.lastKeepingLayer
        step = parts.step
        self.rotary = rotary
    }
}

/// Token ids to the residual stream.
final class Embedding {
    static let tensors = [
        TensorDeclaration(
            .tokenEmbedding, [.V, .D], gguf: ["token_embd.weight"],
            huggingFace: ["model.embed_tokens.weight"], mistral: ["tok_embeddings.weight"],
            split: .rows)
    ]

    private let table: WeightMatrix
    private let scale: Float

    init(_ parts: NetworkParts, scale: Float) {
        table = parts.weights.tokenEmbedding
        self.scale = scale
    }

    func lookUp(_ tokens: Span<Int32>, _ step: ForwardStep) {
        step.compute.embed(tokens, table, into: step.residual)  // [T, D]
        step.compute.scale(step.residual, rowCount: step.rowCount, by: scale)
    }
}

/// The residual stream to logits.
final class Readout {
    static let tensors = [
        RMSNorm.tensor(
            .outputNorm, gguf: "output_norm.weight", huggingFace: "model.norm.weight",
            mistral: "norm.weight"),
        TensorDeclaration(
            .output, [.V, .D], gguf: ["output.weight"], huggingFace: ["lm_head.weight"],
            mistral: ["output.weight"], split: .rows, isAdaptable: true),
    ]

    private let norm: RMSNorm
    private let output: WeightMatrix
    /// nil: logits are as they come.
    private let limit: Float?
    private let reading: Reading

    init(_ parts: NetworkParts) {
        norm = RMSNorm(parts.weights.outputs.vector(.outputNorm), parts.configuration)
        output = parts.weights.output
        limit = parts.configuration.numbers[.logitLimit].map { Float($0) }.flatMap {
            // What is 0 in 32 bits is none.
            $0 > 0 ? $0 : nil
        }
        reading = Reading(parts.step.compute.ahead(of: [output]))
    }

    func forward(_ step: ForwardStep) {
        norm.normalize(step)  // [logits rows, D]
        let sums = step.sums(for: [.output], inLayer: nil, of: step.normed)
        step.compute.multiply(
            step.normed, rows: 0..<step.rowCount, output, into: step.logits, adding: sums,
            ahead: step.read(reading))  // [logits rows, V]
        if let limit { step.compute.cap(step.logits, rowCount: step.rowCount, limit: limit) }
    }
}
