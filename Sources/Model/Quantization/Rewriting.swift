// SPDX-License-Identifier: Apache-2.0

/// A type without packed products of its own whose blocks can be written in a type that has them,
/// with the same values, bit for bit but for the sign of zero.
///
/// Of the other types that are only read, `IQ3_S` would fit into `Q6_K`, but at twice the bytes. The
/// levels of the other IQ2 and IQ3 types are too large for it, the eighths of IQ1 take four times
/// the bytes, and the scales of `NVFP4` are floats for 16 elements each, which no packed type has.
protocol Rewritable: BlockDecoding {
    /// The other type; its blocks hold as many elements.
    static var rewrittenType: ElementType { get }

    /// Whether the other type has all values of a block, which begins at a byte of some.
    static func canRewrite(_ blocks: Span<UInt8>, at start: Int) -> Bool

    /// Writes a block in the other type.
    ///
    /// - Parameters:
    ///   - block: the bytes of the block.
    ///   - target: receives the bytes of the other block.
    ///   - start: where they begin.
    /// - Precondition: `canRewrite`.
    static func rewrite(
        _ block: Span<UInt8>, to target: inout MutableSpan<UInt8>, at start: Int)

    /// Whether the other type has all values of some blocks.
    static func canRewriteAll(_ blocks: Span<UInt8>) -> Bool
}

extension Rewritable {
    static func canRewriteAll(_ blocks: Span<UInt8>) -> Bool {
        for start in stride(from: 0, to: blocks.count, by: layout.byteCount)
        where !canRewrite(blocks, at: start) {
            return false
        }
        return true
    }
}

extension MutableSpan<UInt8> {
    /// Writes a 16-bit number at a byte.
    mutating func set(_ bits: UInt16, at index: Int) {
        self[index] = UInt8(truncatingIfNeeded: bits)
        self[index + 1] = UInt8(truncatingIfNeeded: bits >> 8)
    }
}
