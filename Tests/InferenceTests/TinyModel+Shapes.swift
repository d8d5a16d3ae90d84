// SPDX-License-Identifier: Apache-2.0

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
        }
        return c
    }

    /// The shape's model; always the same.
    var model: TinyModel { TinyModel(configuration, seed: UInt64(rawValue.utf8.count)) }

    /// A mixture of experts whose rows are whole blocks of 32.
    static func quantisable(_ type: ElementType) -> TinyModel {
        var c = TinyShape.mixtral.configuration
        (c.hiddenSize, c.intermediateSize, c.headDimension, c.ropeDimensionCount) = (64, 96, 16, 16)
        return TinyModel(c, seed: 9, type: type)
    }
}
