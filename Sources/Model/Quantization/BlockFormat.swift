// SPDX-License-Identifier: Apache-2.0

/// The blocks of an element type, and the number by which model files know it.
struct BlockLayout {
    /// The number in GGUF files.
    let ggufType: UInt32
    /// Elements of a block.
    let elementCount: Int
    /// Bytes of a block.
    let byteCount: Int
}

/// Where to see that a block's scale cannot be used: a 32-bit word of the block, at the byte
/// `offset`, has all bits of `mask` set if the scale is not a number, or is so large that products
/// with it overflow to infinity.
package typealias SpreadExponent = (offset: Int, mask: UInt32)

/// An element type's layout and meaning: the specification that every kernel agrees with, bit for
/// bit.
///
/// Products and sums are rounded to f32 one at a time, in the order written. Numbers are
/// little-endian.
///
/// - Source: the GGUF specification, ggml `docs/gguf.md`, and the blocks of the types it numbers.
protocol BlockDecoding {
    /// How large its blocks are.
    static var layout: BlockLayout { get }

    /// Where a block has 16-bit floating-point numbers, in bytes from its start: at 0 unless the type
    /// says otherwise.
    static var floatOffsets: [Int] { get }

    /// Where the exponent of a scale is that is no number of 16 bits; nil unless the type says so.
    static var spreadExponent: SpreadExponent? { get }

    /// Decodes one block.
    ///
    /// - Parameters:
    ///   - block: the bytes of the block.
    ///   - values: receives the elements of the block.
    static func decode(_ block: Span<UInt8>, into values: inout [Float])
}

/// An element type that can be written, too.
protocol BlockFormat: BlockDecoding {
    /// Encodes one block with little error: the sum of squared differences.
    ///
    /// - Parameters:
    ///   - values: the elements of the block; those that are not finite make poor blocks, no trap.
    ///   - bytes: receives the bytes of the block at its end.
    static func encode(_ values: Span<Float>, into bytes: inout [UInt8])
}

extension BlockDecoding {
    static var floatOffsets: [Int] { [0] }
    static var spreadExponent: SpreadExponent? { nil }

    /// The 16-bit number at a byte.
    static func bits(_ block: Span<UInt8>, at index: Int) -> UInt16 {
        UInt16(block[index]) | UInt16(block[index + 1]) << 8
    }

    /// The half-precision number at a byte.
    static func half(_ block: Span<UInt8>, at index: Int) -> Float {
        HalfPrecision.value(bits(block, at: index))
    }
}

extension BlockFormat {
    /// Appends a 16-bit number.
    static func append(_ bits: UInt16, to bytes: inout [UInt8]) {
        bytes.append(UInt8(truncatingIfNeeded: bits))
        bytes.append(UInt8(truncatingIfNeeded: bits >> 8))
    }

    /// Appends 32 codes of 4 bits; only their low 4 bits count.
    static func appendHalves(_ codes: Span<UInt8>, to bytes: inout [UInt8]) {
        for j in 0..<16 { bytes.append(codes[j] & 15 | codes[j + 16] << 4) }
    }

    /// Appends the low 2 bits of 256 codes, those of four runs of 32 in the quarters of 32 bytes.
    static func appendQuarters(_ codes: Span<UInt8>, to bytes: inout [UInt8]) {
        for first in stride(from: 0, to: 256, by: 128) {
            for j in first..<first + 32 {
                let low = codes[j] & 3 | (codes[j + 32] & 3) << 2
                bytes.append(low | (codes[j + 64] & 3) << 4 | codes[j + 96] << 6)
            }
        }
    }

    /// The integer part of a number, within bounds; the lower bound for what is not a number.
    static func integer(_ value: Float, in bounds: ClosedRange<Int>) -> Int {
        guard value > Float(bounds.lowerBound) else { return bounds.lowerBound }
        return value < Float(bounds.upperBound) ? Int(value) : bounds.upperBound
    }
}
