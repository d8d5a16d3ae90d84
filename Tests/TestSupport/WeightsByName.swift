// SPDX-License-Identifier: Apache-2.0

import Architectures
package import Computation
package import ModelFiles

/// A layer's weights by the names of the papers, for tests.
extension TensorGroup {
    package var attentionNorm: [Float] { vector(.attentionNorm) }
    package var wq: WeightMatrix { matrix(.query) }
    package var wk: WeightMatrix { matrix(.key) }
    package var wv: WeightMatrix { matrix(.value) }
    package var wo: WeightMatrix { matrix(.attentionOutput) }
    package var ffnNorm: [Float] { vector(.feedForwardNorm) }
    package var router: WeightMatrix? {
        members.contains { $0.declaration.role == .router } ? matrix(.router) : nil
    }

    /// The networks of a mixture, or the only one.
    package var experts: [(w1: WeightMatrix, w2: WeightMatrix, w3: WeightMatrix)] {
        let (w1, w2, w3) = (matrices(.gate), matrices(.down), matrices(.up))
        return w1.indices.map { (w1[$0], w2[$0], w3[$0]) }
    }
}

extension ModelTensors {
    /// Weights of all tensors that the architecture of a configuration declares, for tests.
    ///
    /// - Parameters:
    ///   - configuration: the model's numbers.
    ///   - vector: the numbers of a vector, by its role and layer.
    ///   - matrix: a matrix, by its role, layer and expert.
    /// - Returns: the weights.
    package static func make(
        for configuration: ModelConfiguration, vector: (TensorRole, Int?) -> [Float],
        matrix: (TensorRole, Int?, Int) -> WeightMatrix
    ) -> ModelTensors {
        let schema = Architecture.of(configuration).schema
        func group(_ declarations: [TensorDeclaration], _ layer: Int?) -> TensorGroup {
            let numbers = layer.map { configuration.own(layer: $0) } ?? configuration
            return TensorGroup(
                declarations.map { tensor in
                    guard !tensor.isVector else {
                        return .init(declaration: tensor, vector: vector(tensor.role, layer))
                    }
                    return .init(
                        declaration: tensor,
                        matrices: (0..<tensor.count(in: numbers)).map {
                            matrix(tensor.role, layer, $0)
                        })
                })
        }
        return ModelTensors(
            inputs: group(schema.inputs(of: configuration), nil),
            layers: (0..<configuration.layerCount).map {
                group(schema.layer(configuration, $0), $0)
            }, outputs: group(schema.outputs, nil))
    }
}
