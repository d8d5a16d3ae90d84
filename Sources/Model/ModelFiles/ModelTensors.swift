// SPDX-License-Identifier: Apache-2.0

package import Computation
package import Quantization

/// The weights of a model: views of its mapped file, of shapes checked by the configuration.
///
/// Matrices are `[rows, columns]` = `[outputs, inputs]`, so y = x·Wᵀ.
package struct ModelTensors: Sendable {
    /// What comes before the layers: the token embedding.
    package private(set) var inputs: TensorGroup
    /// One per layer, from the input to the output.
    package private(set) var layers: [TensorGroup]
    /// What comes after the layers: a norm, and the output matrix.
    package private(set) var outputs: TensorGroup

    /// One matrix or vector.
    package struct Part: Sendable {
        /// What the architecture says of it.
        package let declaration: TensorDeclaration
        /// Its layer; nil: before or after the layers.
        package let layer: Int?
        /// Which of its copies it is, where a layer has several.
        package let copy: Int?
        /// The matrix; nil: it is a vector.
        package let matrix: WeightMatrix?
        /// The numbers of a vector.
        package let vector: [Float]

        /// Its expert, where it has one for each.
        package var expert: Int? { declaration.everyCopy ? nil : copy }
    }

    /// Creates the weights from their groups.
    package init(inputs: TensorGroup, layers: [TensorGroup], outputs: TensorGroup) {
        self.inputs = inputs
        self.layers = layers
        self.outputs = outputs
    }

    /// `[V, D]`.
    package var tokenEmbedding: WeightMatrix { inputs.matrix(.tokenEmbedding) }

    /// `[V, D]`; the token embedding itself where the two are tied.
    package var output: WeightMatrix { outputs.matrix(.output) }

    /// Whether the output matrix is the token embedding.
    package var isTied: Bool {
        guard outputs.has(.output) else { return false }
        let (embedding, output) = (tokenEmbedding, output)
        return output.storage === embedding.storage && output.byteOffset == embedding.byteOffset
    }

    /// Everything, each once, in the order of its use: a tied output is the token embedding.
    package var parts: [Part] {
        var parts = Self.parts(of: inputs, layer: nil)
        for (index, layer) in layers.enumerated() { parts += Self.parts(of: layer, layer: index) }
        let isTied = isTied
        return parts
            + Self.parts(of: outputs, layer: nil).filter {
                !isTied || $0.declaration.role != .output
            }
    }

    private static func parts(of group: TensorGroup, layer: Int?) -> [Part] {
        group.places.map { place in
            let member = group.members[place.member]
            return Part(
                declaration: member.declaration, layer: layer,
                copy: member.declaration.copies == nil ? nil : place.matrix,
                matrix: group[place], vector: member.vector)
        }
    }

    /// All matrices, each once, in the order of their use.
    package var matrices: [WeightMatrix] { parts.compactMap(\.matrix) }

    /// Bytes of all weights; tied ones count once.
    package var byteCount: Int {
        parts.reduce(0) { $0 + ($1.matrix?.byteCount ?? 4 * $1.vector.count) }
    }

    /// The files that the matrices are read from as they are used, each once.
    package var files: [MappedFile] {
        var files: [MappedFile] = []
        for matrix in matrices {
            guard let file = matrix.storage as? MappedFile else { continue }
            if !files.contains(where: { $0 === file }) { files.append(file) }
        }
        return files
    }

    /// The same weights with other matrices.
    ///
    /// - Parameter replacements: as many as `matrices`, in their order.
    /// - Returns: the weights.
    package func replacingMatrices(_ replacements: [WeightMatrix]) -> ModelTensors {
        precondition(replacements.count == matrices.count, "\(replacements.count) matrices")
        var tensors = self
        var rest = replacements[...]
        func replace(in group: inout TensorGroup) {
            for place in group.places where place.matrix != nil { group[place] = rest.popFirst() }
        }
        replace(in: &tensors.inputs)
        for index in tensors.layers.indices { replace(in: &tensors.layers[index]) }
        if isTied {
            tensors.outputs.set(.output, to: tensors.tokenEmbedding)
        } else {
            replace(in: &tensors.outputs)
        }
        return tensors
    }

    // MARK: Packing

    /// Whether products read each of the `matrices`: all but embeddings that are not the output too.
    ///
    /// Of such an embedding a step reads a few rows, which stay in the file.
    package var areMultiplied: [Bool] {
        let isTied = isTied
        return parts.filter { $0.matrix != nil }.map { part in
            part.declaration.role == .tokenEmbedding ? isTied : !part.declaration.isLookedUp
        }
    }

    private var multipliedMatrices: [WeightMatrix] {
        zip(matrices, areMultiplied).filter(\.1).map(\.0)
    }

    /// The same weights, packed for products with quantised activations.
    ///
    /// - Parameters:
    ///   - packer: what packs.
    ///   - types: the `packedTypes`, if they are known already.
    ///   - progress: receives how many packed bytes are done, and how many there will be.
    /// - Returns: the weights.
    /// - Throws: where there is no memory for them.
    package func packed(
        by packer: WeightPacker, as types: [ElementType?]? = nil,
        progress: (_ doneByteCount: Int, _ byteCount: Int) -> Void = { _, _ in }
    ) throws(ByteStorageError) -> ModelTensors {
        let packed = try packer.pack(multipliedMatrices, as: types, progress: progress)
        var rest = packed[...]
        return replacingMatrices(
            zip(matrices, areMultiplied).map { matrix, isMultiplied in
                isMultiplied ? rest.popFirst() ?? matrix : matrix
            })
    }

    /// The type that each matrix which products read is packed as; nil for one that stays as it is.
    ///
    /// - Complexity: reads every scale of the types that are rewritten, so ask once and keep it.
    package var packedTypes: [ElementType?] { multipliedMatrices.map(\.packedType) }

    /// The `packedTypes` if all scales are as usual, found without reading any.
    package var likelyPackedTypes: [ElementType?] { multipliedMatrices.map(\.likelyPackedType) }

    /// The bytes that packing makes, in memory of their own.
    package func bytesToPack(as types: [ElementType?]) -> Int {
        zip(multipliedMatrices, types).reduce(0) { sum, each in
            each.1 == nil ? sum : sum + each.0.packedByteCount(as: each.1)
        }
    }

    /// The bytes of all weights once they are packed.
    package func packedByteCount(as types: [ElementType?]) -> Int {
        zip(multipliedMatrices, types).reduce(byteCount) { sum, each in
            sum + each.0.packedByteCount(as: each.1) - each.0.byteCount
        }
    }
}
