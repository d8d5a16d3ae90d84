// SPDX-License-Identifier: Apache-2.0

import Computation
import ModelFiles

extension ScratchRole {
    static let residual = ScratchRole("the residual stream")
    static let normed = ScratchRole("normalised rows")
    static let logits = ScratchRole("logits")
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
    private let prepare: ((ForwardStep) -> Void)?
    private let layers: [any DecoderLayer]
    private let readout: Readout

    /// Builds the stack.
    ///
    /// - Parameters:
    ///   - parts: the weights and what steps work with.
    ///   - prepare: what is computed once a step for all layers, besides the angles of rotation.
    ///   - layer: builds a layer.
    init(
        _ parts: NetworkParts, prepare: ((ForwardStep) -> Void)? = nil,
        layer: (LayerParts) -> any DecoderLayer
    ) {
        let rotary = RotaryEmbedding(parts.configuration, parts.step)
        let windowRotary = RotaryEmbedding(ofWindows: parts.configuration, parts.step)
        embedding = Embedding(parts)
        self.rotary = rotary
        self.windowRotary = windowRotary
        self.prepare = prepare
        layers = parts.weights.layers.indices.map { index in
            let hasWindow = parts.configuration.window(layer: index) != nil
            return layer(LayerParts(parts, index, hasWindow ? windowRotary ?? rotary : rotary))
        }
        readout = Readout(parts)
    }

    func forward(_ tokens: Span<Int32>, _ step: ForwardStep) {
        embedding.lookUp(tokens, step)
        rotary.prepare(step)
        windowRotary?.prepare(step)
        prepare?(step)
        for layer in layers { layer.forward(step) }
        readout.forward(step)
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
    let configuration: ModelConfiguration
    let index: Int
    /// Which of the layers that keep keys and values it is.
    let cacheLayer: Int
    /// Which of the layers that keep a state it is.
    let stateLayer: Int
    /// Whether no layer follows: only rows that get logits are needed after its attention.
    let isLast: Bool
    let step: ForwardStep
    let rotary: RotaryEmbedding

    init(_ parts: NetworkParts, _ index: Int, _ rotary: RotaryEmbedding) {
        weights = parts.weights.layers[index]
        configuration = parts.configuration
        self.index = index
        stateLayer = parts.configuration.deltaLayers.count { $0 < index }
        cacheLayer = index - stateLayer
        isLast = index == parts.weights.layers.count - 1
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

    init(_ parts: NetworkParts) {
        table = parts.weights.tokenEmbedding
    }

    func lookUp(_ tokens: Span<Int32>, _ step: ForwardStep) {
        step.compute.embed(tokens, table, into: step.residual)  // [T, D]
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
    private let reading: Reading

    init(_ parts: NetworkParts) {
        norm = RMSNorm(parts.weights.outputs.vector(.outputNorm), parts.configuration)
        output = parts.weights.output
        reading = Reading(parts.step.compute.ahead(of: [output]))
    }

    func forward(_ step: ForwardStep) {
        norm.normalize(step)  // [logits rows, D]
        let sums = step.sums(for: [.output], inLayer: nil, of: step.normed)
        step.compute.multiply(
            step.normed, rows: 0..<step.rowCount, output, into: step.logits, adding: sums,
            ahead: step.read(reading))  // [logits rows, V]
    }
}
