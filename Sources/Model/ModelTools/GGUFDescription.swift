// SPDX-License-Identifier: Apache-2.0

import Computation
import Foundation
import ModelFiles

extension ModelFile {
    /// The key/value pairs of a GGUF file that holds this model: those of the file that it came
    /// from, or else what its configuration says.
    func ggufMetadata(
        mix: QuantizationMix, vocabulary: GGUFMetadata
    ) throws(ModelFileError) -> GGUFMetadata {
        var new: GGUFMetadata
        switch vocabularySource {
        case .gguf: new = metadata
        case .folder:
            guard let keys = schema.gguf else {
                throw .unsupported(
                    path: path, problem: "GGUF has no words for models of \(schema.name)")
            }
            new = try configuration.ggufMetadata(keys, path: path)
            new["general.name"] = .string(name)
            for (key, value) in vocabulary { new[key] = value }
            for (name, template) in chatTemplates.sorted(by: { $0.key < $1.key }) {
                let key = "tokenizer.chat_template"
                new[name == "default" ? key : "\(key).\(name)"] = .string(template)
            }
        }
        for key in ["split.no", "split.count", "split.tensors.count"] { new[key] = nil }
        if configuration.draftLayerCount > 0 {
            // The layers that draft tokens are not taken along.
            let name = configuration.architecture
            new["\(name).block_count"] = .uint32(UInt32(clamping: configuration.layerCount))
            new["\(name).nextn_predict_layers"] = nil
        }
        new["general.file_type"] = .uint32(mix.ggufFileType)
        new["general.quantization_version"] = .uint32(2)
        return new
    }
}

extension ModelConfiguration {
    /// The configuration as GGUF's keys.
    ///
    /// - Parameters:
    ///   - keys: those of the model's family.
    ///   - path: the model, for error messages.
    /// - Returns: the key/value pairs.
    /// - Throws: where the format has no words for it.
    func ggufMetadata(_ keys: GGUFKeys, path: String) throws(ModelFileError) -> GGUFMetadata {
        guard deltaNet == nil else {
            throw .unsupported(
                path: path,
                problem: "GGUF files of this family have the heads of delta nets in another order; "
                    + "convert the model with llama.cpp's converter and quantise that file")
        }
        let architecture = keys.written
        var result: GGUFMetadata = ["general.architecture": .string(architecture)]
        func set(_ key: String, _ value: GGUFValue) { result["\(architecture).\(key)"] = value }
        func count(_ value: Int) -> GGUFValue { .uint32(UInt32(clamping: value)) }
        set("vocab_size", count(vocabularySize))
        set("context_length", count(contextLength))
        set("embedding_length", count(hiddenSize))
        set("block_count", count(layerCount))
        /// One number, or where layers differ in it one for each.
        func counts(_ number: (ModelConfiguration) -> Int) -> GGUFValue {
            let all = (0..<layerCount).map { number(own(layer: $0)) }
            return Set(all).count == 1
                ? count(number(self)) : .array(.int32(all.map { Int32(clamping: $0) }))
        }
        set("feed_forward_length", counts { $0.intermediateSize })
        set("attention.head_count", count(headCount))
        set("attention.head_count_kv", counts { $0.kvHeadCount })
        if borrowingLayerCount > 0 {
            set("attention.shared_kv_layers", count(borrowingLayerCount))
        }
        if let windowHeads {
            set("attention.key_length_swa", count(windowHeads.headDimension))
            set("attention.value_length_swa", count(windowHeads.headDimension))
            set("rope.dimension_count_swa", count(windowHeads.ropeDimensionCount))
        }
        if let latent {
            guard ropePairing == keys.ropePairing else {
                throw .unsupported(
                    path: path, problem: "GGUF has no words for latent attention in halves")
            }
            set("attention.key_length", count(latent.rank + ropeDimensionCount))
            set("attention.value_length", count(latent.rank))
            set("attention.key_length_mla", count(headDimension))
            set("attention.value_length_mla", count(latent.valueDimension))
            set("attention.kv_lora_rank", count(latent.rank))
            if let rank = latent.queryRank { set("attention.q_lora_rank", count(rank)) }
        } else {
            set("attention.key_length", count(headDimension))
            set("attention.value_length", count(headDimension))
        }
        set("attention.layer_norm_rms_epsilon", .float32(rmsNormEpsilon))
        if let slidingWindow { set("attention.sliding_window", count(slidingWindow)) }
        if let windows = keys.windows, slidingWindow != nil {
            set(
                "attention.sliding_window_pattern",
                .array(.bool((0..<layerCount).map { window(layer: $0) != nil })))
            // GGUF has words for the base of layers with a window, not for how they are stretched.
            let rope = windowRope ?? WindowRope(theta: ropeTheta, scaling: ropeScaling)
            guard rope.scaling == (windows.isUnstretched ? .none : ropeScaling) else {
                throw .unsupported(
                    path: path, problem: "GGUF has no words for how layers with a window stretch")
            }
            set("rope.freq_base_swa", .float32(Float(rope.theta)))
        }
        if let expertCount, let expertsPerToken {
            set("expert_count", count(expertCount))
            set("expert_used_count", count(expertsPerToken))
            if let usual = keys.mixture {
                for (key, value) in try mixtureMetadata(usual, path: path) { set(key, value) }
            }
        }
        for key in keys.numbers {
            guard let number = numbers[key.number] else { continue }
            set(key.key, key.isCount ? count(Int(number)) : .float32(Float(number)))
        }
        set("rope.freq_base", .float32(Float(ropeTheta)))
        set("rope.dimension_count", count(ropeDimensionCount))
        switch ropeScaling {
        case .none, .llama3: break
        case .linear(let factor):
            set("rope.scaling.type", .string("linear"))
            set("rope.scaling.factor", .float32(Float(factor)))
        case .yarn(let yarn):
            guard yarn.roundsRamp == keys.roundsRamp else {
                throw .unsupported(
                    path: path,
                    problem: "GGUF has no YaRN scaling with “truncate” \(yarn.roundsRamp)")
            }
            let mscale = latent?.mscaleAllDimensions ?? 0
            let usual = YarnScaling.attentionFactor(
                factor: yarn.factor, mscale: keys.latent?.equalScales == true ? mscale : 1,
                mscaleAllDimensions: mscale)
            if mscale != 0 {
                set(
                    "rope.scaling.yarn_log_multiplier",
                    .float32(Float(mscale * GGUFLatentKeys.multiplierScale)))
            }
            set("rope.scaling.type", .string("yarn"))
            set("rope.scaling.factor", .float32(Float(yarn.factor)))
            set("rope.scaling.original_context_length", count(yarn.originalContextLength))
            set("rope.scaling.yarn_beta_fast", .float32(Float(yarn.betaFast)))
            set("rope.scaling.yarn_beta_slow", .float32(Float(yarn.betaSlow)))
            set("rope.scaling.attn_factor", .float32(Float(yarn.attentionFactor / usual)))
        }
        return result
    }

    /// What is said of a mixture that may differ from Mixtral's.
    private func mixtureMetadata(
        _ usual: ExpertMixture, path: String
    ) throws(ModelFileError) -> GGUFMetadata {
        func count(_ value: Int) -> GGUFValue { .uint32(UInt32(clamping: value)) }
        guard let dense = mixture.denseLayerPattern(layerCount: layerCount) else {
            throw .unsupported(
                path: path,
                problem: "GGUF has no words for experts in all layers but "
                    + mixture.denseLayers.sorted().map(String.init).joined(separator: ", "))
        }
        let rule = mixture.rule
        guard rule.floor == usual.rule.floor, rule.epsilon == usual.rule.epsilon else {
            throw .unsupported(
                path: path,
                problem: "GGUF has no words for a least sum of \(rule.floor) of experts' weights")
        }
        var result: GGUFMetadata = [
            "expert_feed_forward_length": count(expertSize),
            "expert_gating_func": count(rule.scoring == .sigmoid ? 2 : 1),
            "expert_weights_norm": .bool(rule.normalizesWeights),
            "leading_dense_block_count": count(dense.leading),
            "interleave_moe_layer_step": count(dense.step),
        ]
        if rule.scale != 1 { result["expert_weights_scale"] = .float32(rule.scale) }
        if rule.groupCount > 1 {
            result["expert_group_count"] = count(rule.groupCount)
            result["expert_group_used_count"] = count(rule.groupsPerToken)
        }
        if mixture.sharedSize > 0 {
            result["expert_shared_count"] = count(max(1, mixture.sharedSize / expertSize))
            result["expert_shared_feed_forward_length"] = count(mixture.sharedSize)
        }
        return result
    }

    /// What GGUF's `rope_freqs.weight` holds: the divisors of the frequencies, among them those of
    /// Llama 3's scaling, for which the format has no keys.
    var ggufRopeFrequencyFactors: [Float]? {
        guard case .llama3(let factor, let low, let high, let original) = ropeScaling else {
            return ropeFrequencyFactors
        }
        return (0..<ropeDimensionCount / 2).map { pair in
            let frequency = pow(ropeTheta, -2 * Double(pair) / Double(ropeDimensionCount))
            let turns = Double(original) * frequency / (2 * Double.pi)
            if turns < low { return Float(factor) }
            if turns > high { return 1 }
            let share = (turns - low) / (high - low)
            return Float(1 / ((1 - share) / factor + share))
        }
    }
}
