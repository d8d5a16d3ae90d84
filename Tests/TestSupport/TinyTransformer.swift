// SPDX-License-Identifier: Apache-2.0

import Architectures
import Computation
package import Inference
import ModelFiles
import Parallelism

/// A random mixture of experts, small enough for debug builds.
package enum TinyTransformer {
    package static func make(
        vocabularyCount: Int, blockCount: Int = 64, maxBatchTokens: Int = 64,
        maxLogitsRows: Int = 32, threadCount: Int = 1, contextLength: Int = 256,
        seed: UInt64 = 42, stateCount: Int? = nil
    ) throws -> sending Transformer {
        var configuration = ModelConfiguration(
            architecture: "llama", hiddenSize: 32, intermediateSize: 48, layerCount: 2,
            headCount: 4, kvHeadCount: 2, headDimension: 8, vocabularySize: vocabularyCount,
            expertCount: 4,
            expertsPerToken: 2, contextLength: contextLength, ropeTheta: 10_000,
            ropePairing: .adjacent,
            ropeDimensionCount: 8, rmsNormEpsilon: 1e-5)
        if stateCount != nil {
            configuration.architecture = "Qwen3NextForCausalLM"
            (configuration.layerCount, configuration.deltaLayers) = (3, [0, 2])
            configuration.deltaNet = DeltaNetShape(
                keyHeadCount: 2, valueHeadCount: 4, keyWidth: 8, valueWidth: 8, tapCount: 4)
        }
        let sizes = configuration
        var state = seed
        func random(_ rows: Int, _ columns: Int, scale: Float = 0.3) -> WeightMatrix {
            let values = (0..<rows * columns).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return (Float(state >> 40) / Float(1 << 24) - 0.5) * 2 * scale
            }
            return WeightMatrix.of(values, rows: rows, columns: columns)
        }
        let tensors = ModelTensors.make(
            for: configuration,
            vector: { role, layer in
                let schema = Architecture.of(sizes).schema
                let declared = layer.map { schema.layer(sizes, $0) } ?? schema.outputs
                let count = declared.first { $0.role == role }?.sizes(in: sizes).reduce(1, *)
                let value: Float =
                    switch role {
                    case TensorRole("delta rate"): -0.5
                    case TensorRole("delta convolution"): 0.4
                    default: 1
                    }
                return Array(repeating: value, count: count ?? 32)
            },
            matrix: { role, _, _ in
                switch role {
                case .query where sizes.deltaNet != nil: random(64, 32)
                case .deltaQueryKeyValue: random(64, 32)
                case TensorRole("delta wa"), TensorRole("delta wb"): random(4, 32)
                case .tokenEmbedding: random(vocabularyCount, 32, scale: 1)
                case .output: random(vocabularyCount, 32, scale: 0.5)
                case .key, .value: random(16, 32)
                case .router: random(4, 32)
                case .gate, .up: random(48, 32)
                case .down: random(32, 48)
                default: random(32, 32)
                }
            })
        return try Transformer(
            configuration: configuration, tensors: tensors,
            compute: Compute(pool: ThreadPool(threadCount: threadCount)),
            limits: TransformerLimits(
                maxBatchTokens: maxBatchTokens, blockCount: blockCount, positionsPerBlock: 16,
                maxLogitsRows: maxLogitsRows, kvElementType: .f32,
                stateCount: stateCount ?? 1))
    }
}
