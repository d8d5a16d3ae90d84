#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Blocks of every element type with their values by the `gguf` package.

usage: make-quantization-goldens.py MODEL.gguf > Tests/QuantizationTests/Goldens/blocks.json

Random blocks have random bytes throughout, save that scales are kept finite; a few blocks are real
ones from the model. Encoded blocks are the package's own of normal, constant, zero and tiny values,
for the types of which there is but one good encoding; make-encoding-goldens.py has the others.
"""
import base64
import json
import sys

import numpy as np
from gguf import GGMLQuantizationType as T
from gguf import GGUFReader, quants

# Type, bytes of a block, where its half-precision scales are, blocks.
TYPES = [
    (T.F32, 4, [], 64), (T.F16, 2, [0], 64), (T.BF16, 2, [], 64), (T.Q8_0, 34, [0], 4),
    (T.Q4_0, 18, [0], 4), (T.Q4_1, 20, [0, 2], 4), (T.Q5_0, 22, [0], 4),
    (T.Q5_1, 24, [0, 2], 4), (T.Q2_K, 84, [80, 82], 3), (T.Q3_K, 110, [108], 3),
    (T.Q4_K, 144, [0, 2], 3), (T.Q5_K, 176, [0, 2], 3), (T.Q6_K, 210, [208], 3),
    (T.IQ4_NL, 18, [0], 4), (T.IQ4_XS, 136, [0], 3),
]
# Types that are only read. Those of IQ1_M are in pieces, and those of the last two of 8 bits.
READ_TYPES = [
    (T.IQ1_S, 50, [0], 3), (T.IQ1_M, 56, [], 3), (T.IQ2_XXS, 66, [0], 3), (T.IQ2_XS, 74, [0], 3),
    (T.IQ2_S, 82, [0], 3), (T.IQ3_XXS, 98, [0], 3), (T.IQ3_S, 110, [0], 3), (T.TQ1_0, 54, [52], 3),
    (T.TQ2_0, 66, [64], 3), (T.MXFP4, 17, [], 16), (T.NVFP4, 36, [], 8),
]


def text(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def values(blocks, kind):
    if kind == T.F32:
        return blocks.view(np.float32).reshape(-1)
    return quants.dequantize(blocks, kind).astype(np.float32).reshape(-1)


random = np.random.default_rng(20261121)
decode, encode = [], []


def case(kind, source, blocks):
    decode.append({
        "type": kind.name.lower(), "source": source, "bytes": text(blocks),
        "values": text(values(blocks, kind))})


for kind, size, scales, count in TYPES:
    blocks = random.integers(0, 256, (count, size), dtype=np.uint8)
    for at in scales:
        half = (random.standard_normal(count) * 0.02).astype(np.float16)
        half[-1] = np.float16(-6e-8)  # a subnormal
        if at == scales[0]:
            half[1] = np.float16(-0.0)
        blocks[:, at:at + 2] = half.view(np.uint8).reshape(count, 2)
    if kind in (T.F32, T.BF16):
        # The exponent stays below that of NaN, whose bits nobody promises.
        blocks[:, -1] &= 0xBF
    case(kind, "random", blocks)

seen = {}
for tensor in GGUFReader(sys.argv[1]).tensors:
    if tensor.tensor_type in seen or len(tensor.shape) < 2:
        continue
    seen[tensor.tensor_type] = True
    size = next(size for kind, size, _, _ in TYPES if kind == tensor.tensor_type)
    flat = np.ascontiguousarray(tensor.data).view(np.uint8).reshape(-1, size)
    case(T(tensor.tensor_type), tensor.name, flat[:4].copy())

odd = np.random.default_rng(20261128)
for kind, size, scales, count in READ_TYPES:
    blocks = odd.integers(0, 256, (count, size), dtype=np.uint8)
    for at in scales:
        half = (odd.standard_normal(count) * 0.02).astype(np.float16)
        half[-1] = np.float16(-6e-8)  # a subnormal
        blocks[:, at:at + 2] = half.view(np.uint8).reshape(count, 2)
    if kind == T.IQ1_M:
        blocks[:, 55] &= 0xBF  # the highest bit but one of the exponent
    if kind == T.MXFP4:
        blocks[:, 0] = [0, 1, 2, 3, 126, 127, 128, 200, 251, *odd.integers(100, 130, 7)]
    if kind == T.NVFP4:
        blocks[:, 0] = [0, 1, 7, 8, 126, 127, 128, 255]
    case(kind, "random", blocks)

normal = random.standard_normal((4, 32)).astype(np.float32)
special = np.stack([
    np.zeros(32), np.full(32, -1.5), np.arange(32) - 15.5, random.standard_normal(32) * 1e-7,
    np.linspace(-60000, 65504, 32), np.where(np.arange(32) == 7, -3.0, 0.0),
]).astype(np.float32)
samples = np.concatenate([normal, special])
for kind in (T.F32, T.F16, T.BF16, T.Q8_0):
    encoded = samples if kind == T.F32 else quants.quantize(samples, kind)
    encode.append({
        "type": kind.name.lower(), "values": text(samples), "bytes": text(encoded)})
json.dump({"decode": decode, "encode": encode}, sys.stdout, indent=1)
print()
