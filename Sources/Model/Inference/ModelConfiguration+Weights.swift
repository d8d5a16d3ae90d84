// SPDX-License-Identifier: Apache-2.0

package import Computation
package import ModelFiles
package import Quantization

extension ModelConfiguration {
    /// How many weights a model of these numbers has, its output matrix not tied to the embedding.
    package var parameterCount: Int {
        quantisedShapes.reduce(floatCount) { $0 + $1.count * $1.rows * $1.columns }
    }

    /// How many of them are left without the experts that a token does not visit.
    package var activeParameterCount: Int {
        let idle = (expertCount ?? 1) - (expertsPerToken ?? 1)
        return parameterCount - 3 * layerCount * idle * hiddenSize * intermediateSize
    }

    /// The bytes of all weights with every matrix in one type; routers and norms stay f32.
    ///
    /// - Parameters:
    ///   - type: of the matrices.
    ///   - layout: of the matrices; those that cannot lie so lie in rows.
    /// - Returns: nil where the rows are no whole blocks, or the sum cannot be counted.
    package func weightByteCount(of type: ElementType, layout: WeightMatrix.Layout) -> Int? {
        var sum = 4 * floatCount
        for shape in quantisedShapes {
            let canPack = WeightMatrix.canPack(type, columnCount: shape.columns)
            guard
                let each = WeightMatrix.byteCount(
                    of: type, rowCount: shape.rows, columnCount: shape.columns,
                    layout: canPack ? layout : .rows)
            else { return nil }
            let (all, overflow) = each.multipliedReportingOverflow(by: shape.count)
            guard !overflow, all < Int.max / 4 - sum else { return nil }
            sum += all
        }
        return sum
    }

    /// The matrices that quantisation applies to.
    private var quantisedShapes: [(count: Int, rows: Int, columns: Int)] {
        let (h, k) = (headCount * headDimension, kvHeadCount * headDimension)
        let experts = layerCount * (expertCount ?? 1)
        return [
            (2, vocabularySize, hiddenSize),
            (layerCount, h, hiddenSize), (2 * layerCount, k, hiddenSize),
            (layerCount, hiddenSize, h),
            (2 * experts, intermediateSize, hiddenSize), (experts, hiddenSize, intermediateSize),
        ]
    }

    /// Weights of routers and norms.
    private var floatCount: Int {
        hiddenSize * (layerCount * (2 + (expertCount ?? 0)) + 1)
    }
}
