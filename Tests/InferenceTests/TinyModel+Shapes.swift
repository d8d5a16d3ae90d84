// SPDX-License-Identifier: Apache-2.0

import Computation
import ModelFiles
import Quantization

/// The shapes that tests run through, by name.
enum TinyShape: String, CaseIterable, Sendable {
    case mixtral
    case mixtralTop1
    case mixtralAllExperts
    case mixtralWindow
    case dense
    case denseWindow
    case wideHeads
    case partlyRotated
    case ministral3
    case qwen2
    case qwen2Window
    case qwen3
    case qwen3MoE
    case qwen3MoEDenseLayers
    case olmoe
    case qwen2MoE
    case glm4MoE
    case glm4MoEGroups
    case minimaxM2
    case ernie4MoE
    case mellum
    case gptOSS
    case deepSeekV3
    case deepSeekV2
    case glm4MoELite
    case mistral4
    case qwen3Next
    case qwen3NextLastNet
    case qwen35
    case qwen35MoE
    case gemma4
    case gemma4MoE
    case gemma4Borrowing

    var configuration: ModelConfiguration {
        var c = ModelConfiguration(
            architecture: "llama", hiddenSize: 24, intermediateSize: 40, layerCount: 2,
            headCount: 4, kvHeadCount: 2, headDimension: 6, vocabularySize: 50,
            contextLength: 2048, ropeTheta: 10_000, ropePairing: .halves, ropeDimensionCount: 6,
            rmsNormEpsilon: 1e-5)
        switch self {
        case .mixtral: (c.expertCount, c.expertsPerToken) = (5, 2)
        case .mixtralTop1: (c.expertCount, c.expertsPerToken) = (4, 1)
        case .mixtralAllExperts: (c.expertCount, c.expertsPerToken) = (3, 3)
        case .mixtralWindow:
            (c.expertCount, c.expertsPerToken, c.slidingWindow) = (4, 2, 21)
            c.ropePairing = .adjacent
        case .dense: c.ropePairing = .adjacent
        case .denseWindow: (c.architecture, c.slidingWindow) = ("MistralForCausalLM", 1)
        case .wideHeads:
            (c.headCount, c.kvHeadCount, c.headDimension) = (3, 1, 20)
            c.ropeDimensionCount = 20
        case .partlyRotated:
            (c.headDimension, c.kvHeadCount) = (34, 4)
            c.ropeDimensionCount = 8
            c.ropeScaling = .linear(factor: 3)
        case .ministral3:
            c.architecture = "Ministral3ForCausalLM"
            (c.headDimension, c.ropeDimensionCount) = (10, 10)
            // No stretch, but an original context of which prompts fill several.
            c.ropeScaling = .yarn(
                YarnScaling(factor: 1, originalContextLength: 7, attentionFactor: 1))
            c.numbers[FamilyNumber("scale of queries")] = 0.3
        case .qwen2:
            c.architecture = "Qwen2ForCausalLM"
            (c.headCount, c.kvHeadCount, c.headDimension) = (3, 1, 10)
            c.ropeDimensionCount = 10
        case .qwen2Window: (c.architecture, c.slidingWindow) = ("Qwen2ForCausalLM", 19)
        case .qwen3:
            c.architecture = "Qwen3ForCausalLM"
            (c.headCount, c.kvHeadCount, c.headDimension) = (6, 3, 14)
            c.ropeDimensionCount = 14
        case .deepSeekV3, .deepSeekV2, .glm4MoELite, .mistral4: describeLatent(&c)
        case .qwen3Next, .qwen3NextLastNet, .qwen35, .qwen35MoE: describeDeltaNets(&c)
        case .gemma4, .gemma4MoE, .gemma4Borrowing: describeGemma4(&c)
        default: describeMixture(&c)
        }
        return c
    }

    /// The families with latent attention.
    private func describeLatent(_ c: inout ModelConfiguration) {
        (c.kvHeadCount, c.ropePairing) = (1, .adjacent)
        (c.expertCount, c.expertsPerToken, c.mixture.expertSize) = (12, 4, 10)
        (c.mixture.sharedSize, c.mixture.rule.epsilon) = (10, 1e-20)
        switch self {
        case .deepSeekV3:
            c.architecture = "DeepseekV3ForCausalLM"
            (c.headDimension, c.ropeDimensionCount, c.ropeScaling) = (14, 4, .linear(factor: 3))
            c.latent = LatentDimensions(
                queryRank: 11, rank: 18, valueDimension: 7, mscaleAllDimensions: 0.8)
            (c.mixture.rule.scoring, c.mixture.hasSelectionBias) = (.sigmoid, true)
            (c.mixture.rule.groupCount, c.mixture.rule.groupsPerToken) = (4, 2)
            (c.layerCount, c.mixture.denseLayers, c.mixture.rule.scale) = (3, [0], 2.5)
        case .deepSeekV2:
            c.architecture = "DeepseekV2ForCausalLM"
            // Two groups of nine heads.
            (c.headCount, c.headDimension, c.ropeDimensionCount) = (18, 6, 2)
            c.latent = LatentDimensions(queryRank: nil, rank: 16, valueDimension: 3)
            c.mixture.rule.normalizesWeights = false
        case .glm4MoELite:
            c.architecture = "Glm4MoeLiteForCausalLM"
            (c.headCount, c.headDimension, c.ropeDimensionCount) = (3, 12, 8)
            c.ropePairing = .halves
            c.latent = LatentDimensions(queryRank: 9, rank: 33, valueDimension: 20)
            (c.mixture.rule.scoring, c.mixture.hasSelectionBias) = (.sigmoid, true)
        default:
            c.architecture = "Mistral4ForCausalLM"
            (c.headDimension, c.ropeDimensionCount) = (10, 4)
            c.latent = LatentDimensions(queryRank: 13, rank: 24, valueDimension: 12)
            c.ropeScaling = .yarn(
                YarnScaling(factor: 1, originalContextLength: 7, attentionFactor: 1))
            c.numbers[FamilyNumber("scale of queries")] = 0.3
        }
    }

    /// The families of which some layers are delta nets.
    private func describeDeltaNets(_ c: inout ModelConfiguration) {
        (c.layerCount, c.headDimension, c.ropeDimensionCount) = (4, 8, 4)
        (c.deltaLayers, c.mixture.gatesShared) = ([0, 1, 2], true)
        (c.expertCount, c.expertsPerToken, c.mixture.expertSize) = (10, 4, 12)
        c.mixture.sharedSize = 10
        switch self {
        case .qwen3Next:
            c.architecture = "Qwen3NextForCausalLM"
            c.deltaNet = DeltaNetShape(
                keyHeadCount: 2, valueHeadCount: 6, keyWidth: 9, valueWidth: 40, tapCount: 4)
        case .qwen3NextLastNet:
            c.architecture = "Qwen3NextForCausalLM"
            (c.layerCount, c.deltaLayers) = (3, [0, 2])
            c.deltaNet = DeltaNetShape(
                keyHeadCount: 1, valueHeadCount: 2, keyWidth: 16, valueWidth: 6, tapCount: 2)
        case .qwen35:
            c.architecture = "Qwen3_5ForCausalLM"
            (c.expertCount, c.expertsPerToken, c.mixture) = (nil, nil, ExpertMixture())
            c.deltaNet = DeltaNetShape(
                keyHeadCount: 3, valueHeadCount: 3, keyWidth: 5, valueWidth: 33, tapCount: 1)
        default:
            c.architecture = "Qwen3_5MoeForCausalLM"
            c.deltaNet = DeltaNetShape(
                keyHeadCount: 2, valueHeadCount: 4, keyWidth: 12, valueWidth: 12, tapCount: 7,
                isTiled: true)
        }
    }

    /// Gemma 4: heads of layers with a window are 3 of 6 unless something else is said.
    private func describeGemma4(_ c: inout ModelConfiguration) {
        c.architecture = "Gemma4ForCausalLM"
        (c.headCount, c.kvHeadCount, c.headDimension, c.ropeDimensionCount) = (6, 2, 10, 10)
        // Two of five pairs rotate.
        c.ropeFrequencyFactors = [1, 1, 1e30, 1e30, 1e30]
        (c.layerCount, c.slidingWindow, c.fullLayers) = (4, 13, [1, 3])
        c.windowHeads = WindowHeads(kvHeadCount: 3, headDimension: 6, ropeDimensionCount: 6)
        c.windowRope = WindowRope(theta: 300)
        c.numbers[FamilyNumber("limit of logits")] = 7
        switch self {
        case .gemma4: c.numbers[FamilyNumber("values that are keys")] = 1
        case .gemma4MoE:
            (c.expertCount, c.expertsPerToken, c.mixture.expertSize) = (18, 4, 9)
            c.numbers[FamilyNumber("values that are keys")] = 1
        default:
            (c.layerCount, c.fullLayers) = (6, [2, 5])
            (c.borrowingLayerCount, c.borrowingIntermediateSize) = (3, 80)
            c.numbers[FamilyNumber("width of inputs of layers")] = 7
        }
    }

    /// The families whose experts differ from Mixtral's.
    private func describeMixture(_ c: inout ModelConfiguration) {
        switch self {
        case .qwen3MoE:
            c.architecture = "Qwen3MoeForCausalLM"
            (c.expertCount, c.expertsPerToken, c.mixture.expertSize) = (20, 8, 12)
        case .qwen3MoEDenseLayers:
            c.architecture = "Qwen3MoeForCausalLM"
            (c.expertCount, c.expertsPerToken, c.mixture.expertSize) = (6, 3, 44)
            (c.layerCount, c.mixture.denseLayers) = (4, [0, 2])
        case .olmoe:
            c.architecture = "OlmoeForCausalLM"
            (c.expertCount, c.expertsPerToken) = (9, 4)
            c.mixture.rule.normalizesWeights = false
        case .qwen2MoE:
            c.architecture = "Qwen2MoeForCausalLM"
            (c.expertCount, c.expertsPerToken, c.mixture.expertSize) = (7, 3, 10)
            (c.mixture.sharedSize, c.mixture.gatesShared) = (37, true)
            c.mixture.rule.normalizesWeights = false
        case .glm4MoE, .glm4MoEGroups:
            c.architecture = "Glm4MoeForCausalLM"
            (c.headDimension, c.ropeDimensionCount) = (12, 6)
            (c.expertCount, c.expertsPerToken, c.mixture.expertSize) = (12, 5, 14)
            (c.mixture.sharedSize, c.mixture.hasSelectionBias) = (28, true)
            c.mixture.rule.scoring = .sigmoid
            (c.mixture.rule.epsilon, c.mixture.rule.scale) = (1e-20, 2.5)
            c.numbers[FamilyNumber("biases of projections")] = 1
            guard self == .glm4MoEGroups else {
                (c.layerCount, c.mixture.denseLayers) = (3, [0])
                c.numbers[FamilyNumber("norms of heads")] = 1
                return
            }
            (c.mixture.rule.groupCount, c.mixture.rule.groupsPerToken) = (4, 2)
        case .minimaxM2:
            c.architecture = "MiniMaxM2ForCausalLM"
            (c.headDimension, c.ropeDimensionCount) = (10, 6)
            (c.expertCount, c.expertsPerToken, c.mixture.hasSelectionBias) = (18, 8, true)
            c.mixture.rule.scoring = .sigmoid
        case .gptOSS:
            c.architecture = "GptOssForCausalLM"
            (c.expertCount, c.expertsPerToken) = (9, 4)
            (c.layerCount, c.slidingWindow, c.fullLayers) = (3, 11, [1])
            // So low that the clamps act now and then.
            (c.mixture.hasBiases, c.mixture.gate) = (true, ClampedGate(slope: 1.7, limit: 2.5))
        case .mellum:
            c.architecture = "MellumForCausalLM"
            (c.expertCount, c.expertsPerToken, c.mixture.expertSize) = (10, 4, 14)
            (c.layerCount, c.slidingWindow, c.fullLayers) = (4, 13, [1, 3])
            c.windowRope = WindowRope(theta: 300)
        default:
            c.architecture = "Ernie4_5_MoeForCausalLM"
            c.ropePairing = .adjacent
            (c.expertCount, c.expertsPerToken, c.mixture.expertSize) = (8, 6, 9)
            (c.mixture.sharedSize, c.mixture.hasSelectionBias) = (18, true)
            (c.mixture.rule.floor, c.mixture.denseLayers) = (1e-12, [0])
        }
    }

    /// The shape's model; always the same.
    var model: TinyModel { TinyModel(configuration, seed: UInt64(rawValue.utf8.count)) }

    /// Latent attention and experts whose rows are whole blocks of 32.
    static func quantisableLatent(_ type: ElementType) -> TinyModel {
        var c = TinyShape.deepSeekV3.configuration
        (c.hiddenSize, c.intermediateSize, c.headCount) = (64, 96, 3)
        (c.headDimension, c.ropeDimensionCount) = (48, 16)
        c.latent = LatentDimensions(queryRank: 96, rank: 64, valueDimension: 32)
        (c.mixture.expertSize, c.mixture.sharedSize) = (32, 64)
        return TinyModel(c, seed: 9, type: type)
    }

    /// A mixture of experts whose rows are whole blocks of 32.
    static func quantisable(_ type: ElementType) -> TinyModel {
        var c = TinyShape.mixtral.configuration
        (c.hiddenSize, c.intermediateSize, c.headDimension, c.ropeDimensionCount) = (64, 96, 16, 16)
        return TinyModel(c, seed: 9, type: type)
    }
}
