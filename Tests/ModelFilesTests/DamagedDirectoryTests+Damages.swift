// SPDX-License-Identifier: Apache-2.0

import JSON
import TestSupport

extension DamagedDirectoryTests {
    static let headerDamages: [Damage] = [
        Damage("header length 0", mentions: "header") { $0.headerByteCount = 0 },
        Damage("header length 1") { $0.headerByteCount = 1 },
        Damage("header length past the end", mentions: "left") { $0.headerByteCount = 1 << 20 },
        Damage("header length above the limit", mentions: "100000000") {
            $0.headerByteCount = 100_000_001
        },
        Damage("header length 2^64-1", mentions: "header") { $0.headerByteCount = .max },
        Damage("header length 2^63", mentions: "header") { $0.headerByteCount = 1 << 63 },
        Damage("an empty header", mentions: "JSON") { $0.header = [] },
        Damage("a header that is a list", mentions: "JSON") { $0.header = Array("[]".utf8) },
        Damage("a header that is a number", mentions: "JSON") { $0.header = Array("1".utf8) },
        Damage("a header of garbage", mentions: "JSON") { $0.header = Array("{\"a\"".utf8) },
        Damage("a header of bad UTF-8", mentions: "JSON") {
            $0.header = Array("{\"".utf8) + [0xFF] + Array("\":1}".utf8)
        },
        Damage("a header nested 10,000 deep", mentions: "nesting") {
            $0.header = Array(String(repeating: "{\"a\":", count: 10_000).utf8)
        },
        Damage("a header without tensors", mentions: "follow") { $0.header = Array("{}".utf8) },
        Damage("a name twice", mentions: "second time") {
            let entry = $0.tensors[0].entry.serialized()
            let name = "\"model.embed_tokens.weight\":"
            $0.header = Array("{\(name)\(entry),\(name)\(entry)}".utf8)
        },
        Damage("one byte missing", mentions: "truncated") { $0.missingByteCount = 1 },
        Damage("half the file missing", mentions: "truncated") { $0.missingByteCount = 1000 },
        Damage("bytes after the last tensor", mentions: "follow") {
            $0.tensors[13].bytes += [0, 0, 0, 0]
            $0.tensors.swapAt(13, $0.tensors.count - 1)
            $0.tensors.swapAt(13, $0.tensors.count - 1)
            $0.tensors[$0.tensors.count - 1].bytes += [0]
            $0.tensors[13].bytes.removeLast(4)
        },
    ]

    static let entryDamages: [Damage] = [
        Damage("an entry that is a number", mentions: "not an object") { $0.tensors[1].entry = 1 },
        Damage("an entry that is null", mentions: "not an object") { $0.tensors[1].entry = nil },
        Damage("no dtype", mentions: "dtype") { $0.edit(1, "dtype", nil) },
        Damage("dtype a number", mentions: "dtype") { $0.edit(1, "dtype", 1) },
        Damage("dtype I64", mentions: "I64") { $0.edit(1, "dtype", "I64") },
        Damage("dtype F8_E4M3", mentions: "F8_E4M3") { $0.edit(1, "dtype", "F8_E4M3") },
        Damage("dtype F64", mentions: "F64") { $0.edit(1, "dtype", "F64") },
        Damage("dtype F16 of twice the bytes", mentions: "do not hold") {
            $0.edit(1, "dtype", "F16")
        },
        Damage("no shape", mentions: "shape") { $0.edit(1, "shape", nil) },
        Damage("a shape of strings", mentions: "shape") { $0.edit(1, "shape", ["8"]) },
        Damage("a shape with 0", mentions: "shape") { $0.edit(1, "shape", [0]) },
        Damage("a shape with -8", mentions: "shape") { $0.edit(1, "shape", [-8]) },
        Damage("a shape with 8.5", mentions: "shape") { $0.edit(1, "shape", [8.5]) },
        Damage("a shape of 5 sizes", mentions: "dimensions") {
            $0.edit(1, "shape", [8, 1, 1, 1, 1])
        },
        Damage("a shape that overflows", mentions: "shape") {
            $0.edit(1, "shape", [.integer(1 << 40), .integer(1 << 40)])
        },
        Damage("a shape of 2^63 elements", mentions: "shape") {
            $0.edit(1, "shape", [.integer(1 << 62), 2])
        },
        Damage("a shape whose bytes overflow", mentions: "do not hold") {
            $0.edit(1, "shape", [.integer(1 << 62)])
        },
        Damage("a scalar", mentions: "do not hold") { $0.edit(1, "shape", []) },
        Damage("no offsets", mentions: "data_offsets") { $0.edit(1, "data_offsets", nil) },
        Damage("one offset", mentions: "data_offsets") { $0.edit(1, "data_offsets", [0]) },
        Damage("three offsets", mentions: "data_offsets") {
            $0.edit(1, "data_offsets", [192, 224, 256])
        },
        Damage("offsets as strings", mentions: "data_offsets") {
            $0.edit(1, "data_offsets", ["192", "224"])
        },
        Damage("negative offsets", mentions: "data_offsets") {
            $0.edit(1, "data_offsets", [-32, 0])
        },
        Damage("offsets the wrong way round", mentions: "data_offsets") {
            $0.edit(1, "data_offsets", [224, 192])
        },
        Damage("offsets past the end", mentions: "data_offsets") {
            $0.edit(1, "data_offsets", [.integer(1 << 40), .integer(1 << 40 + 32)])
        },
        Damage("offsets of 2^63-1", mentions: "data_offsets") {
            $0.edit(1, "data_offsets", [.integer(.max - 32), .integer(.max)])
        },
        Damage("overlapping tensors", mentions: "overlap") {
            $0.edit(1, "data_offsets", [160, 192])
        },
        Damage("a gap", mentions: "unused") {
            var rest = $0
            rest.tensors.remove(at: 1)
            $0.header = rest.headerBytes()
        },
        Damage("a tensor missing", mentions: "lm_head") { $0.tensors.removeLast() },
        Damage("a tensor of the wrong shape", mentions: "expected shape") {
            $0.edit(2, "shape", [4, 16])
        },
        Damage("a bias", mentions: "q_proj.bias") {
            $0.add("model.layers.0.self_attn.q_proj.bias", [8])
        },
        Damage("a third expert", mentions: "experts.2") {
            $0.add("model.layers.0.mlp.experts.2.w1.weight", [8, 8])
        },
        Damage("NaN in a norm", mentions: "input_layernorm") {
            $0.tensors[1].bytes.replaceSubrange(4..<8, with: Float.nan.bitPattern.bytes)
        },
        Damage("infinity in an expert", mentions: "element 63") {
            $0.tensors[9].bytes.replaceSubrange(252..<256, with: Float.infinity.bitPattern.bytes)
        },
    ]

    static let configDamages: [Damage] = [
        Damage("no architecture", mentions: "architectures") { $0.config["architectures"] = nil },
        Damage("architectures a string", mentions: "architectures") {
            $0.config["architectures"] = "MixtralForCausalLM"
            $0.config["model_type"] = nil
        },
        Damage("two architectures", mentions: "architectures") {
            $0.config["architectures"] = ["a", "b"]
        },
        Damage("an unknown architecture", mentions: "GPT2LMHeadModel") {
            $0.config["architectures"] = ["GPT2LMHeadModel"]
        },
        Damage("hidden_size missing", mentions: "hidden_size") { $0.config["hidden_size"] = nil },
        Damage("vocab_size missing", mentions: "vocab_size") { $0.config["vocab_size"] = nil },
        Damage("no layers stated", mentions: "num_hidden_layers") {
            $0.config["num_hidden_layers"] = nil
        },
        Damage("one layer too many", mentions: "model.layers.1") {
            $0.config["num_hidden_layers"] = 2
        },
        Damage("a vocabulary too large", mentions: "embed_tokens") {
            $0.config["vocab_size"] = 7
        },
        Damage("an odd head_dim", mentions: "head_dim") { $0.config["head_dim"] = 5 },
        Damage("heads that do not divide the width", mentions: "num_attention_heads") {
            $0.config["head_dim"] = nil
            $0.config["num_attention_heads"] = 3
            $0.config["num_key_value_heads"] = 3
        },
        Damage("kv heads that do not divide the heads", mentions: "num_key_value_heads") {
            $0.config["num_attention_heads"] = 4
            $0.config["num_key_value_heads"] = 3
        },
        Damage("top-k above the experts", mentions: "num_experts_per_tok") {
            $0.config["num_experts_per_tok"] = 3
        },
        Damage("gelu", mentions: "gelu") { $0.config["hidden_act"] = "gelu" },
        Damage("attention_bias", mentions: "attention_bias") {
            $0.config["attention_bias"] = true
        },
        Damage("attention_bias a string", mentions: "attention_bias") {
            $0.config["attention_bias"] = "no"
        },
        Damage("quantised", mentions: "quantization_config") {
            $0.config["quantization_config"] = ["quant_method": "awq"]
        },
        Damage("tied a number", mentions: "tie_word_embeddings") {
            $0.config["tie_word_embeddings"] = 1
        },
        Damage("layers that attend differently", mentions: "layer_types") {
            $0.config["layer_types"] = ["sliding_attention", "full_attention"]
        },
        Damage("rope_scaling a list", mentions: "rope_scaling") { $0.config["rope_scaling"] = [1] },
        Damage("unknown rope type", mentions: "rope_scaling.type") {
            $0.config["rope_scaling"] = ["type": "dynamic", "factor": 2]
        },
        Damage("unknown rope_parameters type", mentions: "rope_parameters.rope_type") {
            $0.config["rope_parameters"] = ["rope_type": "longrope", "rope_theta": 1e4]
        },
        Damage("linear without factor", mentions: "rope_scaling.factor") {
            $0.config["rope_scaling"] = ["type": "linear"]
        },
        Damage("linear by 0", mentions: "rope_scaling.factor") {
            $0.config["rope_scaling"] = ["type": "linear", "factor": 0]
        },
        Damage("llama3 without low_freq_factor", mentions: "low_freq_factor") {
            $0.config["rope_scaling"] = ["rope_type": "llama3", "factor": 8, "high_freq_factor": 4]
        },
        Damage("llama3 with equal factors", mentions: "high_freq_factor") {
            $0.config["rope_scaling"] = [
                "rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4,
            ]
        },
        Damage("yarn of original length 0", mentions: "original_max_position_embeddings") {
            $0.config["rope_scaling"] = [
                "rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 0,
            ]
        },
        Damage("yarn betas the wrong way round", mentions: "beta_fast") {
            $0.config["rope_scaling"] = [
                "rope_type": "yarn", "factor": 4, "beta_fast": 1, "beta_slow": 32,
            ]
        },
        Damage("partial_rotary_factor 2", mentions: "partial_rotary_factor") {
            $0.config["partial_rotary_factor"] = 2
        },
        Damage("partial rotation of 3 components", mentions: "partial_rotary_factor") {
            $0.config["partial_rotary_factor"] = 0.75
        },
        Damage("rope_theta in rope_parameters negative", mentions: "rope_parameters.rope_theta") {
            $0.config["rope_parameters"] = ["rope_theta": -1]
        },
        Damage("eos a list with a string", mentions: "eos_token_id") {
            $0.config["eos_token_id"] = [1, "2"]
        },
    ]

    static let fileDamages: [Damage] = [
        ("config.json", "empty", ""), ("config.json", "config.json", "{"),
        ("config.json", "config.json", "[]"), ("config.json", "config.json", "{\"a\":NaN}"),
        ("config.json", "config.json", "{} x"), ("config.json", "git-lfs", lfsPointer),
        ("config.json", "config.json", String(repeating: "[", count: 100_000)),
        ("config.json", "limit", String(repeating: " ", count: 5_000_000) + "{}"),
        ("model.safetensors", "git-lfs", lfsPointer),
        ("tokenizer_config.json", "tokenizer_config.json", "{"),
        ("tokenizer_config.json", "chat_template", "{\"chat_template\":1}"),
        ("tokenizer_config.json", "chat_template", "{\"chat_template\":[{\"name\":\"x\"}]}"),
        ("generation_config.json", "generation_config.json", "nope"),
        ("generation_config.json", "eos_token_id", "{\"eos_token_id\":\"2\"}"),
        ("chat_template.jinja", "empty", ""),
        ("model.safetensors.index.json", "weight_map", "{}"),
        ("model.safetensors.index.json", "weight_map", "{\"weight_map\":[]}"),
        ("model.safetensors.index.json", "embed_tokens", "{\"weight_map\":{}}"),
        ("model.safetensors.index.json", "no such", index("a.safetensors")),
        ("model.safetensors.index.json", "weight_map.x", index("../a.safetensors")),
        ("model.safetensors.index.json", "weight_map.x", index("/etc/passwd")),
        ("model.safetensors.index.json", "weight_map.x", index("b\\\\a.safetensors")),
        ("model.safetensors.index.json", "weight_map.x", index(".safetensors")),
        ("model.safetensors.index.json", "weight_map.x", index("config.json")),
        (
            "model.safetensors.index.json", "weight_map.x",
            index("model.safetensors.index.json")
        ),
        ("model.safetensors.index.json", "weight_map.x", index("a\\u0000.safetensors")),
        ("model.safetensors.index.json", "weight_map.x", "{\"weight_map\":{\"x\":1}}"),
        ("model.safetensors.index.json", "weight_map.x", "{\"weight_map\":{\"x\":{\"x\":{}}}}"),
    ].map { name, mentions, content in
        Damage("\(name) is \(content.prefix(40))", mentions: mentions) {
            $0.files[name] = Array(content.utf8)
        }
    }

    private static let lfsPointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"

    private static func index(_ shard: String) -> String {
        "{\"weight_map\":{\"x\":\"\(shard)\"}}"
    }
}
