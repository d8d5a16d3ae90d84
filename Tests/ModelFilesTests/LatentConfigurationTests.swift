// SPDX-License-Identifier: Apache-2.0

import Computation
import JSON
import ModelFiles
import TestSupport
import Testing

/// What transformers makes of the config.json of families with latent attention, and what GGUF files
/// and Mistral's own say of it.
struct LatentConfigurationTests {
    /// D 8, H 2, Lq 6, L 4, Dn 2, R 2, Dv 3, F 8, Fe 4, V 6, E 4, A 2, two layers, the first dense.
    private static func raw(
        _ architecture: String = "DeepseekV3ForCausalLM", _ fields: JSONObject = [:],
        hasQueryLatent: Bool = true
    ) -> RawDirectory {
        var raw = RawDirectory(config: [
            "architectures": [.string(architecture)], "hidden_size": 8, "intermediate_size": 8,
            "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2,
            "vocab_size": 6, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1,
            "topk_group": 1, "moe_intermediate_size": 4, "q_lora_rank": 6, "kv_lora_rank": 4,
            "qk_nope_head_dim": 2, "qk_rope_head_dim": 2, "v_head_dim": 3,
            "first_k_dense_replace": 1,
        ])
        for (key, value) in fields { raw.config[key] = value }
        raw.add("model.embed_tokens.weight", [6, 8])
        for layer in 0..<2 {
            var tensors = [
                ("input_layernorm.weight", [8]), ("post_attention_layernorm.weight", [8]),
                ("self_attn.kv_a_proj_with_mqa.weight", [6, 8]),
                ("self_attn.kv_a_layernorm.weight", [4]),
                ("self_attn.kv_b_proj.weight", [10, 4]), ("self_attn.o_proj.weight", [8, 6]),
            ]
            if hasQueryLatent {
                tensors += [
                    ("self_attn.q_a_proj.weight", [6, 8]),
                    ("self_attn.q_a_layernorm.weight", [6]),
                    ("self_attn.q_b_proj.weight", [8, 6]),
                ]
            } else {
                tensors.append(("self_attn.q_proj.weight", [8, 8]))
            }
            func network(_ stem: String, _ width: Int) {
                tensors += [
                    (stem + "gate_proj.weight", [width, 8]),
                    (stem + "up_proj.weight", [width, 8]),
                    (stem + "down_proj.weight", [8, width]),
                ]
            }
            if layer == 0 {
                network("mlp.", 8)
            } else {
                tensors.append(("mlp.gate.weight", [4, 8]))
                if architecture != "Mistral4ForCausalLM" {
                    tensors.append(("mlp.gate.e_score_correction_bias", [4]))
                }
                network("mlp.shared_experts.", 4)
                for expert in 0..<4 { network("mlp.experts.\(expert).", 4) }
            }
            for (name, shape) in tensors { raw.add("model.layers.\(layer).\(name)", shape) }
        }
        raw.add("model.norm.weight", [8])
        raw.add("lm_head.weight", [6, 8])
        return raw
    }

    @Test func `all heads share one latent, of which keys and values are parts`() throws {
        let model = try Self.raw().open()
        let c = model.configuration

        #expect(c.latent == LatentDimensions(queryRank: 6, rank: 4, valueDimension: 3))
        #expect(c.kvHeadCount == 1 && c.headDimension == 4 && c.ropeDimensionCount == 2)
        #expect(c.ropePairing == .adjacent && c.attentionScale == 0.5)
        #expect(c.mixture.denseLayers == [0] && c.mixture.rule.scale == 2.5)
        #expect(model.warnings.isEmpty)
        // A matrix of two is made of one, and counted once.
        #expect(model.parameterCount == model.storedTensors.reduce(0) { $0 + $1.elementCount })
        #expect(model.storedTensors.count { $0.name.contains("kv_b_proj") } == 2)
        try model.verify()
    }

    @Test func `queries may be made of the residual stream`() throws {
        let c = try Self.raw(
            "DeepseekV3ForCausalLM", ["q_lora_rank": .null], hasQueryLatent: false
        ).open().configuration

        #expect(c.latent?.queryRank == nil)
    }

    /// 0.1 · 0.5 · ln 8 + 1, squared.
    @Test func `scores grow with the stretch of frequencies`() throws {
        let c = try Self.raw(
            "DeepseekV3ForCausalLM",
            [
                "rope_scaling": [
                    "type": "yarn", "factor": 8, "original_max_position_embeddings": 16,
                    "mscale": 0.5, "mscale_all_dim": 0.5,
                ]
            ]
        ).open().configuration

        #expect(abs(c.attentionScale - 0.5 * 1.218750) < 1e-5)
        guard case .yarn(let yarn) = c.ropeScaling else {
            Issue.record("\(c.ropeScaling)")
            return
        }
        #expect(yarn.attentionFactor == 1)
    }

    @Test(
        arguments: [
            ("kv_lora_rank", .integer(5), "kv_a_proj_with_mqa.weight: expected shape [7, 8]"),
            ("kv_lora_rank", 0, "kv_lora_rank: expected an integer from 1"),
            ("q_lora_rank", 7, "q_a_proj.weight: expected shape [7, 8], found [6, 8]"),
            ("qk_nope_head_dim", 4, "q_b_proj.weight: expected shape [12, 6], found [8, 6]"),
            ("v_head_dim", 5, "kv_b_proj.weight: expected shape [14, 4], found [10, 4]"),
            ("qk_rope_head_dim", 3, "qk_rope_head_dim: 3 rotated components are not an"),
            ("num_key_value_heads", 1, "num_key_value_heads: 1, but latent attention has"),
            ("qk_head_dim", 5, "qk_head_dim: 5, but qk_nope_head_dim and qk_rope_head_dim are 4"),
            ("partial_rotary_factor", 0.5, "partial_rotary_factor: 0.5 of 2 components are not"),
            ("rope_interleave", "yes", "rope_interleave: expected true or false"),
            ("scoring_func", "softmax", "scoring_func"), ("topk_method", "greedy", "topk_method"),
            ("attention_bias", true, "attention_bias: biases are not supported"),
            ("n_group", 3, "n_group: 3 groups"),
        ] as [(String, JSONValue, String)])
    func `what does not fit is named`(key: String, value: JSONValue, problem: String) throws {
        try expectOneLineError(mentions: problem) {
            try Self.raw("DeepseekV3ForCausalLM", [key: value]).open()
        }
    }

    @Test func `components that rotate together may be halves apart`() throws {
        let c = try Self.raw("DeepseekV3ForCausalLM", ["rope_interleave": false]).open()
            .configuration

        #expect(c.ropePairing == .halves)
    }

    @Test func `what rotates of Mistral 4 is a share of whole heads`() throws {
        let rope: JSONObject = [
            "rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 16,
            "mscale": 1, "mscale_all_dim": 1, "llama_4_scaling_beta": 0.1,
            "partial_rotary_factor": 0.5,
        ]
        let c = try Self.raw("Mistral4ForCausalLM", ["rope_parameters": .object(rope)]).open()
            .configuration
        #expect(c.ropeDimensionCount == 2)
        #expect(c.numbers[FamilyNumber("scale of queries")] == 0.1)
        #expect(!c.mixture.hasSelectionBias && c.mixture.rule.scoring == .softmax)

        var other = rope
        other["partial_rotary_factor"] = 1
        try expectOneLineError(mentions: "partial_rotary_factor: 1.0 of 4 components are not") {
            try Self.raw("Mistral4ForCausalLM", ["rope_parameters": .object(other)]).open()
        }
    }

    @Test func `without a list the first layer of GLM-4-MoE-Lite is dense`() throws {
        let c = try Self.raw("Glm4MoeLiteForCausalLM").open().configuration

        #expect(c.mixture.denseLayers == [0])
        #expect(c.mixture.rule.scale == 1.8 && c.rmsNormEpsilon == 1e-5)
    }

    // MARK: GGUF

    /// D 8, H 2, L 4, Dn 2, R 2, Dv 3, one layer of four experts.
    private static func gguf(isOld: Bool = false) -> RawGGUF {
        var raw = RawGGUF.model(experts: 4)
        raw.set("general.architecture", .string("deepseek2"))
        for index in raw.keys.indices where raw.keys[index].name.starts(with: "llama.".utf8) {
            raw.keys[index].name.replaceSubrange(0..<5, with: "deepseek2".utf8)
        }
        for name in ["k", "v", "output"] { raw.removeTensor("blk.0.attn_\(name).weight") }
        let widths: [(String, UInt32)] =
            isOld
            ? [("key_length", 4), ("value_length", 3), ("head_count_kv", 2)]
            : [
                ("key_length", 6), ("value_length", 4), ("key_length_mla", 4),
                ("value_length_mla", 3),
            ]
        for (key, value) in widths + [("kv_lora_rank", 4)] {
            raw.set("deepseek2.attention.\(key)", .uint32(value))
        }
        raw.set("deepseek2.rope.dimension_count", .uint32(2))
        raw.addTensor("blk.0.attn_kv_a_mqa.weight", [8, 6])
        raw.addTensor("blk.0.attn_kv_a_norm.weight", [4])
        if isOld {
            raw.addTensor("blk.0.attn_kv_b.weight", [4, 10])
        } else {
            raw.addTensor("blk.0.attn_k_b.weight", [2, 4, 2])
            raw.addTensor("blk.0.attn_v_b.weight", [4, 3, 2])
        }
        raw.addTensor("blk.0.attn_output.weight", [6, 8])
        return raw
    }

    @Test(arguments: [false, true])
    func `GGUF files state the widths of latents or of heads`(isOld: Bool) throws {
        let c = try Self.gguf(isOld: isOld).open().configuration

        #expect(c.latent == LatentDimensions(queryRank: nil, rank: 4, valueDimension: 3))
        #expect(c.kvHeadCount == 1 && c.headDimension == 4 && c.ropeDimensionCount == 2)
        #expect(c.mixture.rule.scoring == .softmax && !c.mixture.rule.normalizesWeights)
    }

    @Test func `a bias for the choice means scores by sigmoid where a file does not say`() throws {
        var raw = Self.gguf()
        raw.addTensor("blk.0.exp_probs_b.bias", [4])
        #expect(try raw.open().configuration.mixture.rule.scoring == .sigmoid)
    }

    @Test func `groups of experts without a bias are ranked otherwise, and refused`() throws {
        var raw = Self.gguf()
        raw.set("deepseek2.expert_group_count", .uint32(2))
        raw.set("deepseek2.expert_group_used_count", .uint32(1))
        let second = raw
        try expectOneLineError(mentions: "expert_group_count: ") { _ = try second.open() }
        raw.addTensor("blk.0.exp_probs_b.bias", [4])
        #expect(try raw.open().configuration.mixture.rule.groupCount == 2)
    }

    @Test func `the multiplier of GGUF is a tenth of what scores grow by`() throws {
        var raw = Self.gguf()
        raw.set("deepseek2.rope.scaling.type", .string("yarn"))
        raw.set("deepseek2.rope.scaling.factor", .float32(40))
        raw.set("deepseek2.rope.scaling.yarn_log_multiplier", .float32(0.0707))
        let c = try raw.open().configuration
        #expect(abs((c.latent?.mscaleAllDimensions ?? 0) - 0.707) < 1e-6)
        guard case .yarn(let yarn) = c.ropeScaling else {
            Issue.record("\(c.ropeScaling)")
            return
        }
        #expect(yarn.attentionFactor == 1)
    }

    @Test(
        arguments: [
            ("attention.kv_lora_rank", .uint32(5), "key_length: 6 is not the latent's 5"),
            ("attention.kv_lora_rank", .uint32(0), "attention.kv_lora_rank"),
            ("attention.value_length", .uint32(3), "value_length: 3 is not the latent's"),
            ("attention.key_length_mla", .uint32(2), "key_length_mla: 2 is not more than"),
            ("attention.value_length_mla", .uint32(4), "attn_v_b.weight: expected shape"),
            ("attention.q_lora_rank", .uint32(7), "attn_q_a.weight: missing"),
            ("attention.head_count_kv", .uint32(3), "head_count_kv: 3, but latent"),
            ("attention.sliding_window", .uint32(3), "a sliding window is not supported"),
            ("attention.temperature_scale", .float32(0.1), "there is no YaRN scaling"),
            ("rope.scaling.yarn_log_multiplier", .float32(.nan), "yarn_log_multiplier"),
        ] as [(String, RawGGUF.Value, String)])
    func `what does not fit in GGUF is named`(
        key: String, value: RawGGUF.Value, problem: String
    ) throws {
        var raw = Self.gguf()
        raw.set("deepseek2.\(key)", value)
        let damaged = raw
        try expectOneLineError(mentions: problem) { _ = try damaged.open() }
    }

    @Test(
        arguments: [
            ("topk_method", "group_limited_greedy"), ("norm_topk_prob", true),
            ("scoring_func", "sigmoid"),
        ] as [(String, JSONValue)])
    func `DeepSeek V2 that chooses otherwise is refused`(key: String, value: JSONValue) throws {
        try expectOneLineError(mentions: "\(key): ") {
            try Self.raw("DeepseekV2ForCausalLM", [key: value]).open()
        }
    }
}
