// SPDX-License-Identifier: Apache-2.0

import Quantization

/// An element type by its number in a GGUF file, of those that can be decoded or any other.
struct GGMLType: Sendable, Equatable {
    /// The number.
    let number: UInt32

    /// The type, if it can be decoded.
    var elementType: ElementType? { ElementType(ggufType: number) }

    /// The elements and bytes of a block, where they are known.
    var block: (elements: Int, bytes: Int)? {
        if let elementType { return (elementType.elementsPerBlock, elementType.bytesPerBlock) }
        return Self.others[number]?.block
    }

    /// Whether elements are plain integers.
    var isInteger: Bool { (24...27).contains(number) }

    /// What ggml calls it.
    var name: String {
        elementType?.name ?? Self.others[number]?.name ?? "type \(number)"
    }

    /// The type in an error message.
    var description: String {
        elementType == nil && Self.others[number] == nil
            ? "unknown element type \(number)" : "element type \(name)"
    }

    /// The types of ggml that `ElementType` lacks; those that it has given up have no block.
    private static let others: [UInt32: (name: String, block: (elements: Int, bytes: Int)?)] = [
        4: ("Q4_2", nil), 5: ("Q4_3", nil), 9: ("Q8_1", (32, 36)), 15: ("Q8_K", (256, 292)),
        24: ("I8", (1, 1)), 25: ("I16", (1, 2)), 26: ("I32", (1, 4)), 27: ("I64", (1, 8)),
        28: ("F64", (1, 8)), 31: ("Q4_0_4_4", nil), 32: ("Q4_0_4_8", nil),
        33: ("Q4_0_8_8", nil), 36: ("IQ4_NL_4_4", nil), 37: ("IQ4_NL_4_8", nil),
        38: ("IQ4_NL_8_8", nil), 41: ("Q1_0", (128, 18)),
    ]
}
