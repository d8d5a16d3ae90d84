// SPDX-License-Identifier: Apache-2.0

import Computation
import JSON
import ModelFiles
import Quantization
import TestSupport
import Testing

/// What transformers makes of gpt-oss's config.json and files, and what GGUF files of it have.
struct GPTOSSConfigurationTests {
    /// D 32, H 2, K 1, Dh 4, F 32, V 6, E 3, A 2, two layers.
    private static func raw(mxfp4: Bool, _ fields: JSONObject = [:]) -> RawDirectory {
        var raw = RawDirectory(config: [
            "architectures": ["GptOssForCausalLM"], "hidden_size": 32, "intermediate_size": 32,
            "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
            "head_dim": 4, "vocab_size": 6, "num_local_experts": 3, "num_experts_per_tok": 2,
        ])
        if mxfp4 { raw.config["quantization_config"] = ["quant_method": "mxfp4"] }
        for (key, value) in fields { raw.config[key] = value }
        raw.add("model.embed_tokens.weight", [6, 32])
        for layer in 0..<2 {
            let stem = "model.layers.\(layer)."
            for (name, shape) in [
                ("input_layernorm.weight", [32]), ("post_attention_layernorm.weight", [32]),
                ("self_attn.q_proj.weight", [8, 32]), ("self_attn.q_proj.bias", [8]),
                ("self_attn.k_proj.weight", [4, 32]), ("self_attn.k_proj.bias", [4]),
                ("self_attn.v_proj.weight", [4, 32]), ("self_attn.v_proj.bias", [4]),
                ("self_attn.o_proj.weight", [32, 8]), ("self_attn.o_proj.bias", [32]),
                ("self_attn.sinks", [2]), ("mlp.router.weight", [3, 32]),
                ("mlp.router.bias", [3]), ("mlp.experts.gate_up_proj_bias", [3, 64]),
                ("mlp.experts.down_proj_bias", [3, 32]),
            ] {
                raw.add(stem + name, shape)
            }
            for (name, rows) in [("gate_up_proj", 64), ("down_proj", 32)] {
                let tensor = "\(stem)mlp.experts.\(name)"
                if mxfp4 {
                    raw.add(tensor + "_blocks", "U8", [3, rows, 1, 16], byteCount: 3 * rows * 16)
                    raw.add(tensor + "_scales", "U8", [3, rows, 1], byteCount: 3 * rows)
                } else {
                    raw.add(tensor, [3, 32, rows])
                }
            }
        }
        raw.add("model.norm.weight", [32])
        raw.add("lm_head.weight", [6, 32])
        return raw
    }

    @Test(arguments: [false, true])
    func `what a file does not say is as published`(mxfp4: Bool) throws {
        let model = try Self.raw(mxfp4: mxfp4).open()
        let c = model.configuration
        #expect(c.slidingWindow == 128 && c.fullLayers == [1] && c.windowRope == nil)
        #expect(c.ropeTheta == 150_000 && c.rmsNormEpsilon == 1e-5)
        guard case .yarn(let yarn) = c.ropeScaling else {
            Issue.record("\(c.ropeScaling)")
            return
        }
        #expect(yarn.factor == 32 && yarn.originalContextLength == 4096 && !yarn.roundsRamp)
        #expect(c.mixture.hasBiases && c.mixture.gate == ClampedGate(slope: 1.702, limit: 7))
        let experts = model.tensors.layers[1].experts
        #expect(experts.count == 3 && experts[2].w2.type == (mxfp4 ? .mxfp4 : .f32))
        #expect(model.warnings.isEmpty)
        try model.verify()
    }

    @Test func `published files say the same`() throws {
        let c = try Self.raw(
            mxfp4: true,
            [
                "attention_bias": true, "experts_per_token": 4, "initial_context_length": 4096,
                "swiglu_limit": 7.0, "sliding_window": 16, "hidden_act": "silu",
                "layer_types": ["full_attention", "sliding_attention"], "rope_theta": 150_000,
                "router_aux_loss_coef": 0.9, "output_router_logits": false,
                "rope_scaling": [
                    "beta_fast": 32.0, "beta_slow": 1.0, "factor": 32.0, "rope_type": "yarn",
                    "original_max_position_embeddings": 4096, "truncate": false,
                ],
            ]
        ).open().configuration
        #expect(c.slidingWindow == 16 && c.fullLayers == [0] && c.windowRope == nil)
    }

    @Test(
        arguments: [
            ("swiglu_limit", 8.0), ("swiglu_alpha", 1.5), ("attention_bias", false),
            ("sliding_window", nil), ("layer_types", ["full_attention"]),
            ("quantization_config", ["quant_method": "gptq"]), ("hidden_act", "gelu"),
        ] as [(String, JSONValue)])
    func `a field that cannot be followed is named`(key: String, value: JSONValue) throws {
        let damaged = Self.raw(mxfp4: false, [key: value])
        try expectOneLineError(mentions: key) { try damaged.open() }
    }

    @Test func `damaged MXFP4 is named by its tensor`() throws {
        let sound = Self.raw(mxfp4: true)
        func index(_ name: String) throws -> Int {
            try #require(
                sound.tensors.firstIndex { $0.name == "model.layers.0.mlp.experts.\(name)" })
        }
        var missing = sound
        missing.tensors[try index("down_proj_scales")].name = "other"
        let withoutScales = missing
        try expectOneLineError(mentions: "down_proj_scales: missing") { try withoutScales.open() }
        for (name, shape) in [
            ("gate_up_proj_blocks", [3, 64, 16]), ("gate_up_proj_scales", [3, 1, 64]),
            ("down_proj_blocks", [32, 3, 1, 16]),
        ] {
            var raw = sound
            raw.edit(try index(name), "shape", .array(shape.map { .integer($0) }))
            let damaged = raw
            try expectOneLineError(mentions: "\(name): expected shape") { try damaged.open() }
        }
        var raw = sound
        raw.edit(try index("gate_up_proj_blocks"), "dtype", "I8")
        let signed = raw
        try expectOneLineError(mentions: "gate_up_proj_blocks: element type I8") {
            try signed.open()
        }
    }

    @Test func `a scale that is too large is found`() throws {
        var raw = Self.raw(mxfp4: true)
        let index = try #require(
            raw.tensors.firstIndex { $0.name == "model.layers.1.mlp.experts.down_proj_scales" })
        raw.tensors[index].bytes[50] = 255
        let damaged = raw
        try expectOneLineError(mentions: "down_proj_blocks: the scale of block 50") {
            try damaged.open()
        }
    }

    @Test func `rows that are no whole blocks are refused`() throws {
        let narrow = Self.raw(mxfp4: true, ["intermediate_size": 16])
        try expectOneLineError(mentions: "gate_up_proj") { try narrow.open() }
    }

    // MARK: GGUF

    private static func gguf(_ edit: (inout RawGGUF) -> Void = { _ in }) -> RawGGUF {
        var raw = RawGGUF.model(experts: 4)
        raw.set("general.architecture", .string("gpt-oss"))
        for index in raw.keys.indices where raw.keys[index].name.starts(with: "llama.".utf8) {
            raw.keys[index].name.replaceSubrange(0..<5, with: "gpt-oss".utf8)
        }
        raw.removeTensor("blk.0.ffn_norm.weight")
        for (name, dimensions) in [
            ("post_attention_norm.weight", [8]), ("attn_q.bias", [8]), ("attn_k.bias", [4]),
            ("attn_v.bias", [4]), ("attn_output.bias", [8]), ("attn_sinks.weight", [2]),
            ("ffn_gate_inp.bias", [4]), ("ffn_gate_exps.bias", [8, 4]),
            ("ffn_up_exps.bias", [8, 4]), ("ffn_down_exps.bias", [8, 4]),
        ] {
            raw.addTensor("blk.0.\(name)", dimensions)
        }
        edit(&raw)
        return raw
    }

    @Test func `GGUF files stretch without rounding, in layers with a window too`() throws {
        let c = try Self.gguf {
            $0.set("gpt-oss.attention.sliding_window", .uint32(5))
            $0.set("gpt-oss.rope.scaling.type", .string("yarn"))
            $0.set("gpt-oss.rope.scaling.factor", .float32(32))
            $0.set("gpt-oss.rope.scaling.original_context_length", .uint32(16))
        }.open().configuration
        // One layer, the first of two, so that all have the window.
        #expect(c.slidingWindow == 5 && c.fullLayers.isEmpty && c.windowRope == nil)
        guard case .yarn(let yarn) = c.ropeScaling else {
            Issue.record("\(c.ropeScaling)")
            return
        }
        #expect(!yarn.roundsRamp && yarn.factor == 32)
        #expect(c.mixture.hasBiases)
    }

    @Test(arguments: ["attn_sinks.weight", "ffn_down_exps.bias", "attn_output.bias"])
    func `a tensor that only this family has is missed`(name: String) throws {
        let damaged = Self.gguf { $0.removeTensor("blk.0.\(name)") }
        try expectOneLineError(mentions: "blk.0.\(name): missing") { _ = try damaged.open() }
    }
}
