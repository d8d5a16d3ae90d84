// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// The kernels that somebody asks for by one word: an instruction set, or a way to multiply.
package struct KernelChoice: RawRepresentable, Hashable, Sendable, CaseIterable {
    /// The word.
    package let rawValue: String
    private let instructions: InstructionSet?
    let products: ProductPath

    private init(_ word: String, on instructions: InstructionSet?, by products: ProductPath) {
        rawValue = word
        self.instructions = instructions
        self.products = products
    }

    /// The fastest that this processor has.
    package static let automatic = KernelChoice("automatic", on: nil, by: .packed)
    /// Products in f32 of weights as the file has them; the rest as `automatic`.
    package static let exact = KernelChoice("exact", on: nil, by: .exact)
    /// Products by OpenBLAS; the rest as `automatic`.
    package static let blas = KernelChoice("blas", on: nil, by: .blas)
    /// Plain C.
    package static let scalar = KernelChoice(.scalar)
    /// AVX2, FMA and F16C.
    package static let avx2 = KernelChoice(.avx2)
    /// The same, with AVX-VNNI for packed weights.
    package static let avxvnni = KernelChoice(.avxvnni)
    /// AVX-512, with VNNI where the processor has it.
    package static let avx512 = KernelChoice(.avx512)

    /// All words.
    package static let allCases = [automatic, scalar, avx2, avxvnni, avx512, exact, blas]

    private init(_ instructions: InstructionSet) {
        self.init(instructions.rawValue, on: instructions, by: .packed)
    }

    /// The choice of that word, if it is one.
    package init?(rawValue: String) {
        guard let choice = Self.allCases.first(where: { $0.rawValue == rawValue }) else {
            return nil
        }
        self = choice
    }

    /// The instruction set that is asked for, or else the best of this processor.
    var isa: ck_isa { instructions?.isa ?? ck_best_isa() }

    /// Whether this machine can run it: the processor has the instructions, the system OpenBLAS.
    package var isAvailable: Bool { ck_isa_available(isa) != 0 && products.isAvailable }

    /// The choices that this machine can run.
    package static var available: [KernelChoice] { allCases.filter(\.isAvailable) }

    /// Whether products want quantised weights packed.
    package var packsWeights: Bool { products == .packed }
}
