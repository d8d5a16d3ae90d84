#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tiny random models and what transformers makes of them in float32.

    make-tiny-models.py OUT            the fixtures of Tests/InferenceTests/Goldens
    make-tiny-models.py OUT --wide     many more and larger ones, for a run by hand:
                                       CIERZO_TINY_MODELS=OUT swift test --filter GoldenTests
    make-tiny-models.py OUT --only A B  only those whose names begin so

Each model NAME becomes
    OUT/NAME/config.json, model.safetensors   a Hugging Face directory
    OUT/NAME.gguf                             the same weights as llama.cpp's converter has them
    OUT/NAME.mistral/params.json, consolidated.safetensors
                                              the same as Mistral publishes its own (Ministral 3)
                                              where weights are of eight or four bits, the GGUF file
                                              and transformers have what these mean, as BF16 numbers
    OUT/NAME.json                             prompt, logprob of each prompt token but the first,
                                              and 48 greedy tokens with the smallest gap between
                                              the best and the second-best logit

Needs numpy, torch, transformers, safetensors, gguf.
"""
import argparse
import json
import math
import pathlib
import tempfile

import gguf
import numpy as np
import torch
from gguf import quants
from safetensors.numpy import save_file
from safetensors.torch import load_file
from safetensors.torch import save_file as save_tensors
from transformers import (
    AutoModelForCausalLM, Mistral3ForConditionalGeneration, Mistral4ForCausalLM, Mxfp4Config)

import gemma4

GREEDY_TOKENS = 48
MXFP4 = gguf.GGMLQuantizationType.MXFP4
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 128}
LINEAR = {"rope_type": "linear", "factor": 4.0}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 256}
# As gpt-oss has it: the ends of the ramp are no whole numbers.
YARN_EXACT = {"rope_type": "yarn", "factor": 32.0, "beta_fast": 32.0, "beta_slow": 1.0,
              "truncate": False, "original_max_position_embeddings": 64}
YARN_SCALED = YARN | {"attention_factor": 1.3, "beta_fast": 16.0, "beta_slow": 2.0}
# As Ministral 3 has them, but for an original context so short that a prompt crosses many steps
# of the queries' scale.
MINISTRAL = {"type": "yarn", "rope_type": "yarn", "factor": 16.0, "beta_fast": 32.0,
             "beta_slow": 1.0, "mscale": 1.0, "mscale_all_dim": 1.0,
             "original_max_position_embeddings": 16, "llama_4_scaling_beta": 0.1}
MINISTRAL_UNBALANCED = {"type": "yarn", "rope_type": "yarn", "factor": 16.0, "beta_fast": 4.0,
                        "beta_slow": 0.5, "original_max_position_embeddings": 12,
                        "llama_4_scaling_beta": 0.35}
# As DeepSeek and Mistral have them with latent attention.
DEEPSEEK = {"type": "yarn", "rope_type": "yarn", "factor": 8.0, "beta_fast": 16.0,
            "beta_slow": 1.0, "mscale": 1.0, "mscale_all_dim": 1.0,
            "original_max_position_embeddings": 64}
DEEPSEEK_V2 = DEEPSEEK | {"factor": 40.0, "mscale": 0.707, "mscale_all_dim": 0.707}
MISTRAL4 = DEEPSEEK | {"factor": 16.0, "original_max_position_embeddings": 16,
                       "llama_4_scaling_beta": 0.1}
MISTRAL4_UNSCALED = {k: v for k, v in MISTRAL4.items() if "mscale" not in k} | {
    "attention_factor": 1.0, "llama_4_scaling_beta": 0.35,
    "original_max_position_embeddings": 12}


def case(name, family, seed, *, hidden=24, ffn=24, layers=2, heads=4, kv_heads=2, head_dim=8,
         vocab=48, experts=0, top=0, window=None, tied=False, theta=10000.0, scaling=None,
         per_expert=False, new_style=False, vision=False, layer_types=False, context=1024,
         prompt=700, **mixture):
    """A model; `mixture` says of a family's experts what Mixtral's have not:

    expert_ffn     their width, where it is not that of dense layers
    shared         how many experts' width every token passes beside its own
    dense          the layers without experts
    layers_by      the keys of config.json that say which these are
    normalizes     whether weights are divided by their sum
    scale, groups  the factor of weights; how many groups there are, and how many stay open
    rotary         how much of a head rotates
    bias, qk_norm  whether projections have biases and heads norms (GLM)
    draft          how many layers after the others draft tokens
    fused          whether the experts of a layer are one tensor in safetensors
    kinds          which layers have a window (s) and which see all (f)
    mxfp4, half    whether experts are quantised, as gpt-oss is published, or F16
    latent         widths of latent attention: the latents of queries (None: there is none) and of
                   keys and values, then of a head what does not rotate, what does, and its value
    halves         whether components that rotate together are half of them apart
    old            whether the GGUF file has keys and values of latents in one matrix
    delta          a delta net's key heads, value heads, their widths and what its convolution sees
    nets           which layers have one (d) and which attend (f)
    wrapped        whether the text model is published within another, which sees too
    stored         how projections are quantised in safetensors, by `quantized`
    """
    return {k: v for k, v in locals().items() if k != "mixture"} | mixture


def gemma(name, seed, *, tied=True, theta=1e6, limit=None, keys_are_values=False, borrowing=0,
          double=False, layer_inputs=0, window_theta=10000.0, **more):
    """A model of Gemma 4; gemma4.py says what it has."""
    return case(name, "gemma4", seed, tied=tied, theta=theta, limit=limit, double=double,
                keys_are_values=keys_are_values, borrowing=borrowing, layer_inputs=layer_inputs,
                window_theta=window_theta, **more)


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
    case("qwen3moe-tied", "qwen3_moe", 20, hidden=16, heads=3, kv_heads=1, head_dim=10, experts=20,
         top=8, expert_ffn=6, tied=True, theta=1e6, prompt=260),
    case("qwen3moe-dense-layers", "qwen3_moe", 21, hidden=16, ffn=28, layers=4, head_dim=6,
         experts=5, top=2, expert_ffn=8, dense=[0, 1, 2],
         layers_by={"mlp_only_layers": [1], "decoder_sparse_step": 2}, new_style=True, prompt=200),
    case("qwen3moe-yarn", "qwen3_moe", 22, hidden=16, heads=4, kv_heads=4, head_dim=8, experts=9,
         top=3, expert_ffn=10, normalizes=False, scaling=YARN, fused=True, prompt=300),
    case("olmoe", "olmoe", 23, hidden=24, ffn=6, heads=3, kv_heads=3, experts=19, top=8,
         normalizes=False, prompt=260),
    case("olmoe-grouped-tied", "olmoe", 24, hidden=24, ffn=10, heads=4, kv_heads=2, head_dim=6,
         experts=6, top=2, normalizes=False, tied=True, fused=True, prompt=200),
    case("olmoe-normalised", "olmoe", 25, hidden=20, ffn=8, layers=3, heads=2, kv_heads=1,
         head_dim=10, experts=4, top=3, normalizes=True, new_style=True, theta=1e6, prompt=200),
    case("qwen2moe", "qwen2_moe", 26, hidden=16, heads=2, kv_heads=1, head_dim=8, experts=12, top=4,
         expert_ffn=6, shared_ffn=14, normalizes=False, prompt=260),
    case("qwen2moe-tied", "qwen2_moe", 27, hidden=24, heads=4, kv_heads=4, head_dim=6, experts=5,
         top=1, expert_ffn=8, shared_ffn=6, normalizes=False, tied=True, new_style=True, fused=True,
         theta=1e6, prompt=200),
    case("qwen2moe-dense-layers", "qwen2_moe", 28, hidden=20, ffn=18, layers=4, heads=2, kv_heads=2,
         head_dim=10, experts=7, top=3, expert_ffn=4, shared_ffn=10, normalizes=True, dense=[0, 2],
         layers_by={"mlp_only_layers": [0], "decoder_sparse_step": 2}, prompt=200),
    case("glm4moe", "glm4_moe", 29, hidden=16, ffn=20, layers=3, heads=4, kv_heads=2, head_dim=12,
         experts=20, top=8, expert_ffn=6, shared=1, dense=[0], scale=1.0, bias=True, qk_norm=True,
         rotary=0.5, draft=1, prompt=260),
    case("glm4moe-groups", "glm4_moe", 30, hidden=16, ffn=12, heads=3, kv_heads=1, head_dim=8,
         experts=12, top=3, expert_ffn=8, shared=2, dense=[], scale=2.5, groups=(4, 2), bias=True,
         rotary=0.5, tied=True, new_style=True, fused=True, prompt=200),
    case("glm4moe-unnormalised", "glm4_moe", 31, hidden=20, ffn=14, layers=4, heads=2, kv_heads=2,
         head_dim=16, experts=6, top=2, expert_ffn=5, shared=3, dense=[0, 1], scale=1.8,
         normalizes=False, rotary=0.25, theta=1e6, prompt=200),
    case("minimax-m2", "minimax_m2", 32, hidden=16, ffn=6, heads=4, kv_heads=2, head_dim=12,
         experts=18, top=8, rotary=0.5, theta=5e6, prompt=260),
    case("minimax-m2-tied", "minimax_m2", 33, hidden=24, ffn=10, heads=2, kv_heads=1, head_dim=20,
         experts=5, top=2, rotary=0.6, tied=True, prompt=200),
    case("minimax-m2-rotary", "minimax_m2", 34, hidden=20, ffn=8, layers=3, heads=3, kv_heads=3,
         head_dim=8, experts=4, top=3, rotary=1.0, new_style=True, fused=True, prompt=200),
    case("ernie4moe-tied", "ernie4_5_moe", 35, hidden=24, ffn=20, layers=3, heads=4, kv_heads=2,
         head_dim=6, experts=18, top=6, expert_ffn=6, shared=2, dense=[0], tied=True,
         layers_by={"moe_layer_start_index": 1}, theta=500000.0, prompt=260),
    case("ernie4moe-interval", "ernie4_5_moe", 36, hidden=20, ffn=14, layers=5, heads=2, kv_heads=1,
         head_dim=10, experts=6, top=2, expert_ffn=8, shared=0, dense=[0, 1, 2, 4],
         layers_by={"moe_layer_start_index": 2, "moe_layer_end_index": -1,
                    "moe_layer_interval": 2}, new_style=True, prompt=200),
    case("ernie4moe-all", "ernie4_5_moe", 37, hidden=16, ffn=12, heads=4, kv_heads=4, head_dim=8,
         experts=4, top=3, expert_ffn=10, shared=1, dense=[], scaling=YARN,
         layers_by={"moe_layer_start_index": 0}, fused=True, prompt=300),
    case("mellum", "mellum", 38, hidden=16, layers=4, heads=3, kv_heads=1, head_dim=10, experts=12,
         top=4, expert_ffn=6, window=31, kinds="sssf", window_theta=10000.0, theta=500000.0,
         prompt=260),
    case("mellum-yarn-tied", "mellum", 39, hidden=20, ffn=14, layers=3, heads=4, kv_heads=2,
         experts=5, top=2, expert_ffn=8, window=17, kinds="fsf", window_theta=700.0, tied=True,
         scaling=YARN, dense=[0], prompt=300),
    case("mellum-full", "mellum", 40, hidden=24, heads=2, kv_heads=2, head_dim=12, experts=7, top=3,
         expert_ffn=10, kinds="ff", window_theta=9.0, fused=True, prompt=200),
    case("gptoss", "gpt_oss", 41, hidden=24, ffn=20, layers=3, heads=6, kv_heads=2, head_dim=8,
         experts=9, top=4, window=23, kinds="sfs", theta=150000.0, scaling=YARN_EXACT, bias=True,
         new_style=True, prompt=300),
    case("gptoss-listed", "gpt_oss", 42, hidden=20, ffn=12, layers=4, heads=3, kv_heads=3,
         head_dim=14, experts=4, top=3, window=9, kinds="fsff", theta=1000.0, bias=True,
         scaling=YARN_EXACT | {"factor": 3.0}, half=True, prompt=200),
    case("gptoss-mxfp4", "gpt_oss", 43, hidden=64, ffn=32, layers=2, heads=4, kv_heads=1,
         head_dim=10, experts=5, top=2, window=31, kinds="sf", theta=150000.0, bias=True,
         scaling=YARN_EXACT, mxfp4=True, prompt=260),
    case("deepseek-v3", "deepseek_v3", 44, hidden=24, ffn=20, layers=3, heads=4, kv_heads=4,
         latent=(12, 20, 10, 6, 14), experts=12, top=3, expert_ffn=8, shared=1, dense=[0],
         scale=2.5, groups=(4, 2), scaling=DEEPSEEK, prompt=260),
    case("deepseek-v3-tied", "deepseek_v3", 45, hidden=20, ffn=14, heads=3, kv_heads=3,
         latent=(None, 18, 8, 8, 6), experts=9, top=4, expert_ffn=6, shared=2, dense=[],
         scale=1.0, tied=True, new_style=True, fused=True, draft=1, theta=50000.0, prompt=200),
    case("deepseek-v3-halves", "deepseek_v3", 46, hidden=16, ffn=18, heads=5, kv_heads=5,
         latent=(10, 34, 6, 12, 20), experts=8, top=2, expert_ffn=10, shared=1, dense=[0],
         scale=1.8, normalizes=False, halves=True, scaling=DEEPSEEK | {"mscale": 0.7},
         prompt=300),
    case("deepseek-v2", "deepseek_v2", 47, hidden=24, ffn=20, layers=3, heads=4, kv_heads=4,
         latent=(None, 16, 12, 4, 10), experts=10, top=3, expert_ffn=8, shared=2, dense=[0],
         scale=1.0, normalizes=False, scaling=DEEPSEEK_V2, prompt=260),
    case("deepseek-v2-old", "deepseek_v2", 48, hidden=20, ffn=16, heads=2, kv_heads=2,
         latent=(14, 24, 6, 10, 18), experts=6, top=2, expert_ffn=12, shared=1, dense=[],
         scale=16.0, normalizes=False, old=True, tied=True, prompt=200),
    case("deepseek-v2-scaled", "deepseek_v2", 49, hidden=18, ffn=12, heads=6, kv_heads=6,
         latent=(9, 12, 4, 6, 5), experts=7, top=5, expert_ffn=6, shared=3, dense=[0, 1], layers=4,
         scale=3.0, normalizes=False, new_style=True, scaling=DEEPSEEK, prompt=200),
    case("glm4moelite", "glm4_moe_lite", 50, hidden=20, ffn=16, layers=3, heads=5, kv_heads=5,
         latent=(10, 16, 12, 4, 16), experts=16, top=4, expert_ffn=6, shared=1, dense=[0],
         scale=1.8, draft=1, theta=1e6, prompt=260),
    case("glm4moelite-groups", "glm4_moe_lite", 51, hidden=16, ffn=12, heads=3, kv_heads=3,
         latent=(None, 22, 10, 10, 8), experts=12, top=3, expert_ffn=8, shared=2, dense=[],
         scale=2.5, groups=(3, 2), tied=True, new_style=True, fused=True, prompt=200),
    case("glm4moelite-dense", "glm4_moe_lite", 52, hidden=24, ffn=14, layers=4, heads=2, kv_heads=2,
         latent=(8, 33, 14, 2, 26), experts=5, top=2, expert_ffn=10, shared=1, dense=[0, 1],
         scale=1.0, normalizes=False, new_style=True, prompt=200),
    case("mistral4", "mistral4", 57, hidden=24, ffn=16, layers=3, heads=4, kv_heads=4,
         latent=(12, 16, 8, 8, 12), experts=16, top=4, expert_ffn=6, shared=1, dense=[],
         scale=1.0, scaling=MISTRAL4, new_style=True, fused=True, context=256, prompt=180),
    case("mistral4-images", "mistral4", 54, hidden=20, ffn=18, layers=3, heads=6, kv_heads=6,
         latent=(None, 14, 10, 4, 7), experts=6, top=2, expert_ffn=10, shared=2, dense=[0],
         scale=1.5, tied=True, scaling=MISTRAL4_UNSCALED, new_style=True, fused=True, vision=True,
         context=192, prompt=130),
    case("mistral4-groups", "mistral4", 55, hidden=16, ffn=20, heads=3, kv_heads=3,
         latent=(20, 26, 4, 12, 18), experts=12, top=3, expert_ffn=8, shared=1, dense=[],
         scale=2.0, groups=(4, 2), scaling=MISTRAL4 | {"factor": 3.0}, new_style=True, fused=True,
         theta=1e6, context=256, prompt=180),
    case("qwen3next", "qwen3_next", 844, hidden=24, ffn=20, layers=4, heads=4, kv_heads=2, head_dim=16,
         experts=12, top=4, expert_ffn=6, shared_ffn=10, rotary=0.25, delta=(2, 4, 8, 8, 4),
         nets="dddf", theta=1e6, prompt=150),
    case("qwen3next-tied", "qwen3_next", 445, hidden=20, ffn=14, layers=5, heads=3, kv_heads=1,
         head_dim=12, experts=5, top=2, expert_ffn=8, shared_ffn=6, dense=[0],
         layers_by={"mlp_only_layers": [0]}, normalizes=False, rotary=0.5,
         delta=(1, 3, 10, 6, 3), nets="dfddf", tied=True, new_style=True, prompt=150),
    case("qwen35", "qwen3_5_text", 46, hidden=24, ffn=20, layers=4, heads=2, kv_heads=1, head_dim=16,
         rotary=0.25, delta=(3, 6, 12, 12, 4), nets="dddf", new_style=True, theta=1e7, prompt=150),
    case("qwen35-tied", "qwen3_5_text", 147, hidden=20, ffn=16, layers=5, heads=4, kv_heads=4,
         head_dim=8, rotary=0.5, delta=(2, 2, 7, 40, 2), nets="fddfd", tied=True, new_style=True,
         wrapped=True, prompt=150),
    case("qwen35moe", "qwen3_5_moe_text", 848, hidden=16, layers=4, heads=4, kv_heads=2, head_dim=12,
         experts=20, top=8, expert_ffn=6, shared_ffn=14, rotary=0.5, delta=(2, 8, 6, 6, 4),
         nets="dddf", new_style=True, fused=True, wrapped=True, theta=1e7, prompt=150),
    case("qwen35moe-interval", "qwen3_5_moe_text", 49, hidden=24, layers=3, heads=3, kv_heads=3,
         head_dim=8, experts=6, top=2, expert_ffn=10, shared_ffn=8, rotary=1.0,
         delta=(4, 4, 16, 16, 5), nets="dfd", new_style=True, draft_tensors=True, prompt=150),
    gemma("gemma4", 58, hidden=24, ffn=20, layers=6, heads=4, kv_heads=2, head_dim=10, window=13,
          kinds="sssssf", full=(1, 18), keys_are_values=True, proportion=0.25, limit=6.0,
          wrapped=True, prompt=200),
    gemma("gemma4-moe", 59, hidden=20, ffn=14, layers=4, heads=6, kv_heads=3, head_dim=8, window=21,
          kinds="ssff", full=(2, 12), keys_are_values=True, proportion=0.5, limit=30.0, experts=18,
          top=4, expert_ffn=6, prompt=200),
    gemma("gemma4-borrowing", 70, hidden=16, ffn=12, layers=6, heads=3, kv_heads=1, head_dim=8,
          window=17, kinds="ssfssf", full=(1, 20), proportion=0.3, limit=30.0, borrowing=3,
          double=True, layer_inputs=6, wrapped=True, prompt=200),
    gemma("gemma4-apart", 66, hidden=24, ffn=18, layers=3, heads=4, kv_heads=4, head_dim=12,
          window=9, kinds="fsf", full=(4, 6), proportion=1.0, experts=5, top=1, expert_ffn=10,
          layer_inputs=4, by_layer=True, apart=True, tied=False, prompt=200),
    # Blocks of which the last is cut off, and latents' matrix of both, which is taken apart.
    case("fp8-blocks", "deepseek_v3", 901, hidden=40, ffn=20, layers=3, heads=4, kv_heads=4,
         latent=(12, 20, 10, 6, 14), experts=6, top=3, expert_ffn=24, shared=1, dense=[0],
         scale=2.5, groups=(2, 1), stored=("blocks", 16, 24), prompt=150),
    case("fp8-tensors", "ministral3", 902, hidden=24, ffn=20, theta=1e6, scaling=MINISTRAL,
         new_style=True, context=256, stored=("tensors",), prompt=150),
    case("fp8-rows", "qwen3_moe", 903, hidden=16, heads=3, kv_heads=1, head_dim=10, experts=5,
         top=2, expert_ffn=7, stored=("rows",), prompt=150),
    case("nvfp4-packed", "mixtral", 904, hidden=32, ffn=48, heads=2, kv_heads=1, head_dim=8,
         experts=3, top=2, stored=("packed",), prompt=150),
    case("nvfp4-modelopt", "llama", 905, hidden=48, ffn=16, heads=4, kv_heads=2, head_dim=12,
         stored=("modelopt",), prompt=150),
]
DELTA = {"qwen3_next": "qwen3next", "qwen3_5_text": "qwen35", "qwen3_5_moe_text": "qwen35moe"}
LATENT = ("deepseek_v3", "deepseek_v2", "glm4_moe_lite", "mistral4")
QWEN = ("qwen2", "qwen3", "qwen2_moe", "qwen3_moe")
# Those whose experts stand beside others, are narrower, or are chosen otherwise than Mixtral's.
MIXTURES = {"qwen3_moe": "qwen3moe", "olmoe": "olmoe", "qwen2_moe": "qwen2moe",
            "glm4_moe": "glm4moe", "minimax_m2": "minimax-m2", "ernie4_5_moe": "ernie4_5-moe", "mellum": "mellum",
            "gpt_oss": "gpt-oss", "deepseek_v3": "deepseek2", "deepseek_v2": "deepseek2",
            "glm4_moe_lite": "deepseek2", "mistral4": "mistral4", "qwen3_next": "qwen3next",
            "qwen3_5_moe_text": "qwen35moe"}
SELECTION_BIAS = {
    "glm4_moe": "mlp.gate.e_score_correction_bias",
    "deepseek_v3": "mlp.gate.e_score_correction_bias",
    "glm4_moe_lite": "mlp.gate.e_score_correction_bias",
    "minimax_m2": "block_sparse_moe.e_score_correction_bias",
    "ernie4_5_moe": "mlp.moe_statics.e_score_correction_bias"}


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
    shape |= dict(ffn=48, prompt=250)
    for seed, (experts, top) in enumerate([(64, 8), (33, 6), (128, 4)]):
        same = dict(experts=experts, top=top, tied=seed == 1, new_style=seed == 2,
                    fused=seed == 1, **shape)
        each = dict(expert_ffn=[16, 40, 24][seed], **same)
        dense = [[], [0], [0, 1]][seed]
        yield case(f"qwen3moe-{seed}", "qwen3_moe", 400 + seed, kv_heads=[1, 3, 2][seed],
                   head_dim=[32, 16, 24][seed], normalizes=seed != 1, dense=dense,
                   layers_by={"mlp_only_layers": dense}, **each)
        yield case(f"olmoe-{seed}", "olmoe", 410 + seed, kv_heads=[6, 3, 2][seed], head_dim=16,
                   normalizes=seed == 2, **same)
        yield case(f"qwen2moe-{seed}", "qwen2_moe", 420 + seed, kv_heads=[6, 3, 2][seed],
                   head_dim=16, normalizes=seed == 2, shared_ffn=[80, 8, 33][seed], dense=dense,
                   layers_by={"mlp_only_layers": dense}, **each)
        yield case(f"glm4moe-{seed}", "glm4_moe", 430 + seed, kv_heads=[1, 3, 2][seed],
                   head_dim=[32, 16, 24][seed], rotary=0.5, shared=[1, 2, 1][seed], dense=dense,
                   scale=[1.0, 2.5, 1.8][seed], groups=[(8, 3), (11, 4), (1, 1)][seed],
                   bias=seed != 1, qk_norm=seed != 0, draft=seed, **each)
        yield case(f"minimax-m2-{seed}", "minimax_m2", 440 + seed, kv_heads=[1, 3, 2][seed],
                   head_dim=[32, 16, 24][seed], rotary=[0.5, 0.25, 0.75][seed], **same)
        yield case(f"ernie4moe-{seed}", "ernie4_5_moe", 450 + seed, kv_heads=[1, 3, 2][seed],
                   head_dim=[32, 16, 24][seed], shared=[2, 0, 1][seed], dense=dense,
                   layers_by={"moe_layer_start_index": len(dense)}, **each)
        nets = dict(kv_heads=[1, 3, 2][seed], head_dim=[32, 16, 24][seed],
                    rotary=[0.25, 0.5, 1.0][seed], nets=["ddf", "fdd", "dfd"][seed],
                    delta=[(4, 8, 16, 16, 4), (2, 6, 24, 40, 3), (3, 3, 32, 20, 5)][seed])
        yield case(f"qwen3next-{seed}", "qwen3_next", 460 + seed, normalizes=seed != 1,
                   shared_ffn=[24, 8, 33][seed], dense=dense[:1],
                   layers_by={"mlp_only_layers": dense[:1]}, **nets, **each)
        once = {k: v for k, v in each.items() if k != "new_style"}
        yield case(f"qwen35moe-{seed}", "qwen3_5_moe_text", 470 + seed, new_style=True,
                   wrapped=seed == 1, shared_ffn=[24, 8, 33][seed], **nets, **once)
        dense_only = {k: v for k, v in once.items()
                      if k not in ("experts", "top", "expert_ffn", "fused")}
        yield case(f"qwen35-{seed}", "qwen3_5_text", 480 + seed, new_style=True,
                   wrapped=seed == 1, **nets, **dense_only)


def weights(c):
    """Random weights by their Hugging Face names; every projection keeps its input's spread."""
    if c["family"] == "gemma4":
        return gemma4.weights(c)
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
        if c.get("nets", "")[i:i + 1] == "d":
            add_delta_net(c, p + "linear_attn.", w, matrix, vector)
            w[p + "post_attention_layernorm.weight"] = norm()
            add_feed_forward(c, i, w, matrix, vector)
            continue
        if c["family"] in LATENT:
            add_latents(c, p + "self_attn.", w, matrix, vector)
        else:
            w[p + "self_attn.q_proj.weight"] = matrix(c["heads"] * c["head_dim"], d, 1.5)
            if "nets" in c:
                w[p + "self_attn.q_proj.weight"] = matrix(2 * c["heads"] * c["head_dim"], d, 1.5)
            w[p + "self_attn.k_proj.weight"] = matrix(c["kv_heads"] * c["head_dim"], d, 1.5)
            w[p + "self_attn.v_proj.weight"] = matrix(c["kv_heads"] * c["head_dim"], d)
            w[p + "self_attn.o_proj.weight"] = matrix(d, c["heads"] * c["head_dim"], 1.5)
        w[p + "post_attention_layernorm.weight"] = norm()
        if c["family"] in ("qwen2", "qwen2_moe") or c.get("bias"):
            for name, heads in (("q", c["heads"]), ("k", c["kv_heads"]), ("v", c["kv_heads"])):
                w[f"{p}self_attn.{name}_proj.bias"] = vector(heads * c["head_dim"], 0.7)
        if c["family"] == "gpt_oss":
            w[p + "self_attn.o_proj.bias"] = vector(d, 0.7)
            w[p + "self_attn.sinks"] = vector(c["heads"], 1.5, 0.5)
        if c["family"] in ("qwen3", "qwen3_moe", "mellum", *DELTA) or c.get("qk_norm"):
            for name in ("q", "k"):
                w[f"{p}self_attn.{name}_norm.weight"] = vector(c["head_dim"], 0.4, 1.2)
        if c["family"] in ("olmoe", "minimax_m2"):
            for name, heads in (("q", c["heads"]), ("k", c["kv_heads"])):
                w[f"{p}self_attn.{name}_norm.weight"] = vector(heads * c["head_dim"], 0.4, 1.2)
        add_feed_forward(c, i, w, matrix, vector)
    w["model.norm.weight"] = norm()
    if not c["tied"]:
        w["lm_head.weight"] = matrix(v, d, 3.0)
    if "nets" in c:
        # Stored around zero, but for the norm of what a delta net says.
        for name in w:
            if name.endswith("norm.weight") and "linear_attn" not in name:
                w[name] = w[name] - np.float32(1)
    for i in range(c["layers"], c["layers"] + c.get("draft", 0)):
        p = f"model.layers.{i}."
        w[p + "eh_proj.weight"] = matrix(d, 2 * d)
        w[p + "self_attn.q_proj.weight"] = matrix(c["heads"] * c["head_dim"], d)
        for name in ("enorm", "hnorm", "input_layernorm"):
            w[p + name + ".weight"] = norm()
    return w


def add_latents(c, p, w, matrix, vector):
    """The tensors of latent attention in a layer."""
    d, heads, (query, rank, plain, rotated, value) = c["hidden"], c["heads"], c["latent"]
    if query is None:
        w[p + "q_proj.weight"] = matrix(heads * (plain + rotated), d, 1.5)
    else:
        w[p + "q_a_proj.weight"] = matrix(query, d)
        w[p + "q_a_layernorm.weight"] = vector(query, 0.2, 1)
        w[p + "q_b_proj.weight"] = matrix(heads * (plain + rotated), query, 1.5)
    w[p + "kv_a_proj_with_mqa.weight"] = matrix(rank + rotated, d)
    w[p + "kv_a_layernorm.weight"] = vector(rank, 0.2, 1)
    w[p + "kv_b_proj.weight"] = matrix(heads * (plain + value), rank, 1.5)
    w[p + "o_proj.weight"] = matrix(d, heads * value, 1.5)


def add_delta_net(c, p, w, matrix, vector):
    """A delta net by the names that Qwen3.5 has for it; `published` makes Qwen3-Next's of them."""
    g, h, dk, dv, taps = c["delta"]
    d, channels = c["hidden"], 2 * g * dk + h * dv
    w[p + "in_proj_qkv.weight"] = matrix(channels, d, 1.5)
    w[p + "in_proj_z.weight"] = matrix(h * dv, d, 1.5)
    w[p + "in_proj_b.weight"] = matrix(h, d, 1.5)
    w[p + "in_proj_a.weight"] = matrix(h, d, 1.5)
    w[p + "conv1d.weight"] = matrix(channels, taps, 1.5)[:, None]
    w[p + "dt_bias"] = vector(h, 1.0, -2.0)
    w[p + "A_log"] = vector(h, 1.0)
    w[p + "norm.weight"] = vector(dv, 0.3, 1.0)
    w[p + "out_proj.weight"] = matrix(d, h * dv, 0.7)


def add_feed_forward(c, i, w, matrix, vector):
    """What follows attention in a layer."""
    d, f, p = c["hidden"], c["ffn"], f"model.layers.{i}."
    if c["family"] in MIXTURES:
        add_mixture(c, i, w, matrix, vector)
        return
    if c["experts"]:
        w[p + "block_sparse_moe.gate.weight"] = matrix(c["experts"], d, 1.5)
    for e in range(max(1, c["experts"])):
        q = p + (f"block_sparse_moe.experts.{e}." if c["experts"] else "mlp.")
        names = ("w1", "w3", "w2") if c["experts"] else ("gate_proj", "up_proj", "down_proj")
        w[q + names[0] + ".weight"] = matrix(f, d, 1.5)
        w[q + names[1] + ".weight"] = matrix(f, d, 1.5)
        w[q + names[2] + ".weight"] = matrix(d, f, 1.5)


def add_mixture(c, layer, w, matrix, vector):
    """What follows attention in a layer of the families of MIXTURES, by the published names."""
    d, p = c["hidden"], f"model.layers.{layer}.mlp."
    names = ("gate_proj", "up_proj", "down_proj")

    def network(prefix, names, width):
        w[f"{prefix}{names[0]}.weight"] = matrix(width, d, 1.5)
        w[f"{prefix}{names[1]}.weight"] = matrix(width, d, 1.5)
        w[f"{prefix}{names[2]}.weight"] = matrix(d, width, 1.5)

    if layer in c.get("dense", []):
        network(p, names, c["ffn"])
        return
    if c["family"] == "gpt_oss":
        w[p + "router.weight"] = matrix(c["experts"], d, 1.5)
        w[p + "router.bias"] = vector(c["experts"], 0.7)
        for e in range(c["experts"]):
            stem = f"{p}experts.{e}."
            network(stem, names, c["ffn"])
            if c.get("mxfp4"):
                for name in names:
                    blocks = quants.quantize(w[f"{stem}{name}.weight"], MXFP4)
                    w[f"{stem}{name}.weight"] = quants.dequantize(blocks, MXFP4)
            if c.get("half"):
                for name in names:
                    rounded = w[f"{stem}{name}.weight"].astype(np.float16)
                    w[f"{stem}{name}.weight"] = rounded.astype(np.float32)
            # So large that the clamps act now and then.
            for name, width in zip(names, (c["ffn"], c["ffn"], d)):
                w[f"{stem}{name}.bias"] = vector(width, 3 if width == c["ffn"] else 0.7)
        return
    if c["family"] == "minimax_m2":
        p, names = f"model.layers.{layer}.block_sparse_moe.", ("w1", "w3", "w2")
    w[p + "gate.weight"] = matrix(c["experts"], d, 1.5)
    if c["family"] in SELECTION_BIAS:
        spread = 0.3 / c["experts"] if c["family"] == "ernie4_5_moe" else 0.1
        bias = vector(c["experts"], spread)
        w[f"model.layers.{layer}.{SELECTION_BIAS[c['family']]}"] = (
            bias[None] if c["family"] == "ernie4_5_moe" else bias)
    for e in range(c["experts"]):
        network(f"{p}experts.{e}.", names, c.get("expert_ffn", c["ffn"]))
    if c.get("shared"):
        network(p + "shared_experts.", names, c["shared"] * c["expert_ffn"])
    if c.get("shared_ffn"):
        network(p + "shared_expert.", names, c["shared_ffn"])
        w[p + "shared_expert_gate.weight"] = matrix(1, d, 1.5)


def fused(c, w):
    """The experts of each layer as one tensor, as transformers 5 may save them."""
    result, stacks = {}, {}
    kinds = {"gate_proj": 0, "w1": 0, "up_proj": 1, "w3": 1, "down_proj": 2, "w2": 2}
    for name, values in w.items():
        stem, _, rest = name.partition(".experts.")
        if not rest:
            result[name] = values
            continue
        expert, kind, _ = rest.split(".")
        stem = stem.replace("block_sparse_moe", "mlp")
        stacks.setdefault(stem, {}).setdefault(kinds[kind], {})[int(expert)] = values
    for stem, parts in stacks.items():
        gate, up, down = (np.stack([parts[k][e] for e in sorted(parts[k])]) for k in range(3))
        result[stem + ".experts.gate_up_proj"] = np.concatenate([gate, up], axis=1)
        result[stem + ".experts.down_proj"] = down
    return result


def fused_gpt_oss(c, w):
    """The experts of each layer as gpt-oss has them: gate and up row by row, then transposed or
    quantised."""
    result = {name: values for name, values in w.items() if ".experts." not in name}
    for i in range(c["layers"]):
        stem = f"model.layers.{i}.mlp.experts."

        def stack(name):
            return np.stack([w[f"{stem}{e}.{name}"] for e in range(c["experts"])])

        def rows(kind):
            return np.stack([stack(f"gate_proj.{kind}"), stack(f"up_proj.{kind}")], axis=2)

        gate_up, bias = rows("weight"), rows("bias")
        e, f, _, d = gate_up.shape
        result[stem + "gate_up_proj_bias"] = bias.reshape(e, 2 * f)
        result[stem + "down_proj_bias"] = stack("down_proj.bias")
        for name, matrix in (("gate_up_proj", gate_up.reshape(e, 2 * f, d)),
                             ("down_proj", stack("down_proj.weight"))):
            if not c.get("mxfp4"):
                result[stem + name] = np.ascontiguousarray(matrix.swapaxes(1, 2)).astype(
                    np.float16 if c.get("half") else np.float32)
                continue
            count, rows_each, columns = matrix.shape
            packed = quants.quantize(matrix, MXFP4).reshape(count, rows_each, columns // 32, 17)
            codes = np.concatenate([packed[..., 1:] & 15, packed[..., 1:] >> 4], axis=-1)
            result[f"{stem}{name}_blocks"] = codes[..., ::2] | codes[..., 1::2] << 4
            result[f"{stem}{name}_scales"] = np.ascontiguousarray(packed[..., 0])
    return result


def config(c):
    if c["family"] == "gemma4":
        return gemma4.config(c)
    names = {"mixtral": ("MixtralForCausalLM", "mixtral"), "llama": ("LlamaForCausalLM", "llama"),
             "mistral": ("MistralForCausalLM", "mistral"),
             "ministral3": ("Ministral3ForCausalLM", "ministral3"),
             "qwen2": ("Qwen2ForCausalLM", "qwen2"),
             "qwen3": ("Qwen3ForCausalLM", "qwen3"),
             "qwen3_moe": ("Qwen3MoeForCausalLM", "qwen3_moe"),
             "olmoe": ("OlmoeForCausalLM", "olmoe"),
             "qwen2_moe": ("Qwen2MoeForCausalLM", "qwen2_moe"),
             "glm4_moe": ("Glm4MoeForCausalLM", "glm4_moe"),
             "minimax_m2": ("MiniMaxM2ForCausalLM", "minimax_m2"),
             "ernie4_5_moe": ("Ernie4_5_MoeForCausalLM", "ernie4_5_moe"),
             "mellum": ("MellumForCausalLM", "mellum"),
             "gpt_oss": ("GptOssForCausalLM", "gpt_oss"),
             "deepseek_v3": ("DeepseekV3ForCausalLM", "deepseek_v3"),
             "deepseek_v2": ("DeepseekV2ForCausalLM", "deepseek_v2"),
             "glm4_moe_lite": ("Glm4MoeLiteForCausalLM", "glm4_moe_lite"),
             "mistral4": ("Mistral4ForCausalLM", "mistral4"),
             "qwen3_next": ("Qwen3NextForCausalLM", "qwen3_next"),
             "qwen3_5_text": ("Qwen3_5ForCausalLM", "qwen3_5_text"),
             "qwen3_5_moe_text": ("Qwen3_5MoeForCausalLM", "qwen3_5_moe_text")}[c["family"]]
    result = {
        "architectures": [names[0]], "model_type": names[1], "hidden_size": c["hidden"],
        "intermediate_size": c["ffn"], "num_hidden_layers": c["layers"],
        "num_attention_heads": c["heads"], "num_key_value_heads": c["kv_heads"],
        "head_dim": c["head_dim"], "vocab_size": c["vocab"],
        "max_position_embeddings": c["context"],
        "rms_norm_eps": 1e-5, "hidden_act": "silu", "tie_word_embeddings": c["tied"],
        "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "float32",
    }
    if c["family"] in LATENT:
        del result["head_dim"]
    if "nets" in c:
        result |= delta_config(c)
    if c["family"] not in MIXTURES and c["family"] not in ("llama", "qwen3_5_text"):
        result["sliding_window"] = c["window"]
    if c["family"] in QWEN:
        # As they are published: the window is stated, but not used, and begins after all layers.
        result |= {"use_sliding_window": c["window"] is not None, "max_window_layers": 28,
                   "sliding_window": c["window"] or 50}
        if c["layer_types"]:
            kind = "sliding" if c["window"] else "full"
            result["layer_types"] = [kind + "_attention"] * c["layers"]
        elif c["window"]:
            result["max_window_layers"] = 0
    if c["family"] in MIXTURES:
        result |= mixture_config(c)
    elif c["experts"]:
        result |= {"num_local_experts": c["experts"], "num_experts_per_tok": c["top"]}
    if c["family"] == "mellum":
        names = {"s": "sliding_attention", "f": "full_attention"}
        result |= {
            "layer_types": [names[kind] for kind in c["kinds"]],
            "sliding_window": c["window"] or 50,
            "mlp_layer_types": ["dense" if i in c.get("dense", []) else "sparse"
                                for i in range(c["layers"])],
            "rope_parameters": {
                "full_attention": {"rope_theta": c["theta"]} | (
                    c["scaling"] or {"rope_type": "default"}),
                "sliding_attention": {
                    "rope_type": "default", "rope_theta": c["window_theta"]}}}
    elif c["new_style"]:
        result["rope_parameters"] = {"rope_theta": c["theta"]} | (
            c["scaling"] or {"rope_type": "default"})
        if "rotary" in c:
            result["rope_parameters"]["partial_rotary_factor"] = c["rotary"]
    else:
        result |= {"rope_theta": c["theta"], "rope_scaling": c["scaling"]}
        if c["family"] == "minimax_m2":
            result["rotary_dim"] = int(c["rotary"] * c["head_dim"])
        elif "rotary" in c:
            result["partial_rotary_factor"] = c["rotary"]
    if c["family"] == "gpt_oss":
        kinds = {"s": "sliding_attention", "f": "full_attention"}
        result |= {"layer_types": [kinds[kind] for kind in c["kinds"]],
                   "sliding_window": c["window"]}
        if c.get("mxfp4"):
            result["quantization_config"] = {
                "quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn"]}
    if c.get("wrapped"):
        # As Qwen's models that see are published: the text model within another.
        del result["architectures"]
        kind = c["family"].removesuffix("_text")
        name = {"qwen3_5": "Qwen3_5", "qwen3_5_moe": "Qwen3_5Moe"}[kind]
        return {
            "architectures": [name + "ForConditionalGeneration"], "model_type": kind,
            "image_token_id": 10, "text_config": result, "tie_word_embeddings": c["tied"],
            "video_token_id": 11, "vision_start_token_id": 12, "vision_end_token_id": 13,
            "vision_config": {
                "model_type": kind, "depth": 1, "hidden_size": 16, "num_heads": 2,
                "intermediate_size": 16, "out_hidden_size": c["hidden"],
                "num_position_embeddings": 4, "patch_size": 2, "deepstack_visual_indexes": []}}
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


def delta_config(c):
    """What config.json says of delta nets."""
    g, h, dk, dv, taps = c["delta"]
    result = {
        "linear_num_key_heads": g, "linear_num_value_heads": h, "linear_key_head_dim": dk,
        "linear_value_head_dim": dv, "linear_conv_kernel_dim": taps}
    if c["family"] == "qwen3_next" and c["nets"] == "dddf":
        return result | {"full_attention_interval": 4}
    if c["family"] != "qwen3_next":
        result |= {"attn_output_gate": True, "mtp_num_hidden_layers": 1,
                   "mtp_use_dedicated_embeddings": False, "mamba_ssm_dtype": "float32"}
    kinds = {"d": "linear_attention", "f": "full_attention"}
    return result | {"full_attention_interval": 4, "layer_types": [kinds[k] for k in c["nets"]]}


def mixture_config(c):
    """What config.json says of the experts, as each family's published files do."""
    family, result = c["family"], dict(c.get("layers_by", {}))
    if family == "ernie4_5_moe":
        return result | {
            "moe_num_experts": c["experts"], "moe_k": c["top"],
            "moe_intermediate_size": c["expert_ffn"], "moe_num_shared_experts": c["shared"],
            "moe_capacity": [64, 64, 64], "moe_use_aux_free": True, "use_bias": False}
    result["num_experts_per_tok"] = c["top"]
    if family == "gpt_oss":
        return result | {
            "num_local_experts": c["experts"], "attention_bias": True, "swiglu_limit": 7.0,
            "experts_per_token": c["top"],
            "initial_context_length": c["scaling"]["original_max_position_embeddings"]}
    if family == "minimax_m2":
        return result | {
            "num_local_experts": c["experts"], "scoring_func": "sigmoid", "use_qk_norm": True,
            "use_routing_bias": True, "qk_norm_type": "per_layer", "shared_intermediate_size": 0,
            "attn_type_list": [1] * c["layers"]}
    if family != "qwen3_5_moe_text":
        result["norm_topk_prob"] = c.get("normalizes", True)
    if family == "glm4_moe":
        count, chosen = c.get("groups", (1, 1))
        return result | {
            "n_routed_experts": c["experts"], "moe_intermediate_size": c["expert_ffn"],
            "n_shared_experts": c["shared"], "first_k_dense_replace": len(c["dense"]),
            "routed_scaling_factor": c["scale"], "n_group": count, "topk_group": chosen,
            "attention_bias": c.get("bias", False), "use_qk_norm": c.get("qk_norm", False),
            "num_nextn_predict_layers": c.get("draft", 0)}
    if family in LATENT:
        count, chosen = c.get("groups", (1, 1))
        query, rank, plain, rotated, value = c["latent"]
        result |= {
            "n_routed_experts": c["experts"], "moe_intermediate_size": c["expert_ffn"],
            "n_shared_experts": c["shared"], "routed_scaling_factor": c["scale"],
            "n_group": count, "topk_group": chosen, "q_lora_rank": query, "kv_lora_rank": rank,
            "qk_nope_head_dim": plain, "qk_rope_head_dim": rotated, "v_head_dim": value}
        if family == "glm4_moe_lite":
            result["mlp_layer_types"] = ["dense" if i in c["dense"] else "sparse"
                                         for i in range(c["layers"])]
        else:
            result["first_k_dense_replace"] = len(c["dense"])
        if family == "deepseek_v2":
            result |= {"topk_method": "greedy", "scoring_func": "softmax"}
        elif family != "mistral4":
            result |= {"topk_method": "noaux_tc",
                       "num_nextn_predict_layers": c.get("draft", 0)}
        if c.get("halves"):
            result["rope_interleave"] = False
        return result
    result["num_experts"] = c["experts"]
    if "expert_ffn" in c:
        result["moe_intermediate_size"] = c["expert_ffn"]
    if "shared_ffn" in c:
        result["shared_expert_intermediate_size"] = c["shared_ffn"]
    return result


def published(c, w):
    """The weights by the names of the published file; what sees is left out but for two tensors."""
    if c["family"] == "gemma4":
        return gemma4.published(c, w)
    if c["family"] == "gpt_oss":
        return fused_gpt_oss(c, w)
    if c["family"] == "qwen3_next":
        w = joined_delta_nets(c, w)
    if c.get("fused"):
        w = fused(c, w)
    if c.get("draft_tensors"):
        w = w | {"mtp.fc.weight": np.ones((c["hidden"], 2 * c["hidden"]), np.float32)}
    if c.get("wrapped"):
        result = {"model.language_model." + name.removeprefix("model.")
                  if name.startswith("model.") else name: matrix for name, matrix in w.items()}
        result["model.visual.pos_embed.weight"] = np.ones((4, 16), np.float32)
        return result
    if c.get("fused"):
        return w
    if not c["vision"]:
        return w
    result = {"language_model." + name: matrix for name, matrix in w.items()}
    result["vision_tower.ln_pre.weight"] = np.ones(8, np.float32)
    result["multi_modal_projector.norm.weight"] = np.ones(8, np.float32)
    return result


def joined_delta_nets(c, w):
    """Query, key, value and gate of each key head together, and its betas and decays."""
    g, h, dk, dv, _ = c["delta"]
    result = dict(w)
    for name in w:
        stem, _, end = name.rpartition("in_proj_")
        if end != "qkv.weight":
            continue
        q, k, v, z, b, a = np.split(result.pop(name), [g * dk, 2 * g * dk]) + [
            result.pop(f"{stem}in_proj_{x}.weight") for x in "zba"]

        def heads(*parts):
            joined = np.concatenate([part.reshape(g, -1, c["hidden"]) for part in parts], axis=1)
            return joined.reshape(-1, c["hidden"])

        result[stem + "in_proj_qkvz.weight"] = heads(q, k, v, z)
        result[stem + "in_proj_ba.weight"] = heads(b, a)
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
            "apply_scale": ("mscale_all_dim" in s) == (c["family"] == "mistral4"),
            "beta": s["beta_fast"], "alpha": s["beta_slow"]},
    }
    names = {"model.embed_tokens": "tok_embeddings", "model.norm": "norm", "lm_head": "output"}
    for i in range(c["layers"]):
        p, m = f"model.layers.{i}.", f"layers.{i}."
        names |= {p + "input_layernorm": m + "attention_norm",
                  p + "post_attention_layernorm": m + "ffn_norm"}
        names |= {f"{p}self_attn.{x}_proj": f"{m}attention.w{x}" for x in "qkvo"}
        names |= {f"{p}mlp.{x}_proj": f"{m}feed_forward.{y}"
                  for x, y in (("gate", "w1"), ("down", "w2"), ("up", "w3"))}
    if c["family"] == "mistral4":
        query, rank, plain, rotated, value = c["latent"]
        count, chosen = c.get("groups", (1, 1))
        params |= {
            "q_lora_rank": query, "qk_rope_head_dim": rotated, "qk_nope_head_dim": plain,
            "kv_lora_rank": rank, "v_head_dim": value,
            "moe": {
                "expert_parallel": 1, "expert_model_parallel": 1, "route_every_n": 1,
                "first_k_dense_replace": len(c["dense"]), "num_experts": c["experts"],
                "num_experts_per_tok": c["top"], "num_expert_groups": count,
                "num_expert_groups_per_tok": chosen, "routed_scale": c["scale"],
                "expert_hidden_dim": c["expert_ffn"], "num_shared_experts": c["shared"]}}
        for i in range(c["layers"]):
            p, m = f"model.layers.{i}.", f"layers.{i}."
            names |= {f"{p}self_attn.{x}": f"{m}attention.{y}" for x, y in (
                ("q_a_proj", "wq_a"), ("q_a_layernorm", "q_a_norm"), ("q_b_proj", "wq_b"),
                ("kv_a_proj_with_mqa", "wkv_a_with_mqa"), ("kv_a_layernorm", "kv_a_norm"),
                ("kv_b_proj", "wkv_b"))}
            names[p + "mlp.gate"] = m + "gate"
            for x, y in (("gate", "w1"), ("down", "w2"), ("up", "w3")):
                names[f"{p}mlp.shared_experts.{x}_proj"] = f"{m}shared_experts.{y}"
                for e in range(c["experts"]):
                    names[f"{p}mlp.experts.{e}.{x}_proj"] = f"{m}experts.{e}.{y}"
    result = {}
    for name, matrix in w.items():
        heads = c["heads"] if ".q_proj." in name else c["kv_heads"] if ".k_proj." in name else 0
        ours = names[name.removesuffix(".weight")] + ".weight"
        heads = 0 if c["family"] == "mistral4" else heads
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
    if c["family"] == "gemma4":
        gemma4.write_gguf(path, c, w)
        return
    names = {"ministral3": "mistral3", "qwen2": "qwen2", "qwen3": "qwen3"} | MIXTURES | DELTA
    writer = gguf.GGUFWriter(path, names.get(c["family"], "llama"))
    # Only Llama's and Mistral's are permuted.
    in_order = permuted if names.get(c["family"]) in (None, "mistral3") else lambda rows, _: rows
    writer.add_name(c["name"])
    writer.add_context_length(c["context"])
    writer.add_embedding_length(c["hidden"])
    writer.add_block_count(c["layers"] + c.get("draft", 0))
    if c["family"] != "qwen3_5_moe_text":
        writer.add_feed_forward_length(c["ffn"])
    writer.add_head_count(c["heads"])
    if c["family"] in LATENT:
        write_latent_keys(writer, c)
    else:
        writer.add_head_count_kv(c["kv_heads"])
        writer.add_key_length(c["head_dim"])
        writer.add_value_length(c["head_dim"])
        writer.add_rope_dimension_count(int(c.get("rotary", 1) * c["head_dim"]))
    writer.add_rope_freq_base(c["theta"])
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(c["vocab"])
    if c["experts"]:
        writer.add_expert_count(c["experts"])
        writer.add_expert_used_count(c["top"])
    if c["family"] in MIXTURES:
        write_mixture_keys(writer, c)
    if "nets" in c:
        write_delta_keys(writer, c)
        # llama.cpp's norms are around one.
        w = {name: values + np.float32(1)
             if name.endswith("norm.weight") and "linear_attn" not in name else values
             for name, values in w.items()}
    # Every second layer is what llama.cpp takes for granted of gpt-oss.
    if c["window"] and "kinds" in c and not "sfsfsf".startswith(c["kinds"]):
        writer.add_sliding_window_pattern([kind == "s" for kind in c["kinds"]])
    if c["window"] and "window_theta" in c:
        writer.add_rope_freq_base_swa(c["window_theta"])
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
        if c["family"] in LATENT:
            write_latent_scaling(writer, c)
        elif "attention_factor" in scaling:
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
        if c.get("nets", "")[i:i + 1] == "d":
            write_delta_net(writer, c, i, w)
            writer.add_tensor(
                b + "post_attention_norm.weight", w[p + "post_attention_layernorm.weight"])
            write_feed_forward(writer, c, i, w)
            continue
        if c["family"] in LATENT:
            write_latents(writer, c, i, w)
        else:
            writer.add_tensor(
                b + "attn_q.weight", in_order(w[p + "self_attn.q_proj.weight"], c["heads"]))
            writer.add_tensor(
                b + "attn_k.weight", in_order(w[p + "self_attn.k_proj.weight"], c["kv_heads"]))
        if c["family"] in ("qwen2", "qwen2_moe") or c.get("bias"):
            for name in "qkv":
                writer.add_tensor(f"{b}attn_{name}.bias", w[f"{p}self_attn.{name}_proj.bias"])
        if p + "self_attn.q_norm.weight" in w:
            for name in "qk":
                writer.add_tensor(
                    f"{b}attn_{name}_norm.weight", w[f"{p}self_attn.{name}_norm.weight"])
        if c["family"] not in LATENT:
            writer.add_tensor(b + "attn_v.weight", w[p + "self_attn.v_proj.weight"])
        writer.add_tensor(b + "attn_output.weight", w[p + "self_attn.o_proj.weight"])
        if c["family"] == "gpt_oss":
            writer.add_tensor(b + "attn_output.bias", w[p + "self_attn.o_proj.bias"])
            writer.add_tensor(b + "attn_sinks.weight", w[p + "self_attn.sinks"])
        norm = "post_attention_norm" if c["family"] in ("glm4_moe", "gpt_oss", *DELTA) else "ffn_norm"
        writer.add_tensor(f"{b}{norm}.weight", w[p + "post_attention_layernorm.weight"])
        write_feed_forward(writer, c, i, w)
    for i in range(c["layers"], c["layers"] + c.get("draft", 0)):
        p, b = f"model.layers.{i}.", f"blk.{i}."
        for ours, theirs in (("nextn.eh_proj", "eh_proj"), ("nextn.enorm", "enorm"),
                             ("nextn.hnorm", "hnorm"), ("attn_norm", "input_layernorm"),
                             ("attn_q", "self_attn.q_proj")):
            writer.add_tensor(f"{b}{ours}.weight", w[f"{p}{theirs}.weight"])
    writer.add_tensor("output_norm.weight", w["model.norm.weight"])
    if not c["tied"]:
        writer.add_tensor("output.weight", w["lm_head.weight"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_latent_keys(writer, c):
    """What llama.cpp's converter says of latent attention."""
    query, rank, plain, rotated, value = c["latent"]
    if query is not None:
        writer.add_q_lora_rank(query)
    writer.add_kv_lora_rank(rank)
    writer.add_rope_dimension_count(rotated)
    if c.get("old"):
        writer.add_head_count_kv(c["heads"])
        writer.add_key_length(plain + rotated)
        writer.add_value_length(value)
        return
    writer.add_head_count_kv(1)
    writer.add_key_length(rank + rotated)
    writer.add_value_length(rank)
    writer.add_key_length_mla(plain + rotated)
    writer.add_value_length_mla(value)


def write_latent_scaling(writer, c):
    """The same of YaRN; its scale is a tenth of what other families' files have."""
    s = c["scaling"]
    writer.add_rope_scaling_yarn_beta_fast(s["beta_fast"])
    writer.add_rope_scaling_yarn_beta_slow(s["beta_slow"])
    if "mscale_all_dim" in s:
        writer.add_rope_scaling_yarn_log_mul(0.1 * s["mscale_all_dim"])

    def term(scale):
        return 0.1 * scale * math.log(s["factor"]) + 1

    # What llama.cpp takes for granted, and what the model has.
    usual = 1 if "mscale_all_dim" in s else term(1)
    own = s["attention_factor"] if "attention_factor" in s else (
        term(s["mscale"]) / term(s["mscale_all_dim"]))
    if own != usual:
        writer.add_rope_scaling_attn_factors(own / usual)
    if "llama_4_scaling_beta" in s:
        writer.add_attn_temperature_scale(s["llama_4_scaling_beta"])
        writer.add_attn_temperature_length(s["original_max_position_embeddings"])


def write_latents(writer, c, layer, w):
    """Latent attention by llama.cpp's names: the keys of each head transposed."""
    p, b = f"model.layers.{layer}.self_attn.", f"blk.{layer}."
    _, rank, plain, rotated, value = c["latent"]

    def in_order(rows, heads):
        if not c.get("halves"):
            return rows
        parts = rows.reshape(heads, -1, rows.shape[-1])
        ends = permuted(np.ascontiguousarray(parts[:, -rotated:]).reshape(
            heads * rotated, -1), heads).reshape(heads, rotated, -1)
        return np.concatenate([parts[:, :-rotated], ends], axis=1).reshape(rows.shape)

    if p + "q_proj.weight" in w:
        writer.add_tensor(b + "attn_q.weight", in_order(w[p + "q_proj.weight"], c["heads"]))
    else:
        writer.add_tensor(b + "attn_q_a.weight", w[p + "q_a_proj.weight"])
        writer.add_tensor(b + "attn_q_a_norm.weight", w[p + "q_a_layernorm.weight"])
        writer.add_tensor(b + "attn_q_b.weight", in_order(w[p + "q_b_proj.weight"], c["heads"]))
    writer.add_tensor(
        b + "attn_kv_a_mqa.weight", in_order(w[p + "kv_a_proj_with_mqa.weight"], 1))
    writer.add_tensor(b + "attn_kv_a_norm.weight", w[p + "kv_a_layernorm.weight"])
    both = w[p + "kv_b_proj.weight"]
    if c.get("old"):
        writer.add_tensor(b + "attn_kv_b.weight", both)
        return
    parts = both.reshape(c["heads"], plain + value, rank)
    writer.add_tensor(
        b + "attn_k_b.weight", np.ascontiguousarray(parts[:, :plain].swapaxes(1, 2)))
    writer.add_tensor(b + "attn_v_b.weight", np.ascontiguousarray(parts[:, plain:]))


def write_feed_forward(writer, c, i, w):
    """What follows attention in a layer, by llama.cpp's names."""
    p, b = f"model.layers.{i}.", f"blk.{i}."
    if c["family"] in MIXTURES:
        write_mixture(writer, c, i, w)
        return
    if not c["experts"]:
        for ours, theirs in (("gate", "gate"), ("up", "up"), ("down", "down")):
            writer.add_tensor(f"{b}ffn_{ours}.weight", w[f"{p}mlp.{theirs}_proj.weight"])
        return
    writer.add_tensor(b + "ffn_gate_inp.weight", w[p + "block_sparse_moe.gate.weight"])
    for ours, theirs in (("gate", "w1"), ("up", "w3"), ("down", "w2")):
        each = [w[f"{p}block_sparse_moe.experts.{e}.{theirs}.weight"]
                for e in range(c["experts"])]
        if c["per_expert"]:
            for e, matrix in enumerate(each):
                writer.add_tensor(f"{b}ffn_{ours}.{e}.weight", matrix)
        else:
            writer.add_tensor(f"{b}ffn_{ours}_exps.weight", np.stack(each))


def write_delta_keys(writer, c):
    """What llama.cpp's converter says of delta nets."""
    g, h, dk, dv, taps = c["delta"]
    writer.add_ssm_conv_kernel(taps)
    writer.add_ssm_state_size(dk)
    writer.add_ssm_group_count(g)
    writer.add_ssm_time_step_rank(h)
    writer.add_ssm_inner_size(h * dv)
    writer.add_full_attention_interval(4)
    if not "dddfdddf".startswith(c["nets"]):
        writer.add_array(f"{DELTA[c['family']]}.attention.recurrent_layers",
                         [kind == "d" for kind in c["nets"]])
    if c["family"] != "qwen3_next":
        writer.add_rope_dimension_sections([11, 11, 10, 0])


def write_delta_net(writer, c, i, w):
    """A delta net by llama.cpp's names; value heads that share a key head lie apart in Qwen3.5's."""
    g, h, dk, dv, _ = c["delta"]
    p, b = f"model.layers.{i}.linear_attn.", f"blk.{i}."

    def apart(values, width, axis=0):
        if c["family"] == "qwen3_next":
            return values
        shape = values.shape[:axis] + (g, h // g, width) + values.shape[axis + 1:]
        return np.ascontiguousarray(
            values.reshape(shape).swapaxes(axis, axis + 1).reshape(values.shape))

    def values_apart(values):
        return np.concatenate([values[:2 * g * dk], apart(values[2 * g * dk:], dv)])

    writer.add_tensor(b + "attn_qkv.weight", values_apart(w[p + "in_proj_qkv.weight"]))
    writer.add_tensor(b + "attn_gate.weight", apart(w[p + "in_proj_z.weight"], dv))
    if c["family"] == "qwen3_next":
        joined = joined_delta_nets(c, {x: w[x] for x in w if x.startswith(p + "in_proj")})
        writer.add_tensor(b + "ssm_ba.weight", joined[p + "in_proj_ba.weight"])
    else:
        writer.add_tensor(b + "ssm_beta.weight", apart(w[p + "in_proj_b.weight"], 1))
        writer.add_tensor(b + "ssm_alpha.weight", apart(w[p + "in_proj_a.weight"], 1))
    writer.add_tensor(b + "ssm_conv1d.weight", values_apart(w[p + "conv1d.weight"][:, 0]))
    writer.add_tensor(b + "ssm_dt.bias", apart(w[p + "dt_bias"], 1))
    writer.add_tensor(b + "ssm_a", apart(-np.exp(w[p + "A_log"]), 1))
    writer.add_tensor(b + "ssm_norm.weight", w[p + "norm.weight"])
    writer.add_tensor(b + "ssm_out.weight", apart(w[p + "out_proj.weight"], dv, axis=1))


def write_mixture_keys(writer, c):
    """What llama.cpp's converter says of the experts."""
    family = c["family"]
    if family not in ("olmoe", "minimax_m2", "gpt_oss"):
        writer.add_expert_feed_forward_length(c["expert_ffn"])
    if family in ("minimax_m2", "gpt_oss"):
        writer.add_expert_feed_forward_length(c["ffn"])
    if "shared_ffn" in c:
        writer.add_expert_shared_feed_forward_length(c["shared_ffn"])
    if family in ("glm4_moe", "ernie4_5_moe"):
        writer.add_expert_shared_count(c["shared"])
    if family in LATENT:
        writer.add_expert_shared_count(c["shared"])
        # As files of GLM-4.7-Flash are, others do not state it either.
        if family == "deepseek_v3":
            writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
        writer.add_expert_weights_scale(c["scale"])
        if c.get("normalizes", True):
            writer.add_expert_weights_norm(True)
        writer.add_expert_group_count(c.get("groups", (1, 1))[0])
        writer.add_expert_group_used_count(c.get("groups", (1, 1))[1])
        writer.add_leading_dense_block_count(len(c["dense"]))
        if c.get("draft"):
            writer.add_nextn_predict_layers(c["draft"])
        return
    if family in ("glm4_moe", "minimax_m2"):
        writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
    if family == "glm4_moe":
        writer.add_expert_weights_scale(c["scale"])
        writer.add_expert_weights_norm(c.get("normalizes", True))
        if "groups" in c:
            writer.add_expert_group_count(c["groups"][0])
            writer.add_expert_group_used_count(c["groups"][1])
        if c.get("draft"):
            writer.add_nextn_predict_layers(c["draft"])
    elif "normalizes" in c and c["normalizes"] != (
            family in ("qwen3_moe", "qwen3_next")):
        # What llama.cpp takes for granted of the family.
        writer.add_expert_weights_norm(c["normalizes"])
    if family == "ernie4_5_moe":
        # As that converter works it out; it is right for the published models.
        if c["shared"]:
            writer.add_expert_shared_feed_forward_length(c["ffn"] // c["kv_heads"])
        writer.add_interleave_moe_layer_step(c["layers_by"].get("moe_layer_interval", 1))
        writer.add_leading_dense_block_count(c["layers_by"]["moe_layer_start_index"])
    elif c.get("dense"):
        experts = [i for i in range(c["layers"]) if i not in c["dense"]]
        writer.add_leading_dense_block_count(experts[0])
        if c.get("layers_by", {}).get("decoder_sparse_step", 1) > 1:
            writer.add_interleave_moe_layer_step(c["layers_by"]["decoder_sparse_step"])


def write_mixture(writer, c, layer, w):
    """What follows attention in a layer, by llama.cpp's names."""
    p, b = f"model.layers.{layer}.mlp.", f"blk.{layer}."
    names = (("gate", "gate_proj"), ("up", "up_proj"), ("down", "down_proj"))
    if layer in c.get("dense", []):
        for ours, theirs in names:
            writer.add_tensor(f"{b}ffn_{ours}.weight", w[f"{p}{theirs}.weight"])
        return
    if c["family"] == "gpt_oss":
        for kind in ("weight", "bias"):
            writer.add_tensor(f"{b}ffn_gate_inp.{kind}", w[f"{p}router.{kind}"])
        for ours, theirs in names:
            for kind in ("weight", "bias"):
                each = np.stack([w[f"{p}experts.{e}.{theirs}.{kind}"]
                                 for e in range(c["experts"])])
                if kind == "weight" and c.get("mxfp4"):
                    writer.add_tensor(
                        f"{b}ffn_{ours}_exps.weight", quants.quantize(each, MXFP4),
                        raw_dtype=MXFP4)
                else:
                    writer.add_tensor(f"{b}ffn_{ours}_exps.{kind}", each)
        return
    if c["family"] == "minimax_m2":
        p = f"model.layers.{layer}.block_sparse_moe."
        names = (("gate", "w1"), ("up", "w3"), ("down", "w2"))
    writer.add_tensor(b + "ffn_gate_inp.weight", w[p + "gate.weight"])
    if c["family"] in SELECTION_BIAS:
        bias = w[f"model.layers.{layer}.{SELECTION_BIAS[c['family']]}"]
        writer.add_tensor(b + "exp_probs_b.bias", bias.reshape(-1))
    for ours, theirs in names:
        each = [w[f"{p}experts.{e}.{theirs}.weight"] for e in range(c["experts"])]
        writer.add_tensor(f"{b}ffn_{ours}_exps.weight", np.stack(each))
    shared = "shared_expert." if c.get("shared_ffn") else "shared_experts."
    if c.get("shared_ffn") or c.get("shared"):
        for ours, theirs in names:
            writer.add_tensor(f"{b}ffn_{ours}_shexp.weight", w[f"{p}{shared}{theirs}.weight"])
    if c.get("shared_ffn"):
        writer.add_tensor(
            b + "ffn_gate_inp_shexp.weight", w[p + "shared_expert_gate.weight"].reshape(-1))


def expected(c, directory, w):
    if c["family"] == "gemma4":
        return said(c, gemma4.model(c, w))
    kind = Mistral3ForConditionalGeneration if c["vision"] else (
        Mistral4ForCausalLM if c["family"] == "mistral4" else AutoModelForCausalLM)
    plain = {"attn_implementation": "eager"}
    if c["family"] in MIXTURES:
        plain["experts_implementation"] = "eager"  # others want rows of whole 16 bytes
    if c.get("mxfp4"):
        plain["quantization_config"] = Mxfp4Config(dequantize=True)
    return said(c, kind.from_pretrained(directory, dtype=torch.float32, **plain).eval())


def said(c, model):
    """What a model makes of a random prompt."""
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


def quantized(c, w):
    """Weights as they are published in eight or four bits, and as BF16 numbers, by torch's types.

    Every projection of a layer is quantised: in blocks with a scale each (DeepSeek), as a whole
    (Mistral), by rows (compressed-tensors), or in groups of 16 with a scale of eight bits each and
    one of 32 (compressed-tensors, ModelOpt).
    """
    kind, *block = c["stored"]
    random = np.random.default_rng(c["seed"] + 5)
    stored, plain = {}, {}
    for name, matrix in w.items():
        if "proj" not in name and ".experts." not in name or name.endswith("bias"):
            stored[name], plain[name] = torch.from_numpy(matrix), matrix
            continue
        stem, x = name.removesuffix(".weight"), torch.from_numpy(matrix)
        if kind in ("packed", "modelopt"):
            groups = x.reshape(x.shape[0], -1, 16)
            factor = float(groups.abs().max()) / (6 * 448)
            scale = (groups.abs().amax(-1) / 6 / factor).to(torch.float8_e4m3fn)
            global_scale = torch.tensor([1 / factor if kind == "packed" else factor])
            local = (scale.float() / global_scale if kind == "packed"
                     else scale.float() * global_scale)
            levels = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])
            codes = (groups / local[..., None])[..., None].sub(levels).abs().argmin(-1)
            value = (levels[codes] * local[..., None]).reshape(x.shape)
            codes = codes.reshape(x.shape).to(torch.uint8)
            joined = codes[:, ::2] | codes[:, 1::2] << 4
            if kind == "packed":
                stored |= {name + "_packed": joined, name + "_scale": scale,
                           name + "_global_scale": global_scale,
                           stem + ".input_global_scale": torch.tensor([7.0])}
            else:
                stored |= {name: joined, name + "_scale": scale,
                           name + "_scale_2": global_scale[0], stem + ".input_scale": torch.tensor(7.0)}
        else:
            rows, columns = {"blocks": block, "tensors": x.shape, "rows": (1, x.shape[1])}[kind]
            grid = [-(-x.shape[0] // rows), -(-x.shape[1] // columns)]
            scale = torch.from_numpy(random.uniform(0.002, 0.01, grid).astype(np.float32))
            if kind != "blocks":
                scale = scale.bfloat16()
            spread = scale.float().repeat_interleave(rows, 0).repeat_interleave(columns, 1)
            spread = spread[:x.shape[0], :x.shape[1]]
            codes = (x / spread).clamp(-448, 448).to(torch.float8_e4m3fn)
            value = codes.float() * spread
            stored[name] = codes
            if kind == "tensors":
                stored |= {name + "_scale_inv": scale.reshape(()),
                           stem + ".activation_scale": torch.tensor(0.5).bfloat16()}
            else:
                stored[name + ("_scale_inv" if kind == "blocks" else "_scale")] = scale
        plain[name] = value.bfloat16().float().numpy()
    said = {
        "blocks": {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic",
                   "weight_block_size": block},
        "tensors": {"quant_method": "fp8", "activation_scheme": "static",
                    "weight_block_size": None},
        "rows": {"quant_method": "compressed-tensors", "format": "float-quantized"},
        "packed": {"quant_method": "compressed-tensors", "format": "nvfp4-pack-quantized"},
        "modelopt": {"quant_method": "modelopt", "quant_algo": "NVFP4"},
    }[kind]
    return {"quantization_config": said}, stored, plain


def write_quantized_mistral(directory, stored, plain, c):
    """Mistral's own form of codes with a scale for each tensor, `qscale_weight`."""
    scales = {}
    codes = dict(plain)
    for name, tensor in stored.items():
        if tensor.dtype == torch.float8_e4m3fn:
            codes[name] = tensor.float().numpy()
            # The order of rows differs, and their sum does not.
            scales[round(float(np.abs(codes[name]).sum()), 3)] = stored[name + "_scale_inv"]
    write_mistral(directory, c, codes)
    result = {}
    path = directory / "consolidated.safetensors"
    for name, matrix in load_file(path).items():
        scale = scales.get(round(float(np.abs(matrix.numpy()).sum()), 3))
        result[name] = matrix if scale is None else matrix.to(torch.float8_e4m3fn)
        if scale is not None:
            stem = name.removesuffix("weight")
            result |= {stem + "qscale_weight": scale, stem + "qscale_act": torch.tensor(0.5).bfloat16()}
    save_tensors(result, path)
    file = directory / "params.json"
    said = {"qformat_weight": "fp8_e4m3", "qscheme_act": "TENSOR"}
    file.write_text(json.dumps(json.loads(file.read_text()) | {"quantization": said}, indent=1) + "\n")


def write_quantized(options, c):
    """A model of which safetensors have codes, and all others what these mean."""
    said, stored, plain = quantized(c, weights(c))
    directory = options.out / c["name"]
    with tempfile.TemporaryDirectory() as folder:
        reference = pathlib.Path(folder)
        (reference / "config.json").write_text(json.dumps(config(c)))
        save_file(published(c, plain), reference / "model.safetensors", metadata={"format": "pt"})
        result = expected(c, reference)
    (directory / "config.json").write_text(json.dumps(config(c) | said, indent=1) + "\n")
    save_tensors({name: tensor.contiguous() for name, tensor in stored.items()},
                 directory / "model.safetensors", metadata={"format": "pt"})
    if c["family"] == "ministral3":
        write_quantized_mistral(options.out / (c["name"] + ".mistral"), stored, plain, c)
    write_gguf(str(options.out / (c["name"] + ".gguf")), c, plain)
    return result


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("out", type=pathlib.Path)
    arguments.add_argument("--wide", action="store_true")
    arguments.add_argument("--only", nargs="*", default=[""])
    options = arguments.parse_args()
    torch.set_num_threads(1)
    for c in wide() if options.wide else FIXTURES:
        if not c["name"].startswith(tuple(options.only)):
            continue
        directory = options.out / c["name"]
        directory.mkdir(parents=True, exist_ok=True)
        if "stored" in c:
            e = write_quantized(options, c)
            (options.out / (c["name"] + ".json")).write_text(json.dumps(e) + "\n")
            print(f"{c['name']}: smallest gap {e['smallest_gap']}, logit spread {e['logit_spread']}")
            continue
        w = weights(c)
        (directory / "config.json").write_text(json.dumps(config(c), indent=1) + "\n")
        save_file(published(c, w), directory / "model.safetensors", metadata={"format": "pt"})
        if c["family"] in ("ministral3", "mistral4"):
            write_mistral(options.out / (c["name"] + ".mistral"), c, w)
        write_gguf(str(options.out / (c["name"] + ".gguf")), c, w)
        e = expected(c, directory, w)
        (options.out / (c["name"] + ".json")).write_text(json.dumps(e) + "\n")
        print(f"{c['name']}: smallest gap {e['smallest_gap']}, logit spread {e['logit_spread']}")


if __name__ == "__main__":
    main()
