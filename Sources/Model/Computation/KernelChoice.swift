// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// Which implementation of the kernels to run.
package enum KernelChoice: String, Hashable, Sendable, CaseIterable {
    /// The fastest that this processor has.
    case automatic

    /// Plain C: the reference for the others.
    case scalar

    /// AVX2, FMA and F16C.
    case avx2

    /// The same, with AVX-VNNI for packed weights.
    case avxvnni

    /// AVX-512 F, BW, DQ and VL, with VNNI where the processor has it.
    case avx512

    /// As `automatic`, but weights stay as the file has them and every product is in f32: what the
    /// accuracy of packed weights is measured against.
    case exact

    /// Matrix products by OpenBLAS on dequantised panels; the rest as `automatic`.
    case blas

    /// Whether this machine can run it: the processor has the instructions, the system OpenBLAS.
    package var isAvailable: Bool {
        ck_isa_available(isa) != 0 && (self != .blas || OpenBLAS.shared != nil)
    }

    /// The choices that this machine can run.
    package static var available: [KernelChoice] { allCases.filter(\.isAvailable) }

    /// Whether products want quantised weights packed.
    package var packsWeights: Bool { self != .exact && self != .blas }

    var isa: ck_isa {
        switch self {
        case .automatic, .exact, .blas: ck_best_isa()
        case .scalar: CK_ISA_SCALAR
        case .avx2: CK_ISA_AVX2
        case .avxvnni: CK_ISA_AVXVNNI
        case .avx512: ck_isa_available(CK_ISA_AVX512VNNI) != 0 ? CK_ISA_AVX512VNNI : CK_ISA_AVX512
        }
    }
}
