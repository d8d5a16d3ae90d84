#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tiny random models and what transformers makes of them in float32.

    make-tiny-models.py OUT            the fixtures of Tests/InferenceTests/Goldens
    make-tiny-models.py OUT --wide     many more and larger ones, for a run by hand:
                                       CIERZO_TINY_MODELS=OUT swift test --filter GoldenTests

Each model NAME becomes
    OUT/NAME/config.json, model.safetensors   a Hugging Face directory
    OUT/NAME.gguf                             the same weights, q and k permuted as for llama.cpp
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
from transformers import AutoModelForCausalLM

GREEDY_TOKENS = 48
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 128}
LINEAR = {"rope_type": "linear", "factor": 4.0}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 256}
YARN_SCALED = YARN | {"attention_factor": 1.3, "beta_fast": 16.0, "beta_slow": 2.0}


def case(name, family, seed, *, hidden=24, ffn=24, layers=2, heads=4, kv_heads=2, head_dim=8,
         vocab=48, experts=0, top=0, window=None, tied=False, theta=10000.0, scaling=None,
         per_expert=False, new_style=False, prompt=700):
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


def weights(c):
    """Random weights by their Hugging Face names; every projection keeps its input's spread."""
    random = np.random.default_rng(c["seed"])

    def matrix(rows, columns, gain=1.0):
        return (random.standard_normal((rows, columns)) * gain / math.sqrt(columns)).astype(
            np.float32)

    def norm():
        return (1 + 0.2 * random.standard_normal(c["hidden"])).astype(np.float32)

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
             "mistral": ("MistralForCausalLM", "mistral")}[c["family"]]
    result = {
        "architectures": [names[0]], "model_type": names[1], "hidden_size": c["hidden"],
        "intermediate_size": c["ffn"], "num_hidden_layers": c["layers"],
        "num_attention_heads": c["heads"], "num_key_value_heads": c["kv_heads"],
        "head_dim": c["head_dim"], "vocab_size": c["vocab"], "max_position_embeddings": 1024,
        "rms_norm_eps": 1e-5, "hidden_act": "silu", "tie_word_embeddings": c["tied"],
        "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "float32",
    }
    if c["family"] != "llama":
        result["sliding_window"] = c["window"]
    if c["experts"]:
        result |= {"num_local_experts": c["experts"], "num_experts_per_tok": c["top"]}
    if c["new_style"]:
        result["rope_parameters"] = {"rope_theta": c["theta"]} | (
            c["scaling"] or {"rope_type": "default"})
    else:
        result |= {"rope_theta": c["theta"], "rope_scaling": c["scaling"]}
    return result


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
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(c["name"])
    writer.add_context_length(1024)
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
    writer.add_tensor("token_embd.weight", w["model.embed_tokens.weight"])
    for i in range(c["layers"]):
        p, b = f"model.layers.{i}.", f"blk.{i}."
        writer.add_tensor(b + "attn_norm.weight", w[p + "input_layernorm.weight"])
        writer.add_tensor(
            b + "attn_q.weight", permuted(w[p + "self_attn.q_proj.weight"], c["heads"]))
        writer.add_tensor(
            b + "attn_k.weight", permuted(w[p + "self_attn.k_proj.weight"], c["kv_heads"]))
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
    model = AutoModelForCausalLM.from_pretrained(
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
        save_file(w, directory / "model.safetensors", metadata={"format": "pt"})
        write_gguf(str(options.out / (c["name"] + ".gguf")), c, w)
        e = expected(c, directory)
        (options.out / (c["name"] + ".json")).write_text(json.dumps(e) + "\n")
        print(f"{c['name']}: smallest gap {e['smallest_gap']}, logit spread {e['logit_spread']}")


if __name__ == "__main__":
    main()
