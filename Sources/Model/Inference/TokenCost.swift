// SPDX-License-Identifier: Apache-2.0

package import ModelFiles
import Quantization
import Tensors

/// What one token costs, by the shapes and types of the weights: what speeds are held against.
///
/// Attention's own products and the reading of keys and values, which grow with the context, are
/// not counted.
package struct TokenCost: Sendable, Equatable {
    /// Bytes of the file that decoding one token reads: all layers with the experts that the token
    /// visits, and the output matrix.
    package let weightByteCount: Int
    /// Multiplications and additions in the layers: what each token of a prompt takes.
    package let layerOperationCount: Int
    /// Multiplications and additions in the output matrix, for tokens whose logits are wanted.
    package let outputOperationCount: Int

    /// Adds up the cost; experts of a layer are taken to be alike.
    package init(_ weights: ModelTensors, configuration: ModelConfiguration) {
        var layers = Sum()
        for layer in weights.layers {
            for matrix in [layer.wq, layer.wk, layer.wv, layer.wo] { layers.add(matrix) }
            if let router = layer.router { layers.add(router) }
            for expert in layer.experts.prefix(configuration.expertsPerToken ?? 1) {
                for matrix in [expert.w1, expert.w2, expert.w3] { layers.add(matrix) }
            }
        }
        var output = Sum()
        output.add(weights.output)
        weightByteCount = layers.byteCount + output.byteCount
        layerOperationCount = 2 * layers.elementCount
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
