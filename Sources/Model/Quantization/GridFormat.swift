// SPDX-License-Identifier: Apache-2.0

/// What the IQ1 to IQ3 types have in common: a code names an entry of a grid, and an entry is the
/// levels of 8 elements, or of 4 for IQ3.
protocol GridFormat: BlockDecoding {
    /// The grid.
    static var grid: IQGrid { get }
}

extension GridFormat {
    /// −1 where bit k of `signs` is set, else 1.
    static func sign(_ signs: UInt32, _ k: Int) -> Float {
        signs >> UInt32(k) & 1 == 0 ? 1 : -1
    }

    /// Seven signs and an eighth that makes the number of negative ones even.
    static func evenSigns(_ bits: UInt32) -> UInt32 {
        let seven = bits & 127
        return seven | UInt32(seven.nonzeroBitCount % 2) << 7
    }

    /// The 32-bit number at a byte.
    static func word(_ block: Span<UInt8>, at index: Int) -> UInt32 {
        UInt32(bits(block, at: index)) | UInt32(bits(block, at: index + 2)) << 16
    }

    /// Number i of 4 bits from a byte on, low half first.
    static func nibble(_ block: Span<UInt8>, at index: Int, _ i: Int) -> Int {
        Int(block[index + i / 2] >> (i % 2 * 4) & 15)
    }
}
