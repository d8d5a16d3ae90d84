// SPDX-License-Identifier: Apache-2.0

import Computation
import Foundation
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

    private static func scaled(
        _ form: ScaledCodes.Form, _ codes: [UInt8], _ shape: RearrangedMatrices.Shape
    ) throws -> (_ matrix: Int, _ row: Int) -> [Float] {
        let matrices = try RearrangedMatrices(
            scaling: ScaledCodes(codes: (AnonymousMemory(bytes: [9] + codes), 1), form: form), shape
        )
        matrices.bringIn(0..<matrices.byteCount)
        let view = WeightMatrix(
            storage: matrices, byteOffset: 0, type: .bf16, rowCount: shape.count * shape.rows,
            columnCount: shape.columns)
        return { view.decodedRow($0 * shape.rows + $1) }
    }

    private static func rounded(_ values: [Float]) -> [Float] {
        ElementType.bf16.decoded(ElementType.bf16.encoded(values))
    }

    @Test func `every code of E4M3 means what it says`() throws {
        let row = try Self.scaled(
            .e4m3(scales: [1], blockRows: 1, blockColumns: 256), (0...255).map { UInt8($0) },
            (count: 1, rows: 1, columns: 256))(0, 0)
        for (code, value) in row.enumerated() {
            let (exponent, mantissa) = (code >> 3 & 15, Double(code & 7) / 8)
            if code & 127 == 127 {
                #expect(value.isNaN)
                continue
            }
            let size =
                exponent == 0 ? mantissa * 0x1p-6 : (1 + mantissa) * exp2(Double(exponent - 7))
            #expect(Double(value) == (code < 128 ? size : -size))
        }
        #expect(row[126] == 448 && row[1] == 0x1p-9)
    }

    @Test func `codes of eight bits take the scale of their block`() throws {
        // Two matrices of 70 rows and 10 columns, in blocks of 32 times 4 that are cut off.
        var random = RandomWeights(seed: 4)
        let codes = (0..<2 * 70 * 10).map { _ in UInt8(random.next() >> 25) % 0x7F }
        let scales = (0..<2 * 3 * 3).map { 0.3 + Float($0) / 7 }
        let row = try Self.scaled(
            .e4m3(scales: scales, blockRows: 32, blockColumns: 4), codes,
            (count: 2, rows: 70, columns: 10))
        let levels = try Self.scaled(
            .e4m3(scales: [1], blockRows: 1, blockColumns: 128), (0..<128).map { UInt8($0) },
            (count: 1, rows: 1, columns: 128))(0, 0)
        for (matrix, index) in [(0, 0), (0, 31), (0, 32), (1, 63), (1, 64), (1, 69)] {
            let expected = (0..<10).map { column in
                levels[Int(codes[(matrix * 70 + index) * 10 + column])]
                    * scales[matrix * 9 + index / 32 * 3 + column / 4]
            }
            #expect(row(matrix, index) == Self.rounded(expected))
        }
    }

    @Test(arguments: [false, true])
    func `codes of four bits take the scale of their group and of their matrix`(
        divides: Bool
    ) throws {
        var random = RandomWeights(seed: 5)
        let codes = (0..<2 * 3 * 16).map { _ in UInt8(truncatingIfNeeded: random.next() >> 24) }
        let scales = (0..<2 * 3 * 2).map { UInt8(0x30 + $0) }
        let factors: [Float] = [3, 0.7]
        let row = try Self.scaled(
            .e2m1(
                scales: (AnonymousMemory(bytes: scales), 0), factors: factors, divides: divides),
            codes, (count: 2, rows: 3, columns: 32))
        let levels: [Float] = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
        for (matrix, index) in [(0, 0), (0, 2), (1, 0), (1, 1)] {
            let expected = (0..<32).map { column in
                let byte = codes[(matrix * 3 + index) * 16 + column / 2]
                let code = column % 2 == 0 ? byte & 15 : byte >> 4
                let mantissa = scales[(matrix * 3 + index) * 2 + column / 16] & 15
                let scale = Float(8 + mantissa % 8) * (mantissa < 8 ? 0x1p-4 : 0x1p-3)
                let local = divides ? scale / factors[matrix] : scale * factors[matrix]
                return (code < 8 ? levels[Int(code)] : -levels[Int(code - 8)]) * local
            }
            #expect(row(matrix, index) == Self.rounded(expected))
        }
    }

    @Test func `what is made of made rows makes these first`() throws {
        let inner = try RearrangedMatrices(
            scaling: ScaledCodes(
                codes: (AnonymousMemory(bytes: (0..<8 * 4).map { UInt8(0x20 + $0) }), 0),
                form: .e4m3(scales: [2], blockRows: 8, blockColumns: 4)),
            (count: 1, rows: 8, columns: 4))
        let view = WeightMatrix(
            storage: inner, byteOffset: 0, type: .bf16, rowCount: 8, columnCount: 4)
        let outer: [RearrangedMatrices] = [
            try RearrangedMatrices(
                gathering: [(first: 4, count: 4), (first: 0, count: 4)], of: (inner, 0), columns: 4,
                bytesPerRow: 8),
            try RearrangedMatrices(
                transposingPartsOf: view, rowsEach: 4, (count: 2, rows: 4, columns: 4)),
            try RearrangedMatrices(
                multiplying: view, by: [3, 5], (count: 2, rows: 4, columns: 4)),
        ]
        for matrices in outer { matrices.bringIn(0..<matrices.byteCount) }
        inner.bringIn(0..<inner.byteCount)
        let rows = (0..<8).map { view.decodedRow($0) }
        func row(_ index: Int, of matrices: RearrangedMatrices) -> [Float] {
            WeightMatrix(
                storage: matrices, byteOffset: 0, type: .bf16, rowCount: 8, columnCount: 4
            ).decodedRow(index)
        }
        #expect(row(1, of: outer[0]) == rows[5] && row(6, of: outer[0]) == rows[2])
        #expect(row(5, of: outer[1]) == (4..<8).map { rows[$0][1] })
        #expect(row(3, of: outer[2]) == Self.rounded(rows[3].map { 3 * $0 }))
        #expect(row(4, of: outer[2]) == Self.rounded(rows[4].map { 5 * $0 }))
        #expect(rows[7][3] != 0)
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
