// SPDX-License-Identifier: Apache-2.0

import Architectures
import Computation
import JSON
import ModelFiles
import TestSupport
import Testing

/// What transformers 5.24 makes of a config.json of `qwen2` and `qwen3`, and what GGUF files of the
/// two have.
struct QwenConfigurationTests {
    private static func qwen2(
        _ fields: JSONObject = [:], biases: [String] = ["q", "k", "v"]
    ) -> RawDirectory {
        var raw = RawDirectory.dense("Qwen2ForCausalLM")
        for (part, count) in [("q", 8), ("k", 4), ("v", 4)] where biases.contains(part) {
            raw.add("model.layers.0.self_attn.\(part)_proj.bias", [count])
        }
        for (key, value) in fields { raw.config[key] = value }
        return raw
    }

    private static func qwen3(_ fields: JSONObject = [:]) -> RawDirectory {
        var raw = RawDirectory.dense("Qwen3ForCausalLM")
        raw.config["head_dim"] = 4
        for part in ["q", "k"] { raw.add("model.layers.0.self_attn.\(part)_norm.weight", [4]) }
        for (key, value) in fields { raw.config[key] = value }
        return raw
    }

    private static func gguf(_ architecture: String) -> RawGGUF {
        var raw = RawGGUF.model()
        raw.set("general.architecture", .string(architecture))
        for index in raw.keys.indices where raw.keys[index].name.starts(with: "llama.".utf8) {
            raw.keys[index].name.replaceSubrange(0..<5, with: architecture.utf8)
        }
        if architecture == "qwen3" {
            for part in ["q", "k"] { raw.addTensor("blk.0.attn_\(part)_norm.weight", [4]) }
        } else {
            for (part, count) in [("q", 8), ("k", 4), ("v", 4)] {
                raw.addTensor("blk.0.attn_\(part).bias", [count])
            }
        }
        return raw
    }

    @Test(arguments: [qwen2(), qwen3()])
    func `fields have transformers' defaults`(raw: RawDirectory) throws {
        let configuration = try raw.open().configuration
        #expect(configuration.slidingWindow == nil)
        #expect(configuration.contextLength == 32_768)
        #expect(configuration.ropeTheta == 10_000)
        #expect(configuration.rmsNormEpsilon == 1e-6)
        #expect(configuration.ropePairing == .halves)
    }

    @Test func `a head of Qwen3 is 128 wide where nothing else is said`() throws {
        var raw = Self.qwen3()
        raw.config["head_dim"] = nil
        let silent = raw
        try expectOneLineError(mentions: "q_proj.weight: expected shape [256, 8]") {
            try silent.open()
        }
    }

    @Test func `there are 32 key and value heads where nothing else is said`() throws {
        var raw = Self.qwen2()
        raw.config["num_key_value_heads"] = nil
        let silent = raw
        try expectOneLineError(mentions: "num_key_value_heads: 32") { try silent.open() }
    }

    /// One layer, so that windows begin after it unless they begin at the first.
    @Test(
        arguments: [
            (["sliding_window": 131_072, "use_sliding_window": false], nil),
            (["sliding_window": 9], nil),
            (["use_sliding_window": true, "sliding_window": 9], nil),
            (["use_sliding_window": true, "sliding_window": 9, "max_window_layers": 1], nil),
            (["use_sliding_window": true, "sliding_window": 9, "max_window_layers": 0], 9),
            (["use_sliding_window": true, "max_window_layers": 0], 4096),
            (["use_sliding_window": true, "sliding_window": nil, "max_window_layers": 0], nil),
            (
                [
                    "use_sliding_window": true, "sliding_window": 9, "max_window_layers": 28,
                    "layer_types": ["sliding_attention"],
                ], 9
            ),
            (
                [
                    "use_sliding_window": true, "sliding_window": 9, "max_window_layers": 0,
                    "layer_types": ["full_attention"],
                ], nil
            ),
            (["layer_types": ["full_attention"], "sliding_window": nil], nil),
        ] as [(JSONObject, Int?)])
    func `a window counts where it is switched on, from the layer on that is named`(
        fields: JSONObject, window: Int?
    ) throws {
        #expect(try Self.qwen2(fields).open().configuration.slidingWindow == window)
        #expect(try Self.qwen3(fields).open().configuration.slidingWindow == window)
    }

    @Test(
        arguments: [
            (
                "max_window_layers: 1",
                ["num_hidden_layers": 2, "use_sliding_window": true, "max_window_layers": 1]
            ),
            (
                "layer_types",
                [
                    "num_hidden_layers": 2, "use_sliding_window": true,
                    "layer_types": ["full_attention", "sliding_attention"],
                ]
            ),
            ("layer_types", ["layer_types": ["sliding_attention"]]),
            ("layer_types", ["layer_types": ["sliding_attention"], "use_sliding_window": false]),
            ("mlp_bias", ["mlp_bias": true]), ("hidden_act", ["hidden_act": "gelu"]),
            ("num_experts", ["num_experts": 4]),
            ("shared_expert", ["shared_expert_intermediate_size": 8]),
        ] as [(String, JSONObject)])
    func `what is not understood is refused by its name`(name: String, fields: JSONObject) throws {
        try expectOneLineError(mentions: name) { try Self.qwen2(fields).open() }
        try expectOneLineError(mentions: name) { try Self.qwen3(fields).open() }
    }

    @Test func `Qwen2 has its biases whatever the file says of them, Qwen3 has none`() throws {
        #expect(try Self.qwen2(["attention_bias": true]).open().schema.name == "Qwen2")
        #expect(try Self.qwen2(["attention_bias": false]).open().schema.name == "Qwen2")
        try expectOneLineError(mentions: "attention_bias") {
            try Self.qwen3(["attention_bias": true]).open()
        }
    }

    @Test func `a bias that is missing or has no place is named`() throws {
        try expectOneLineError(mentions: "self_attn.k_proj.bias: missing") {
            try Self.qwen2(biases: ["q", "v"]).open()
        }
        var raw = Self.qwen2()
        raw.add("model.layers.0.self_attn.o_proj.bias", [8])
        let surplus = raw
        try expectOneLineError(mentions: "self_attn.o_proj.bias") { try surplus.open() }
    }

    @Test(arguments: [("qwen2", "Qwen2"), ("qwen3", "Qwen3")])
    func `GGUF files keep the order of a head's components`(
        architecture: String, family: String
    ) throws {
        let model = try Self.gguf(architecture).open()
        #expect(model.schema.name == family)
        #expect(model.configuration.ropePairing == .halves)
    }

    @Test(arguments: ["qwen2", "qwen3"])
    func `GGUF files with experts are refused`(architecture: String) throws {
        var raw = Self.gguf(architecture)
        raw.set("\(architecture).expert_count", .uint32(4))
        raw.set("\(architecture).expert_used_count", .uint32(2))
        let mixture = raw
        try expectOneLineError(mentions: "\(architecture).expert_count") {
            _ = try mixture.open()
        }
    }

    @Test func `other biases in a GGUF file are refused`() throws {
        var raw = Self.gguf("qwen2")
        raw.addTensor("output.bias", [6])
        let surplus = raw
        try expectOneLineError(mentions: "output.bias") {
            _ = try surplus.open()
        }
    }
}
