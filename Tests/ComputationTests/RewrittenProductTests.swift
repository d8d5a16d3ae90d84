// SPDX-License-Identifier: Apache-2.0

import Computation
import Parallelism
import Quantization
import Testing

/// Products of types that are packed as another.
@Suite struct RewrittenProductTests {
    private static let types = ElementType.allCases.filter { $0.rewrittenType != nil }
    private let pool = ThreadPool(threadCount: 2)

    /// A matrix whose scales are not negative.
    private static func matrix(
        of type: ElementType, rows: Int, columns: Int, seed: UInt64 = 41
    ) -> WeightMatrix {
        var random = RandomWeights(seed: seed)
        var bytes = random.blocks(of: type, elements: rows * columns)
        for start in stride(from: 0, to: bytes.count, by: type.bytesPerBlock) {
            for offset in type.floatOffsets { bytes[start + offset + 1] &= 0x7F }
        }
        return matrix(of: type, bytes: bytes, rows: rows, columns: columns)
    }

    private static func matrix(
        of type: ElementType, bytes: [UInt8], rows: Int, columns: Int
    ) -> WeightMatrix {
        WeightMatrix(
            storage: AnonymousMemory(bytes: bytes), byteOffset: 0, type: type, rowCount: rows,
            columnCount: columns)
    }

    private static func bytes(of matrix: WeightMatrix) -> [UInt8] {
        unsafe matrix.storage.bytes.withUnsafeBytes { unsafe [UInt8]($0) }
    }

    @Test(arguments: types)
    func `its products are those of the other type, bit for bit`(type: ElementType) throws {
        let w = Self.matrix(of: type, rows: 83, columns: 512)
        let other = try #require(w.packedType)
        #expect(w.likelyPackedType == other)
        var bytes = [UInt8](
            repeating: 0, count: try #require(other.byteCount(elements: 83 * 512)))
        var target = bytes.mutableSpan
        type.rewrite(Self.bytes(of: w).span, to: &target)
        let same = Self.matrix(of: other, bytes: bytes, rows: 83, columns: 512)
        let packed = try WeightPacker(pool: pool).pack([w, same])
        #expect(packed[0].type == other && packed[0].layout == .panels)
        #expect(packed[0].byteCount == w.packedByteCount(as: w.packedType))
        #expect(w.panelBytes(as: other, using: pool) == same.panelBytes(as: other, using: pool))

        for kernels in KernelChoice.available where kernels.packsWeights {
            let compute = Compute(pool: pool, kernels: kernels)
            var random = RandomWeights(seed: 42)
            let x = random.buffer(rows: 5, columns: 512)
            let outputs = packed.map { _ in FloatBuffer(rowCount: 5, columnCount: 83) }
            compute.multiply(x, rows: 0..<5, packed, into: outputs)
            #expect(outputs[0].bits() == outputs[1].bits())
        }
    }

    @Test(arguments: types)
    func `its rows are decoded from panels as they were`(type: ElementType) throws {
        let w = Self.matrix(of: type, rows: 70, columns: 256)
        let packed = try WeightPacker(pool: pool).pack([w])[0]
        let y = FloatBuffer(rowCount: 2, columnCount: 256)
        Compute(pool: pool).embed([3, 69].span, packed, into: y)
        #expect(y.values(row: 0).map(\.bitPattern) == w.decodedRow(3).map(\.bitPattern))
        #expect(y.values(row: 1).map(\.bitPattern) == w.decodedRow(69).map(\.bitPattern))
    }

    @Test func `a matrix with a scale out of range stays as it is`() throws {
        var bytes = Self.bytes(of: Self.matrix(of: .tq2_0, rows: 17, columns: 256))
        bytes[66 * 16 - 1] = 0xBC
        let w = Self.matrix(of: .tq2_0, bytes: bytes, rows: 17, columns: 256)
        let packed = try WeightPacker(pool: pool).pack([w])[0]
        #expect(packed.layout == .rows && packed.type == .tq2_0)
        #expect(packed.storage === w.storage)
        #expect(w.packedByteCount(as: w.packedType) == w.byteCount && w.packedType == nil)
        #expect(w.likelyPackedType == .q2_K)
    }

    @Test func `a packer takes the types that it is told`() throws {
        let w = Self.matrix(of: .tq2_0, rows: 70, columns: 256)
        let packed = try WeightPacker(pool: pool).pack([w, w], as: [nil, .q2_K])
        #expect(packed[0].layout == .rows && packed[0].storage === w.storage)
        #expect(packed[1].layout == .panels && packed[1].type == .q2_K)
    }
}
