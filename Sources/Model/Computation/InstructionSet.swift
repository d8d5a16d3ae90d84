// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// The instructions that kernels are made of.
enum InstructionSet: String, Hashable, Sendable {
    /// Plain C: the reference for the others.
    case scalar

    /// AVX2, FMA and F16C.
    case avx2

    /// The same, with AVX-VNNI for packed weights.
    case avxvnni

    /// AVX-512 F, BW, DQ and VL, with VNNI where the processor has it.
    case avx512

    /// The set as the kernels number it.
    var isa: ck_isa {
        switch self {
        case .scalar: CK_ISA_SCALAR
        case .avx2: CK_ISA_AVX2
        case .avxvnni: CK_ISA_AVXVNNI
        case .avx512: ck_isa_available(CK_ISA_AVX512VNNI) != 0 ? CK_ISA_AVX512VNNI : CK_ISA_AVX512
        }
    }
}
