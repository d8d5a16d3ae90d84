// SPDX-License-Identifier: Apache-2.0

/// How matrices are multiplied.
///
/// Our kernels sum in an order that the row alone fixes, so they keep the law of batch invariance on
/// every processor. The kernels that OpenBLAS picks on this one, Haswell's, break it, so
/// `BLASProduct` multiplies token by token there; it is used only where it is asked for.
///
/// GFLOP/s of one thread, 4096 columns, weights from memory; OpenBLAS 0.3.21 of Debian, a VM
/// with 2 cores of Zen 5 that other work shared, 2026-11-21 (again by
/// `cierzo-micro --kernels blas --types f32,f16,bf16`):
///
/// | Tokens                      |   1 |   4 |  16 |  64 | 128 | 512 |
/// |-----------------------------|-----|-----|-----|-----|-----|-----|
/// | ours, F32                   |  15 |  46 |  97 | 134 | 144 | 141 |
/// | ours, F16, packed           |  38 | 140 | 192 | 209 | 203 | 202 |
/// | ours, BF16, packed          |  38 | 151 | 312 | 402 | 419 | 421 |
/// | Haswell's, F32              |   6 |  27 |  61 |  91 |  94 |  93 |
/// | SkylakeX's, F32             |  19 |  23 |  67 | 132 | 153 | 151 |
/// | SkylakeX's, F16 or BF16     |  14 |  19 |  60 | 123 | 147 | 153 |
///
/// Those of SkylakeX (`OPENBLAS_CORETYPE=SkylakeX`) keep the law and win a fourteenth on long
/// prompts of F32 weights, but they must be forced here, and at 4 tokens they lose a half.
enum ProductPath: Hashable, Sendable {
    /// By the kernels, with quantised weights packed.
    case packed

    /// By the kernels, with all weights as the file has them and every product in f32: what the
    /// accuracy of packed weights is measured against.
    case exact

    /// By OpenBLAS on decoded slices of the weights, see `BLASProduct`.
    case blas

    /// Whether this machine can multiply so.
    var isAvailable: Bool { self != .blas || OpenBLAS.shared != nil }
}
