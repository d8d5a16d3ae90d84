// SPDX-License-Identifier: Apache-2.0

import Computation
import Parallelism
import Quantization
import Testing

/// Weights that files have in another order, row after row.
struct RearrangedMatricesTests {
    /// Three matrices of 70 rows and 32 columns, every second row of as many again.
    private static let shape: RearrangedMatrices.Shape = (count: 3, rows: 70, columns: 32)

    /// The element in a row and column of a matrix of the source.
    private static func value(_ matrix: Int, row: Int, column: Int) -> Float {
        Float(matrix * 10_000 + row * 100 + column)
    }

    /// `[3, 32, 140]`, three bytes into the storage.
    private static func transposed(_ first: Int) throws -> RearrangedMatrices {
        let values = (0..<3).flatMap { matrix in
            (0..<32).flatMap { column in
                (0..<140).map { value(matrix, row: $0, column: column) }
            }
        }
        let storage = AnonymousMemory(bytes: [1, 2, 3] + ElementType.f32.encoded(values))
        return try RearrangedMatrices(
            transposing: (storage, 3), elementByteCount: 4, shape, rows: (first, 2))
    }

    private static func row(_ row: Int, of matrix: Int, in storage: ByteStorage) -> [Float] {
        let view = WeightMatrix(
            storage: storage, byteOffset: matrix * 70 * 32 * 4, type: .f32, rowCount: 70,
            columnCount: 32)
        storage.bringIn(view.byteOffset..<view.byteOffset + view.byteCount)
        return view.decodedRow(row)
    }

    @Test(arguments: [0, 1])
    func `rows of transposed matrices are taken one by one`(first: Int) throws {
        let matrices = try Self.transposed(first)
        #expect(matrices.byteCount == 3 * 70 * 32 * 4)
        for (matrix, row) in [(0, 0), (0, 69), (1, 63), (1, 64), (2, 5)] {
            #expect(
                Self.row(row, of: matrix, in: matrices)
                    == (0..<32).map { Self.value(matrix, row: first + 2 * row, column: $0) })
        }
    }

    @Test func `what was let go comes back, and its neighbours stay`() throws {
        let matrices = try Self.transposed(0)
        let before = (0..<3).map { matrix in
            (0..<70).map { Self.row($0, of: matrix, in: matrices) }
        }
        let size = 70 * 32 * 4
        matrices.release(size..<2 * size)
        for order in [[0, 2, 1], [1, 0, 2]] {
            for matrix in order {
                let found = (0..<70).map { Self.row($0, of: matrix, in: matrices) }
                #expect(found == before[matrix])
            }
            matrices.release(0..<3 * size)
        }
    }

    @Test func `many threads at once leave every row whole`() throws {
        let matrices = try Self.transposed(1)
        let size = matrices.byteCount
        ThreadPool(threadCount: 4).parallel(count: 16) { task, _ in
            matrices.bringIn(size * (task % 4) / 4..<size)
        }
        for matrix in 0..<3 {
            for row in 0..<70 {
                #expect(
                    Self.row(row, of: matrix, in: matrices)
                        == (0..<32).map { Self.value(matrix, row: 1 + 2 * row, column: $0) })
            }
        }
    }

    @Test func `codes and scales of MXFP4 become blocks`() throws {
        // Two matrices of 3 rows and 64 columns; byte j of a block has columns 2 j and 2 j + 1.
        var random = RandomWeights(seed: 3)
        let codes = (0..<2 * 3 * 2 * 16).map { _ in UInt8(random.next() >> 24) }
        let scales = (0..<2 * 3 * 2).map { UInt8(110 + $0) }
        let matrices = try RearrangedMatrices(
            mxfp4: (AnonymousMemory(bytes: codes), 0), scales: (AnonymousMemory(bytes: scales), 0),
            (count: 2, rows: 3, columns: 64), rows: (0, 1))
        let levels: [Float] = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
        for matrix in 0..<2 {
            let view = WeightMatrix(
                storage: matrices, byteOffset: matrix * 3 * 34, type: .mxfp4, rowCount: 3,
                columnCount: 64)
            matrices.bringIn(view.byteOffset..<view.byteOffset + view.byteCount)
            for row in 0..<3 {
                let expected = (0..<64).map { column in
                    let block = (matrix * 3 + row) * 2 + column / 32
                    let byte = codes[block * 16 + column % 32 / 2]
                    let code = column % 2 == 0 ? byte & 15 : byte >> 4
                    let exponent = Int(scales[block]) - 127
                    let scale = Float(sign: .plus, exponent: exponent, significand: 1)
                    return levels[Int(code & 7)] * scale * (code < 8 ? 1 : -1)
                }
                #expect(view.decodedRow(row) == expected)
            }
        }
    }

    @Test func `matrices are packed from other orders too`() throws {
        let matrices = try Self.transposed(1)
        let views = (0..<3).map {
            WeightMatrix(
                storage: matrices, byteOffset: $0 * 70 * 32 * 4, type: .f32, rowCount: 70,
                columnCount: 32)
        }
        let codes = [UInt8](repeating: 0x5A, count: 70 * 16)
        let quantised = try RearrangedMatrices(
            mxfp4: (AnonymousMemory(bytes: codes), 0),
            scales: (AnonymousMemory(bytes: [UInt8](repeating: 120, count: 70)), 0),
            (count: 1, rows: 70, columns: 32), rows: (0, 1))
        let mxfp4 = WeightMatrix(
            storage: quantised, byteOffset: 0, type: .mxfp4, rowCount: 70, columnCount: 32)
        let packed = try WeightPacker(pool: ThreadPool(threadCount: 2)).pack(views + [mxfp4])
        #expect(packed[3].layout == .panels && packed[3].type == .mxfp4)
        let y = FloatBuffer(rowCount: 1, columnCount: 32)
        Compute(pool: ThreadPool(threadCount: 1)).embed([69].span, packed[3], into: y)
        quantised.bringIn(0..<quantised.byteCount)
        #expect(y.values(row: 0) == mxfp4.decodedRow(69))
    }
}
