// SPDX-License-Identifier: Apache-2.0

import Architectures
package import Computation
package import ModelFiles
package import Quantization

/// How many weights a model has and how many bytes they take, known without its files: summed over
/// what its architecture declares, its output matrix not tied to the embedding.
package struct WeightCount: Sendable {
    private let configuration: ModelConfiguration
    private let tensors: [(declaration: TensorDeclaration, numbers: ModelConfiguration)]

    /// Counts the weights of a model of these numbers.
    package init(_ configuration: ModelConfiguration) {
        self.configuration = configuration
        tensors = Architecture.of(configuration).schema.tensors(of: configuration)
            .map { ($0.declaration, $0.numbers) }
    }

    /// All weights.
    package var all: Int { sum { $0.count(in: $1) } }

    /// Those that are left without the experts that a token does not visit.
    package var active: Int {
        sum { tensor, numbers in
            let count = tensor.count(in: numbers)
            return tensor.copies == nil || tensor.everyCopy
                ? count : min(count, configuration.expertsPerToken ?? count)
        }
    }

    private func sum(_ count: (TensorDeclaration, ModelConfiguration) -> Int) -> Int {
        tensors.reduce(0) { sum, tensor in
            let (declaration, numbers) = tensor
            return sum + count(declaration, numbers)
                * declaration.sizes(in: numbers).reduce(1, *)
        }
    }

    /// The bytes of all weights with every matrix in one type; routers and norms stay f32.
    ///
    /// - Parameters:
    ///   - type: of the matrices.
    ///   - layout: of the matrices; those that cannot lie so lie in rows.
    /// - Returns: nil where the rows are no whole blocks, or the sum cannot be counted.
    package func byteCount(of type: ElementType, layout: WeightMatrix.Layout) -> Int? {
        var sum = 0
        for (tensor, numbers) in tensors {
            let sizes = tensor.sizes(in: numbers)
            var each: Int? = 4 * sizes.reduce(1, *)
            if tensor.isQuantised {
                let canPack = WeightMatrix.canPack(type, columnCount: sizes[1])
                each = WeightMatrix.byteCount(
                    of: type, rowCount: sizes[0], columnCount: sizes[1],
                    layout: canPack ? layout : .rows)
            }
            guard let each else { return nil }
            let (bytes, overflow) = each.multipliedReportingOverflow(
                by: tensor.count(in: numbers))
            guard !overflow, bytes < Int.max / 4 - sum else { return nil }
            sum += bytes
        }
        return sum
    }
}

extension ModelConfiguration {
    /// How many weights a model of these numbers has, its output matrix not tied to the embedding.
    package var parameterCount: Int { WeightCount(self).all }

    /// How many of them are left without the experts that a token does not visit.
    package var activeParameterCount: Int { WeightCount(self).active }

    /// The bytes of all weights with every matrix in one type; see `WeightCount`.
    package func weightByteCount(of type: ElementType, layout: WeightMatrix.Layout) -> Int? {
        WeightCount(self).byteCount(of: type, layout: layout)
    }
}
