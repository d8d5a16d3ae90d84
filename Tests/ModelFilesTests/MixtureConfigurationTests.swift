// SPDX-License-Identifier: Apache-2.0

import Architectures
import Computation
import JSON
import ModelFiles
import TestSupport
import Testing

/// What transformers 5.24 makes of a config.json of families whose experts differ from Mixtral's, and
/// what GGUF files of them have.
struct MixtureConfigurationTests {
    /// A sound model: D 8, H 2, K 1, Dh 4, F 8, V 6, E 4, A 2, Fe 8, one layer with experts.
    private static func raw(_ family: Family, _ fields: JSONObject = [:]) -> RawDirectory {
        let dense = RawDirectory.dense(family.rawValue)
        var raw = RawDirectory(config: dense.config)
        raw.config["head_dim"] = 4
        for tensor in dense.tensors where !tensor.name.contains(".mlp.") {
            raw.add(tensor.name, tensor.entry["shape"]?.arrayValue?.compactMap(\.intValue) ?? [])
        }
        for (key, value) in family.fields { raw.config[key] = value }
        for (key, value) in fields { raw.config[key] = value }
        let layer = "model.layers.0."
        for (name, shape) in family.tensors { raw.add(layer + name, shape) }
        let parts =
            family == .minimax ? ["w1", "w2", "w3"] : ["gate_proj", "up_proj", "down_proj"]
        for expert in 0..<4 {
            for part in parts {
                raw.add("\(layer)\(family.block).experts.\(expert).\(part).weight", [8, 8])
            }
        }
        raw.add("\(layer)\(family.block).gate.weight", [4, 8])
        return raw
    }

    /// The families, by the names that they have in config.json.
    enum Family: String, CaseIterable {
        case qwen3 = "Qwen3MoeForCausalLM"
        case qwen2 = "Qwen2MoeForCausalLM"
        case olmoe = "OlmoeForCausalLM"
        case glm = "Glm4MoeForCausalLM"
        case minimax = "MiniMaxM2ForCausalLM"
        case ernie = "Ernie4_5_MoeForCausalLM"
        case mellum = "MellumForCausalLM"

        var block: String { self == .minimax ? "block_sparse_moe" : "mlp" }

        /// What is its own and not what transformers assumes.
        var fields: JSONObject {
            let experts: JSONObject = [
                "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 8,
            ]
            switch self {
            case .qwen3, .mellum: return experts
            case .olmoe: return ["num_experts": 4, "num_experts_per_tok": 2]
            case .qwen2:
                var result = experts
                result["shared_expert_intermediate_size"] = 12
                return result
            case .glm:
                return [
                    "n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 8,
                    "first_k_dense_replace": 0, "n_shared_experts": 1,
                ]
            case .minimax:
                return ["num_local_experts": 4, "num_experts_per_tok": 2, "rotary_dim": 2]
            case .ernie:
                return [
                    "moe_num_experts": 4, "moe_k": 2, "moe_intermediate_size": 8,
                    "moe_layer_start_index": 0, "moe_num_shared_experts": 2,
                ]
            }
        }

        /// The tensors of a layer besides Llama's, the router and the experts.
        var tensors: [(String, [Int])] {
            switch self {
            case .qwen3, .mellum:
                return ["q", "k"].map { ("self_attn.\($0)_norm.weight", [4]) }
            case .olmoe:
                return [
                    ("self_attn.q_norm.weight", [8]), ("self_attn.k_norm.weight", [4]),
                ]
            case .qwen2:
                return [
                    ("self_attn.q_proj.bias", [8]), ("self_attn.k_proj.bias", [4]),
                    ("self_attn.v_proj.bias", [4]), ("mlp.shared_expert_gate.weight", [1, 8]),
                    ("mlp.shared_expert.gate_proj.weight", [12, 8]),
                    ("mlp.shared_expert.up_proj.weight", [12, 8]),
                    ("mlp.shared_expert.down_proj.weight", [8, 12]),
                ]
            case .glm:
                return ["gate_proj", "up_proj", "down_proj"].map {
                    ("mlp.shared_experts.\($0).weight", [8, 8])
                } + [("mlp.gate.e_score_correction_bias", [4])]
            case .minimax:
                return [
                    ("self_attn.q_norm.weight", [8]), ("self_attn.k_norm.weight", [4]),
                    ("block_sparse_moe.e_score_correction_bias", [4]),
                ]
            case .ernie:
                return [
                    ("mlp.shared_experts.gate_proj.weight", [16, 8]),
                    ("mlp.shared_experts.up_proj.weight", [16, 8]),
                    ("mlp.shared_experts.down_proj.weight", [8, 16]),
                    ("mlp.moe_statics.e_score_correction_bias", [1, 4]),
                ]
            }
        }
    }

    @Test(
        arguments: [
            (.qwen3, .softmax, normalizes: false, shared: 0, bias: false, rotating: 4),
            (.qwen2, .softmax, normalizes: false, shared: 12, bias: false, rotating: 4),
            (.olmoe, .softmax, normalizes: false, shared: 0, bias: false, rotating: 4),
            (.glm, .sigmoid, normalizes: true, shared: 8, bias: true, rotating: 2),
            (.minimax, .sigmoid, normalizes: true, shared: 0, bias: true, rotating: 2),
            (.ernie, .softmax, normalizes: true, shared: 16, bias: true, rotating: 4),
            (.mellum, .softmax, normalizes: true, shared: 0, bias: false, rotating: 4),
        ]
            as [(
                Family, RouterRule.Scoring, normalizes: Bool, shared: Int, bias: Bool, rotating: Int
            )])
    func `a family's experts are what transformers makes of its file`(
        family: Family, scoring: RouterRule.Scoring, normalizes: Bool, shared: Int, bias: Bool,
        rotating: Int
    ) throws {
        let model = try Self.raw(family).open()
        let configuration = model.configuration
        let mixture = configuration.mixture
        #expect(configuration.expertCount == 4 && configuration.expertsPerToken == 2)
        #expect(configuration.expertSize == 8)
        #expect(mixture.rule.scoring == scoring && mixture.rule.normalizesWeights == normalizes)
        #expect(mixture.rule.scale == 1 && mixture.rule.groupCount == 1)
        #expect(mixture.sharedSize == shared && mixture.hasSelectionBias == bias)
        #expect(mixture.gatesShared == (family == .qwen2))
        #expect(mixture.denseLayers.isEmpty && configuration.slidingWindow == nil)
        #expect(configuration.ropeDimensionCount == rotating)
        #expect(configuration.ropePairing == (family == .ernie ? .adjacent : .halves))
        #expect(model.tensors.isTied == (family == .ernie))
    }

    @Test(
        arguments: [
            (.qwen3, "num_experts", "mlp.gate.weight: expected shape [128, 8]"),
            (.qwen3, "moe_intermediate_size", "gate_proj.weight: expected shape [768, 8]"),
            (.qwen3, "num_experts_per_tok", "num_experts_per_tok: 8"),
            (.qwen2, "num_experts", "mlp.gate.weight: expected shape [60, 8]"),
            (.qwen2, "shared_expert_intermediate_size", "expected shape [5632, 8]"),
            (.olmoe, "num_experts", "mlp.gate.weight: expected shape [64, 8]"),
            (.glm, "n_routed_experts", "mlp.gate.weight: expected shape [128, 8]"),
            (.glm, "first_k_dense_replace", "layers.0.mlp.gate_proj.weight: missing"),
            (.minimax, "num_local_experts", "gate.weight: expected shape [256, 8]"),
            (.ernie, "moe_num_experts", "mlp.gate.weight: expected shape [64, 8]"),
            (.ernie, "moe_k", "moe_k: 6"),
            (.mellum, "moe_intermediate_size", "gate_proj.weight: expected shape [896, 8]"),
        ] as [(Family, String, String)])
    func `what a file does not say is what transformers assumes`(
        family: Family, key: String, problem: String
    ) throws {
        var raw = Self.raw(family)
        raw.config[key] = nil
        let silent = raw
        try expectOneLineError(mentions: problem) { try silent.open() }
    }

    @Test(
        arguments: [
            (.qwen3, ["mlp_only_layers": [1, 3]], [1, 3]),
            (.qwen3, ["decoder_sparse_step": 2], [0, 2]),
            (.qwen2, ["decoder_sparse_step": 3, "mlp_only_layers": [2]], [0, 1, 2, 3]),
            (.glm, ["first_k_dense_replace": 2], [0, 1]),
            (.mellum, ["mlp_layer_types": ["dense", "sparse", "dense", "sparse"]], [0, 2]),
            (.ernie, ["moe_layer_start_index": 1, "moe_layer_end_index": 2], [0, 3]),
            (.ernie, ["moe_layer_start_index": 0, "moe_layer_interval": 2], [0, 2]),
        ] as [(Family, JSONObject, Set<Int>)])
    func `layers without experts are those that the file names`(
        family: Family, fields: JSONObject, layers: Set<Int>
    ) throws {
        // The first tensor that is missing tells how far reading came, and of which kind its layer is.
        var raw = Self.raw(family, fields)
        raw.config["num_hidden_layers"] = 4
        let sound = raw.tensors
        raw.tensors = []
        for tensor in sound where !tensor.name.hasPrefix("model.layers.") {
            raw.add(tensor.name, tensor.entry["shape"]?.arrayValue?.compactMap(\.intValue) ?? [])
        }
        for layer in 0..<4 {
            for tensor in sound where tensor.name.hasPrefix("model.layers.0.") {
                let isFeedForward = tensor.name.contains(".mlp.")
                guard !isFeedForward || !layers.contains(layer) else { continue }
                raw.add(
                    tensor.name.replacing("layers.0", with: "layers.\(layer)"),
                    tensor.entry["shape"]?.arrayValue?.compactMap(\.intValue) ?? [])
            }
            for part in ["gate", "up", "down"] where layers.contains(layer) {
                raw.add("model.layers.\(layer).mlp.\(part)_proj.weight", [8, 8])
            }
        }
        #expect(try raw.open().configuration.mixture.denseLayers == layers)
    }

    @Test(
        arguments: [
            (.qwen3, "n_group", ["n_group": 2]),
            (.qwen3, "attention_bias", ["attention_bias": true]),
            (.qwen3, "scoring_func", ["scoring_func": "sigmoid"]),
            (.qwen3, "mlp_only_layers", ["mlp_only_layers": [7]]),
            (.qwen3, "mlp_only_layers", ["mlp_only_layers": "all"]),
            (.qwen3, "shared_expert", ["shared_expert_intermediate_size": 8]),
            (.qwen2, "qkv_bias", ["qkv_bias": false]),
            (.qwen2, "use_sliding_window", ["use_sliding_window": true]),
            (.olmoe, "clip_qkv", ["clip_qkv": 8.0]),
            (.olmoe, "routed_scaling_factor", ["routed_scaling_factor": 2]),
            (.glm, "n_group: 3", ["n_group": 3, "topk_group": 1]),
            (.glm, "n_group: 4", ["n_group": 4, "topk_group": 2]),
            (.glm, "topk_group", ["n_group": 2, "topk_group": 0]),
            (.glm, "n_group", ["n_group": 1, "topk_group": 2]),
            (.olmoe, "rotary_dim", ["rotary_dim": 2]),
            (.glm, "topk_method", ["topk_method": "greedy"]),
            (.minimax, "scoring_func", ["scoring_func": "softmax"]),
            (.minimax, "attn_type_list", ["attn_type_list": [1, 0]]),
            (.minimax, "shared_intermediate_size", ["shared_intermediate_size": 16]),
            (.minimax, "rotary_dim", ["rotary_dim": 6]),
            (.ernie, "use_bias", ["use_bias": true]),
            (.ernie, "moe_gate", ["moe_gate": "hash"]), (.ernie, "n_group", ["n_group": 2]),
            (.ernie, "norm_topk_prob", ["norm_topk_prob": false]),
            (.mellum, "layer_types", ["layer_types": ["linear_attention"]]),
            (.mellum, "layer_types", ["layer_types": ["full_attention", "full_attention"]]),
            (
                .mellum, "layer_types",
                ["layer_types": ["sliding_attention"], "sliding_window": nil]
            ),
            (.mellum, "mlp_layer_types", ["mlp_layer_types": ["moe"]]),
        ] as [(Family, String, JSONObject)])
    func `what is not understood is refused by its name`(
        family: Family, name: String, fields: JSONObject
    ) throws {
        try expectOneLineError(mentions: name) { try Self.raw(family, fields).open() }
    }

    @Test func `what published files have besides is taken`() throws {
        let coder: JSONObject = [
            "use_qk_norm": true, "qkv_bias": false, "shared_expert_intermediate_size": 0,
        ]
        _ = try Self.raw(.qwen3, coder).open()
        var ernie = Self.raw(.ernie, ["num_nextn_predict_layers": 1])
        ernie.add("model.mtp_block.0.mlp.gate_proj.weight", [8, 8])
        ernie.add("model.mtp_emb_norm.0.weight", [8])
        _ = try ernie.open()
    }

    @Test func `a rule is read from the file`() throws {
        let fields: JSONObject = [
            "n_group": 2, "topk_group": 1, "norm_topk_prob": false, "routed_scaling_factor": 2.5,
            "num_nextn_predict_layers": 1,
        ]
        let configuration = try Self.raw(.glm, fields).open().configuration
        var rule = RouterRule()
        rule.scoring = .sigmoid
        (rule.groupCount, rule.groupsPerToken) = (2, 1)
        (rule.normalizesWeights, rule.epsilon, rule.scale) = (false, 1e-20, 2.5)
        #expect(configuration.mixture.rule == rule)
        #expect(configuration.draftLayerCount == 1 && configuration.layerCount == 1)
        let ernie = try Self.raw(.ernie, ["moe_norm_min": 0.001]).open().configuration
        #expect(ernie.mixture.rule.floor == 0.001)
        let qwen = try Self.raw(.qwen3, ["norm_topk_prob": true]).open().configuration
        #expect(
            qwen.mixture
                == {
                    var mixture = ExpertMixture()
                    mixture.expertSize = 8
                    return mixture
                }())
    }

    @Test func `GLM has biases and norms of heads where its file says so`() throws {
        var raw = Self.raw(.glm, ["attention_bias": true, "use_qk_norm": true])
        let incomplete = raw
        try expectOneLineError(mentions: "q_proj.bias: missing") { try incomplete.open() }
        for (part, count) in [("q", 8), ("k", 4), ("v", 4)] {
            raw.add("model.layers.0.self_attn.\(part)_proj.bias", [count])
        }
        for part in ["q", "k"] { raw.add("model.layers.0.self_attn.\(part)_norm.weight", [4]) }
        try raw.open()
        raw.config["use_qk_norm"] = false
        let surplus = raw
        try expectOneLineError(mentions: "_norm.weight") { try surplus.open() }
    }

    @Test func `layers that draft tokens are left out, other surplus layers are refused`() throws {
        var raw = Self.raw(.glm, ["num_nextn_predict_layers": 1])
        raw.add("model.layers.1.self_attn.q_proj.weight", [8, 8])
        raw.add("model.layers.1.enorm.weight", [8])
        let model = try raw.open()
        #expect(model.configuration.layerCount == 1)
        raw.add("model.layers.10.self_attn.q_proj.weight", [8, 8])
        let surplus = raw
        try expectOneLineError(mentions: "model.layers.10.self_attn") { try surplus.open() }
    }

    /// Two layers of Mellum, the second of which need not have tensors: reading the numbers comes
    /// first.
    private static func windows(_ fields: JSONObject) throws -> ModelConfiguration {
        var raw = raw(.mellum, fields)
        raw.config["num_hidden_layers"] = 2
        for tensor in raw.tensors where tensor.name.hasPrefix("model.layers.0.") {
            raw.add(
                tensor.name.replacing("layers.0", with: "layers.1"),
                tensor.entry["shape"]?.arrayValue?.compactMap(\.intValue) ?? [])
        }
        return try raw.open().configuration
    }

    @Test func `Mellum's layers have a window, and rotate, as their kind says`() throws {
        let mixed: JSONValue = ["sliding_attention", "full_attention"]
        let silent = try Self.windows(["layer_types": mixed])
        #expect(silent.slidingWindow == 1024 && silent.fullLayers == [1])
        #expect(silent.ropeTheta == 500_000 && silent.windowRope == WindowRope(theta: 10_000))
        let stated = try Self.windows([
            "layer_types": mixed, "sliding_window": 9,
            "rope_parameters": [
                "full_attention": [
                    "rope_type": "linear", "factor": 4, "rope_theta": 7,
                ],
                "sliding_attention": ["rope_type": "default", "rope_theta": 7],
            ],
        ])
        #expect(stated.slidingWindow == 9 && stated.ropeScaling == .linear(factor: 4))
        #expect(stated.windowRope == WindowRope(theta: 7))
        #expect((0..<2).map { stated.window(layer: $0) } == [9, nil])
        let full = try Self.windows(["layer_types": ["full_attention", "full_attention"]])
        #expect(full.slidingWindow == nil && full.windowRope == nil && full.ropeTheta == 500_000)
        let sliding = try Self.windows(["layer_types": ["sliding_attention", "sliding_attention"]])
        #expect(sliding.slidingWindow == 1024 && sliding.fullLayers.isEmpty)
        #expect(sliding.ropeTheta == 10_000 && sliding.windowRope == nil)
    }

    // MARK: GGUF

    @Test(
        arguments: [
            (nil, []), (.raw(type: 9, payload: [7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]), []),
            (.raw(type: 9, payload: [7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]), nil),
            (.uint32(0), []), (.uint32(1), nil), (.uint32(2), []),
        ] as [(RawGGUF.Value?, Set<Int>?)])
    func `Mellum's GGUF files say which layers have a window`(
        pattern: RawGGUF.Value?, full: Set<Int>?
    ) throws {
        var raw = Self.gguf("mellum", [("attn_q_norm.weight", [4]), ("attn_k_norm.weight", [4])])
        raw.set("mellum.attention.sliding_window", .uint32(5))
        raw.set("mellum.rope.freq_base_swa", .float32(300))
        if let pattern { raw.set("mellum.attention.sliding_window_pattern", pattern) }
        let configuration = try raw.open().configuration
        #expect(configuration.slidingWindow == (full == nil ? nil : 5))
        #expect(configuration.fullLayers == full ?? [])
        // All layers have the window, or none has.
        #expect(configuration.ropeTheta == (full == nil ? 10_000 : 300))
        #expect(configuration.windowRope == nil)
    }

    @Test func `a pattern of another length is refused`() throws {
        var raw = Self.gguf("mellum", [("attn_q_norm.weight", [4]), ("attn_k_norm.weight", [4])])
        raw.set("mellum.attention.sliding_window", .uint32(5))
        raw.set(
            "mellum.attention.sliding_window_pattern",
            .raw(type: 9, payload: [7, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0]))
        let damaged = raw
        try expectOneLineError(mentions: "sliding_window_pattern") { _ = try damaged.open() }
    }

    private static func gguf(_ architecture: String, _ tensors: [(String, [Int])]) -> RawGGUF {
        var raw = RawGGUF.model(experts: 4)
        raw.set("general.architecture", .string(architecture))
        for index in raw.keys.indices where raw.keys[index].name.starts(with: "llama.".utf8) {
            raw.keys[index].name.replaceSubrange(0..<5, with: architecture.utf8)
        }
        for (name, dimensions) in tensors { raw.addTensor("blk.0.\(name)", dimensions) }
        return raw
    }

    private static func qwen3() -> RawGGUF {
        gguf("qwen3moe", [("attn_q_norm.weight", [4]), ("attn_k_norm.weight", [4])])
    }

    private static func glm() -> RawGGUF {
        var raw = gguf(
            "glm4moe",
            [
                ("post_attention_norm.weight", [8]), ("exp_probs_b.bias", [4]),
                ("ffn_gate_shexp.weight", [8, 12]), ("ffn_up_shexp.weight", [8, 12]),
                ("ffn_down_shexp.weight", [12, 8]),
            ])
        raw.removeTensor("blk.0.ffn_norm.weight")
        raw.set("glm4moe.expert_shared_count", .uint32(1))
        return raw
    }

    @Test func `GGUF says by keys and tensors what a mixture is`() throws {
        let qwen = try Self.qwen3().open().configuration
        #expect(qwen.mixture.rule == RouterRule() && qwen.mixture.sharedSize == 0)
        #expect(!qwen.mixture.hasSelectionBias && qwen.expertSize == 8)
        var raw = Self.glm()
        raw.set("glm4moe.expert_weights_scale", .float32(1.5))
        raw.set("glm4moe.expert_weights_norm", .bool(0))
        raw.set("glm4moe.expert_gating_func", .uint32(2))
        raw.set("glm4moe.expert_group_count", .uint32(2))
        raw.set("glm4moe.expert_group_used_count", .uint32(1))
        let rule = try raw.open().configuration.mixture.rule
        #expect(rule.scoring == .sigmoid && rule.scale == 1.5 && !rule.normalizesWeights)
        #expect(rule.groupCount == 2 && rule.groupsPerToken == 1)
        let glm = try Self.glm().open().configuration
        #expect(glm.mixture.rule.scoring == .sigmoid && glm.mixture.rule.normalizesWeights)
        #expect(glm.mixture.sharedSize == 12 && glm.mixture.hasSelectionBias)
    }

    @Test(
        arguments: [
            ("expert_gating_func", .uint32(4)), ("expert_group_count", .uint32(3)),
            ("expert_feed_forward_length", .uint32(1 << 30)), ("nextn_predict_layers", .uint32(1)),
            ("leading_dense_block_count", .int32(-1)), ("expert_weights_scale", .float32(.nan)),
            ("attn_logit_softcapping", .float32(30)),
        ] as [(String, RawGGUF.Value)])
    func `a key of GGUF that cannot be followed is named`(
        key: String, value: RawGGUF.Value
    ) throws {
        var raw = Self.glm()
        raw.set("glm4moe.expert_group_used_count", .uint32(1))
        raw.set("glm4moe.\(key)", value)
        let damaged = raw
        try expectOneLineError(mentions: "glm4moe.\(key)") { _ = try damaged.open() }
    }

    @Test func `shared experts without tensors are missed, tensors without a place refused`() throws
    {
        var raw = Self.qwen3()
        raw.set("qwen3moe.expert_shared_count", .uint32(2))
        let without = raw
        try expectOneLineError(mentions: "expert_shared_count") { _ = try without.open() }
        var surplus = Self.qwen3()
        surplus.addTensor("blk.0.ffn_gate_shexp.weight", [8, 8])
        let other = surplus
        try expectOneLineError(mentions: "ffn_gate_shexp") { _ = try other.open() }
    }

    @Test func `a GGUF file's last layers may draft tokens`() throws {
        var raw = Self.glm()
        raw.set("glm4moe.block_count", .uint32(2))
        raw.set("glm4moe.nextn_predict_layers", .uint32(1))
        raw.addTensor("blk.1.nextn.eh_proj.weight", [16, 8])
        raw.addTensor("blk.1.attn_q.bias", [8])
        let configuration = try raw.open().configuration
        #expect(configuration.layerCount == 1 && configuration.draftLayerCount == 1)
    }
}
