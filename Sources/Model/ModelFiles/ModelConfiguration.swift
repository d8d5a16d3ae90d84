// SPDX-License-Identifier: Apache-2.0

package import Computation
import Foundation

/// The numbers that describe a model: everything about it but its weights.
///
/// The letters used for shapes everywhere in Cierzo:
///
/// | letter | meaning | field |
/// |---|---|---|
/// | T  | tokens in the batch | – |
/// | D  | width of the residual stream | `hiddenSize` |
/// | H  | query heads | `headCount` |
/// | K  | key/value heads | `kvHeadCount` |
/// | Dh | width of one head | `headDimension` |
/// | Dn | components of a head that do not rotate | `headDimension − ropeDimensionCount` |
/// | Dv | width of a head's value | `valueDimension` |
/// | R  | components of a head that rotate | `ropeDimensionCount` |
/// | L  | width of the latent of keys and values | `latent.rank` |
/// | Lq | width of the latent of queries | `latent.queryRank` |
/// | F  | width of a dense feed-forward, and of experts where nothing else is said | `intermediateSize` |
/// | Fe | width of one expert | `expertSize` |
/// | Fs | width of what every token passes beside its experts | `mixture.sharedSize` |
/// | E  | experts of a layer | `expertCount` |
/// | A  | experts that a token visits | `expertsPerToken` |
/// | V  | vocabulary | `vocabularySize` |
/// | G  | key heads of a delta net | `deltaNet.keyHeadCount` |
/// | Hv | value heads of a delta net | `deltaNet.valueHeadCount` |
/// | Dk | width of its keys | `deltaNet.keyWidth` |
/// | Ds | width of its values | `deltaNet.valueWidth` |
/// | C  | numbers that its convolution passes | `deltaNet.channelCount` |
/// | W  | tokens that its convolution sees | `deltaNet.tapCount` |
/// | S  | positions of one KV block | – |
///
/// Every value has been checked by whoever made it from a file: sizes are positive, `kvHeadCount`
/// divides `headCount`, `headDimension` (but for latent attention) and `ropeDimensionCount` are even,
/// `1 <= expertsPerToken <= expertCount`, and so many stay open where experts stand in groups.
package struct ModelConfiguration: Sendable, Equatable {
    /// The family, in the file's own spelling: `llama` (GGUF), `MixtralForCausalLM`….
    package var architecture: String
    /// D.
    package var hiddenSize: Int
    /// F.
    package var intermediateSize: Int
    /// Number of transformer layers.
    package var layerCount: Int
    /// H.
    package var headCount: Int
    /// K; divides H.
    package var kvHeadCount: Int
    /// Dh; not always D / H.
    package var headDimension: Int
    /// V: rows of the embedding and of the output matrix.
    package var vocabularySize: Int
    /// E, or nil for a dense model.
    package var expertCount: Int?
    /// A, or nil for a dense model.
    package var expertsPerToken: Int?
    /// What the networks of a mixture are besides; of no account in a dense model.
    package var mixture = ExpertMixture()
    /// Layers that a file has after these, to draft tokens with: nothing reads them.
    package var draftLayerCount = 0
    /// Positions that the model was trained (or scaled) for.
    package var contextLength: Int
    /// Base of the rotary frequencies.
    package var ropeTheta: Double
    /// How the rotary frequencies are stretched.
    package var ropeScaling: RopeScaling
    /// Divisors of the rotary frequencies, one per pair (`ropeDimensionCount / 2` of them), applied
    /// before `ropeScaling`; GGUF's `rope_freqs.weight`.
    package var ropeFrequencyFactors: [Float]?
    /// Which components of a head rotate together.
    package var ropePairing: RopePairing
    /// How many components of a head rotate, the first ones or with latent attention the last ones;
    /// even, at most `headDimension`.
    package var ropeDimensionCount: Int
    /// What latent attention has besides; nil: attention has keys and values of heads.
    package var latent: LatentDimensions?
    /// Added to the mean square in RMS normalisation.
    package var rmsNormEpsilon: Float
    /// How many positions a query sees, its own included; nil: all up to its own.
    package var slidingWindow: Int?
    /// The layers in which it sees all nevertheless.
    package var fullLayers: Set<Int> = []
    /// How the layers with a window rotate; nil: as the others do.
    package var windowRope: WindowRope?
    /// The heads of the layers with a window, which then have a `windowRope` too; nil: they are as the
    /// others'.
    package var windowHeads: WindowHeads?
    /// So many layers at the end keep no keys and values of their own: each reads those of the last
    /// layer before them that sees as much as it does.
    package var borrowingLayerCount = 0
    /// F of those layers; nil: that of the others.
    package var borrowingIntermediateSize: Int?
    /// The delta nets that some layers have instead of attention; nil: none has.
    package var deltaNet: DeltaNetShape?
    /// Those layers.
    package var deltaLayers: Set<Int> = []
    /// Numbers that only some families have.
    package var numbers: [FamilyNumber: Double] = [:]

    /// Creates a configuration from its numbers.
    package init(
        architecture: String, hiddenSize: Int, intermediateSize: Int, layerCount: Int,
        headCount: Int, kvHeadCount: Int, headDimension: Int, vocabularySize: Int,
        expertCount: Int? = nil, expertsPerToken: Int? = nil, contextLength: Int,
        ropeTheta: Double, ropeScaling: RopeScaling = .none,
        ropeFrequencyFactors: [Float]? = nil, ropePairing: RopePairing,
        ropeDimensionCount: Int, rmsNormEpsilon: Float, slidingWindow: Int? = nil
    ) {
        self.architecture = architecture
        self.hiddenSize = hiddenSize
        self.intermediateSize = intermediateSize
        self.layerCount = layerCount
        self.headCount = headCount
        self.kvHeadCount = kvHeadCount
        self.headDimension = headDimension
        self.vocabularySize = vocabularySize
        self.expertCount = expertCount
        self.expertsPerToken = expertsPerToken
        self.contextLength = contextLength
        self.ropeTheta = ropeTheta
        self.ropeScaling = ropeScaling
        self.ropeFrequencyFactors = ropeFrequencyFactors
        self.ropePairing = ropePairing
        self.ropeDimensionCount = ropeDimensionCount
        self.rmsNormEpsilon = rmsNormEpsilon
        self.slidingWindow = slidingWindow
    }

    /// Whether layers have a router and several experts.
    package var isMixtureOfExperts: Bool { expertCount != nil }

    /// Whether a layer has them.
    package func hasExperts(layer: Int) -> Bool {
        isMixtureOfExperts && !mixture.denseLayers.contains(layer)
    }

    /// The layers that keep keys and values of each position.
    package var attentionLayers: [Int] {
        (0...lastKeepingLayer).filter { !deltaLayers.contains($0) }
    }

    /// The last layer that keeps something of each position: after it only tokens whose logits are
    /// wanted are computed.
    package var lastKeepingLayer: Int { layerCount - borrowingLayerCount - 1 }

    /// Whether a layer reads the keys and values of another.
    package func borrows(layer: Int) -> Bool { layer > lastKeepingLayer }

    /// The layer whose keys and values a layer reads; nil: it borrows some, and no layer has them.
    package func lender(toLayer layer: Int) -> Int? {
        guard borrows(layer: layer) else { return layer }
        return attentionLayers.last { fullLayers.contains($0) == fullLayers.contains(layer) }
    }

    /// The numbers of one layer, where layers differ: those of its heads, how they rotate, and F.
    package func own(layer: Int) -> ModelConfiguration {
        var own = self
        if window(layer: layer) != nil {
            if let windowRope {
                (own.ropeTheta, own.ropeScaling) = (windowRope.theta, windowRope.scaling)
            }
            if let windowHeads {
                (own.kvHeadCount, own.headDimension) =
                    (windowHeads.kvHeadCount, windowHeads.headDimension)
                own.ropeDimensionCount = windowHeads.ropeDimensionCount
                own.ropeFrequencyFactors = nil
            }
        }
        if let borrowingIntermediateSize, borrows(layer: layer) {
            // Experts are as wide in all layers.
            own.mixture.expertSize = mixture.expertSize ?? (expertCount.map { _ in expertSize })
            own.intermediateSize = borrowingIntermediateSize
        }
        return own
    }

    /// The numbers of layers, those of each kind once.
    package var kinds: [ModelConfiguration] {
        guard windowHeads != nil || borrowingIntermediateSize != nil else { return [self] }
        var kinds: [ModelConfiguration] = []
        for layer in 0..<layerCount {
            let own = own(layer: layer)
            if !kinds.contains(own) { kinds.append(own) }
        }
        return kinds
    }

    /// How many positions a query sees in a layer, its own included; nil: all up to its own.
    package func window(layer: Int) -> Int? { fullLayers.contains(layer) ? nil : slidingWindow }

    /// Dv: that of keys, but for latent attention.
    package var valueDimension: Int { latent?.valueDimension ?? headDimension }

    /// Fe.
    package var expertSize: Int { mixture.expertSize ?? intermediateSize }
}

/// Which two components of a head make up one rotated pair.
package enum RopePairing: Sendable, Equatable {
    /// Components 2i and 2i + 1: GGUF files of Llama and Mistral, and Mistral's own files.
    case adjacent
    /// Components i and i + ropeDimensionCount / 2: Hugging Face checkpoints, and GGUF files of
    /// families that keep their order.
    case halves
}

/// How rotary frequencies are stretched beyond the context that the model was trained with.
package enum RopeScaling: Sendable, Equatable {
    /// Frequencies as they are.
    case none
    /// Every frequency divided by `factor`.
    case linear(factor: Double)
    /// Llama 3.1's: low frequencies divided by `factor`, high ones kept, blended between.
    case llama3(
        factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double,
        originalContextLength: Int)
    /// YaRN (arXiv:2309.00071).
    case yarn(YarnScaling)
}

/// The rotary frequencies of layers with a window, where they differ from those of the others.
package struct WindowRope: Sendable, Equatable {
    /// Base of the rotary frequencies.
    package var theta: Double
    /// How they are stretched.
    package var scaling: RopeScaling

    /// Creates them.
    package init(theta: Double, scaling: RopeScaling = .none) {
        self.theta = theta
        self.scaling = scaling
    }
}

/// The heads of layers with a window, where they differ from those of the others.
///
/// They rotate without divisors of frequencies.
package struct WindowHeads: Sendable, Equatable {
    /// K; divides H.
    package var kvHeadCount: Int
    /// Dh.
    package var headDimension: Int
    /// R.
    package var ropeDimensionCount: Int

    /// Creates them.
    package init(kvHeadCount: Int, headDimension: Int, ropeDimensionCount: Int) {
        self.kvHeadCount = kvHeadCount
        self.headDimension = headDimension
        self.ropeDimensionCount = ropeDimensionCount
    }
}

/// The parameters of YaRN, all resolved: no default is left to the reader.
package struct YarnScaling: Sendable, Equatable {
    /// Stretch of the context.
    package var factor: Double
    /// Positions that the model was trained with before the stretch.
    package var originalContextLength: Int
    /// Rotations at and above which a frequency is kept.
    package var betaFast: Double
    /// Rotations at and below which a frequency is divided by `factor`.
    package var betaSlow: Double
    /// What cosines and sines are multiplied with (so that query·key grows by its square).
    package var attentionFactor: Double
    /// Whether the ramp's two ends are rounded outwards to whole dimensions.
    package var roundsRamp: Bool

    /// Creates the parameters.
    package init(
        factor: Double, originalContextLength: Int, betaFast: Double = 32, betaSlow: Double = 1,
        attentionFactor: Double, roundsRamp: Bool = true
    ) {
        self.factor = factor
        self.originalContextLength = originalContextLength
        self.betaFast = betaFast
        self.betaSlow = betaSlow
        self.attentionFactor = attentionFactor
        self.roundsRamp = roundsRamp
    }

    /// YaRN's attention factor where a file does not state it: 0.1·ln(factor) + 1, or the ratio of
    /// two such terms where both `mscale` and `mscaleAllDimensions` are given and not 0.
    ///
    /// - Source: arXiv:2309.00071 §3.4; DeepSeek-V2's `mscale`.
    package static func attentionFactor(
        factor: Double, mscale: Double?, mscaleAllDimensions: Double?
    ) -> Double {
        guard let mscale, let mscaleAllDimensions, mscale != 0, mscaleAllDimensions != 0 else {
            return term(factor: factor, scale: 1)
        }
        return term(factor: factor, scale: mscale)
            / term(factor: factor, scale: mscaleAllDimensions)
    }

    /// 0.1·scale·ln(factor) + 1; 1 where nothing is stretched.
    package static func term(factor: Double, scale: Double) -> Double {
        factor <= 1 ? 1 : 0.1 * scale * log(factor) + 1
    }
}

extension ModelConfiguration {
    /// Mixtral 8x7B (Instruct) v0.1: 46.7 B parameters, 12.9 B of them for each token.
    package static let mixtral8x7B = ModelConfiguration(
        architecture: "MixtralForCausalLM", hiddenSize: 4096, intermediateSize: 14336,
        layerCount: 32, headCount: 32, kvHeadCount: 8, headDimension: 128, vocabularySize: 32000,
        expertCount: 8, expertsPerToken: 2, contextLength: 32768, ropeTheta: 1e6,
        ropePairing: .halves, ropeDimensionCount: 128, rmsNormEpsilon: 1e-5)

    /// Mixtral 8x22B Instruct v0.1: 140.6 B parameters, 39.2 B of them for each token.
    package static let mixtral8x22B = ModelConfiguration(
        architecture: "MixtralForCausalLM", hiddenSize: 6144, intermediateSize: 16384,
        layerCount: 56, headCount: 48, kvHeadCount: 8, headDimension: 128, vocabularySize: 32768,
        expertCount: 8, expertsPerToken: 2, contextLength: 65536, ropeTheta: 1e6,
        ropePairing: .halves, ropeDimensionCount: 128, rmsNormEpsilon: 1e-5)

    /// Qwen3-30B-A3B, and Qwen3-Coder-30B-A3B but for its context: 30.5 B parameters, 3.3 B of them
    /// for each token.
    package static let qwen3MoE30B = {
        var model = ModelConfiguration(
            architecture: "Qwen3MoeForCausalLM", hiddenSize: 2048, intermediateSize: 6144,
            layerCount: 48, headCount: 32, kvHeadCount: 4, headDimension: 128,
            vocabularySize: 151_936, expertCount: 128, expertsPerToken: 8, contextLength: 40960,
            ropeTheta: 1e6, ropePairing: .halves, ropeDimensionCount: 128, rmsNormEpsilon: 1e-6)
        model.mixture.expertSize = 768
        return model
    }()

    /// OLMoE-1B-7B: 6.9 B parameters, 1.3 B of them for each token.
    package static let olmoe7B = {
        var model = ModelConfiguration(
            architecture: "OlmoeForCausalLM", hiddenSize: 2048, intermediateSize: 1024,
            layerCount: 16, headCount: 16, kvHeadCount: 16, headDimension: 128,
            vocabularySize: 50304, expertCount: 64, expertsPerToken: 8, contextLength: 4096,
            ropeTheta: 10_000, ropePairing: .halves, ropeDimensionCount: 128, rmsNormEpsilon: 1e-5)
        model.mixture.rule.normalizesWeights = false
        return model
    }()

    /// GLM-4.5-Air: 106.9 B parameters, 13.4 B of them for each token, without the layer that drafts.
    package static let glm4Air = {
        var model = ModelConfiguration(
            architecture: "Glm4MoeForCausalLM", hiddenSize: 4096, intermediateSize: 10944,
            layerCount: 46, headCount: 96, kvHeadCount: 8, headDimension: 128,
            vocabularySize: 151_552, expertCount: 128, expertsPerToken: 8,
            contextLength: 131_072, ropeTheta: 1e6, ropePairing: .halves, ropeDimensionCount: 64,
            rmsNormEpsilon: 1e-5)
        model.mixture.rule.scoring = .sigmoid
        model.mixture.rule.epsilon = 1e-20
        model.mixture.hasSelectionBias = true
        (model.mixture.expertSize, model.mixture.sharedSize) = (1408, 1408)
        model.mixture.denseLayers = [0]
        model.numbers[FamilyNumber("biases of projections")] = 1
        return model
    }()

    /// gpt-oss-20b: 20.9 B parameters, 4.2 B of them for each token, 3.6 B without the
    /// embedding.
    package static let gptOSS20B = gptOSS(layerCount: 24, expertCount: 32)

    /// gpt-oss-120b: 116.8 B parameters, 5.7 B of them for each token, 5.1 B without the
    /// embedding.
    package static let gptOSS120B = gptOSS(layerCount: 36, expertCount: 128)

    private static func gptOSS(layerCount: Int, expertCount: Int) -> ModelConfiguration {
        let attentionFactor = YarnScaling.attentionFactor(
            factor: 32, mscale: nil, mscaleAllDimensions: nil)
        var model = ModelConfiguration(
            architecture: "GptOssForCausalLM", hiddenSize: 2880, intermediateSize: 2880,
            layerCount: layerCount, headCount: 64, kvHeadCount: 8, headDimension: 64,
            vocabularySize: 201_088, expertCount: expertCount, expertsPerToken: 4,
            contextLength: 131_072, ropeTheta: 150_000,
            ropeScaling: .yarn(
                YarnScaling(
                    factor: 32, originalContextLength: 4096, attentionFactor: attentionFactor,
                    roundsRamp: false)),
            ropePairing: .halves, ropeDimensionCount: 64, rmsNormEpsilon: 1e-5,
            slidingWindow: 128)
        model.fullLayers = Set((0..<layerCount).filter { $0 % 2 == 1 })
        model.mixture.hasBiases = true
        model.mixture.gate = ClampedGate(slope: 1.702, limit: 7)
        return model
    }

    /// Mistral Small 4: 119 B parameters, 6.6 B of them for each token.
    package static let mistralSmall4 = {
        var model = latent(
            "Mistral4ForCausalLM", layerCount: 36, hiddenSize: 4096, intermediateSize: 12288,
            headCount: 32, headDimension: 128,
            LatentDimensions(
                queryRank: 1024, rank: 256, valueDimension: 128, mscaleAllDimensions: 1),
            vocabularySize: 131_072, contextLength: 1_048_576)
        model.ropeScaling = .yarn(
            YarnScaling(factor: 128, originalContextLength: 8192, attentionFactor: 1))
        (model.expertCount, model.expertsPerToken) = (128, 4)
        (model.mixture.expertSize, model.mixture.sharedSize) = (2048, 2048)
        model.numbers[FamilyNumber("scale of queries")] = 0.1
        return model
    }()

    /// Mistral Large 3: 673 B parameters, 39.9 B of them for each token.
    package static let mistralLarge3 = {
        var model = latent(
            "Mistral4ForCausalLM", layerCount: 61, hiddenSize: 7168, intermediateSize: 16384,
            headCount: 128, headDimension: 192,
            LatentDimensions(queryRank: 1536, rank: 512, valueDimension: 128),
            vocabularySize: 131_072, contextLength: 294_912)
        model.ropeScaling = .yarn(
            YarnScaling(factor: 36, originalContextLength: 8192, attentionFactor: 1))
        (model.expertCount, model.expertsPerToken) = (128, 4)
        (model.mixture.expertSize, model.mixture.sharedSize) = (4096, 4096)
        model.mixture.denseLayers = [0, 1, 2]
        model.numbers[FamilyNumber("scale of queries")] = 0.1
        return model
    }()

    /// DeepSeek V3 and R1: 671 B parameters, 37.5 B of them for each token, without the layer that
    /// drafts.
    package static let deepSeekV3 = {
        var model = latent(
            "DeepseekV3ForCausalLM", layerCount: 61, hiddenSize: 7168, intermediateSize: 18432,
            headCount: 128, headDimension: 192,
            LatentDimensions(
                queryRank: 1536, rank: 512, valueDimension: 128, mscaleAllDimensions: 1),
            vocabularySize: 129_280, contextLength: 163_840)
        model.ropeScaling = .yarn(
            YarnScaling(factor: 40, originalContextLength: 4096, attentionFactor: 1))
        (model.expertCount, model.expertsPerToken) = (256, 8)
        (model.mixture.expertSize, model.mixture.sharedSize) = (2048, 2048)
        (model.mixture.denseLayers, model.mixture.rule.scale) = ([0, 1, 2], 2.5)
        (model.mixture.rule.scoring, model.mixture.hasSelectionBias) = (.sigmoid, true)
        (model.mixture.rule.groupCount, model.mixture.rule.groupsPerToken) = (8, 4)
        return model
    }()

    /// Kimi K2: 1026 B parameters, 32.9 B of them for each token.
    package static let kimiK2 = {
        var model = deepSeekV3
        (model.headCount, model.vocabularySize, model.contextLength) = (64, 163_840, 131_072)
        model.ropeTheta = 50_000
        model.ropeScaling = .yarn(
            YarnScaling(
                factor: 32, originalContextLength: 4096, betaFast: 1, attentionFactor: 1))
        model.expertCount = 384
        (model.mixture.denseLayers, model.mixture.rule.scale) = ([0], 2.827)
        (model.mixture.rule.groupCount, model.mixture.rule.groupsPerToken) = (1, 1)
        return model
    }()

    /// GLM-4.7-Flash: 30 B parameters, 3.9 B of them for each token, without the layer that drafts.
    package static let glm4Flash = {
        var model = latent(
            "Glm4MoeLiteForCausalLM", layerCount: 47, hiddenSize: 2048, intermediateSize: 10240,
            headCount: 20, headDimension: 256,
            LatentDimensions(queryRank: 768, rank: 512, valueDimension: 256),
            vocabularySize: 154_880, contextLength: 202_752)
        (model.ropeTheta, model.rmsNormEpsilon) = (1e6, 1e-5)
        (model.expertCount, model.expertsPerToken) = (64, 4)
        (model.mixture.expertSize, model.mixture.sharedSize) = (1536, 1536)
        (model.mixture.denseLayers, model.mixture.rule.scale) = ([0], 1.8)
        (model.mixture.rule.scoring, model.mixture.hasSelectionBias) = (.sigmoid, true)
        return model
    }()

    private static func latent(
        _ architecture: String, layerCount: Int, hiddenSize: Int, intermediateSize: Int,
        headCount: Int, headDimension: Int, _ latent: LatentDimensions, vocabularySize: Int,
        contextLength: Int
    ) -> ModelConfiguration {
        var model = ModelConfiguration(
            architecture: architecture, hiddenSize: hiddenSize, intermediateSize: intermediateSize,
            layerCount: layerCount, headCount: headCount, kvHeadCount: 1,
            headDimension: headDimension, vocabularySize: vocabularySize,
            contextLength: contextLength, ropeTheta: 10_000, ropePairing: .adjacent,
            ropeDimensionCount: 64, rmsNormEpsilon: 1e-6)
        model.latent = latent
        model.mixture.rule.epsilon = 1e-20
        return model
    }

    /// Qwen3.6-35B-A3B, and Qwen3.5-35B-A3B: 34.7 B parameters, 3.5 B of them for each token, 2.9 B
    /// without the embedding; the part for text, without the layer that drafts.
    package static let qwen36MoE35B = {
        var model = deltaNets(
            "Qwen3_5MoeForCausalLM", layerCount: 40, expertCount: 256, expertsPerToken: 8)
        model.vocabularySize = 248_320
        return model
    }()

    /// Qwen3-Next-80B-A3B and Qwen3-Coder-Next: 79.7 B parameters, 3.9 B of them for each token, 3.6 B
    /// without the embedding.
    package static let qwen3Next80B = deltaNets(
        "Qwen3NextForCausalLM", layerCount: 48, expertCount: 512, expertsPerToken: 10)

    private static func deltaNets(
        _ architecture: String, layerCount: Int, expertCount: Int, expertsPerToken: Int
    ) -> ModelConfiguration {
        var model = ModelConfiguration(
            architecture: architecture, hiddenSize: 2048, intermediateSize: 5632,
            layerCount: layerCount, headCount: 16, kvHeadCount: 2, headDimension: 256,
            vocabularySize: 151_936, expertCount: expertCount, expertsPerToken: expertsPerToken,
            contextLength: 262_144, ropeTheta: 1e7, ropePairing: .halves, ropeDimensionCount: 64,
            rmsNormEpsilon: 1e-6)
        (model.mixture.expertSize, model.mixture.sharedSize) = (512, 512)
        model.mixture.gatesShared = true
        model.deltaNet = DeltaNetShape(
            keyHeadCount: 16, valueHeadCount: 32, keyWidth: 128, valueWidth: 128, tapCount: 4)
        model.deltaLayers = DeltaNetBounds.layers(of: layerCount, interval: 4)
        return model
    }

    /// Gemma 4 26B-A4B, the part for text: 25.2 B parameters, 3.8 B of them for each token, its output
    /// matrix being the embedding.
    package static let gemma4MoE26B = {
        var model = gemma4(
            layerCount: 30, period: 6, hiddenSize: 2816, intermediateSize: 2112, headCount: 16,
            kvHeadCount: 8, fullKVHeadCount: 2, window: 1024, contextLength: 262_144)
        (model.expertCount, model.expertsPerToken, model.mixture.expertSize) = (128, 8, 704)
        return model
    }()

    /// Gemma 4 31B, the part for text: 30.7 B parameters.
    package static let gemma4Dense31B = gemma4(
        layerCount: 60, period: 6, hiddenSize: 5376, intermediateSize: 21504, headCount: 32,
        kvHeadCount: 16, fullKVHeadCount: 4, window: 1024, contextLength: 262_144)

    /// Gemma 4 E4B, the part for text: 7.5 B parameters, of which 2.8 B are rows that tokens look up.
    package static let gemma4E4B = {
        var model = gemma4(
            layerCount: 42, period: 6, hiddenSize: 2560, intermediateSize: 10240, headCount: 8,
            kvHeadCount: 2, fullKVHeadCount: nil, window: 512, contextLength: 131_072)
        model.borrowingLayerCount = 18
        model.numbers[FamilyNumber("width of inputs of layers")] = 256
        return model
    }()

    /// Gemma 4 E2B, the part for text: 4.6 B parameters, of which 2.3 B are rows that tokens look up.
    package static let gemma4E2B = {
        var model = gemma4(
            layerCount: 35, period: 5, hiddenSize: 1536, intermediateSize: 6144, headCount: 8,
            kvHeadCount: 1, fullKVHeadCount: nil, window: 512, contextLength: 131_072)
        (model.borrowingLayerCount, model.borrowingIntermediateSize) = (20, 12288)
        model.numbers[FamilyNumber("width of inputs of layers")] = 256
        return model
    }()

    // `fullKVHeadCount` is of layers that see all, whose values are their keys; nil: they have values,
    // and as many heads as the others.
    private static func gemma4(
        layerCount: Int, period: Int, hiddenSize: Int, intermediateSize: Int, headCount: Int,
        kvHeadCount: Int, fullKVHeadCount: Int?, window: Int, contextLength: Int
    ) -> ModelConfiguration {
        var model = ModelConfiguration(
            architecture: "Gemma4ForCausalLM", hiddenSize: hiddenSize,
            intermediateSize: intermediateSize, layerCount: layerCount, headCount: headCount,
            kvHeadCount: fullKVHeadCount ?? kvHeadCount, headDimension: 512,
            vocabularySize: 262_144, contextLength: contextLength, ropeTheta: 1e6,
            ropeFrequencyFactors: (0..<256).map { $0 < 64 ? 1 : 1e30 }, ropePairing: .halves,
            ropeDimensionCount: 512, rmsNormEpsilon: 1e-6, slidingWindow: window)
        model.fullLayers = Set((0..<layerCount).filter { $0 % period == period - 1 })
        model.windowHeads = WindowHeads(
            kvHeadCount: kvHeadCount, headDimension: 256, ropeDimensionCount: 256)
        model.windowRope = WindowRope(theta: 10_000)
        model.numbers[FamilyNumber("limit of logits")] = 30
        if fullKVHeadCount != nil { model.numbers[FamilyNumber("values that are keys")] = 1 }
        return model
    }

    /// Models that can be planned for without a file, by the names that people call them.
    package static let published: [(name: String, configuration: ModelConfiguration)] = [
        ("mixtral-8x7b", mixtral8x7B), ("mixtral-8x22b", mixtral8x22B),
        ("qwen3-30b-a3b", qwen3MoE30B), ("olmoe-1b-7b", olmoe7B), ("glm-4.5-air", glm4Air),
        ("gpt-oss-20b", gptOSS20B), ("gpt-oss-120b", gptOSS120B),
        ("mistral-small-4", mistralSmall4), ("mistral-large-3", mistralLarge3),
        ("deepseek-v3", deepSeekV3), ("kimi-k2", kimiK2), ("glm-4.7-flash", glm4Flash),
        ("gemma-4-26b-a4b", gemma4MoE26B), ("gemma-4-31b", gemma4Dense31B),
        ("gemma-4-e4b", gemma4E4B), ("gemma-4-e2b", gemma4E2B),
        ("qwen3.6-35b-a3b", qwen36MoE35B), ("qwen3-next-80b-a3b", qwen3Next80B),
    ]
}
