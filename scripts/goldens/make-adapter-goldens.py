#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes random LoRA adapters of tiny models and what PEFT makes of both in float32.

    make-adapter-goldens.py MODELS OUT    MODELS as make-tiny-models.py writes it; OUT:
                                          Tests/InferenceTests/Goldens/tiny-adapters

Each adapter NAME becomes
    OUT/NAME/adapter_config.json, adapter_model.safetensors   as PEFT writes it
    OUT/NAME.gguf                                             as llama.cpp's converter would have it
    OUT/NAME.json                                             its model, a prompt, the logprob of each
                                                              token but the first, and 48 greedy tokens

Needs numpy, torch, transformers, peft, safetensors, gguf.
"""
import argparse
import json
import math
import pathlib
import shutil
import tempfile

import gguf
import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.numpy import load_file, save_file
from transformers import AutoModelForCausalLM

GREEDY_TOKENS = 48
PREFIX = "base_model.model."
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
NETWORK = ["gate_proj", "up_proj", "down_proj"]

# name, model, what LoraConfig says, and how the tensors are stored.
FIXTURES = [
    ("mistral-attention", "mistral-window",
     dict(r=4, lora_alpha=8, target_modules=ATTENTION), np.float32),
    ("llama-patterns", "llama3-tied",
     dict(r=3, lora_alpha=5, target_modules=ATTENTION + NETWORK, use_rslora=True,
          rank_pattern={"q_proj": 17, "model.layers.1.mlp.up_proj": 1},
          alpha_pattern={r".*\.0\.self_attn\.v_proj": 2}), np.float16),
    ("qwen2-network", "qwen2-tied",
     dict(r=8, lora_alpha=16, target_modules=NETWORK + ["v_proj", "k_proj"]), np.float32),
    ("mixtral-experts", "mixtral-top2",
     dict(r=2, lora_alpha=3, target_modules=["w1", "w2", "w3", "q_proj"]), np.float32),
    ("mixtral-parameters", "mixtral-top2",
     dict(r=3, lora_alpha=6, target_modules=["o_proj"],
          target_parameters=["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]), np.float32),
    ("mixtral-router", "mixtral-top2",
     dict(r=2, lora_alpha=2, target_modules=["block_sparse_moe.gate", "k_proj"]), np.float32),
    ("gptoss-parameters", "gptoss",
     dict(r=2, lora_alpha=4, target_modules=["q_proj", "o_proj"],
          target_parameters=["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]), np.float32),
]


def load(folder):
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager",
        experts_implementation="eager") if "mixtral" in folder.name or "gptoss" in folder.name \
        else AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager")
    return model.eval()


def randomize(tensors, seed):
    """Random A and B, of which B·A is about as large as a third of a weight matrix."""
    random = np.random.default_rng(seed)
    return {
        name: (random.standard_normal(values.shape)
               * (1 / math.sqrt(values.shape[-1]) if "lora_A" in name else 0.35)).astype(np.float32)
        for name, values in sorted(tensors.items())}


def by_hand(settings, model, seed):
    """The tensors of an adapter with the names that transformers 4 had for Mixtral's modules."""
    c = model.config
    random = np.random.default_rng(seed)
    head = c.head_dim or c.hidden_size // c.num_attention_heads
    shapes = {"w1": (c.intermediate_size, c.hidden_size), "w3": (c.intermediate_size, c.hidden_size),
              "w2": (c.hidden_size, c.intermediate_size),
              "gate": (c.num_local_experts, c.hidden_size),
              "q_proj": (c.num_attention_heads * head, c.hidden_size),
              "k_proj": (c.num_key_value_heads * head, c.hidden_size)}
    result = {}
    for layer in range(c.num_hidden_layers):
        for target in settings["target_modules"]:
            p = f"{PREFIX}model.layers.{layer}."
            target = target.split(".")[-1]
            modules = [f"self_attn.{target}"]
            if target[0] == "w":
                modules = [f"block_sparse_moe.experts.{e}.{target}"
                           for e in range(c.num_local_experts)]
            elif target == "gate":
                modules = ["block_sparse_moe.gate"]
            rows, columns = shapes[target]
            for module in modules:
                result[f"{p}{module}.lora_A.weight"] = (
                    random.standard_normal((settings["r"], columns))
                    / math.sqrt(columns)).astype(np.float32)
                result[f"{p}{module}.lora_B.weight"] = (
                    0.35 * random.standard_normal((rows, settings["r"]))).astype(np.float32)
    return result


def merged(model, settings, tensors):
    """The model with an adapter of its router, which PEFT has no way to add, in its weights."""
    weights = dict(model.named_parameters())
    for name, a in tensors.items():
        module, kind, _ = name.removeprefix(PREFIX).rsplit(".", 2)
        if kind == "lora_A":
            b = tensors[name.replace("lora_A", "lora_B")]
            module = module.replace("block_sparse_moe", "mlp")
            with torch.no_grad():
                weights[module + ".weight"] += torch.tensor(
                    b @ a * (settings["lora_alpha"] / settings["r"]))
    return model


def expected(model, vocabulary, seed):
    prompt = np.random.default_rng(seed + 1000).integers(3, vocabulary, 90).tolist()
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([prompt]), use_cache=False).logits[0]
        logprobs = torch.log_softmax(logits.double(), -1)
        scored = [logprobs[i, prompt[i + 1]].item() for i in range(len(prompt) - 1)]
        ids, gap = list(prompt), math.inf
        for _ in range(GREEDY_TOKENS):
            row = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1]
            best = torch.topk(row, 2).values
            gap = min(gap, (best[0] - best[1]).item())
            ids.append(int(row.argmax()))
    return {"prompt": prompt, "prompt_logprobs": [round(x, 6) for x in scored],
            "greedy": ids[len(prompt):], "smallest_gap": round(gap, 6)}


def scale_of(config, module):
    """What PEFT multiplies B·A of a module with, by its own functions."""
    from peft.utils.other import get_pattern_key
    r = config.rank_pattern.get(get_pattern_key(config.rank_pattern.keys(), module), config.r)
    alpha = config.alpha_pattern.get(
        get_pattern_key(config.alpha_pattern.keys(), module), config.lora_alpha)
    return alpha / (math.sqrt(r) if config.use_rslora else r)


def permuted(matrix, heads):
    """The rows of q or k so that a rotated pair becomes adjacent, as llama.cpp's converter does it."""
    rows, columns = matrix.shape
    return np.ascontiguousarray(
        matrix.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns))


def write_gguf(path, model, config, tensors):
    c = model.config
    family = {"qwen2": "qwen2", "gpt_oss": "gpt-oss"}.get(c.model_type, "llama")
    writer = gguf.GGUFWriter(path, family)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    # A factor that is another one for each module goes into B.
    folds = bool(config.use_rslora or config.rank_pattern or config.alpha_pattern)
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, 0.0 if folds else float(config.lora_alpha))
    names = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
             "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
             "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
             "block_sparse_moe.gate": "ffn_gate_inp"}
    stacks = {}
    for name in sorted(tensors):
        if not name.endswith(".lora_A.weight"):
            continue
        module = name.removeprefix(PREFIX).removesuffix(".lora_A.weight")
        a, b = tensors[name], tensors[name.replace("lora_A", "lora_B")]
        layer, rest = module.removeprefix("model.layers.").split(".", 1)
        if folds:
            b = (b.astype(np.float32) * scale_of(config, module)).astype(np.float32)
        if ".experts." in rest + ".":
            add_experts(stacks, c, int(layer), rest, a, b)
            continue
        if family == "llama" and rest.endswith(("q_proj", "k_proj")):
            b = permuted(b, c.num_attention_heads if rest.endswith("q_proj")
                         else c.num_key_value_heads)
        writer.add_tensor(f"blk.{layer}.{names[rest]}.weight.lora_a", a)
        writer.add_tensor(f"blk.{layer}.{names[rest]}.weight.lora_b", b)
    for (layer, name), each in sorted(stacks.items()):
        for half, kind in enumerate("ab"):
            writer.add_tensor(
                f"blk.{layer}.{name}.weight.lora_{kind}",
                np.ascontiguousarray(np.stack([each[e][half] for e in sorted(each)])))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_experts(stacks, c, layer, rest, a, b):
    """A and B of each expert, of a module of its own or of a parameter of them all."""
    parts = rest.split(".")
    if parts[-1] in ("w1", "w2", "w3"):
        name = {"w1": "ffn_gate_exps", "w2": "ffn_down_exps", "w3": "ffn_up_exps"}[parts[-1]]
        stacks.setdefault((layer, name), {})[int(parts[-2])] = (a, b)
        return
    count = c.num_local_experts
    a = a.reshape(count, -1, a.shape[-1])
    b = b.reshape(b.shape[0], -1, count).transpose(2, 0, 1)
    if b.shape[1] == c.hidden_size and a.shape[2] == c.intermediate_size:
        halves = {"ffn_down_exps": b}
    elif c.model_type == "gpt_oss":
        halves = {"ffn_gate_exps": b[:, 0::2], "ffn_up_exps": b[:, 1::2]}
    else:
        half = b.shape[1] // 2
        halves = {"ffn_gate_exps": b[:, :half], "ffn_up_exps": b[:, half:]}
    for name, rows in halves.items():
        for e in range(count):
            stacks.setdefault((layer, name), {})[e] = (a[e], np.ascontiguousarray(rows[e]))


def make(models, out, seed, name, base, settings, dtype):
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model = load(models / base)
    vocabulary = model.config.vocab_size
    config = LoraConfig(task_type="CAUSAL_LM", **settings)
    if name in ("mixtral-experts", "mixtral-router"):
        tensors = by_hand(settings, model, seed)
        plain = LoraConfig(task_type="CAUSAL_LM", inference_mode=True, **settings)
        plain.base_model_name_or_path = base
        plain.save_pretrained(folder)
    else:
        with tempfile.TemporaryDirectory() as scratch:
            get_peft_model(load(models / base), config).save_pretrained(scratch)
            saved = pathlib.Path(scratch)
            tensors = randomize(load_file(saved / "adapter_model.safetensors"), seed)
            shutil.copy(saved / "adapter_config.json", folder)
        text = json.loads((folder / "adapter_config.json").read_text())
        text["base_model_name_or_path"] = base
        (folder / "adapter_config.json").write_text(json.dumps(text, indent=1, sort_keys=True) + "\n")
    tensors = {key: values.astype(dtype) for key, values in tensors.items()}
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    if name == "mixtral-router":
        model = merged(model, settings, tensors)
    else:
        model = PeftModel.from_pretrained(model, folder).eval()
    e = expected(model, vocabulary, seed)
    plain = expected(load(models / base), vocabulary, seed)
    e = {"model": base} | e
    (out / f"{name}.json").write_text(json.dumps(e) + "\n")
    write_gguf(str(out / f"{name}.gguf"), load(models / base), config, tensors)
    moved = max(abs(x - y) for x, y in zip(e["prompt_logprobs"], plain["prompt_logprobs"]))
    same = sum(x == y for x, y in zip(e["greedy"], plain["greedy"]))
    print(f"{name}: smallest gap {e['smallest_gap']}, logprobs move by {moved:.2f}, "
          f"{same} of {GREEDY_TOKENS} greedy tokens are those of the model alone")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("models", type=pathlib.Path)
    arguments.add_argument("out", type=pathlib.Path)
    arguments.add_argument("--only", nargs="*", default=[""])
    options = arguments.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    for seed, (name, base, settings, dtype) in enumerate(FIXTURES):
        if name.startswith(tuple(options.only)):
            make(options.models, options.out, seed, name, base, settings, dtype)


if __name__ == "__main__":
    main()
