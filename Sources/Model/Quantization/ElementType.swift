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

    /// The number of elements that one block holds; a row's length is a multiple of it.
    package var elementsPerBlock: Int {
        switch self {
        case .f32, .f16, .bf16: 1
        case .q8_0, .q4_0, .q4_1, .q5_0, .q5_1, .iq4_nl: 32
        case .q2_K, .q3_K, .q4_K, .q5_K, .q6_K, .iq4_xs: 256
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
        case .iq4_nl: 20
        case .iq4_xs: 23
        case .bf16: 30
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
