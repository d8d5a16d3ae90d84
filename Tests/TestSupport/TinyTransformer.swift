// SPDX-License-Identifier: Apache-2.0

import Architectures
import Computation
package import Inference
import ModelFiles
import Parallelism

/// A random mixture of experts, small enough for debug builds.
package enum TinyTransformer {
    /// What its layers keep.
    package enum Kind: Sendable, CaseIterable {
        /// Keys and values of heads.
        case heads
        /// Latents.
        case latents
        /// Rows of different sizes, those of layers with a window and of others, which the last two
        /// layers borrow.
        case borrowedRows
    }

    package static func make(
        vocabularyCount: Int, blockCount: Int = 64, maxBatchTokens: Int = 64,
        maxLogitsRows: Int = 32, threadCount: Int = 1, contextLength: Int = 256,
        seed: UInt64 = 42, kind: Kind = .heads, stateCount: Int? = nil
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
        switch kind {
        case .heads: break
        case .latents: makeLatent(&configuration)
        case .borrowedRows: makeGemma4(&configuration)
        }
        let schema = Architecture.of(configuration).schema
        func sizes(_ role: TensorRole, _ layer: Int?) -> [Int]? {
            let outer = schema.inputs(of: configuration) + schema.outputs
            let numbers = layer.map { configuration.own(layer: $0) } ?? configuration
            return (layer.map { schema.layer(configuration, $0) } ?? outer)
                .first { $0.role == role }?.sizes(in: numbers)
        }
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
                let value: Float =
                    switch role {
                    case TensorRole("delta rate"): -0.5
                    case TensorRole("delta convolution"): 0.4
                    default: 1
                    }
                return Array(repeating: value, count: sizes(role, layer)?.reduce(1, *) ?? 32)
            },
            matrix: { role, layer, _ in
                switch role {
                case .tokenEmbedding: return random(vocabularyCount, 32, scale: 1)
                case .output: return random(vocabularyCount, 32, scale: 0.5)
                default:
                    let shape = sizes(role, layer) ?? [32, 32]
                    return random(shape[0], shape[1])
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

    /// Gemma 4 with windows of 20, a window and a full layer that lend, and inputs of layers.
    private static func makeGemma4(_ configuration: inout ModelConfiguration) {
        configuration.architecture = "Gemma4ForCausalLM"
        (configuration.layerCount, configuration.slidingWindow) = (4, 20)
        (configuration.fullLayers, configuration.borrowingLayerCount) = ([1, 3], 2)
        configuration.borrowingIntermediateSize = 64
        (configuration.kvHeadCount, configuration.headDimension) = (1, 16)
        (configuration.ropePairing, configuration.ropeDimensionCount) = (.halves, 16)
        configuration.windowHeads = WindowHeads(
            kvHeadCount: 2, headDimension: 8, ropeDimensionCount: 8)
        configuration.windowRope = WindowRope(theta: 300)
        configuration.numbers[FamilyNumber("width of inputs of layers")] = 6
        configuration.numbers[FamilyNumber("limit of logits")] = 20
    }

    /// Attention over latents instead of keys and values of heads.
    private static func makeLatent(_ configuration: inout ModelConfiguration) {
        configuration.architecture = "DeepseekV3ForCausalLM"
        (configuration.kvHeadCount, configuration.ropeDimensionCount) = (1, 4)
        configuration.latent = LatentDimensions(queryRank: 16, rank: 20, valueDimension: 6)
        configuration.mixture.rule.scoring = .sigmoid
        configuration.mixture.hasSelectionBias = true
        configuration.mixture.sharedSize = 16
    }
}
