#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The errors with which llama.cpp encodes the matrices of EncodingTests.swift.

usage: make-encoding-goldens.py LIBGGML > Tests/QuantizationTests/Goldens/encoding.json

LIBGGML is a built libggml-base.so, such as the one in the package llama-cpp-python. Errors are
root-mean-square, relative to the root mean square of the matrix, without an importance matrix.
"""
import ctypes
import json
import sys

import numpy as np
from gguf import GGML_QUANT_SIZES, quants
from gguf import GGMLQuantizationType as T

ROWS, COLUMNS = 8, 512
TYPES = [T.Q8_0, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q2_K, T.Q3_K, T.Q4_K, T.Q5_K, T.Q6_K, T.IQ4_NL,
         T.IQ4_XS, T.MXFP4]

library = ctypes.CDLL(sys.argv[1])
quantize = library.ggml_quantize_chunk
quantize.restype = ctypes.c_size_t
quantize.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p] + [ctypes.c_int64] * 3 + [
    ctypes.c_void_p]


def bell(count):
    """Sums of four random numbers of 16 bits, from -2 to 2: exact in single precision."""
    state, values = 1, np.zeros(count, dtype=np.float32)
    for k in range(count):
        total = -2 * 65536
        for _ in range(4):
            state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
            total += state >> 48
        values[k] = total / 65536
    return values


def error(kind, values):
    elements, size = GGML_QUANT_SIZES[kind]
    encoded = np.zeros(len(values) // elements * size, dtype=np.uint8)
    quantize(kind, values.ctypes.data, encoded.ctypes.data, 0, ROWS, COLUMNS, None)
    rest = quants.dequantize(encoded, kind).astype(np.float64) - values
    return float(np.sqrt(np.sum(rest ** 2) / np.sum(values.astype(np.float64) ** 2)))


even = bell(ROWS * COLUMNS)
heavy = even * even * even
json.dump([
    {"type": kind.name.lower(), "matrix": name, "error": round(error(kind, values), 7)}
    for kind in TYPES for name, values in (("bell", even), ("heavy", heavy))], sys.stdout, indent=1)
print()
