# SPDX-License-Identifier: Apache-2.0
"""Gemma 4 for make-tiny-models.py: its weights, config.json and GGUF file.

Besides what `case` of make-tiny-models.py says, a model has

    kinds                 which layers have a window (s) and which see all (f)
    full                  heads of keys and values, and their width, of layers that see all
    keys_are_values       whether those layers have no projection of values
    proportion            which share of the pairs rotates there
    borrowing, double     how many layers at the end borrow keys and values; whether they are twice as
                          wide
    layer_inputs          how many numbers each layer gets of a token by itself
    limit                 of logits; None: there is none
    wrapped               whether the text model is published within another, which sees too
    by_layer              whether config.json says of each layer what it has apart from the others
    apart                 whether gate and up projection of experts are two tensors in GGUF
"""
import math

import gguf
import numpy as np
import torch
from transformers import Gemma4ForCausalLM, Gemma4TextConfig

WRAPPER = "model.language_model."


def heads(c, layer):
    """Heads of keys and values of a layer, and the width of a head."""
    return c["full"] if c["kinds"][layer] == "f" else (c["kv_heads"], c["head_dim"])


def has_values(c, layer):
    return c["kinds"][layer] == "s" or not c["keys_are_values"]


def width(c, layer):
    borrows = layer >= c["layers"] - c["borrowing"]
    return c["ffn"] * (2 if c["double"] and borrows else 1)


def weights(c):
    random = np.random.default_rng(c["seed"])

    def matrix(rows, columns, gain=1.0):
        return (random.standard_normal((rows, columns)) * gain / math.sqrt(columns)).astype(
            np.float32)

    def vector(count, spread, mean=0.0):
        return (mean + spread * random.standard_normal(count)).astype(np.float32)

    d, v, size = c["hidden"], c["vocab"], c["layer_inputs"]
    w = {"model.embed_tokens.weight": matrix(v, d, 3.0),
         "model.norm.weight": vector(d, 0.2, 1)}
    if not c["tied"]:
        w["lm_head.weight"] = matrix(v, d, 3.0)
    if size:
        w["model.embed_tokens_per_layer.weight"] = matrix(v, c["layers"] * size, 2.0)
        w["model.per_layer_model_projection.weight"] = matrix(c["layers"] * size, d, 1.5)
        w["model.per_layer_projection_norm.weight"] = vector(size, 0.2, 1)
    for i in range(c["layers"]):
        p, (kv, dim) = f"model.layers.{i}.", heads(c, i)
        for name in ("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm",
                     "post_feedforward_layernorm"):
            w[f"{p}{name}.weight"] = vector(d, 0.2, 1)
        w[p + "layer_scalar"] = vector(1, 0.1, 0.9)
        w[p + "self_attn.q_proj.weight"] = matrix(c["heads"] * dim, d, 1.5)
        w[p + "self_attn.q_norm.weight"] = vector(dim, 0.2, 0.6)
        w[p + "self_attn.o_proj.weight"] = matrix(d, c["heads"] * dim, 1.5)
        # Layers that borrow are published with what would make their own.
        w[p + "self_attn.k_proj.weight"] = matrix(kv * dim, d, 1.5)
        w[p + "self_attn.k_norm.weight"] = vector(dim, 0.2, 1)
        if has_values(c, i):
            w[p + "self_attn.v_proj.weight"] = matrix(kv * dim, d)
        f = width(c, i)
        w[p + "mlp.gate_proj.weight"] = matrix(f, d, 1.5)
        w[p + "mlp.up_proj.weight"] = matrix(f, d, 1.5)
        w[p + "mlp.down_proj.weight"] = matrix(d, f, 1.5)
        if c["experts"]:
            e, fe = c["experts"], c["expert_ffn"]
            for name in ("post_feedforward_layernorm_1", "pre_feedforward_layernorm_2",
                         "post_feedforward_layernorm_2"):
                w[f"{p}{name}.weight"] = vector(d, 0.2, 1)
            # The router's input is as long as one number.
            w[p + "router.proj.weight"] = matrix(e, d, 1.5 * math.sqrt(d))
            w[p + "router.scale"] = vector(d, 0.3, 1)
            w[p + "router.per_expert_scale"] = vector(e, 0.3, 1)
            w[p + "experts.gate_up_proj"] = np.stack([matrix(2 * fe, d, 1.5) for _ in range(e)])
            w[p + "experts.down_proj"] = np.stack([matrix(d, fe, 1.5) for _ in range(e)])
        if size:
            w[p + "per_layer_input_gate.weight"] = matrix(size, d, 1.5)
            w[p + "per_layer_projection.weight"] = matrix(d, size, 1.5)
            w[p + "post_per_layer_input_norm.weight"] = vector(d, 0.2, 1)
    return w


def config(c):
    kinds = {"s": "sliding_attention", "f": "full_attention"}
    kv, dim = c["full"]
    result = {
        "architectures": ["Gemma4ForCausalLM"], "model_type": "gemma4_text",
        "hidden_size": c["hidden"], "intermediate_size": c["ffn"],
        "num_hidden_layers": c["layers"], "num_attention_heads": c["heads"],
        "num_key_value_heads": c["kv_heads"], "head_dim": c["head_dim"],
        "vocab_size": c["vocab"], "vocab_size_per_layer_input": c["vocab"],
        "max_position_embeddings": c["context"], "rms_norm_eps": 1e-5,
        "hidden_activation": "gelu_pytorch_tanh", "tie_word_embeddings": c["tied"],
        "attention_bias": False, "attention_dropout": 0.0, "use_bidirectional_attention": None,
        "bos_token_id": 1, "eos_token_id": 2, "dtype": "float32",
        "layer_types": [kinds[kind] for kind in c["kinds"]], "sliding_window": c["window"] or 50,
        "final_logit_softcapping": c["limit"], "hidden_size_per_layer_input": c["layer_inputs"],
        "attention_k_eq_v": c["keys_are_values"], "num_kv_shared_layers": c["borrowing"],
        "use_double_wide_mlp": c["double"], "enable_moe_block": bool(c["experts"]),
        "num_experts": c["experts"] or None, "top_k_experts": c["top"] or None,
        "moe_intermediate_size": c.get("expert_ffn"),
        "rope_parameters": {
            "full_attention": {"rope_type": "proportional", "rope_theta": c["theta"],
                               "partial_rotary_factor": c["proportion"]},
            "sliding_attention": {"rope_type": "default", "rope_theta": c["window_theta"]}}}
    if c.get("by_layer"):
        result["per_layer_config"] = {
            str(i): {"head_dim": dim, "num_key_value_heads": kv}
            for i, kind in enumerate(c["kinds"]) if kind == "f"}
    else:
        result |= {"global_head_dim": dim,
                   "num_global_key_value_heads": kv if c["keys_are_values"] else None}
    if not c.get("wrapped"):
        return result
    del result["architectures"]
    return {
        "architectures": ["Gemma4ForConditionalGeneration"], "model_type": "gemma4",
        "text_config": result, "tie_word_embeddings": c["tied"], "image_token_id": 10,
        "audio_token_id": 11, "audio_config": None,
        "vision_config": {"model_type": "gemma4_vision", "hidden_size": 8}}


def published(c, w):
    """The weights by the names of the published file; of what sees there is a tensor."""
    if not c.get("wrapped"):
        return w
    result = {WRAPPER + name.removeprefix("model.") if name.startswith("model.") else name: values
              for name, values in w.items()}
    result["model.vision_tower.std_bias"] = np.ones(8, np.float32)
    return result


def model(c, w):
    """transformers' model with these weights."""
    own = config(c)
    own = Gemma4TextConfig(**own.get("text_config", own))
    own._attn_implementation = "eager"
    own._experts_implementation = "eager"
    result = Gemma4ForCausalLM(own).float().eval()
    known = result.state_dict()
    given = {name: torch.tensor(values) for name, values in w.items() if name in known}
    missing = result.load_state_dict(given, strict=False).missing_keys
    assert set(missing) <= ({"lm_head.weight"} if c["tied"] else set()), missing
    if c["tied"]:
        result.tie_weights()
    return result


def write_gguf(path, c, w):
    """The GGUF file that llama.cpp's converter makes."""
    writer = gguf.GGUFWriter(path, "gemma4")
    kv, dim = c["full"]
    windows = [kind == "s" for kind in c["kinds"]]
    writer.add_name(c["name"])
    writer.add_context_length(c["context"])
    writer.add_embedding_length(c["hidden"])
    writer.add_block_count(c["layers"])
    widths = [width(c, i) for i in range(c["layers"])]
    writer.add_feed_forward_length(widths if c["double"] else c["ffn"])
    writer.add_head_count(c["heads"])
    counts = [heads(c, i)[0] for i in range(c["layers"])]
    writer.add_head_count_kv(counts if c["keys_are_values"] else c["kv_heads"])
    writer.add_key_length(dim)
    writer.add_value_length(dim)
    writer.add_rope_dimension_count(dim)
    for key in ("attention.key_length_swa", "attention.value_length_swa",
                "rope.dimension_count_swa"):
        writer.add_uint32("gemma4." + key, c["head_dim"])
    writer.add_rope_freq_base(c["theta"])
    writer.add_float32("gemma4.rope.freq_base_swa", c["window_theta"])
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(c["vocab"])
    writer.add_sliding_window(c["window"] or 50)
    writer.add_array("gemma4.attention.sliding_window_pattern", windows)
    writer.add_uint32("gemma4.attention.shared_kv_layers", c["borrowing"])
    writer.add_uint32("gemma4.embedding_length_per_layer_input", c["layer_inputs"])
    if c["limit"]:
        writer.add_float32("gemma4.final_logit_softcapping", c["limit"])
    if c["experts"]:
        writer.add_expert_count(c["experts"])
        writer.add_expert_used_count(c["top"])
        writer.add_expert_feed_forward_length(c["expert_ffn"])
    pairs = int(dim * c["proportion"] / 2)
    writer.add_tensor(
        "rope_freqs.weight",
        np.array([1.0] * pairs + [1e30] * (dim // 2 - pairs), np.float32))
    names = {"model.embed_tokens.weight": "token_embd.weight",
             "model.norm.weight": "output_norm.weight", "lm_head.weight": "output.weight",
             "model.embed_tokens_per_layer.weight": "per_layer_token_embd.weight",
             "model.per_layer_model_projection.weight": "per_layer_model_proj.weight",
             "model.per_layer_projection_norm.weight": "per_layer_proj_norm.weight"}
    in_layer = {
        "input_layernorm.weight": "attn_norm.weight",
        "post_attention_layernorm.weight": "post_attention_norm.weight",
        "pre_feedforward_layernorm.weight": "ffn_norm.weight",
        "post_feedforward_layernorm.weight": "post_ffw_norm.weight",
        "post_feedforward_layernorm_1.weight": "post_ffw_norm_1.weight",
        "pre_feedforward_layernorm_2.weight": "pre_ffw_norm_2.weight",
        "post_feedforward_layernorm_2.weight": "post_ffw_norm_2.weight",
        "layer_scalar": "layer_output_scale.weight", "router.scale": "ffn_gate_inp.scale",
        "router.proj.weight": "ffn_gate_inp.weight",
        "router.per_expert_scale": "ffn_down_exps.scale",
        "experts.gate_up_proj": "ffn_gate_up_exps.weight",
        "experts.down_proj": "ffn_down_exps.weight", "per_layer_input_gate.weight": "inp_gate.weight",
        "per_layer_projection.weight": "proj.weight",
        "post_per_layer_input_norm.weight": "post_norm.weight",
        "self_attn.o_proj.weight": "attn_output.weight"}
    in_layer |= {f"self_attn.{x}_proj.weight": f"attn_{x}.weight" for x in "qkv"}
    in_layer |= {f"self_attn.{x}_norm.weight": f"attn_{x}_norm.weight" for x in "qk"}
    in_layer |= {f"mlp.{x}_proj.weight": f"ffn_{x}.weight" for x in ("gate", "up", "down")}
    for name, values in w.items():
        if name in names:
            writer.add_tensor(names[name], values)
            continue
        layer, _, rest = name.removeprefix("model.layers.").partition(".")
        if rest == "experts.gate_up_proj" and c.get("apart"):
            half = c["expert_ffn"]
            for kind, part in (("gate", values[:, :half]), ("up", values[:, half:])):
                writer.add_tensor(
                    f"blk.{layer}.ffn_{kind}_exps.weight", np.ascontiguousarray(part))
            continue
        writer.add_tensor(f"blk.{layer}.{in_layer[rest]}", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
