// SPDX-License-Identifier: Apache-2.0

import Computation
import ModelFiles
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
    /// Whether the family's rows stand in another order in GGUF files than in this model.
    private let isReordered: Bool

    /// Plans the tensors of a model.
    init(_ model: ModelFile, mix: QuantizationMix) {
        self.mix = mix
        configuration = model.configuration
        isReordered =
            configuration.ropePairing == .halves && model.schema.gguf?.ropePairing == .adjacent
        let tensors = model.tensors
        add(tensors.inputs, isTied: tensors.isTied)
        // Files of such families have them even where all are 1.
        let usual =
            model.schema.gguf?.hasWindowHeads == true
            ? [Float](repeating: 1, count: configuration.ropeDimensionCount / 2) : nil
        if let factors = configuration.ggufRopeFrequencyFactors ?? usual {
            add("rope_freqs.weight", factors)
        }
        for (index, layer) in tensors.layers.enumerated() { add(layer, layer: index) }
        add(tensors.outputs, isTied: tensors.isTied)
    }

    private mutating func add(_ group: TensorGroup, layer: Int? = nil, isTied: Bool = false) {
        for member in Self.ordered(group.members) {
            let tensor = member.declaration
            if tensor.isVector {
                add(
                    tensor.writtenName(.gguf, layer: layer), member.vector,
                    sizes: tensor.sizes(in: numbers(ofLayer: layer)))
            } else if tensor.copies != nil, !tensor.isStacked(.gguf) {
                for (expert, matrix) in member.matrices.enumerated() {
                    let name = tensor.writtenName(.gguf, layer: layer, expert: expert)
                    add(name, tensor, [matrix], role: tensor.role, layer: layer)
                }
            } else if !isTied || tensor.role != .output {
                let name = tensor.writtenName(.gguf, layer: layer)
                let role = isTied && tensor.role == .tokenEmbedding ? .output : tensor.role
                add(name, tensor, member.matrices, role: role, layer: layer)
            }
        }
    }

    private func numbers(ofLayer layer: Int?) -> ModelConfiguration {
        layer.map { configuration.own(layer: $0) } ?? configuration
    }

    /// The order of llama.cpp's converter, which has a network's down before its up projection.
    private static func ordered(_ members: [TensorGroup.Member]) -> [TensorGroup.Member] {
        var members = members
        let roles = members.map(\.declaration.role)
        if let up = roles.firstIndex(of: .up), let down = roles.firstIndex(of: .down), up < down {
            members.swapAt(up, down)
        }
        return members
    }

    /// Adds a matrix, or a stack of them where the model has experts.
    private mutating func add(
        _ name: String, _ tensor: TensorDeclaration, _ matrices: [WeightMatrix], role: TensorRole,
        layer: Int?
    ) {
        let columns = matrices[0].columnCount
        let type =
            tensor.isQuantised
            ? mix.type(
                of: role, layer: layer ?? 0, columns: columns, in: numbers(ofLayer: layer)) : .f32
        let isStack = tensor.copies != nil && tensor.isStacked(.gguf)
        steps.append(
            Step(
                tensor: .init(
                    name: name, type: type,
                    dimensions: [columns, matrices[0].rowCount] + (isStack ? [matrices.count] : [])),
                matrices: matrices,
                rotation: tensor.rotates && isReordered
                    ? (configuration.ropeDimensionCount, configuration.headDimension) : nil))
    }

    private mutating func add(_ name: String, _ values: [Float], sizes: [Int]? = nil) {
        let dimensions = sizes.map { $0.reversed() } ?? [values.count]
        steps.append(
            Step(
                tensor: .init(name: name, type: .f32, dimensions: dimensions),
                matrices: [.of(values, rows: 1, columns: values.count)]))
    }
}
