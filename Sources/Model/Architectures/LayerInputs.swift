// SPDX-License-Identifier: Apache-2.0

import Computation
import ModelFiles

extension TensorRole {
    /// The rows of all layers that token ids look up.
    static let layerEmbedding = TensorRole("token embedding of layers")
    fileprivate static let layerProjection = TensorRole("projection to inputs of layers")
    fileprivate static let layerProjectionNorm = TensorRole("norm of inputs of layers")
    fileprivate static let layerInputGate = TensorRole("gate of a layer's input")
    fileprivate static let layerInputOutput = TensorRole("projection of a layer's input")
    fileprivate static let layerInputNorm = TensorRole("norm of a layer's input")
}

extension ScratchRole {
    fileprivate static let layerInputs = ScratchRole("inputs of layers")
    fileprivate static let layerEmbeddings = ScratchRole("token embeddings of layers")
    fileprivate static let layerInputGates = ScratchRole("gates of a layer's input")
    fileprivate static let layerInputAddition = ScratchRole("what a layer's input adds")
}

extension FamilyNumber {
    /// P: how many numbers each layer gets of a token; none where layers get nothing.
    static let layerInputSize = FamilyNumber("width of inputs of layers")
}

/// What each layer gets of a token besides the residual stream: P numbers for each of N layers, of an
/// embedding of their own and of a projection of the token's embedding.
///
/// - Source: `get_per_layer_inputs` and `project_per_layer_inputs` of transformers'
///   `modeling_gemma4.py`.
final class LayerInputs {
    /// N·P.
    private static let all = Extent("N·P") { $0.layerCount * size(in: $0) }
    fileprivate static let each = Extent("P") { size(in: $0) }

    /// P; 0 where layers get nothing.
    static func size(in configuration: ModelConfiguration) -> Int {
        Int(configuration.numbers[.layerInputSize] ?? 0)
    }

    /// The tensors before the layers.
    static func tensors(of configuration: ModelConfiguration) -> [TensorDeclaration] {
        guard size(in: configuration) > 0 else { return [] }
        return [
            TensorDeclaration(
                .layerEmbedding, [.V, all], gguf: ["per_layer_token_embd.weight"],
                huggingFace: ["model.embed_tokens_per_layer.weight"], isLookedUp: true),
            TensorDeclaration(
                .layerProjection, [all, .D], gguf: ["per_layer_model_proj.weight"],
                huggingFace: ["model.per_layer_model_projection.weight"]),
            TensorDeclaration(
                .layerProjectionNorm, [each], gguf: ["per_layer_proj_norm.weight"],
                huggingFace: ["model.per_layer_projection_norm.weight"]),
        ]
    }

    /// The buffers of a step.
    static func scratch(of configuration: ModelConfiguration) -> [ScratchDeclaration] {
        guard size(in: configuration) > 0 else { return [] }
        return [
            ScratchDeclaration(.layerInputs, .tokens, all),
            ScratchDeclaration(.layerEmbeddings, .tokens, all),
            ScratchDeclaration(.layerInputGates, .tokens, each),
            ScratchDeclaration(.layerInputAddition, .tokens, .D),
        ]
    }

    private let table: WeightMatrix
    private let projection: WeightMatrix
    private let reading: Reading
    private let norm: [Float]
    private let epsilon: Float
    private let embeddings: FloatBuffer
    private let inputs: FloatBuffer
    private let embeddingScale: Float
    private let projectionScale: Float

    /// nil: layers get nothing.
    init?(_ parts: NetworkParts) {
        let size = Self.size(in: parts.configuration)
        guard size > 0 else { return nil }
        let weights = parts.weights.inputs
        table = weights.matrix(.layerEmbedding)
        projection = weights.matrix(.layerProjection)
        reading = Reading(parts.step.compute.ahead(of: [projection]))
        norm = weights.vector(.layerProjectionNorm)
        epsilon = parts.configuration.rmsNormEpsilon
        embeddings = parts.step.buffer(.layerEmbeddings)
        inputs = parts.step.buffer(.layerInputs)
        embeddingScale = Float(size).squareRoot()
        projectionScale = 1 / Float(parts.configuration.hiddenSize).squareRoot()
        parts.step.carry(inputs)
    }

    /// The inputs of all layers, once the residual stream has the embeddings of the tokens.
    func prepare(_ tokens: Span<Int32>, _ step: ForwardStep) {
        let (compute, rowCount) = (step.compute, step.rowCount)
        compute.embed(tokens, table, into: embeddings)  // [T, N·P]
        compute.scale(embeddings, rowCount: rowCount, by: embeddingScale)
        compute.multiply(
            step.residual, rows: 0..<rowCount, projection, into: inputs, ahead: step.read(reading))
        compute.scale(inputs, rowCount: rowCount, by: projectionScale)
        compute.rmsNormHeads(inputs, rowCount: rowCount, weight: norm, epsilon: epsilon)
        compute.add(embeddings, rowCount: rowCount, to: inputs)
        compute.scale(inputs, rowCount: rowCount, by: Float(0.5).squareRoot())
    }
}

/// What a layer makes of its own input: residual += norm(w2 · (gelu(w1 · residual) ⊙ input)).
final class LayerInput {
    /// The tensors of a layer.
    static func tensors(of configuration: ModelConfiguration) -> [TensorDeclaration] {
        guard LayerInputs.size(in: configuration) > 0 else { return [] }
        return [
            TensorDeclaration(
                .layerInputGate, [LayerInputs.each, .D], gguf: ["blk.{L}.inp_gate.weight"],
                huggingFace: ["model.layers.{L}.per_layer_input_gate.weight"]),
            TensorDeclaration(
                .layerInputOutput, [.D, LayerInputs.each], gguf: ["blk.{L}.proj.weight"],
                huggingFace: ["model.layers.{L}.per_layer_projection.weight"]),
            TensorDeclaration(
                .layerInputNorm, [.D], gguf: ["blk.{L}.post_norm.weight"],
                huggingFace: ["model.layers.{L}.post_per_layer_input_norm.weight"]),
        ]
    }

    private let first: Int
    private let w1: WeightMatrix
    private let w2: WeightMatrix
    private let gateReading: Reading
    private let outputReading: Reading
    private let norm: [Float]
    private let epsilon: Float
    private let inputs: FloatBuffer
    private let gates: FloatBuffer
    private let addition: FloatBuffer

    /// nil: layers get nothing.
    init?(_ parts: LayerParts) {
        let size = LayerInputs.size(in: parts.configuration)
        guard size > 0 else { return nil }
        first = parts.index * size
        w1 = parts.weights.matrix(.layerInputGate)
        w2 = parts.weights.matrix(.layerInputOutput)
        gateReading = Reading(parts.step.compute.ahead(of: [w1]))
        outputReading = Reading(parts.step.compute.ahead(of: [w2]))
        norm = parts.weights.vector(.layerInputNorm)
        epsilon = parts.configuration.rmsNormEpsilon
        inputs = parts.step.buffer(.layerInputs)
        gates = parts.step.buffer(.layerInputGates)
        addition = parts.step.buffer(.layerInputAddition)
    }

    func add(_ step: ForwardStep) {
        let (compute, rowCount) = (step.compute, step.rowCount)
        compute.multiply(
            step.residual, rows: 0..<rowCount, w1, into: gates, ahead: step.read(gateReading))
        compute.multiplyGated(
            gates, inputs, from: first, rowCount: rowCount, by: .gelu, into: gates)  // [T, P]
        compute.multiply(
            gates, rows: 0..<rowCount, w2, into: addition, ahead: step.read(outputReading))
        compute.rmsNorm(
            addition, rowCount: rowCount, weight: norm, epsilon: epsilon, into: addition)
        compute.add(addition, rowCount: rowCount, to: step.residual)  // [T, D]
    }
}
