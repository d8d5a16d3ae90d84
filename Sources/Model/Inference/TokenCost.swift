// SPDX-License-Identifier: Apache-2.0

import Computation
package import ModelFiles
import Quantization

/// What one token costs, by the shapes and types of the weights: what speeds are held against.
///
/// Attention's own products and the reading of keys and values, which grow with the context, are
/// not counted.
package struct TokenCost: Sendable, Equatable {
    /// Bytes of the file that decoding one token reads: all layers with the experts that the token
    /// visits, and the output matrix.
    package let weightByteCount: Int
    /// Multiplications and additions in the layers.
    package let layerOperationCount: Int
    /// Those of them that a token takes whose logits nobody wants, as of all tokens of a prompt but
    /// the last: the last layer that keeps keys and values only projects these (and its query), and
    /// those after it do nothing.
    package let promptOperationCount: Int
    /// Multiplications and additions in the output matrix, for tokens whose logits are wanted.
    package let outputOperationCount: Int

    /// Adds up the cost; experts of a layer are taken to be alike.
    package init(_ weights: ModelTensors, configuration: ModelConfiguration) {
        var layers = Sum()
        var skipped = Sum()
        for part in weights.parts {
            guard let layer = part.layer, let matrix = part.matrix,
                part.expert ?? 0 < configuration.expertsPerToken ?? 1
            else { continue }
            layers.add(matrix)
            let last = weights.layers.count - 1 - configuration.borrowingLayerCount
            if layer > last || layer == last && !part.declaration.fillsCache {
                skipped.add(matrix)
            }
        }
        var output = Sum()
        if weights.outputs.has(.output) { output.add(weights.output) }
        weightByteCount = layers.byteCount + output.byteCount
        layerOperationCount = 2 * layers.elementCount
        promptOperationCount = layerOperationCount - 2 * skipped.elementCount
        outputOperationCount = 2 * output.elementCount
    }

    private struct Sum {
        var byteCount = 0
        var elementCount = 0

        mutating func add(_ matrix: WeightMatrix) {
            elementCount += matrix.rowCount * matrix.columnCount
            byteCount +=
                matrix.rowCount * (matrix.type.byteCount(elements: matrix.columnCount) ?? 0)
        }
    }
}
