#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tiny random models and what transformers makes of them in float32.

    make-tiny-models.py OUT            the fixtures of Tests/InferenceTests/Goldens
    make-tiny-models.py OUT --wide     many more and larger ones, for a run by hand:
                                       CIERZO_TINY_MODELS=OUT swift test --filter GoldenTests

Each model NAME becomes
    OUT/NAME/config.json, model.safetensors   a Hugging Face directory
    OUT/NAME.gguf                             the same weights as llama.cpp's converter has them
    OUT/NAME.mistral/params.json, consolidated.safetensors
                                              the same as Mistral publishes its own (Ministral 3)
    OUT/NAME.json                             prompt, logprob of each prompt token but the first,
                                              and 48 greedy tokens with the smallest gap between
                                              the best and the second-best logit

Needs numpy, torch, transformers, safetensors, gguf.
"""
import argparse
import json
import math
import pathlib

import gguf
import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import AutoModelForCausalLM, Mistral3ForConditionalGeneration

GREEDY_TOKENS = 48
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 128}
LINEAR = {"rope_type": "linear", "factor": 4.0}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 256}
YARN_SCALED = YARN | {"attention_factor": 1.3, "beta_fast": 16.0, "beta_slow": 2.0}
# As Ministral 3 has them, but for an original context so short that a prompt crosses many steps
# of the queries' scale.
MINISTRAL = {"type": "yarn", "rope_type": "yarn", "factor": 16.0, "beta_fast": 32.0,
             "beta_slow": 1.0, "mscale": 1.0, "mscale_all_dim": 1.0,
             "original_max_position_embeddings": 16, "llama_4_scaling_beta": 0.1}
MINISTRAL_UNBALANCED = {"type": "yarn", "rope_type": "yarn", "factor": 16.0, "beta_fast": 4.0,
                        "beta_slow": 0.5, "original_max_position_embeddings": 12,
                        "llama_4_scaling_beta": 0.35}


def case(name, family, seed, *, hidden=24, ffn=24, layers=2, heads=4, kv_heads=2, head_dim=8,
         vocab=48, experts=0, top=0, window=None, tied=False, theta=10000.0, scaling=None,
         per_expert=False, new_style=False, vision=False, layer_types=False, context=1024,
         prompt=700):
    return dict(locals())


FIXTURES = [
    case("mixtral-top2", "mixtral", 1, experts=4, top=2, theta=1e6),
    case("mixtral-top1-window", "mixtral", 2, experts=3, top=1, head_dim=12, window=50,
         per_expert=True),
    case("mixtral-all-experts", "mixtral", 3, experts=3, top=3, heads=2, kv_heads=1, head_dim=16,
         prompt=40, new_style=True),
    case("mistral-window", "mistral", 4, window=33),
    case("nemo", "mistral", 5, head_dim=16, kv_heads=1, theta=1e6),
    case("llama3-tied", "llama", 6, tied=True, scaling=LLAMA3, theta=500000.0),
    case("linear", "llama", 7, kv_heads=4, scaling=LINEAR),
    case("yarn", "mistral", 8, head_dim=16, scaling=YARN),
    case("yarn-scaled", "llama", 9, head_dim=16, scaling=YARN_SCALED, new_style=True, prompt=300),
    case("ministral3", "ministral3", 10, ffn=16, theta=1e6, scaling=MINISTRAL, new_style=True,
         context=256, prompt=180),
    case("ministral3-tied", "ministral3", 11, ffn=16, heads=6, tied=True,
         scaling=MINISTRAL_UNBALANCED, new_style=True, vision=True, context=192, prompt=130),
    case("qwen2-tied", "qwen2", 12, ffn=16, head_dim=6, tied=True, theta=1e6, prompt=400),
    case("qwen2-window", "qwen2", 13, ffn=20, layers=3, heads=3, kv_heads=1, window=41,
         new_style=True, prompt=200),
    case("qwen2-yarn", "qwen2", 14, ffn=16, heads=2, head_dim=12, scaling=YARN, theta=1e6,
         prompt=500),
    case("qwen3-tied", "qwen3", 15, ffn=16, head_dim=10, tied=True, theta=1e6, prompt=400),
    case("qwen3-window", "qwen3", 16, ffn=20, layers=3, heads=3, kv_heads=1, window=37,
         layer_types=True, new_style=True, prompt=200),
    case("qwen3-yarn", "qwen3", 17, ffn=16, heads=6, kv_heads=3, head_dim=14, scaling=YARN,
         theta=1e6, prompt=500),
]


def wide():
    shape = dict(hidden=96, ffn=144, layers=3, heads=6, vocab=256)
    for seed in range(100, 104):
        for window in (None, 77):
            suffix = f"{seed}-{'window' if window else 'full'}"
            yield case(f"mixtral-{suffix}", "mixtral", seed, experts=8, top=2, kv_heads=2,
                       head_dim=16, window=window, per_expert=seed % 2 == 0, theta=1e6, **shape)
            yield case(f"mistral-{suffix}", "mistral", seed + 10, kv_heads=3, head_dim=16,
                       window=window, **shape)
            yield case(f"nemo-{suffix}", "mistral", seed + 20, kv_heads=2, head_dim=40,
                       window=window, **shape)
    for top in range(1, 9):
        yield case(f"mixtral-top{top}of8", "mixtral", 200 + top, experts=8, top=top, kv_heads=6,
                   head_dim=24, **shape)
    for seed, (name, scaling) in enumerate(
            [("none", None), ("llama3", LLAMA3), ("linear", LINEAR), ("yarn", YARN),
             ("yarn-scaled", YARN_SCALED)]):
        for tied in (False, True):
            yield case(f"llama-{name}-{'tied' if tied else 'separate'}", "llama", 300 + seed,
                       kv_heads=3, head_dim=32, scaling=scaling, tied=tied, new_style=tied,
                       theta=500000.0, **shape)
            yield case(f"mixtral-{name}-{'tied' if tied else 'separate'}", "mixtral", 320 + seed,
                       experts=5, top=2, kv_heads=1, head_dim=32, scaling=scaling, tied=tied,
                       new_style=not tied, window=300 if tied else None, **shape)
            ministral = [MINISTRAL, MINISTRAL_UNBALANCED][seed % 2] | {
                "original_max_position_embeddings": 7 + 23 * seed,
                "llama_4_scaling_beta": 0.1 + 0.2 * seed}
            yield case(f"ministral3-{seed}-{'tied' if tied else 'separate'}", "ministral3",
                       340 + seed, kv_heads=2, head_dim=32, scaling=ministral, tied=tied,
                       new_style=True, vision=not tied, theta=1e6, context=16 * (7 + 23 * seed),
                       prompt=min(700, 16 * (7 + 23 * seed) - GREEDY_TOKENS), **shape)
            for family, head_dim in (("qwen2", 16), ("qwen3", 32)):
                yield case(f"{family}-{name}-{'tied' if tied else 'separate'}", family, 360 + seed,
                           kv_heads=[1, 2, 3, 6, 2][seed], head_dim=head_dim, scaling=scaling,
                           tied=tied, new_style=tied, window=[None, 77, None, 300, 9][seed],
                           layer_types=tied, theta=[1e4, 1e6][seed % 2], **shape)


def weights(c):
    """Random weights by their Hugging Face names; every projection keeps its input's spread."""
    random = np.random.default_rng(c["seed"])

    def matrix(rows, columns, gain=1.0):
        return (random.standard_normal((rows, columns)) * gain / math.sqrt(columns)).astype(
            np.float32)

    def vector(count, spread, mean=0.0):
        return (mean + spread * random.standard_normal(count)).astype(np.float32)

    def norm():
        return vector(c["hidden"], 0.2, 1)

    d, f, v = c["hidden"], c["ffn"], c["vocab"]
    w = {"model.embed_tokens.weight": matrix(v, d, 3.0 if c["tied"] else math.sqrt(d))}
    for i in range(c["layers"]):
        p = f"model.layers.{i}."
        w[p + "input_layernorm.weight"] = norm()
        w[p + "self_attn.q_proj.weight"] = matrix(c["heads"] * c["head_dim"], d, 1.5)
        w[p + "self_attn.k_proj.weight"] = matrix(c["kv_heads"] * c["head_dim"], d, 1.5)
        w[p + "self_attn.v_proj.weight"] = matrix(c["kv_heads"] * c["head_dim"], d)
        w[p + "self_attn.o_proj.weight"] = matrix(d, c["heads"] * c["head_dim"], 1.5)
        w[p + "post_attention_layernorm.weight"] = norm()
        if c["family"] == "qwen2":
            for name, heads in (("q", c["heads"]), ("k", c["kv_heads"]), ("v", c["kv_heads"])):
                w[f"{p}self_attn.{name}_proj.bias"] = vector(heads * c["head_dim"], 0.7)
        if c["family"] == "qwen3":
            for name in ("q", "k"):
                w[f"{p}self_attn.{name}_norm.weight"] = vector(c["head_dim"], 0.4, 1.2)
        if c["experts"]:
            w[p + "block_sparse_moe.gate.weight"] = matrix(c["experts"], d, 1.5)
        for e in range(max(1, c["experts"])):
            q = p + (f"block_sparse_moe.experts.{e}." if c["experts"] else "mlp.")
            names = ("w1", "w3", "w2") if c["experts"] else ("gate_proj", "up_proj", "down_proj")
            w[q + names[0] + ".weight"] = matrix(f, d, 1.5)
            w[q + names[1] + ".weight"] = matrix(f, d, 1.5)
            w[q + names[2] + ".weight"] = matrix(d, f, 1.5)
    w["model.norm.weight"] = norm()
    if not c["tied"]:
        w["lm_head.weight"] = matrix(v, d, 3.0)
    return w


def config(c):
    names = {"mixtral": ("MixtralForCausalLM", "mixtral"), "llama": ("LlamaForCausalLM", "llama"),
             "mistral": ("MistralForCausalLM", "mistral"),
             "ministral3": ("Ministral3ForCausalLM", "ministral3"),
             "qwen2": ("Qwen2ForCausalLM", "qwen2"),
             "qwen3": ("Qwen3ForCausalLM", "qwen3")}[c["family"]]
    result = {
        "architectures": [names[0]], "model_type": names[1], "hidden_size": c["hidden"],
        "intermediate_size": c["ffn"], "num_hidden_layers": c["layers"],
        "num_attention_heads": c["heads"], "num_key_value_heads": c["kv_heads"],
        "head_dim": c["head_dim"], "vocab_size": c["vocab"],
        "max_position_embeddings": c["context"],
        "rms_norm_eps": 1e-5, "hidden_act": "silu", "tie_word_embeddings": c["tied"],
        "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "float32",
    }
    if c["family"] != "llama":
        result["sliding_window"] = c["window"]
    if c["family"].startswith("qwen"):
        # As they are published: the window is stated, but not used, and begins after all layers.
        result |= {"use_sliding_window": c["window"] is not None, "max_window_layers": 28,
                   "sliding_window": c["window"] or 50}
        if c["layer_types"]:
            kind = "sliding" if c["window"] else "full"
            result["layer_types"] = [kind + "_attention"] * c["layers"]
        elif c["window"]:
            result["max_window_layers"] = 0
    if c["experts"]:
        result |= {"num_local_experts": c["experts"], "num_experts_per_tok": c["top"]}
    if c["new_style"]:
        result["rope_parameters"] = {"rope_theta": c["theta"]} | (
            c["scaling"] or {"rope_type": "default"})
    else:
        result |= {"rope_theta": c["theta"], "rope_scaling": c["scaling"]}
    if c["vision"]:
        # As Mistral's models that see are published: the text model within another.
        del result["architectures"]
        return {
            "architectures": ["Mistral3ForConditionalGeneration"], "model_type": "mistral3",
            "image_token_index": 10, "multimodal_projector_bias": False,
            "projector_hidden_act": "gelu", "spatial_merge_size": 2, "text_config": result,
            "tie_word_embeddings": c["tied"], "torch_dtype": "float32",
            "vision_config": {
                "model_type": "pixtral", "hidden_size": 8, "head_dim": 4, "image_size": 28,
                "intermediate_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1,
                "patch_size": 14},
            "vision_feature_layer": -1,
        }
    return result


def published(c, w):
    """The weights by the names of the published file; what sees is left out but for two tensors."""
    if not c["vision"]:
        return w
    result = {"language_model." + name: matrix for name, matrix in w.items()}
    result["vision_tower.ln_pre.weight"] = np.ones(8, np.float32)
    result["multi_modal_projector.norm.weight"] = np.ones(8, np.float32)
    return result


def write_mistral(directory, c, w):
    """The form in which Mistral publishes its own; components of q and k that rotate are adjacent."""
    s = c["scaling"]
    original = s["original_max_position_embeddings"]
    params = {
        "dim": c["hidden"], "n_layers": c["layers"], "head_dim": c["head_dim"],
        "hidden_dim": c["ffn"], "n_heads": c["heads"], "n_kv_heads": c["kv_heads"],
        "rope_theta": c["theta"], "norm_eps": 1e-5, "vocab_size": c["vocab"],
        "tied_embeddings": c["tied"], "max_position_embeddings": c["context"],
        "llama_4_scaling": {
            "original_max_position_embeddings": original, "beta": s["llama_4_scaling_beta"]},
        "q_lora_rank": None, "qk_rope_head_dim": None, "qk_nope_head_dim": None,
        "kv_lora_rank": None, "v_head_dim": None,
        "yarn": {
            "original_max_position_embeddings": original, "factor": s["factor"],
            "apply_scale": "mscale_all_dim" not in s, "beta": s["beta_fast"],
            "alpha": s["beta_slow"]},
    }
    names = {"model.embed_tokens": "tok_embeddings", "model.norm": "norm", "lm_head": "output"}
    for i in range(c["layers"]):
        p, m = f"model.layers.{i}.", f"layers.{i}."
        names |= {p + "input_layernorm": m + "attention_norm",
                  p + "post_attention_layernorm": m + "ffn_norm"}
        names |= {f"{p}self_attn.{x}_proj": f"{m}attention.w{x}" for x in "qkvo"}
        names |= {f"{p}mlp.{x}_proj": f"{m}feed_forward.{y}"
                  for x, y in (("gate", "w1"), ("down", "w2"), ("up", "w3"))}
    result = {}
    for name, matrix in w.items():
        heads = c["heads"] if ".q_proj." in name else c["kv_heads"] if ".k_proj." in name else 0
        ours = names[name.removesuffix(".weight")] + ".weight"
        result[ours] = permuted(matrix, heads) if heads else matrix
    if c["vision"]:
        params["vision_encoder"] = {
            "hidden_size": 8, "num_channels": 3, "image_size": 28, "patch_size": 14,
            "rope_theta": 10000.0, "intermediate_size": 8, "num_hidden_layers": 1,
            "num_attention_heads": 2, "adapter_bias": False, "mm_projector_id": "patch_merge",
            "spatial_merge_size": 2, "add_pre_mm_projector_layer_norm": True,
            "image_token_id": 10, "image_break_token_id": 12, "image_end_token_id": 13}
        result["vision_encoder.ln_pre.weight"] = np.ones(8, np.float32)
        result["patch_merger.merging_layer.weight"] = np.ones((8, 32), np.float32)
        result["pre_mm_projector_norm.weight"] = np.ones(8, np.float32)
        result["vision_language_adapter.w_in.weight"] = np.ones((24, 8), np.float32)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "params.json").write_text(json.dumps(params, indent=1) + "\n")
    save_file(result, directory / "consolidated.safetensors")


def permuted(matrix, heads):
    """The rows of q or k so that a rotated pair becomes adjacent."""
    rows, columns = matrix.shape
    return np.ascontiguousarray(
        matrix.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns))


def llama3_factors(c):
    s = c["scaling"]
    exponents = torch.arange(0, c["head_dim"], 2).float() / c["head_dim"]
    frequencies = (1 / c["theta"] ** exponents).double().numpy()
    wavelengths = 2 * math.pi / frequencies
    original = s["original_max_position_embeddings"]
    smooth = (original / wavelengths - s["low_freq_factor"]) / (
        s["high_freq_factor"] - s["low_freq_factor"])
    blended = 1 / ((1 - smooth) / s["factor"] + smooth)
    return np.where(
        wavelengths < original / s["high_freq_factor"], 1.0,
        np.where(wavelengths > original / s["low_freq_factor"], s["factor"], blended),
    ).astype(np.float32)


def write_gguf(path, c, w):
    names = {"ministral3": "mistral3", "qwen2": "qwen2", "qwen3": "qwen3"}
    writer = gguf.GGUFWriter(path, names.get(c["family"], "llama"))
    # Only Llama's and Mistral's are permuted.
    in_order = permuted if names.get(c["family"]) in (None, "mistral3") else lambda rows, _: rows
    writer.add_name(c["name"])
    writer.add_context_length(c["context"])
    writer.add_embedding_length(c["hidden"])
    writer.add_block_count(c["layers"])
    writer.add_feed_forward_length(c["ffn"])
    writer.add_head_count(c["heads"])
    writer.add_head_count_kv(c["kv_heads"])
    writer.add_key_length(c["head_dim"])
    writer.add_value_length(c["head_dim"])
    writer.add_rope_dimension_count(c["head_dim"])
    writer.add_rope_freq_base(c["theta"])
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(c["vocab"])
    if c["experts"]:
        writer.add_expert_count(c["experts"])
        writer.add_expert_used_count(c["top"])
    if c["window"]:
        writer.add_sliding_window(c["window"])
    scaling = c["scaling"] or {}
    if scaling.get("rope_type") == "llama3":
        writer.add_tensor("rope_freqs.weight", llama3_factors(c))
    elif scaling:
        writer.add_rope_scaling_type(gguf.RopeScalingType(scaling["rope_type"]))
        writer.add_rope_scaling_factor(scaling["factor"])
    if scaling.get("rope_type") == "yarn":
        writer.add_rope_scaling_orig_ctx_len(scaling["original_max_position_embeddings"])
        if "attention_factor" in scaling:
            # llama.cpp multiplies this with its own 0.1·ln(factor) + 1.
            writer.add_rope_scaling_attn_factors(
                scaling["attention_factor"] / (0.1 * math.log(scaling["factor"]) + 1))
            writer.add_rope_scaling_yarn_beta_fast(scaling["beta_fast"])
            writer.add_rope_scaling_yarn_beta_slow(scaling["beta_slow"])
    if c["family"] == "ministral3":
        writer.add_attn_temperature_scale(scaling["llama_4_scaling_beta"])
        writer.add_rope_scaling_yarn_beta_fast(scaling["beta_fast"])
        writer.add_rope_scaling_yarn_beta_slow(scaling["beta_slow"])
        if "mscale_all_dim" in scaling:
            writer.add_rope_scaling_yarn_log_mul(scaling["mscale_all_dim"])
    writer.add_tensor("token_embd.weight", w["model.embed_tokens.weight"])
    for i in range(c["layers"]):
        p, b = f"model.layers.{i}.", f"blk.{i}."
        writer.add_tensor(b + "attn_norm.weight", w[p + "input_layernorm.weight"])
        writer.add_tensor(
            b + "attn_q.weight", in_order(w[p + "self_attn.q_proj.weight"], c["heads"]))
        writer.add_tensor(
            b + "attn_k.weight", in_order(w[p + "self_attn.k_proj.weight"], c["kv_heads"]))
        if c["family"] == "qwen2":
            for name in "qkv":
                writer.add_tensor(f"{b}attn_{name}.bias", w[f"{p}self_attn.{name}_proj.bias"])
        if c["family"] == "qwen3":
            for name in "qk":
                writer.add_tensor(
                    f"{b}attn_{name}_norm.weight", w[f"{p}self_attn.{name}_norm.weight"])
        writer.add_tensor(b + "attn_v.weight", w[p + "self_attn.v_proj.weight"])
        writer.add_tensor(b + "attn_output.weight", w[p + "self_attn.o_proj.weight"])
        writer.add_tensor(b + "ffn_norm.weight", w[p + "post_attention_layernorm.weight"])
        if not c["experts"]:
            for ours, theirs in (("gate", "gate"), ("up", "up"), ("down", "down")):
                writer.add_tensor(f"{b}ffn_{ours}.weight", w[f"{p}mlp.{theirs}_proj.weight"])
            continue
        writer.add_tensor(b + "ffn_gate_inp.weight", w[p + "block_sparse_moe.gate.weight"])
        for ours, theirs in (("gate", "w1"), ("up", "w3"), ("down", "w2")):
            each = [w[f"{p}block_sparse_moe.experts.{e}.{theirs}.weight"]
                    for e in range(c["experts"])]
            if c["per_expert"]:
                for e, matrix in enumerate(each):
                    writer.add_tensor(f"{b}ffn_{ours}.{e}.weight", matrix)
            else:
                writer.add_tensor(f"{b}ffn_{ours}_exps.weight", np.stack(each))
    writer.add_tensor("output_norm.weight", w["model.norm.weight"])
    if not c["tied"]:
        writer.add_tensor("output.weight", w["lm_head.weight"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def expected(c, directory):
    kind = Mistral3ForConditionalGeneration if c["vision"] else AutoModelForCausalLM
    model = kind.from_pretrained(
        directory, dtype=torch.float32, attn_implementation="eager").eval()
    prompt = np.random.default_rng(c["seed"] + 1000).integers(3, c["vocab"], c["prompt"]).tolist()
    with torch.no_grad():
        logits = model(torch.tensor([prompt]), use_cache=False).logits[0]
        logprobs = torch.log_softmax(logits.double(), -1)
        scored = [logprobs[i, prompt[i + 1]].item() for i in range(len(prompt) - 1)]
        ids, gap = list(prompt), math.inf
        for _ in range(GREEDY_TOKENS):
            row = model(torch.tensor([ids]), use_cache=False).logits[0, -1]
            best = torch.topk(row, 2).values
            gap = min(gap, (best[0] - best[1]).item())
            ids.append(int(row.argmax()))
    return {"prompt": prompt, "prompt_logprobs": [round(x, 6) for x in scored],
            "greedy": ids[len(prompt):], "smallest_gap": round(gap, 6),
            "logit_spread": round(logits.std().item(), 3)}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("out", type=pathlib.Path)
    arguments.add_argument("--wide", action="store_true")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    for c in wide() if options.wide else FIXTURES:
        directory = options.out / c["name"]
        directory.mkdir(parents=True, exist_ok=True)
        w = weights(c)
        (directory / "config.json").write_text(json.dumps(config(c), indent=1) + "\n")
        save_file(published(c, w), directory / "model.safetensors", metadata={"format": "pt"})
        if c["family"] == "ministral3":
            write_mistral(options.out / (c["name"] + ".mistral"), c, w)
        write_gguf(str(options.out / (c["name"] + ".gguf")), c, w)
        e = expected(c, directory)
        (options.out / (c["name"] + ".json")).write_text(json.dumps(e) + "\n")
        print(f"{c['name']}: smallest gap {e['smallest_gap']}, logit spread {e['logit_spread']}")


if __name__ == "__main__":
    main()
