// SPDX-License-Identifier: Apache-2.0

import ModelFiles

/// The root-mean-square norm of queries and of keys over all of their heads together, before they
/// rotate: a head as wide as all of them.
enum ProjectionNorm {
    static let tensors = [
        TensorDeclaration(
            .queryNorm, [.H * .Dh], gguf: ["blk.{L}.attn_q_norm.weight"],
            huggingFace: ["model.layers.{L}.self_attn.q_norm.weight"]),
        TensorDeclaration(
            .keyNorm, [.K * .Dh], gguf: ["blk.{L}.attn_k_norm.weight"],
            huggingFace: ["model.layers.{L}.self_attn.k_norm.weight"]),
    ]
}
