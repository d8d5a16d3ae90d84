// SPDX-License-Identifier: Apache-2.0

import Computation
import Quantization

/// The tensors of a GGUF file to be made of a model, in order, each with where its rows come from.
struct QuantizingPlan {
    /// One tensor to write.
    struct Step {
        var tensor: GGUFWriter.Tensor
        /// The rows, one matrix after another: the experts of a stacked tensor, or one matrix.
        var matrices: [WeightMatrix]
        /// How many leading rows of each head are reordered from halves to adjacent pairs, and how
        /// many rows a head has; nil: rows stay where they are.
        var rotation: (rotated: Int, headRows: Int)?

        /// The matrix and the row there from which a row of the tensor comes.
        func source(row: Int) -> (matrix: WeightMatrix, row: Int) {
            let rows = matrices[0].rowCount
            let matrix = matrices[row / rows]
            guard let (rotated, headRows) = rotation else { return (matrix, row % rows) }
            let place = row % headRows
            guard place < rotated else { return (matrix, row) }
            return (matrix, row - place + place % 2 * (rotated / 2) + place / 2)
        }
    }

    /// In the order in which they are written.
    private(set) var steps: [Step] = []

    /// The bytes of all tensors.
    var byteCount: Int {
        steps.reduce(0) { sum, step in
            let elements = step.tensor.dimensions.reduce(1, *)
            return sum + (step.tensor.type.byteCount(elements: elements) ?? 0)
        }
    }

    private let mix: QuantizationMix
    private let configuration: ModelConfiguration

    /// Plans the tensors of a model.
    init(_ model: ModelFile, mix: QuantizationMix) {
        self.mix = mix
        configuration = model.configuration
        let tensors = model.tensors
        let isTied = model.tensors.isTied
        let naming = TensorNaming.gguf
        add(naming.tokenEmbedding, isTied ? .output : .tokenEmbedding, [tensors.tokenEmbedding])
        if let factors = configuration.ggufRopeFrequencyFactors {
            add("rope_freqs.weight", factors)
        }
        for (index, layer) in tensors.layers.enumerated() {
            add(layer, naming.layer(index), index)
        }
        add(naming.outputNorm, tensors.outputNorm)
        if !isTied { add(naming.output, .output, [tensors.output]) }
    }

    private mutating func add(_ layer: LayerTensors, _ names: TensorNaming.Layer, _ index: Int) {
        add(names.attentionNorm, layer.attentionNorm)
        let rotation: (Int, Int)? =
            configuration.ropePairing == .halves
            ? (configuration.ropeDimensionCount, configuration.headDimension) : nil
        add(names.wq, .query, [layer.wq], layer: index, rotation: rotation)
        add(names.wk, .key, [layer.wk], layer: index, rotation: rotation)
        add(names.wv, .value, [layer.wv], layer: index)
        add(names.wo, .attentionOutput, [layer.wo], layer: index)
        add(names.ffnNorm, layer.ffnNorm)
        var experts = names.dense
        if let router = layer.router {
            add(names.routers[0], nil, [router], layer: index)
            experts = names.stacked ?? experts
        }
        add(experts.w1, .gate, layer.experts.map(\.w1), layer: index)
        add(experts.w2, .down, layer.experts.map(\.w2), layer: index)
        add(experts.w3, .up, layer.experts.map(\.w3), layer: index)
    }

    /// Adds a matrix, or a stack of them where the model has experts; without a role it is F32.
    private mutating func add(
        _ name: String, _ role: QuantizationMix.Role?, _ matrices: [WeightMatrix], layer: Int = 0,
        rotation: (rotated: Int, headRows: Int)? = nil
    ) {
        let columns = matrices[0].columnCount
        let type =
            role.map { mix.type(of: $0, layer: layer, columns: columns, in: configuration) } ?? .f32
        let isStack = configuration.isMixtureOfExperts && [.gate, .up, .down].contains(role)
        steps.append(
            Step(
                tensor: .init(
                    name: name, type: type,
                    dimensions: [columns, matrices[0].rowCount] + (isStack ? [matrices.count] : [])),
                matrices: matrices, rotation: rotation))
    }

    private mutating func add(_ name: String, _ values: [Float]) {
        steps.append(
            Step(
                tensor: .init(name: name, type: .f32, dimensions: [values.count]),
                matrices: [.of(values, rows: 1, columns: values.count)]))
    }
}
