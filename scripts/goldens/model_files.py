#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the goldens of Tests/TestSupport: tiny models by the reference writers of each format, and
expected.json with every tensor's type, shape and the bytes of its last row.

usage: model_files.py OUTPUT_FOLDER      (needs numpy, gguf, torch, transformers, safetensors)
"""
import json
import shutil
import sys
from pathlib import Path

import gguf
import numpy as np
import torch
from transformers import MistralConfig, MistralForCausalLM, MixtralConfig, MixtralForCausalLM

out = Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
D, F, V, H, K, DH, E, LAYERS = 32, 32, 24, 2, 1, 16, 3, 2


def write_gguf(path):
    """A mixture with stacked experts, and metadata of every type."""
    random = np.random.default_rng(1)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny mixture")
    writer.add_block_count(LAYERS)
    writer.add_context_length(64)
    writer.add_embedding_length(D)
    writer.add_feed_forward_length(F)
    writer.add_head_count(H)
    writer.add_head_count_kv(K)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_expert_count(E)
    writer.add_expert_used_count(2)
    writer.add_sliding_window(32)
    writer.add_uint8("test.uint8", 200)
    writer.add_int8("test.int8", -100)
    writer.add_uint16("test.uint16", 60000)
    writer.add_int16("test.int16", -30000)
    writer.add_uint32("test.uint32", 4000000000)
    writer.add_int32("test.int32", -2000000000)
    writer.add_uint64("test.uint64", 2**63 + 5)
    writer.add_int64("test.int64", -(2**62))
    writer.add_float32("test.float32", 1.5)
    writer.add_float64("test.float64", -2.25)
    writer.add_bool("test.bool", True)
    writer.add_string("test.string", "naïve 🌬")
    writer.add_array("test.strings", ["a", "", "ß"])
    writer.add_array("test.ints", [1, -2, 3])
    writer.add_array("test.floats", [0.5, -1.0])
    writer.add_array("test.bools", [True, False])
    writer.add_chat_template("{{ messages[0].content }}")
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([f"t{i}" for i in range(V)])
    writer.add_eos_token_id(2)
    expected = {}

    def add(name, *shape, kind=None, positive=False):
        values = random.standard_normal(shape).astype(np.float32)
        if positive:
            values = np.abs(values)
        if kind is None:
            data, dtype = values, None
        elif kind == gguf.GGMLQuantizationType.F16:
            data, dtype = values.astype(np.float16), None
        else:
            data, dtype = gguf.quants.quantize(values, kind), kind
        writer.add_tensor(name, data, raw_dtype=dtype)
        kind = kind or gguf.GGMLQuantizationType.F32
        raw = np.ascontiguousarray(data).view(np.uint8).tobytes()
        rows = values.size // shape[-1]
        expected[name] = {
            "type": kind.name, "shape": shape, "last": raw[-(len(raw) // rows):].hex()}

    kinds = gguf.GGMLQuantizationType
    add("token_embd.weight", V, D, kind=kinds.Q8_0)
    for i in range(LAYERS):
        add(f"blk.{i}.attn_norm.weight", D, positive=True)
        add(f"blk.{i}.attn_q.weight", H * DH, D, kind=kinds.Q4_0)
        add(f"blk.{i}.attn_k.weight", K * DH, D, kind=kinds.F16)
        add(f"blk.{i}.attn_v.weight", K * DH, D, kind=kinds.BF16)
        add(f"blk.{i}.attn_output.weight", D, H * DH, kind=kinds.Q5_0)
        add(f"blk.{i}.ffn_norm.weight", D, positive=True)
        add(f"blk.{i}.ffn_gate_inp.weight", E, D)
        add(f"blk.{i}.ffn_gate_exps.weight", E, F, D, kind=kinds.Q4_1)
        add(f"blk.{i}.ffn_down_exps.weight", E, D, F, kind=kinds.Q5_1)
        add(f"blk.{i}.ffn_up_exps.weight", E, F, D, kind=kinds.Q8_0)
    add("output_norm.weight", D, positive=True)
    add("output.weight", V, D)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return expected


def write_transformers(folder, model, **options):
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder, **options)
    state = {}
    from safetensors import safe_open

    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "pt") as f:
            for name in f.keys():
                tensor = f.get_tensor(name)
                state[name] = {
                    "type": str(tensor.dtype).removeprefix("torch."),
                    "shape": list(tensor.shape),
                    "last": tensor.reshape(-1, tensor.shape[-1])[-1].view(torch.uint8)
                    .numpy().tobytes().hex(),
                }
    return state


torch.manual_seed(1)
common = dict(
    hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
    num_key_value_heads=1, vocab_size=20, max_position_embeddings=64, head_dim=8)
expected = {"moe.gguf": write_gguf(out / "moe.gguf")}
mixtral = MixtralForCausalLM(
    MixtralConfig(**common, num_local_experts=3, num_experts_per_tok=2, rope_theta=5e5))
expected["mixtral"] = write_transformers(
    out / "mixtral", mixtral.to(torch.bfloat16), max_shard_size="8KB")
mistral = MistralForCausalLM(
    MistralConfig(**common, sliding_window=16, tie_word_embeddings=True))
expected["mistral"] = write_transformers(out / "mistral", mistral)
(out / "expected.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")
