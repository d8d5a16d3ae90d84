// SPDX-License-Identifier: Apache-2.0

import Computation
import JSON
import ModelFiles
import TestSupport
import Testing

/// What transformers makes of the config.json of models with delta nets, and what GGUF files of them
/// have.
struct DeltaNetConfigurationTests {
    /// D 8, H 2, K 1, Dh 4, F 8, V 6, two layers: a delta net of G 1, Hv 2, Dk 3, Dv 5, and attention.
    private static func qwen35(_ fields: JSONObject = [:]) -> RawDirectory {
        var raw = RawDirectory(config: [
            "architectures": ["Qwen3_5ForCausalLM"], "hidden_size": 8, "intermediate_size": 8,
            "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
            "head_dim": 4, "vocab_size": 6, "linear_num_key_heads": 1, "linear_num_value_heads": 2,
            "linear_key_head_dim": 3, "linear_value_head_dim": 5, "linear_conv_kernel_dim": 2,
            "layer_types": ["linear_attention", "full_attention"],
            "rope_parameters": [
                "rope_type": "default", "rope_theta": 10_000_000, "partial_rotary_factor": 0.5,
                "mrope_interleaved": true, "mrope_section": [11, 11, 10],
            ], "attn_output_gate": true, "mtp_num_hidden_layers": 1, "mlp_only_layers": [],
            "mamba_ssm_dtype": "float32",
        ])
        for (key, value) in fields { raw.config[key] = value }
        raw.add("model.embed_tokens.weight", [6, 8])
        for layer in 0..<2 {
            let stem = "model.layers.\(layer)."
            raw.add(stem + "input_layernorm.weight", [8])
            let own: [(String, [Int])] =
                layer == 0
                ? [
                    ("linear_attn.in_proj_qkv.weight", [16, 8]),
                    ("linear_attn.in_proj_z.weight", [10, 8]),
                    ("linear_attn.in_proj_b.weight", [2, 8]),
                    ("linear_attn.in_proj_a.weight", [2, 8]),
                    ("linear_attn.conv1d.weight", [16, 1, 2]), ("linear_attn.dt_bias", [2]),
                    ("linear_attn.A_log", [2]), ("linear_attn.norm.weight", [5]),
                    ("linear_attn.out_proj.weight", [8, 10]),
                ]
                : [
                    ("self_attn.q_proj.weight", [16, 8]), ("self_attn.k_proj.weight", [4, 8]),
                    ("self_attn.v_proj.weight", [4, 8]), ("self_attn.o_proj.weight", [8, 8]),
                    ("self_attn.q_norm.weight", [4]), ("self_attn.k_norm.weight", [4]),
                ]
            for (name, shape) in own { raw.add(stem + name, shape) }
            raw.add(stem + "post_attention_layernorm.weight", [8])
            for (name, shape) in [("gate", [8, 8]), ("up", [8, 8]), ("down", [8, 8])] {
                raw.add("\(stem)mlp.\(name)_proj.weight", shape)
            }
        }
        raw.add("model.norm.weight", [8])
        raw.add("lm_head.weight", [6, 8])
        raw.add("mtp.fc.weight", [8, 16])
        return raw
    }

    @Test func `a published configuration is read, and what drafts is left out`() throws {
        let model = try Self.qwen35().open()

        let c = model.configuration
        #expect(
            c.deltaNet
                == DeltaNetShape(
                    keyHeadCount: 1, valueHeadCount: 2, keyWidth: 3, valueWidth: 5, tapCount: 2))
        #expect(c.deltaLayers == [0] && c.attentionLayers == [1] && c.draftLayerCount == 1)
        #expect(c.ropeDimensionCount == 2 && c.ropeTheta == 1e7)
        #expect(model.warnings.allSatisfy { $0.contains("mtp.") })
        // The norms of layers lie around zero, that of the delta net does not; the rate is −e^A.
        let layer = model.tensors.layers[0]
        #expect(layer.vector(.attentionNorm) == Array(repeating: 1.5, count: 8))
        #expect(layer.vector(TensorRole("delta norm")) == Array(repeating: 0.5, count: 5))
        #expect(layer.vector(TensorRole("delta rate")).allSatisfy { abs($0 + 1.6487213) < 1e-6 })
        #expect(model.tensors.outputs.vector(.outputNorm) == Array(repeating: 1.5, count: 8))
    }

    @Test func `what a file does not say is as transformers has it`() throws {
        var raw = Self.qwen35()
        for key in [
            "linear_num_key_heads", "linear_num_value_heads", "linear_key_head_dim",
            "linear_value_head_dim", "linear_conv_kernel_dim", "layer_types",
        ] {
            raw.config[key] = nil
        }
        raw.config["num_hidden_layers"] = 9
        let damaged = raw
        // 16 and 32 heads of 128, every fourth layer attention: the first tensor does not fit that.
        try expectOneLineError(mentions: "in_proj_qkv.weight: expected shape [8192, 8]") {
            try damaged.open()
        }
    }

    @Test(
        arguments: [
            ("linear_num_key_heads", 3), ("linear_num_value_heads", 0),
            ("linear_key_head_dim", 100_000), ("linear_conv_kernel_dim", 1000),
            ("layer_types", ["linear_attention"]),
            ("layer_types", ["linear_attention", "sliding_attention"]),
            ("attn_output_gate", false), ("hidden_act", "gelu"),
        ] as [(String, JSONValue)])
    func `a field that cannot be followed is named`(key: String, value: JSONValue) throws {
        let damaged = Self.qwen35([key: value])
        try expectOneLineError(mentions: key) { try damaged.open() }
    }

    @Test func `models without any attention are refused`() throws {
        let damaged = Self.qwen35(["layer_types": ["linear_attention", "linear_attention"]])
        try expectOneLineError(mentions: "without any attention") { try damaged.open() }
    }

    @Test(arguments: [
        ("conv1d.weight", [16, 2, 1]), ("in_proj_a.weight", [1, 8]), ("A_log", [3]),
        ("out_proj.weight", [10, 8]),
    ])
    func `a tensor of another shape is named`(name: String, shape: [Int]) throws {
        var raw = Self.qwen35()
        let index = try #require(
            raw.tensors.firstIndex { $0.name.hasSuffix("linear_attn." + name) })
        raw.edit(index, "shape", .array(shape.map { .integer($0) }))
        let damaged = raw
        try expectOneLineError(mentions: name) { try damaged.open() }
    }

    @Test func `a rate whose exponential is too large is named`() throws {
        var raw = Self.qwen35()
        let index = try #require(raw.tensors.firstIndex { $0.name.hasSuffix("A_log") })
        let large = Float(1000).bitPattern
        for byte in 0..<4 {
            raw.tensors[index].bytes[byte] = UInt8(truncatingIfNeeded: large >> (8 * UInt32(byte)))
        }
        let damaged = raw
        try expectOneLineError(mentions: "A_log: element 0") { try damaged.open() }
    }

    // MARK: GGUF

    private static func gguf(_ edit: (inout RawGGUF) -> Void = { _ in }) -> RawGGUF {
        var raw = RawGGUF.model()
        raw.set("general.architecture", .string("qwen35"))
        for index in raw.keys.indices where raw.keys[index].name.starts(with: "llama.".utf8) {
            raw.keys[index].name.replaceSubrange(0..<5, with: "qwen35".utf8)
        }
        for (key, value) in [
            ("conv_kernel", 4), ("state_size", 8), ("group_count", 2), ("time_step_rank", 4),
            ("inner_size", 24),
        ] {
            raw.set("qwen35.ssm.\(key)", .uint32(UInt32(value)))
        }
        edit(&raw)
        return raw
    }

    @Test(
        arguments: [
            ("group_count", 3), ("inner_size", 25), ("state_size", 0), ("conv_kernel", 65),
            ("time_step_rank", 1 << 20),
        ])
    func `a key that cannot be followed is named`(key: String, value: Int) throws {
        let damaged = Self.gguf { $0.set("qwen35.ssm.\(key)", .uint32(UInt32(value))) }
        try expectOneLineError(mentions: "qwen35.ssm.\(key)") {
            _ = try damaged.open()
        }
    }

    @Test func `a missing key and a list of another length are named`() throws {
        let missing = Self.gguf { $0.remove("qwen35.ssm.inner_size") }
        try expectOneLineError(mentions: "qwen35.ssm.inner_size: missing") {
            _ = try missing.open()
        }
        let short = Self.gguf {
            $0.set("qwen35.attention.recurrent_layers", .string("all of them"))
        }
        try expectOneLineError(mentions: "qwen35.attention.recurrent_layers") {
            _ = try short.open()
        }
    }
}
