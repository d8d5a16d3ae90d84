// SPDX-License-Identifier: Apache-2.0

import Computation
import Parallelism
import Quantization
import Testing

/// What `ck_packed.h` promises of packed kernels beyond `PackedProductTests`: the very bits of F16
/// and BF16, rows of any length, and activations that no sane model makes.
@Suite struct PackedKernelTests {
    private static let kernels = KernelChoice.available.filter { $0.packsWeights }

    private func products(
        _ kernels: KernelChoice, _ x: FloatBuffer, _ w: WeightMatrix
    ) throws -> FloatBuffer {
        let pool = ThreadPool(threadCount: 1)
        let y = FloatBuffer(rowCount: x.rowCount, columnCount: w.rowCount)
        let panels = try WeightPacker(pool: pool).pack([w])[0]
        #expect(panels.layout == .panels)
        Compute(pool: pool, kernels: kernels).multiply(x, rows: 0..<x.rowCount, panels, into: y)
        return y
    }

    /// The nearest bf16, ties to even.
    private func rounded(_ x: Float) -> Float {
        let bits = x.bitPattern
        return Float(bitPattern: (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF_0000)
    }

    /// F16 in ascending order; BF16 with bf16 activations, the odd column of a pair first.
    private func expected(_ type: ElementType, _ w: [Float], _ x: [Float]) -> UInt32 {
        let isPaired = type == .bf16
        var sum: Float = 0
        for k in 0..<(w.count + 1) / 2 * 2 {
            let column = isPaired ? k ^ 1 : k
            guard column < w.count else { continue }
            sum.addProduct(w[column], isPaired ? rounded(x[column]) : x[column])
        }
        return sum.bitPattern
    }

    @Test(arguments: [ElementType.f16, .bf16], [1, 2, 31, 64, 257, 300])
    func `F16 and BF16 products are one chain of multiply-adds`(
        type: ElementType, columns: Int
    ) throws {
        var random = RandomWeights(seed: UInt64(columns))
        let w = random.matrix(of: type, rows: 67, columns: columns)
        let weights = (0..<67).map { w.decodedRow($0) }
        let x = random.buffer(rows: 8, columns: columns)
        for kernels in Self.kernels {
            let y = try products(kernels, x, w)
            for token in [0, 5, 7] {
                let inputs = x.values(row: token)
                let bits = weights.map { expected(type, $0, inputs) }
                #expect(y.values(row: token).map(\.bitPattern) == bits, "\(kernels)")
            }
        }
    }

    @Test func `BF16 takes subnormal numbers for zero with every instruction set`() throws {
        let values: [Float] = [0x1p-130, 0x1p-126, 1, -0x1p-70, 0x1p-133, 3]
        let w = WeightMatrix(
            storage: AnonymousMemory(bytes: ElementType.bf16.encoded(values + values.reversed())),
            byteOffset: 0, type: .bf16, rowCount: 2, columnCount: 6)
        let x = FloatBuffer(rowCount: 2, columnCount: 6)
        x.setRow(0, to: [1, 0x1p-129, 0x1p-131, 0x1p-60, 1, 0])
        x.setRow(1, to: [0x1p100, 0.5, 0x1p-149, 0x1p-56, 1, -0x1p-136])
        for kernels in Self.kernels {
            let y = try products(kernels, x, w)
            #expect(y.values(row: 0)[0] == 0, "\(kernels)")
            #expect(y.bits() == (try products(.scalar, x, w)).bits(), "\(kernels)")
        }
    }

    @Test(arguments: PackedProductTests.types)
    func `activations that are not finite stay in their row`(type: ElementType) throws {
        var random = RandomWeights(seed: 41)
        let columns = type.elementsPerBlock == 256 ? 512 : 288
        let w = random.matrix(of: type, rows: 19, columns: columns)
        let x = random.buffer(rows: 9, columns: columns)
        let sane = x.values(row: 0)
        var spoilt = sane
        let hostile: [Float] = [.nan, .infinity, -.infinity, .greatestFiniteMagnitude, -0]
        for (row, value) in hostile.enumerated() {
            spoilt[33] = value
            x.setRow(row + 1, to: spoilt)
        }
        x.setRow(6, to: [Float](repeating: 0, count: columns))
        x.setRow(7, to: [Float](repeating: 0x1p-139, count: columns))
        x.setRow(8, to: sane)
        let one = FloatBuffer(rowCount: 1, columnCount: columns)
        one.setRow(0, to: sane)
        for kernels in Self.kernels {
            let alone = try products(kernels, one, w).bits()[0]
            let y = try products(kernels, x, w)
            #expect(y.bits()[0] == alone && y.bits()[8] == alone, "\(kernels)")
            #expect(y.values(row: 6).allSatisfy { $0 == 0 }, "\(kernels)")
            #expect(y.values(row: 7).allSatisfy { abs($0) < 1e-36 }, "\(kernels)")
        }
    }
}
