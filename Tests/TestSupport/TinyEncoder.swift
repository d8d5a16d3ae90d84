// SPDX-License-Identifier: Apache-2.0

import Architectures
import Computation
package import Inference
import ModelFiles
import Parallelism

/// A random BERT, small enough for debug builds.
package enum TinyEncoder {
    /// An encoder of texts of up to 64 tokens.
    package static func make(vocabularyCount: Int, threadCount: Int = 1) throws -> sending Encoder {
        let width = 16
        var configuration = ModelConfiguration(
            architecture: "BertModel", hiddenSize: width, intermediateSize: 24, layerCount: 2,
            headCount: 2, kvHeadCount: 2, headDimension: 8, vocabularySize: vocabularyCount,
            contextLength: 64, ropeTheta: 10_000, ropePairing: .halves, ropeDimensionCount: 0,
            rmsNormEpsilon: 1e-12)
        configuration.numbers[.tokenTypes] = 2
        var state: UInt64 = 7
        func random(_ count: Int) -> [Float] {
            (0..<count).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Float(state >> 40) / Float(1 << 24) - 0.5
            }
        }
        func group(_ declarations: [TensorDeclaration]) -> TensorGroup {
            TensorGroup(
                declarations.map { declaration in
                    let sizes = declaration.sizes(in: configuration)
                    if declaration.isVector {
                        return .init(declaration: declaration, vector: random(sizes[0]))
                    }
                    return .init(
                        declaration: declaration,
                        matrices: [
                            WeightMatrix.of(
                                random(sizes[0] * sizes[1]), rows: sizes[0], columns: sizes[1])
                        ])
                })
        }
        let schema = Architecture.of(configuration).schema
        let tensors = ModelTensors(
            inputs: group(schema.inputs),
            layers: (0..<configuration.layerCount).map { group(schema.layer(configuration, $0)) },
            outputs: group(schema.outputs))
        return try Encoder(
            configuration: configuration, tensors: tensors,
            pool: ThreadPool(threadCount: threadCount), maxTokenCount: 64)
    }
}
