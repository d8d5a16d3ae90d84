// SPDX-License-Identifier: Apache-2.0

import Architectures
package import Computation
package import ModelFiles
package import Quantization

/// Made-up weights in the shapes and types of a model: computing with them takes as long as with its
/// own, and nothing has to be read or packed.
///
/// All lie in one piece of memory, one after another and then from its start again: so many bytes
/// lie between two uses of the same ones that they come from memory each time, as the model's do.
package struct StandInWeights: Sendable {
    private let memory: AnonymousMemory
    private var place = 0

    /// Where panels may begin.
    private static let alignment = 64

    /// Memory for matrices.
    ///
    /// - Parameter byteCount: at least that of the largest matrix.
    /// - Throws: where there is not so much.
    package init(byteCount: Int) throws(ByteStorageError) {
        memory = try AnonymousMemory.numbers(byteCount: byteCount + Self.alignment)
    }

    /// The bytes of the largest matrix that computing with some weights reads.
    package static func largestByteCount(of tensors: ModelTensors) -> Int {
        tensors.matrices.reduce(0) { max($0, $1.packedByteCount(as: $1.likelyPackedType)) }
    }

    /// Stand-ins for the weights of a model, as they are when they are packed.
    ///
    /// - Parameters:
    ///   - tensors: the model's; only their shapes and types are looked at.
    ///   - layerCount: of as many of the layers, the last ones: the first may have no experts.
    /// - Returns: the stand-ins.
    package mutating func tensors(like tensors: ModelTensors, layerCount: Int) -> ModelTensors {
        let cut = ModelTensors(
            inputs: tensors.inputs, layers: Array(tensors.layers.suffix(layerCount)),
            outputs: tensors.outputs)
        // Nothing else begins where the embedding does: an output there would be taken for the same.
        place = 0
        return cut.replacingMatrices(
            zip(cut.matrices, cut.areMultiplied).map { matrix, isMultiplied in
                // An embedding that is not the output too stays as it is in the file.
                let packed = isMultiplied ? matrix.likelyPackedType : nil
                return self.matrix(
                    type: packed ?? matrix.type, rows: matrix.rowCount, columns: matrix.columnCount,
                    layout: packed == nil ? matrix.layout : .panels)
            })
    }

    private mutating func matrix(
        type: ElementType, rows: Int, columns: Int, layout: WeightMatrix.Layout
    ) -> WeightMatrix {
        let count =
            WeightMatrix.byteCount(of: type, rowCount: rows, columnCount: columns, layout: layout)
            ?? 0
        if place + count > memory.byteCount { place = Self.alignment }
        defer { place = (place + count + Self.alignment - 1) / Self.alignment * Self.alignment }
        return WeightMatrix(
            storage: memory, byteOffset: place, type: type, rowCount: rows, columnCount: columns,
            layout: layout)
    }
}

extension ModelTensors {
    /// Tensors of a model that there is no file of, for what looks at shapes and types alone.
    ///
    /// - Parameters:
    ///   - configuration: the model's numbers.
    ///   - type: of its matrices; routers and norms are f32.
    ///   - layerCount: how many of the layers.
    /// - Returns: nil where the rows are no whole blocks of the type.
    /// - Throws: where there is no memory for the largest of them.
    package static func shaped(
        like configuration: ModelConfiguration, type: ElementType, layerCount: Int
    ) throws(ByteStorageError) -> ModelTensors? {
        let schema = Architecture.of(configuration).schema
        let groups =
            [(schema.inputs(of: configuration), configuration)]
            + (0..<layerCount).map {
                (schema.layer(configuration, $0), configuration.own(layer: $0))
            } + [(schema.outputs, configuration)]
        var largest = 0
        let all = groups.flatMap { declarations, numbers in declarations.map { ($0, numbers) } }
        for (declaration, numbers) in all where !declaration.isVector {
            let sizes = declaration.sizes(in: numbers)
            let own = declaration.isQuantised ? type : .f32
            guard
                let count = WeightMatrix.byteCount(
                    of: own, rowCount: sizes[0], columnCount: sizes[1], layout: .rows)
            else { return nil }
            largest = max(largest, count)
        }
        // Nobody reads these bytes, so they take no memory. What comes before the layers has its own:
        // an embedding in the place of the output would be taken for one that is both.
        let memories = [
            try AnonymousMemory.zeros(byteCount: largest),
            try AnonymousMemory.zeros(byteCount: largest),
        ]
        let made = groups.enumerated().map { index, group in
            let (declarations, numbers) = group
            return TensorGroup(
                declarations.map { declaration in
                    let sizes = declaration.sizes(in: numbers)
                    guard !declaration.isVector else {
                        return .init(
                            declaration: declaration,
                            vector: Array(repeating: 1, count: sizes.reduce(1, *)))
                    }
                    let matrix = WeightMatrix(
                        storage: memories[min(index, 1)], byteOffset: 0,
                        type: declaration.isQuantised ? type : .f32, rowCount: sizes[0],
                        columnCount: sizes[1])
                    return .init(
                        declaration: declaration,
                        matrices: Array(
                            repeating: matrix, count: declaration.count(in: numbers)))
                })
        }
        return ModelTensors(
            inputs: made[0], layers: Array(made[1...layerCount]), outputs: made[layerCount + 1])
    }
}
