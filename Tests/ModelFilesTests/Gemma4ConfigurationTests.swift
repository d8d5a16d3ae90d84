// SPDX-License-Identifier: Apache-2.0

import Computation
import JSON
import ModelFiles
import TestSupport
import Testing

/// What transformers makes of Gemma 4's config.json, and what GGUF files say of it.
struct Gemma4ConfigurationTests {
    /// D 8, H 2; layers of a window of 4 have one head of 4, the others one of 6; F 8, V 6.
    ///
    /// `kinds` says of each layer whether it has a window (s) or sees all (f).
    private static func raw(
        _ fields: JSONObject = [:], kinds: String = "sf", borrowing: Int = 0
    ) -> RawDirectory {
        let types = kinds.map { $0 == "s" ? "sliding_attention" : "full_attention" }
        var raw = RawDirectory(config: [
            "architectures": ["Gemma4ForCausalLM"], "hidden_size": 8, "intermediate_size": 8,
            "num_hidden_layers": .integer(kinds.count), "num_attention_heads": 2,
            "num_key_value_heads": 1, "head_dim": 4, "global_head_dim": 6, "vocab_size": 6,
            "sliding_window": 4, "hidden_size_per_layer_input": 0,
            "layer_types": .array(types.map { .string($0) }),
            "num_kv_shared_layers": .integer(borrowing),
        ])
        for (key, value) in fields { raw.config[key] = value }
        raw.add("model.embed_tokens.weight", [6, 8])
        for (layer, kind) in kinds.enumerated() {
            let width = kind == "s" ? 4 : 6
            var tensors = [
                ("self_attn.q_proj.weight", [2 * width, 8]), ("self_attn.q_norm.weight", [width]),
                ("self_attn.k_proj.weight", [width, 8]), ("self_attn.v_proj.weight", [width, 8]),
                ("self_attn.k_norm.weight", [width]), ("self_attn.o_proj.weight", [8, 2 * width]),
                ("layer_scalar", [1]),
            ]
            let size = layer >= kinds.count - borrowing ? 16 : 8
            for name in ["gate", "up"] { tensors.append(("mlp.\(name)_proj.weight", [size, 8])) }
            tensors.append(("mlp.down_proj.weight", [8, size]))
            for name in ["input", "post_attention", "pre_feedforward", "post_feedforward"] {
                tensors.append(("\(name)_layernorm.weight", [8]))
            }
            for (name, shape) in tensors { raw.add("model.layers.\(layer).\(name)", shape) }
        }
        raw.add("model.norm.weight", [8])
        return raw
    }

    @Test func `layers with a window have heads of their own`() throws {
        let model = try Self.raw().open()
        let c = model.configuration

        #expect(c.headDimension == 6 && c.kvHeadCount == 1 && c.ropeDimensionCount == 6)
        #expect(
            c.windowHeads
                == WindowHeads(kvHeadCount: 1, headDimension: 4, ropeDimensionCount: 4))
        #expect(c.windowRope == WindowRope(theta: 10_000) && c.ropeTheta == 1e6)
        // A quarter of three pairs is none.
        #expect(c.ropeFrequencyFactors == [1e30, 1e30, 1e30])
        #expect(c.own(layer: 0).headDimension == 4 && c.own(layer: 0).ropeFrequencyFactors == nil)
        #expect(c.own(layer: 1) == c)
        #expect(model.tensors.isTied && model.warnings.isEmpty)
        try model.verify()
    }

    @Test func `layers may borrow keys and values, and be twice as wide`() throws {
        let model = try Self.raw(
            ["use_double_wide_mlp": true], kinds: "sfsf", borrowing: 2
        ).open()
        let c = model.configuration

        #expect(c.attentionLayers == [0, 1] && c.lastKeepingLayer == 1)
        #expect((0..<4).map { c.lender(toLayer: $0) } == [0, 1, 0, 1])
        #expect(c.own(layer: 3).intermediateSize == 16 && c.own(layer: 1).intermediateSize == 8)
        // What would make their own is published with them, and left out.
        #expect(model.tensors.layers[2].members.count == model.tensors.layers[0].members.count - 3)
        #expect(model.warnings.count == 1)
    }

    @Test func `what transformers writes of single layers counts`() throws {
        let c = try Self.raw([
            "global_head_dim": .null,
            "per_layer_config": ["1": ["head_dim": 6, "num_key_value_heads": 1]],
        ]).open().configuration

        #expect(c.headDimension == 6 && c.windowHeads?.headDimension == 4)
    }

    @Test(
        arguments: [
            ("global_head_dim", .integer(8), "q_proj.weight: expected shape [16, 8]"),
            ("global_head_dim", 5, "global_head_dim: 5 is not even"),
            ("global_head_dim", 0, "global_head_dim: expected an integer from 2"),
            ("head_dim", 5, "head_dim: 5 is not even"),
            ("num_key_value_heads", 3, "num_key_value_heads: 3 does not divide"),
            ("num_kv_shared_layers", 2, "num_kv_shared_layers: expected an integer from 0 to 1"),
            ("num_kv_shared_layers", 1, "no layer before them is of the type of layer 1"),
            ("num_kv_shared_layers", -1, "num_kv_shared_layers: expected an integer"),
            ("layer_types", ["full_attention", "sliding_attention"], "the last layer is not"),
            ("layer_types", ["full_attention"], "layer_types: expected full_attention or"),
            ("hidden_activation", "silu", "hidden_activation"),
            ("use_bidirectional_attention", "all", "use_bidirectional_attention"),
            ("attention_bias", true, "attention_bias: biases are not supported"),
            ("final_logit_softcapping", -1, "final_logit_softcapping: expected a number"),
            ("final_logit_softcapping", "30", "final_logit_softcapping: expected a number"),
            ("hidden_size_per_layer_input", 3, "embed_tokens_per_layer.weight: missing"),
            ("hidden_size_per_layer_input", 1.5, "hidden_size_per_layer_input: expected"),
            ("hidden_size_per_layer_input", 65537, "hidden_size_per_layer_input: expected"),
            ("attention_k_eq_v", "yes", "attention_k_eq_v: expected true or false"),
            ("enable_moe_block", 1, "enable_moe_block: expected true or false"),
            ("enable_moe_block", true, "moe_intermediate_size"),
            ("per_layer_config", ["0": ["head_dim": 8]], "per_layer_config.0: differs"),
            ("per_layer_config", ["1": ["window": 8]], "per_layer_config.1.window"),
            ("per_layer_config", ["1": ["head_dim": 1]], "per_layer_config.1.head_dim"),
            ("per_layer_config", [1], "per_layer_config: expected an object"),
            (
                "rope_parameters",
                [
                    "sliding_attention": ["rope_type": "proportional", "rope_theta": 9],
                    "full_attention": ["rope_type": "default", "rope_theta": 9],
                ], "sliding_attention.rope_type"
            ),
            (
                "rope_parameters",
                [
                    "sliding_attention": ["rope_type": "default", "rope_theta": 9],
                    "full_attention": [
                        "rope_type": "default", "rope_theta": 9, "partial_rotary_factor": 0.5,
                    ],
                ], "partial_rotary_factor"
            ),
            (
                "rope_parameters", ["sliding_attention": ["rope_type": "default"]],
                "rope_parameters.full_attention: missing"
            ),
        ] as [(String, JSONValue, String)])
    func `what does not fit is named`(key: String, value: JSONValue, problem: String) throws {
        var fields: JSONObject = [key: value]
        if key == "enable_moe_block" { fields["moe_intermediate_size"] = 0 }
        try expectOneLineError(mentions: problem) { try Self.raw(fields).open() }
    }

    // MARK: GGUF

    /// What GGUF has for a list of truth values.
    private static func bools(_ flags: [Bool]) -> RawGGUF.Value {
        .raw(
            type: 9,
            payload: UInt32(7).bytes + UInt64(flags.count).bytes + flags.map { $0 ? 1 : 0 })
    }

    /// The same with keys that llama.cpp's converter writes.
    private static func gguf() -> RawGGUF {
        var raw = RawGGUF()
        raw.set("general.architecture", .string("gemma4"))
        let counts: [(String, UInt32)] = [
            ("block_count", 2), ("context_length", 64), ("embedding_length", 8),
            ("feed_forward_length", 8), ("attention.head_count", 2),
            ("attention.head_count_kv", 1), ("attention.key_length", 6),
            ("attention.value_length", 6), ("attention.key_length_swa", 4),
            ("attention.value_length_swa", 4), ("rope.dimension_count", 6),
            ("rope.dimension_count_swa", 4), ("attention.sliding_window", 4),
            ("attention.shared_kv_layers", 0), ("embedding_length_per_layer_input", 0),
        ]
        for (key, value) in counts { raw.set("gemma4.\(key)", .uint32(value)) }
        raw.set("gemma4.attention.layer_norm_rms_epsilon", .float32(1e-6))
        raw.set("gemma4.rope.freq_base", .float32(1e6))
        raw.set("gemma4.rope.freq_base_swa", .float32(1e4))
        raw.set("gemma4.final_logit_softcapping", .float32(30))
        raw.set("gemma4.attention.sliding_window_pattern", bools([true, false]))
        raw.addTensor("token_embd.weight", [8, 6])
        raw.addTensor("output_norm.weight", [8])
        raw.addTensor("rope_freqs.weight", [3])
        for (layer, width) in [4, 6].enumerated() {
            let tensors: [(String, [Int])] = [
                ("attn_norm", [8]), ("attn_q", [8, 2 * width]),
                ("attn_k", [8, width]), ("attn_q_norm", [width]),
                ("attn_k_norm", [width]), ("attn_output", [2 * width, 8]),
                ("post_attention_norm", [8]), ("ffn_norm", [8]), ("ffn_gate", [8, 8]),
                ("ffn_up", [8, 8]), ("ffn_down", [8, 8]), ("post_ffw_norm", [8]),
                ("layer_output_scale", [1]),
            ]
            for (name, shape) in tensors { raw.addTensor("blk.\(layer).\(name).weight", shape) }
        }
        raw.addTensor("blk.0.attn_v.weight", [8, 4])
        return raw
    }

    @Test func `values are keys where a layer that sees all has no matrix for them`() throws {
        let model = try Self.gguf().open()
        let c = model.configuration

        #expect(c.numbers[FamilyNumber("values that are keys")] == 1)
        #expect(c.numbers[FamilyNumber("limit of logits")] == 30)
        #expect(c.windowHeads?.headDimension == 4 && c.headDimension == 6)
        #expect(model.tensors.layers.map { $0.has(.value) } == [true, false])
    }

    @Test(
        arguments: [
            ("attention.key_length_swa", .uint32(6), "key_length_swa, 6"),
            ("attention.key_length_swa", .uint32(0), "attention.key_length_swa: expected"),
            ("attention.value_length", .uint32(4), "value_length: 4 differs"),
            ("rope.dimension_count_swa", .uint32(2), "rope.dimension_count_swa: 2 differs"),
            ("rope.dimension_count", .uint32(4), "rope_freqs.weight: expected 2 elements"),
            ("attention.shared_kv_layers", .uint32(2), "shared_kv_layers: expected an integer"),
            ("attention.shared_kv_layers", .uint32(1), "no layer before them sees as much"),
            ("attention.head_count_kv", .int32s([1]), "head_count_kv: expected an integer"),
            ("attention.head_count_kv", .int32s([0, 1]), "head_count_kv: expected an integer"),
            ("attention.head_count_kv", .int32s([3, 1]), "head_count_kv: 3 does not divide"),
            ("feed_forward_length", .int32s([8, 16]), "layers with keys and values differ: 8, 16"),
            ("feed_forward_length", .int32s([8, -1]), "feed_forward_length: expected an integer"),
            ("attention.sliding_window_pattern", bools([true]), "sliding_window_pattern"),
            (
                "attention.sliding_window_pattern", bools([false, true]),
                "sliding_window_pattern: the last layer has a window"
            ),
            ("embedding_length_per_layer_input", .uint32(2), "per_layer_token_embd.weight"),
            ("final_logit_softcapping", .float32(.nan), "final_logit_softcapping"),
        ] as [(String, RawGGUF.Value, String)])
    func `what does not fit in GGUF is named`(
        key: String, value: RawGGUF.Value, problem: String
    ) throws {
        var raw = Self.gguf()
        raw.set("gemma4.\(key)", value)
        let damaged = raw
        try expectOneLineError(mentions: problem) { _ = try damaged.open() }
    }

    @Test func `without divisors of frequencies all would rotate`() throws {
        var raw = Self.gguf()
        raw.removeTensor("rope_freqs.weight")
        let damaged = raw
        try expectOneLineError(mentions: "rope_freqs.weight: missing") {
            _ = try damaged.open()
        }
    }
}
