#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tiny random BERTs and what transformers makes of them in float32.

    make-bert-goldens.py OUT           the fixtures of Tests/InferenceTests/Goldens/tiny-bert

    OUT/NAME/config.json, model.safetensors   a Hugging Face directory
    OUT/NAME.gguf                             the same weights under llama.cpp's names
    OUT/NAME.json                             texts of ids, and the states of the first and the last
                                              token of each, and their mean; or the scores of pairs

Needs numpy, torch, transformers, safetensors, gguf.
"""
import json
import pathlib
import sys

import gguf
import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import BertConfig, BertForSequenceClassification, BertModel

NAMES = {
    "embeddings.word_embeddings": "token_embd", "embeddings.position_embeddings": "position_embd",
    "embeddings.token_type_embeddings": "token_types", "embeddings.LayerNorm": "token_embd_norm",
    "attention.self.query": "attn_q", "attention.self.key": "attn_k",
    "attention.self.value": "attn_v", "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm", "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down", "output.LayerNorm": "layer_output_norm",
}


def gguf_name(name):
    stem, ending = name.rsplit(".", 1)
    if stem.startswith("encoder.layer."):
        layer, rest = stem[len("encoder.layer."):].split(".", 1)
        return f"blk.{layer}.{NAMES[rest]}.{ending}"
    return f"{NAMES[stem]}.{ending}" if stem in NAMES else None


def write_gguf(path, config, tensors):
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_layer_norm_eps(config.layer_norm_eps)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_token_type_count(config.type_vocab_size)
    for name, tensor in tensors.items():
        if (own := gguf_name(name)) is not None:
            writer.add_tensor(own, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def randomize(model):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(0, 0.3)
            if "LayerNorm.weight" in name:
                parameter.add_(1)


def main(out):
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    for index, (name, hidden, heads, wide, prefix, labels) in enumerate([
            ("plain", 24, 3, 40, "", 0), ("odd", 30, 5, 47, "bert.", 0),
            ("wide-heads", 40, 1, 33, "", 0), ("reranker", 24, 2, 36, "bert.", 1)]):
        torch.manual_seed(index)
        config = BertConfig(
            vocab_size=60, hidden_size=hidden, num_hidden_layers=2, num_attention_heads=heads,
            intermediate_size=wide, max_position_embeddings=70, type_vocab_size=2,
            num_labels=max(labels, 1))
        model = (BertForSequenceClassification if labels else BertModel)(config).eval().float()
        randomize(model)
        config.architectures = [type(model).__name__]
        folder = out / name
        folder.mkdir(exist_ok=True)
        config.save_pretrained(folder)
        tensors = {key: np.ascontiguousarray(value.numpy()) for key, value in
                   model.state_dict().items() if value.dtype == torch.float32}
        if prefix and not labels:
            tensors = {prefix + key: value for key, value in tensors.items()}
        save_file(tensors, folder / "model.safetensors")
        if not labels and not prefix:
            write_gguf(out / f"{name}.gguf", config, tensors)
        random = np.random.default_rng(index)
        texts = []
        for count in (1, 2, 7, 16, 33, 64, 70):
            tokens = random.integers(0, 60, count).tolist()
            second = int(count * 0.6) if labels else None
            types = [int(second is not None and i >= second) for i in range(count)]
            with torch.no_grad():
                result = model(torch.tensor([tokens]), token_type_ids=torch.tensor([types]))
            text = {"tokens": tokens}
            if labels:
                text |= {"secondStart": second, "score": float(result.logits[0, 0])}
            else:
                states = result.last_hidden_state[0].double()
                text |= {"first": states[0].tolist(), "last": states[-1].tolist(),
                         "mean": states.mean(0).tolist()}
            texts.append(text)
        (out / f"{name}.json").write_text(json.dumps({"texts": texts}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
