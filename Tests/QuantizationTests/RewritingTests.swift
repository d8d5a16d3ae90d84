// SPDX-License-Identifier: Apache-2.0

import Quantization
import Testing

/// Blocks in another type with the same values.
struct RewritingTests {
    static let types = ElementType.allCases.filter { $0.rewrittenType != nil }

    @Test func `these types can be written in another`() {
        #expect(Self.types == [.tq1_0, .tq2_0])
    }

    /// Random codes with a scale of a few thousandths.
    private static func blocks(of type: ElementType, count: Int) -> [UInt8] {
        var state: UInt32 = 7
        var bytes = (0..<count * type.bytesPerBlock).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(state >> 24)
        }
        for start in stride(from: 0, to: bytes.count, by: type.bytesPerBlock) {
            for offset in type.floatOffsets { bytes[start + offset + 1] = 0x1D }
        }
        return bytes
    }

    private static func canRewrite(_ blocks: [UInt8], of type: ElementType) -> Bool {
        type.canRewrite(blocks.span)
    }

    private static func rewritten(_ blocks: [UInt8], of type: ElementType) -> [UInt8] {
        let size = type.rewrittenType?.bytesPerBlock ?? 0
        var result = [UInt8](repeating: 0xA5, count: blocks.count / type.bytesPerBlock * size)
        var target = result.mutableSpan
        type.rewrite(blocks.span, to: &target)
        return result
    }

    @Test(arguments: types)
    func `the other type has the same values, bit for bit`(type: ElementType) throws {
        let other = try #require(type.rewrittenType)
        let blocks = Self.blocks(of: type, count: 80)
        #expect(Self.canRewrite(blocks, of: type))
        let values = other.decoded(Self.rewritten(blocks, of: type))
        #expect(values.map(\.bitPattern) == type.decoded(blocks).map(\.bitPattern))
    }

    @Test(arguments: [ElementType.tq1_0, .tq2_0], [0x7C, 0x7E, 0x80, 0xFC] as [UInt8])
    func `a scale that is negative or no number cannot be written`(type: ElementType, high: UInt8) {
        var block = Self.blocks(of: type, count: 2)
        block[block.count - 1] = high
        #expect(!Self.canRewrite(block, of: type))
    }

    @Test func `one block that cannot be written is enough`() {
        var blocks = Self.blocks(of: .tq2_0, count: 3)
        blocks[3 * 66 - 1] = 0xBC
        #expect(!Self.canRewrite(blocks, of: .tq2_0))
        #expect(!Self.canRewrite([UInt8](repeating: 1, count: 36), of: .nvfp4))
    }
}
