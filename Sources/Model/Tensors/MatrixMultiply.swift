// SPDX-License-Identifier: Apache-2.0

/// Who computes the matrix products.
enum MatrixMultiply {
    /// The kernels of `CKernels`, which sum in an order that the row alone fixes.
    case kernels

    /// OpenBLAS on decoded slices of the weights, see `BLASProduct`.
    case blas

    /// The choice for all formats, shapes and batch sizes: OpenBLAS only where it is asked for.
    ///
    /// Our kernels keep the law of batch invariance on every processor. The kernels that OpenBLAS
    /// picks on this one, Haswell's, break it, so `BLASProduct` multiplies token by token there.
    /// GFLOP/s of one thread, f32, 4096 columns and rows; OpenBLAS 0.3.21 of Debian, a VM with 2
    /// cores of Zen 5 that other work shared, 2026-11-21:
    ///
    /// | Tokens                      |   1 |   8 |  64 | 512 |
    /// |-----------------------------|-----|-----|-----|-----|
    /// | ours, AVX-512               |  19 |  64 | 144 | 157 |
    /// | ours, AVX2                  |  16 |  52 |  83 |  85 |
    /// | Haswell's, all tokens       |   6 |  45 |  96 | 104 |
    /// | Haswell's, token by token   |   6 |   7 |   7 |   7 |
    /// | SkylakeX's, all tokens      |  24 |  37 | 141 | 186 |
    ///
    /// Those of SkylakeX (`OPENBLAS_CORETYPE=SkylakeX`) keep the law and win a sixth on long
    /// prompts of f32 weights, but they must be forced here, and decoding loses more at 8 tokens.
    ///
    /// - Parameter kernels: what the user asked for.
    /// - Returns: who multiplies.
    static func choose(_ kernels: KernelChoice) -> MatrixMultiply {
        kernels == .blas ? .blas : .kernels
    }
}
