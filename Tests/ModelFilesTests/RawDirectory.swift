// SPDX-License-Identifier: Apache-2.0

import Architectures
import JSON
import ModelFiles
import TestSupport

/// A Hugging Face folder taken to pieces, any of which a test may break before it is written.
struct RawDirectory {
    /// What stands in a safetensors header, and the bytes of the tensor.
    struct Tensor {
        var name: String
        var entry: JSONValue
        var bytes: [UInt8]
    }

    var config: JSONObject
    var tensors: [Tensor] = []
    /// Replaces the length of the header.
    var headerByteCount: UInt64?
    /// Replaces the header.
    var header: [UInt8]?
    var files: [String: [UInt8]] = [:]
    /// Bytes to leave out at the end of the safetensors file.
    var missingByteCount = 0

    /// A sound mixture: D 8, H 2, K 1, Dh 4, F 8, V 6, E 2, one layer.
    static func model() -> RawDirectory {
        var raw = RawDirectory(config: [
            "architectures": ["MixtralForCausalLM"], "hidden_size": 8, "intermediate_size": 8,
            "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
            "vocab_size": 6, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
            "rope_theta": 10000, "num_local_experts": 2, "num_experts_per_tok": 1,
            "sliding_window": 16, "head_dim": 4,
        ])
        raw.add("model.embed_tokens.weight", [6, 8])
        let layer = "model.layers.0."
        raw.add(layer + "input_layernorm.weight", [8])
        raw.add(layer + "self_attn.q_proj.weight", [8, 8])
        raw.add(layer + "self_attn.k_proj.weight", [4, 8])
        raw.add(layer + "self_attn.v_proj.weight", [4, 8])
        raw.add(layer + "self_attn.o_proj.weight", [8, 8])
        raw.add(layer + "post_attention_layernorm.weight", [8])
        raw.add(layer + "block_sparse_moe.gate.weight", [2, 8])
        for expert in 0..<2 {
            for part in 1...3 {
                raw.add(layer + "block_sparse_moe.experts.\(expert).w\(part).weight", [8, 8])
            }
        }
        raw.add("model.norm.weight", [8])
        raw.add("lm_head.weight", [6, 8])
        return raw
    }

    /// A sound dense model of the same numbers, which states none that transformers has a default for.
    static func dense(_ architecture: String) -> RawDirectory {
        var result = RawDirectory(config: [
            "architectures": [.string(architecture)], "hidden_size": 8, "intermediate_size": 8,
            "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
            "vocab_size": 6,
        ])
        for tensor in model().tensors where !tensor.name.contains("block_sparse_moe") {
            let shape = tensor.entry["shape"]?.arrayValue?.compactMap(\.intValue) ?? []
            result.add(tensor.name, shape)
        }
        for part in ["gate", "up", "down"] {
            result.add("model.layers.0.mlp.\(part)_proj.weight", [8, 8])
        }
        return result
    }

    /// The same mixture as Mistral's own files have it, for params.json.
    static func mistral() -> RawDirectory {
        var raw = RawDirectory(config: [
            "dim": 8, "n_layers": 1, "n_heads": 2, "n_kv_heads": 1, "hidden_dim": 8,
            "head_dim": 4, "norm_eps": 1e-5, "vocab_size": 6,
            "moe": ["num_experts": 2, "num_experts_per_tok": 2],
        ])
        raw.add("tok_embeddings.weight", [6, 8])
        for (name, shape) in [
            ("attention_norm", [8]), ("attention.wq", [8, 8]), ("attention.wk", [4, 8]),
            ("attention.wv", [4, 8]), ("attention.wo", [8, 8]), ("ffn_norm", [8]),
            ("feed_forward.gate", [2, 8]), ("feed_forward.experts.0.w1", [8, 8]),
            ("feed_forward.experts.0.w2", [8, 8]), ("feed_forward.experts.0.w3", [8, 8]),
            ("feed_forward.experts.1.w1", [8, 8]), ("feed_forward.experts.1.w2", [8, 8]),
            ("feed_forward.experts.1.w3", [8, 8]),
        ] {
            raw.add("layers.0.\(name).weight", shape)
        }
        raw.add("norm.weight", [8])
        raw.add("output.weight", [6, 8])
        return raw
    }

    mutating func add(_ name: String, _ shape: [Int], value: Float = 0.5) {
        let count = shape.reduce(1, *)
        let begin = tensors.reduce(0) { $0 + $1.bytes.count }
        tensors.append(
            Tensor(
                name: name,
                entry: [
                    "dtype": "F32", "shape": .array(shape.map { .integer($0) }),
                    "data_offsets": [.integer(begin), .integer(begin + count * 4)],
                ],
                bytes: Array([[UInt8]](repeating: value.bitPattern.bytes, count: count).joined())))
    }

    /// Adds a tensor of zeros of any type.
    mutating func add(_ name: String, _ dtype: String, _ shape: [Int], byteCount: Int) {
        let begin = tensors.reduce(0) { $0 + $1.bytes.count }
        tensors.append(
            Tensor(
                name: name,
                entry: [
                    "dtype": .string(dtype), "shape": .array(shape.map { .integer($0) }),
                    "data_offsets": [.integer(begin), .integer(begin + byteCount)],
                ],
                bytes: [UInt8](repeating: 0, count: byteCount)))
    }

    /// Replaces a field of a tensor's entry.
    mutating func edit(_ index: Int, _ key: String, _ value: JSONValue?) {
        guard var object = tensors[index].entry.objectValue else { return }
        object[key] = value
        tensors[index].entry = .object(object)
    }

    /// The header of model.safetensors, without its length.
    func headerBytes() -> [UInt8] {
        var object = JSONObject()
        for tensor in tensors { object[tensor.name] = tensor.entry }
        return header ?? JSONValue.object(object).serializedBytes()
    }

    /// The bytes of model.safetensors.
    func safetensors() -> [UInt8] {
        let header = headerBytes()
        let bytes =
            (headerByteCount ?? UInt64(header.count)).bytes + header + tensors.flatMap(\.bytes)
        return Array(bytes.dropLast(missingByteCount))
    }

    /// Writes the folder and opens it as a model.
    @discardableResult
    func open() throws -> ModelFile {
        let folder = try TemporaryFolder()
        if files["config.json"] == nil {
            try folder.write(JSONValue.object(config).serializedBytes(), to: "config.json")
        }
        if files["model.safetensors.index.json"] == nil {
            try folder.write(safetensors(), to: "model.safetensors")
        }
        for (name, bytes) in files { try folder.write(bytes, to: name) }
        let model = try ModelFile.open(path: folder.path)
        try model.verify()
        return model
    }
}
