// SPDX-License-Identifier: Apache-2.0

// The names are the ones that model files use.
// swift-format-ignore: AlwaysUseLowerCamelCase
/// A format in which model files store numbers: plain floats, or blocks that share a scale.
///
/// Rows of a tensor are whole numbers of blocks, one block after another, little-endian.
package enum ElementType: String, Hashable, Sendable, CaseIterable {
    case f32
    case f16
    case bf16
    case q8_0
    case q4_0
    case q4_1
    case q5_0
    case q5_1
    case q2_K
    case q3_K
    case q4_K
    case q5_K
    case q6_K
    case iq4_nl
    case iq4_xs
    case iq1_s
    case iq1_m
    case iq2_xxs
    case iq2_xs
    case iq2_s
    case iq3_xxs
    case iq3_s
    case tq1_0
    case tq2_0
    case mxfp4
    case nvfp4

    /// The number of elements that one block holds; a row's length is a multiple of it.
    package var elementsPerBlock: Int {
        switch self {
        case .f32, .f16, .bf16: 1
        case .q8_0, .q4_0, .q4_1, .q5_0, .q5_1, .iq4_nl, .mxfp4: 32
        case .nvfp4: 64
        case .q2_K, .q3_K, .q4_K, .q5_K, .q6_K, .iq4_xs, .iq1_s, .iq1_m, .iq2_xxs, .iq2_xs, .iq2_s,
            .iq3_xxs, .iq3_s, .tq1_0, .tq2_0:
            256
        }
    }

    /// The size of one block.
    package var bytesPerBlock: Int {
        switch self {
        case .f32: 4
        case .f16, .bf16: 2
        case .q8_0: 34
        case .q4_0: 18
        case .q4_1: 20
        case .q5_0: 22
        case .q5_1: 24
        case .q2_K: 84
        case .q3_K: 110
        case .q4_K: 144
        case .q5_K: 176
        case .q6_K: 210
        case .iq4_nl: 18
        case .iq4_xs: 136
        case .iq1_s: 50
        case .iq1_m: 56
        case .iq2_xxs: 66
        case .iq2_xs: 74
        case .iq2_s: 82
        case .iq3_xxs: 98
        case .iq3_s: 110
        case .tq1_0: 54
        case .tq2_0: 66
        case .mxfp4: 17
        case .nvfp4: 36
        }
    }

    /// The name as people and model files write it, such as `Q4_K`.
    package var name: String { rawValue.uppercased() }

    /// The type's number in a GGUF file.
    package var ggufType: UInt32 {
        switch self {
        case .f32: 0
        case .f16: 1
        case .q4_0: 2
        case .q4_1: 3
        case .q5_0: 6
        case .q5_1: 7
        case .q8_0: 8
        case .q2_K: 10
        case .q3_K: 11
        case .q4_K: 12
        case .q5_K: 13
        case .q6_K: 14
        case .iq2_xxs: 16
        case .iq2_xs: 17
        case .iq3_xxs: 18
        case .iq1_s: 19
        case .iq4_nl: 20
        case .iq3_s: 21
        case .iq2_s: 22
        case .iq4_xs: 23
        case .iq1_m: 29
        case .bf16: 30
        case .tq1_0: 34
        case .tq2_0: 35
        case .mxfp4: 39
        case .nvfp4: 40
        }
    }

    /// The type with a given number in a GGUF file, or nil where it is not one of ours.
    package init?(ggufType: UInt32) {
        guard let type = Self.allCases.first(where: { $0.ggufType == ggufType }) else { return nil }
        self = type
    }

    /// The number of bytes that a row or tensor takes.
    ///
    /// - Parameter elements: the number of elements, from anywhere, even a foreign file.
    /// - Returns: nil where `elements` is negative, not a whole number of blocks, or too large.
    package func byteCount(elements: Int) -> Int? {
        guard elements >= 0, elements % elementsPerBlock == 0 else { return nil }
        let blockCount = elements / elementsPerBlock
        let (bytes, overflow) = blockCount.multipliedReportingOverflow(by: bytesPerBlock)
        return overflow ? nil : bytes
    }
}
