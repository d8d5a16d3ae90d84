// SPDX-License-Identifier: Apache-2.0

import Computation
import Parallelism
import Quantization
import Testing

/// The decoders in C against the specification in Swift, bit for bit.
@Suite struct KernelSpecificationTests {
    static let kernels = [KernelChoice.scalar, .avx2, .avx512].filter(\.isAvailable)

    /// Blocks of random bytes, scales and all.
    static func blocks(_ type: ElementType, count: Int, seed: UInt64) -> [UInt8] {
        var state = seed
        return (0..<count * type.bytesPerBlock).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 33)
        }
    }

    /// The bits of a value; all values that are not a number count as the same.
    static func bits(_ value: Float) -> UInt32 { value.isNaN ? 0x7FC0_0000 : value.bitPattern }

    @Test(arguments: kernels, ElementType.allCases)
    func `a decoder in C gives the bits of the specification`(
        kernels: KernelChoice, type: ElementType
    ) {
        let blockCount = type.elementsPerBlock == 1 ? 67 : 3
        let columnCount = blockCount * type.elementsPerBlock
        let bytes = Self.blocks(type, count: blockCount * 3, seed: 7)
        // An odd address, since files promise no alignment.
        let table = WeightMatrix(
            storage: AnonymousMemory(bytes: [0] + bytes), byteOffset: 1, type: type, rowCount: 3,
            columnCount: columnCount)
        let compute = Compute(pool: ThreadPool(threadCount: 1), kernels: kernels)
        let y = FloatBuffer(rowCount: 3, columnCount: columnCount)
        let tokens: [Int32] = [2, 0, 1]

        compute.embed(tokens.span, table, into: y)

        let expected = type.decoded(bytes).map(Self.bits)
        for (row, token) in tokens.enumerated() {
            let first = Int(token) * columnCount
            #expect(
                y.values(row: row).map(Self.bits) == Array(expected[first..<first + columnCount]))
        }
    }

    @Test(arguments: kernels)
    func `every half has its value`(kernels: KernelChoice) {
        let bytes = (UInt16.min...UInt16.max).flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
        let table = WeightMatrix(
            storage: AnonymousMemory(bytes: bytes), byteOffset: 0, type: .f16, rowCount: 1,
            columnCount: 65536)
        let y = FloatBuffer(rowCount: 1, columnCount: 65536)
        let compute = Compute(pool: ThreadPool(threadCount: 1), kernels: kernels)
        compute.embed([0].span, table, into: y)
        #expect(
            y.values(row: 0).map(Self.bits) == ElementType.f16.decoded(bytes).map(Self.bits))
    }
}
