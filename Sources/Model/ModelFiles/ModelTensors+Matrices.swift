// SPDX-License-Identifier: Apache-2.0

package import Computation

extension ModelTensors {
    /// All matrices, each once: a tied output is the token embedding.
    package var matrices: [WeightMatrix] {
        var matrices = [tokenEmbedding]
        for layer in layers {
            matrices += [layer.wq, layer.wk, layer.wv, layer.wo]
            if let router = layer.router { matrices.append(router) }
            for expert in layer.experts { matrices += [expert.w1, expert.w3, expert.w2] }
        }
        if !isTied { matrices.append(output) }
        return matrices
    }

    /// The files that the matrices are read from as they are used, each once.
    package var files: [MappedFile] {
        var files: [MappedFile] = []
        for matrix in matrices where matrix.storage.isFile {
            if !files.contains(where: { $0 === matrix.storage }) { files.append(matrix.storage) }
        }
        return files
    }

    /// Whether the output matrix is the token embedding.
    package var isTied: Bool {
        output.storage === tokenEmbedding.storage && output.byteOffset == tokenEmbedding.byteOffset
    }

    /// The same weights with other matrices.
    ///
    /// - Parameter replacements: as many as `matrices`, in their order.
    /// - Returns: the weights.
    package func replacingMatrices(_ replacements: [WeightMatrix]) -> ModelTensors {
        precondition(replacements.count == matrices.count, "\(replacements.count) matrices")
        var tensors = self
        var rest = replacements[...]
        func take(_ matrix: inout WeightMatrix) {
            if let next = rest.popFirst() { matrix = next }
        }
        take(&tensors.tokenEmbedding)
        for index in tensors.layers.indices {
            take(&tensors.layers[index].wq)
            take(&tensors.layers[index].wk)
            take(&tensors.layers[index].wv)
            take(&tensors.layers[index].wo)
            if var router = tensors.layers[index].router {
                take(&router)
                tensors.layers[index].router = router
            }
            for expert in tensors.layers[index].experts.indices {
                take(&tensors.layers[index].experts[expert].w1)
                take(&tensors.layers[index].experts[expert].w3)
                take(&tensors.layers[index].experts[expert].w2)
            }
        }
        if isTied {
            tensors.output = tensors.tokenEmbedding
        } else {
            take(&tensors.output)
        }
        return tensors
    }
}
