// SPDX-License-Identifier: Apache-2.0

/// What the three kinds of model files call the tensors; E experts of layer L.
enum TensorNaming {
    /// GGUF: `blk.L.…`.
    case gguf
    /// Hugging Face: `model.layers.L.…`.
    case huggingFace
    /// Mistral's own files: `layers.L.…`.
    case mistral

    var tokenEmbedding: String {
        switch self {
        case .gguf: "token_embd.weight"
        case .huggingFace: "model.embed_tokens.weight"
        case .mistral: "tok_embeddings.weight"
        }
    }

    var outputNorm: String {
        switch self {
        case .gguf: "output_norm.weight"
        case .huggingFace: "model.norm.weight"
        case .mistral: "norm.weight"
        }
    }

    var output: String {
        switch self {
        case .gguf, .mistral: "output.weight"
        case .huggingFace: "lm_head.weight"
        }
    }

    /// The names in layer `index`.
    func layer(_ index: Int) -> Layer {
        switch self {
        case .gguf:
            let stem = "blk.\(index)."
            return Layer(
                attentionNorm: stem + "attn_norm.weight", wq: stem + "attn_q.weight",
                wk: stem + "attn_k.weight", wv: stem + "attn_v.weight",
                wo: stem + "attn_output.weight", ffnNorm: stem + "ffn_norm.weight",
                routers: [stem + "ffn_gate_inp.weight"],
                dense: Expert(
                    w1: stem + "ffn_gate.weight", w2: stem + "ffn_down.weight",
                    w3: stem + "ffn_up.weight"),
                stacked: Expert(
                    w1: stem + "ffn_gate_exps.weight", w2: stem + "ffn_down_exps.weight",
                    w3: stem + "ffn_up_exps.weight"),
                fusedGateUp: stem + "ffn_gate_up_exps.weight",
                fusedDown: stem + "ffn_down_exps.weight", fusedQKV: stem + "attn_qkv.weight")
        case .huggingFace:
            let stem = "model.layers.\(index)."
            return Layer(
                attentionNorm: stem + "input_layernorm.weight",
                wq: stem + "self_attn.q_proj.weight", wk: stem + "self_attn.k_proj.weight",
                wv: stem + "self_attn.v_proj.weight", wo: stem + "self_attn.o_proj.weight",
                ffnNorm: stem + "post_attention_layernorm.weight",
                routers: [stem + "block_sparse_moe.gate.weight", stem + "mlp.gate.weight"],
                dense: Expert(
                    w1: stem + "mlp.gate_proj.weight", w2: stem + "mlp.down_proj.weight",
                    w3: stem + "mlp.up_proj.weight"),
                stacked: nil, fusedGateUp: stem + "mlp.experts.gate_up_proj",
                fusedDown: stem + "mlp.experts.down_proj", fusedQKV: nil)
        case .mistral:
            let stem = "layers.\(index)."
            return Layer(
                attentionNorm: stem + "attention_norm.weight", wq: stem + "attention.wq.weight",
                wk: stem + "attention.wk.weight", wv: stem + "attention.wv.weight",
                wo: stem + "attention.wo.weight", ffnNorm: stem + "ffn_norm.weight",
                routers: [stem + "gate.weight", stem + "feed_forward.gate.weight"],
                dense: Expert(
                    w1: stem + "feed_forward.w1.weight", w2: stem + "feed_forward.w2.weight",
                    w3: stem + "feed_forward.w3.weight"),
                stacked: nil, fusedGateUp: nil, fusedDown: nil, fusedQKV: nil)
        }
    }

    /// The names of expert `expert` in layer `index`, in files with a tensor per expert; the first
    /// that is there counts.
    func experts(_ index: Int, _ expert: Int) -> [Expert] {
        switch self {
        case .gguf:
            let stem = "blk.\(index).ffn_"
            return [
                Expert(
                    w1: "\(stem)gate.\(expert).weight", w2: "\(stem)down.\(expert).weight",
                    w3: "\(stem)up.\(expert).weight")
            ]
        case .huggingFace:
            return ["block_sparse_moe", "mlp"].map { part in
                let stem = "model.layers.\(index).\(part).experts.\(expert)."
                return Expert(
                    w1: stem + "w1.weight", w2: stem + "w2.weight", w3: stem + "w3.weight")
            }
        case .mistral:
            return ["", "feed_forward."].map { part in
                let stem = "layers.\(index).\(part)experts.\(expert)."
                return Expert(
                    w1: stem + "w1.weight", w2: stem + "w2.weight", w3: stem + "w3.weight")
            }
        }
    }

    /// The names in one layer.
    struct Layer {
        var attentionNorm: String
        var wq: String
        var wk: String
        var wv: String
        var wo: String
        var ffnNorm: String
        /// The first that is there counts.
        var routers: [String]
        var dense: Expert
        /// All experts of a layer in one tensor per matrix, if the format has that.
        var stacked: Expert?
        /// w1 above w3 of each expert, stacked: `[E, 2F, D]`, if the format has that.
        var fusedGateUp: String?
        /// `[E, D, F]`, beside `fusedGateUp`.
        var fusedDown: String?
        /// wq above wk above wv, if the format has that.
        var fusedQKV: String?
    }

    /// The names of three matrices.
    struct Expert {
        var w1: String
        var w2: String
        var w3: String
    }
}
