// SPDX-License-Identifier: Apache-2.0

import Architectures
import JSON
import ModelFiles
import TestSupport
import Testing

/// Keys that would change a model's arithmetic: understood, neutral, or refused by name.
struct UnknownKeyTests {
    @Test(
        arguments: [
            ("hidden_act", "gelu"), ("hidden_activation", "gelu_pytorch_tanh"), ("qkv_bias", true),
            ("use_qk_norm", true), ("qk_layernorm", true), ("attn_logit_softcapping", 50.0),
            ("final_logit_softcapping", 30), ("attention_multiplier", 0.015625),
            ("residual_multiplier", 0.22), ("embedding_multiplier", 12), ("logits_scaling", 16),
            ("logit_scale", 0.0625), ("scale_depth", 1.4), ("norm_topk_prob", false),
            ("routed_scaling_factor", 2.5), ("n_shared_experts", 1), ("n_group", 8),
            ("scoring_func", "sigmoid"), ("num_experts", 4),
            ("moe_intermediate_size", 4), ("first_k_dense_replace", 1), ("mlp_only_layers", [0]),
            ("query_pre_attn_scalar", 144), ("clip_qkv", 8), ("alibi", true),
            ("parallel_attn", true),
            ("use_parallel_residual", true), ("attention_chunk_size", 8192), ("rotary_pct", 0.25),
            ("rope_interleaved", true), ("llama_4_scaling", ["beta": 0.1]), ("swiglu_limit", 7),
            ("attention_sinks", 4), ("max_window_layers", 1), ("a_new_scale", 0.5),
            ("layer_norm_eps", 1e-3), ("compression_config", ["quant_method": "fp8"]),
        ] as [(String, JSONValue)])
    func `a key that changes the arithmetic is refused by name`(
        key: String, value: JSONValue
    ) throws {
        var raw = RawDirectory.model()
        raw.config[key] = value
        try expectOneLineError(mentions: key) { try raw.open() }
    }

    @Test func `neutral values and keys that say nothing of arithmetic pass`() throws {
        var raw = RawDirectory.model()
        let known: JSONObject = [
            "hidden_act": "swish", "attention_bias": false, "qkv_bias": false, "mlp_bias": false,
            "use_qk_norm": false, "attn_logit_softcapping": nil, "final_logit_softcapping": nil,
            "attention_multiplier": 0.5, "residual_multiplier": 1.0, "logits_scaling": 1,
            "norm_topk_prob": true, "routed_scaling_factor": 1.0, "n_shared_experts": 0,
            "n_group": 1, "num_experts": 2, "moe_intermediate_size": 8, "mlp_only_layers": [],
            "layer_types": ["sliding_attention"], "max_window_layers": 0,
            "use_sliding_window": true, "rotary_pct": 1, "quantization_config": nil,
            "rope_scaling": nil, "llama_4_scaling": nil, "pretraining_tp": 1,
        ]
        let informative: JSONObject = [
            "transformers_version": "5.1.0", "torch_dtype": "bfloat16", "_name_or_path": "x",
            "use_cache": true, "auto_map": ["AutoConfig": "x"], "router_aux_loss_coef": 0.02,
            "output_router_logits": true, "router_jitter_noise": 0.1, "initializer_range": 0.02,
            "attention_dropout": 0.1, "resid_pdrop": 0.1, "pad_token_id": 0, "bos_token_id": 1,
            "_attn_implementation": "sdpa", "attn_implementation": "eager",
            "use_flash_attention_2": true, "id2label": ["0": "LABEL_0"],
            "output_attentions": true, "num_logits_to_keep": 1,
        ]
        for (key, value) in known { raw.config[key] = value }
        for (key, value) in informative { raw.config[key] = value }
        #expect(try raw.open().configuration == RawDirectory.model().open().configuration)
    }

    @Test func `a quantised checkpoint names its method and what to take instead`() throws {
        var raw = RawDirectory.model()
        raw.config["quantization_config"] = ["quant_method": "gptq", "bits": 4]
        try expectOneLineError(mentions: "(gptq) are not supported; use") { try raw.open() }
    }

    @Test(
        arguments: [
            (["full_attention": ["rope_theta": 7]], ["full_attention"], 7),
            (
                [
                    "full_attention": ["rope_theta": 7, "rope_type": "default"],
                    "sliding_attention": ["rope_theta": 8, "rope_type": "default"],
                ], ["sliding_attention"], 8
            ),
            (
                ["full_attention": ["rope_theta": 7], "sliding_attention": ["rope_theta": 7]], nil,
                7
            ),
            (["full_attention": nil], ["full_attention"], 10_000),
        ] as [(JSONValue, JSONValue?, Double)])
    func `rotary parameters by layer type are those of the layers' type`(
        parameters: JSONValue, kinds: JSONValue?, theta: Double
    ) throws {
        var raw = RawDirectory.model()
        raw.config["rope_parameters"] = parameters
        raw.config["layer_types"] = kinds
        let configuration = try raw.open().configuration
        #expect(configuration.ropeTheta == theta)
        #expect(configuration.slidingWindow == (kinds == ["full_attention"] ? nil : 16))
    }

    @Test(
        arguments: [
            (["full_attention": ["rope_theta": 7], "sliding_attention": ["rope_theta": 8]], nil),
            (["full_attention": ["rope_theta": 7]], ["sliding_attention"]),
            (["full_attention": ["rope_theta": 7], "rope_theta": 8], ["full_attention"]),
            (["full_attention": ["rope_type": "longrope"]], ["full_attention"]),
            (["full_attention": 7], ["full_attention"]),
            (["rope_type": "yarn", "factor": 4, "llama_4_scaling_beta": 0.1], nil),
            (["rope_theta": 7, "mrope_section": [1, 1]], nil), (["factor": 4], nil),
            (["rope_type": "dynamic", "factor": 4], nil), (["rope_type": "longrope"], nil),
        ] as [(JSONValue, JSONValue?)])
    func `rotary parameters that are not understood are refused`(
        parameters: JSONValue, kinds: JSONValue?
    ) throws {
        var raw = RawDirectory.model()
        raw.config["rope_parameters"] = parameters
        raw.config["layer_types"] = kinds
        try expectOneLineError(mentions: "rope_parameters") { try raw.open() }
    }

    @Test func `a type that is not known is named before its parameters`() throws {
        var raw = RawDirectory.model()
        raw.config["rope_scaling"] = ["type": "longrope", "long_factor": [1], "short_factor": [1]]
        try expectOneLineError(mentions: "rope_scaling.type") { try raw.open() }
    }

    @Test func `two sets of rotary parameters that differ are refused`() throws {
        var raw = RawDirectory.model()
        raw.config["rope_parameters"] = ["rope_theta": 7]
        raw.config["rope_scaling"] = ["rope_type": "linear", "factor": 2]
        try expectOneLineError(mentions: "rope_scaling: differs") { try raw.open() }
    }

    @Test(
        arguments: [
            ("use_sliding_window", false), ("layer_types", ["full_attention"]),
        ] as [(String, JSONValue)])
    func `a window that is switched off is none`(key: String, value: JSONValue) throws {
        var raw = RawDirectory.model()
        raw.config[key] = value
        #expect(try raw.open().configuration.slidingWindow == nil)
    }

    @Test func `the number of experts has two names`() throws {
        var raw = RawDirectory.model()
        raw.config["num_local_experts"] = nil
        raw.config["num_experts"] = 2
        #expect(try raw.open().configuration.expertCount == 2)
    }

    @Test(
        arguments: [
            ("quantization", ["qformat_weight": "int4"], "quantization"),
            ("qlora", ["rank": 4], "qlora"), ("use_biases", true, "use_biases"),
            ("llama_4_scaling", ["beta": 0.1], "llama_4_scaling"), ("causal", false, "causal"),
            ("vision_encoder", ["hidden_size": 8], "vision_encoder"),
            ("kv_lora_rank", 512, "n_kv_heads: 1, but latent"),
            ("q_lora_rank", 512, "q_lora_rank"), ("a_new_multiplier", 2, "a_new_multiplier"),
            (
                "moe", ["num_experts": 2, "num_experts_per_tok": 1, "routed_scale": 2],
                "routed_scale"
            ),
            (
                "moe", ["num_experts": 2, "num_experts_per_tok": 1, "num_shared_experts": 1],
                "moe.num_shared_experts"
            ),
            ("moe", ["num_experts": 2, "num_experts_per_tok": 1, "new": 2], "moe.new"),
            ("moe", ["num_experts_per_tok": 1], "moe.num_experts"),
            ("yarn", ["factor": 4, "original_max_position_embeddings": 8, "new": 2], "yarn.new"),
        ] as [(String, JSONValue, String)])
    func `params.json's keys are refused by name`(
        key: String, value: JSONValue, mentions: String
    ) throws {
        try expectOneLineError(mentions: mentions) { try Self.openMistral([key: value]) }
    }

    @Test func `params.json's neutral keys pass`() throws {
        try Self.openMistral([
            "use_biases": false, "causal": true, "ragged_attention": "x", "max_batch_size": 4,
            "quantization": nil, "lora": nil, "model_parallel": 1, "v_head_dim": 4,
            "moe": [
                "num_experts": 2, "num_experts_per_tok": 2, "route_every_n": 1,
                "num_shared_experts": 0, "expert_parallel": 1,
            ],
        ])
    }

    private static func openMistral(_ fields: JSONObject) throws {
        var raw = RawDirectory.mistral()
        for (key, value) in fields { raw.config[key] = value }
        let folder = try TemporaryFolder()
        try folder.write(JSONValue.object(raw.config).serializedBytes(), to: "params.json")
        try folder.write(raw.safetensors(), to: "consolidated.safetensors")
        try ModelFile.open(path: folder.path).verify()
    }

    @Test(
        arguments: [
            ("attention.output_scale", .float32(0.5)), ("logit_scale", .float32(0.0625)),
            ("attention.scale", .float32(0.015625)), ("residual_scale", .float32(0.22)),
            ("embedding_scale", .float32(12)), ("attn_logit_softcapping", .float32(50)),
            ("final_logit_softcapping", .float32(30)), ("expert_weights_norm", .bool(0)),
            ("expert_weights_scale", .float32(2.5)), ("expert_shared_count", .uint32(1)),
            ("expert_group_count", .uint32(8)), ("expert_feed_forward_length", .uint32(4)),
            ("leading_dense_block_count", .uint32(1)), ("interleave_moe_layer_step", .uint32(2)),
            ("attention.max_alibi_bias", .float32(8)), ("attention.clamp_kqv", .float32(8)),
            ("attention.causal", .bool(0)), ("rope.freq_base_swa", .float32(7)),
            ("rope.dimension_sections", .int32s([1, 2, 3, 4])),
            ("rope.scaling.yarn_ext_factor", .float32(0.5)),
            ("attention.sliding_window_pattern", .uint32(4)), ("use_parallel_residual", .bool(1)),
            ("attention.temperature_scale", .float32(0.1)), ("swiglu_clamp_exp", .float32(7)),
        ] as [(String, RawGGUF.Value)])
    func `GGUF's keys are refused by name`(key: String, value: RawGGUF.Value) throws {
        var raw = RawGGUF.model(experts: 2)
        raw.set("llama.\(key)", value)
        try expectOneLineError(mentions: key) { _ = try raw.open() }
    }

    @Test func `GGUF's neutral keys pass`() throws {
        var raw = RawGGUF.model(experts: 2)
        for (key, value) in [
            ("logit_scale", .float32(1)), ("attention.scale", .float32(0.5)),
            ("expert_weights_norm", .bool(1)), ("expert_weights_scale", .float32(0)),
            ("expert_shared_count", .uint32(0)), ("expert_gating_func", .uint32(3)),
            ("expert_feed_forward_length", .uint32(8)), ("attention.causal", .bool(1)),
            ("rope.scaling.finetuned", .bool(1)), ("attention.layer_norm_epsilon", .float32(1e-5)),
            ("tensor_data_layout", .string("Meta AI original pth")),
            ("rope.scaling.yarn_ext_factor", .float32(-1)), ("nextn_predict_layers", .uint32(0)),
        ] as [(String, RawGGUF.Value)] {
            raw.set("llama.\(key)", value)
        }
        #expect(try raw.open().configuration == RawGGUF.model(experts: 2).open().configuration)
    }
}
