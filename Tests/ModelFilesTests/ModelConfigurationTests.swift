// SPDX-License-Identifier: Apache-2.0

import Computation
import JSON
import ModelFiles
import TestSupport
import Testing

struct ModelConfigurationTests {
    @Test func `Mistral's fields have transformers' defaults`() throws {
        let configuration = try RawDirectory.dense("MistralForCausalLM").open().configuration
        #expect(configuration.slidingWindow == 4096)
        #expect(configuration.contextLength == 131_072)
        #expect(configuration.ropeTheta == 10_000)
        #expect(configuration.rmsNormEpsilon == 1e-6)
        #expect(configuration.headDimension == 4)
        #expect(!configuration.isMixtureOfExperts)
    }

    @Test func `Llama's fields have transformers' defaults`() throws {
        let configuration = try RawDirectory.dense("LlamaForCausalLM").open().configuration
        #expect(configuration.slidingWindow == nil)
        #expect(configuration.contextLength == 2048)
    }

    @Test func `null means absent`() throws {
        var raw = RawDirectory.dense("MistralForCausalLM")
        for key in ["sliding_window", "head_dim", "rope_scaling", "quantization_config"] {
            raw.config[key] = .null
        }
        let configuration = try raw.open().configuration
        #expect(configuration.slidingWindow == nil)
        #expect(configuration.headDimension == 4)
    }

    @Test func `the model type names the architecture where nothing else does`() throws {
        var raw = RawDirectory.dense("LlamaForCausalLM")
        raw.config["architectures"] = nil
        raw.config["model_type"] = "llama"
        #expect(try raw.open().configuration.architecture == "LlamaForCausalLM")
    }

    @Test func `a head dimension need not be a share of the width`() throws {
        var raw = RawDirectory.model()
        raw.config["num_attention_heads"] = 1
        raw.config["head_dim"] = 8
        // One head of 8 instead of two of 4: queries keep their shape, keys and values double.
        var wide = RawDirectory(config: raw.config)
        for tensor in raw.tensors {
            var shape = tensor.entry["shape"]?.arrayValue?.compactMap(\.intValue) ?? []
            if tensor.name.contains("k_proj") || tensor.name.contains("v_proj") { shape[0] = 8 }
            wide.add(tensor.name, shape)
        }
        let configuration = try wide.open().configuration
        #expect(configuration.headDimension == 8)
        #expect(configuration.ropeDimensionCount == 8)
    }

    @Test func `fused experts of newer files open as those one by one`() throws {
        let raw = RawDirectory.model()
        var fused = RawDirectory(config: raw.config)
        for tensor in raw.tensors where !tensor.name.contains(".experts.") {
            let name = tensor.name.replacing("block_sparse_moe", with: "mlp")
            fused.add(name, tensor.entry["shape"]?.arrayValue?.compactMap(\.intValue) ?? [])
        }
        fused.add("model.layers.0.mlp.experts.gate_up_proj", [2, 16, 8])
        fused.add("model.layers.0.mlp.experts.down_proj", [2, 8, 8])
        let experts = try fused.open().tensors.layers[0].experts
        #expect(experts.count == 2)
        #expect(experts[0].w3.byteOffset - experts[0].w1.byteOffset == 8 * 8 * 4)
        #expect(experts[1].w1.byteOffset - experts[0].w1.byteOffset == 16 * 8 * 4)
    }

    @Test func `GGUF's fused tensors open as those one by one`() throws {
        var raw = RawGGUF.model(experts: 2)
        for part in ["q", "k", "v"] { raw.removeTensor("blk.0.attn_\(part).weight") }
        for part in ["gate", "up"] { raw.removeTensor("blk.0.ffn_\(part)_exps.weight") }
        raw.addTensor("blk.0.attn_qkv.weight", [8, 16])
        raw.addTensor("blk.0.ffn_gate_up_exps.weight", [8, 16, 2])
        let layer = try raw.open().tensors.layers[0]
        #expect(layer.wk.byteOffset - layer.wq.byteOffset == 8 * 8 * 4)
        #expect(layer.wv.byteOffset - layer.wk.byteOffset == 4 * 8 * 4)
        #expect(layer.experts[1].w3.byteOffset - layer.experts[0].w1.byteOffset == 24 * 8 * 4)
    }

    @Test(arguments: ["llama", "mistral", "mixtral", "mistral3"])
    func `GGUF's architectures of the family open`(architecture: String) throws {
        var raw = RawGGUF.model(experts: 2)
        raw.set("general.architecture", .string(architecture))
        for index in raw.keys.indices where raw.keys[index].name.starts(with: "llama.".utf8) {
            raw.keys[index].name.replaceSubrange(0..<5, with: architecture.utf8)
        }
        #expect(try raw.open().configuration.architecture == architecture)
    }

    @Test func `GGUF's optional keys have llama.cpp's defaults`() throws {
        var raw = RawGGUF.model()
        for key in ["attention.head_count_kv", "rope.freq_base", "rope.dimension_count"] {
            raw.remove("llama.\(key)")
        }
        for part in ["k", "v"] {
            raw.removeTensor("blk.0.attn_\(part).weight")
            raw.addTensor("blk.0.attn_\(part).weight", [8, 8])
        }
        let configuration = try raw.open().configuration
        #expect(configuration.kvHeadCount == 2)
        #expect(configuration.ropeTheta == 10_000)
        #expect(configuration.ropeDimensionCount == 4)
        #expect(configuration.slidingWindow == nil)
    }

    @Test(arguments: [(0, nil), (1, 1), (4096, 4096)] as [(UInt32, Int?)])
    func `GGUF's sliding window is honoured`(stated: UInt32, window: Int?) throws {
        var raw = RawGGUF.model()
        raw.set("llama.attention.sliding_window", .uint32(stated))
        #expect(try raw.open().configuration.slidingWindow == window)
    }

    @Test func `per-layer numbers that agree count as one`() throws {
        var raw = RawGGUF.model()
        raw.set("llama.attention.head_count_kv", .int32s([1, 1, 1]))
        #expect(try raw.open().configuration.kvHeadCount == 1)
    }

    @Test(arguments: [1, 2, 3])
    func `top-k may be anything from 1 to the number of experts`(topK: Int) throws {
        var raw = RawGGUF.model(experts: 3)
        raw.set("llama.expert_used_count", .uint32(UInt32(topK)))
        #expect(try raw.open().configuration.expertsPerToken == topK)
    }
}
