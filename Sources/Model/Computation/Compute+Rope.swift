// SPDX-License-Identifier: Apache-2.0

import CKernels

/// Which two components of a head make up one rotated pair.
package enum RotationPairing: Sendable {
    /// 2i and 2i + 1.
    case adjacent
    /// i and i + half of those that rotate.
    case halves
}

extension Compute {
    /// Cosines and sines of each row's position.
    ///
    /// - Parameters:
    ///   - positions: one per row, T of them.
    ///   - inverseFrequencies: angle per position of each pair.
    ///   - scale: what both are multiplied with (YaRN's attention factor).
    ///   - table: receives `[T, 2·pairs]`: cosines, then sines.
    package func ropeTable(
        positions: [Int32], inverseFrequencies: [Float], scale: Float, into table: FloatBuffer
    ) {
        let pairCount = inverseFrequencies.count
        precondition(
            table.rowCount >= positions.count && table.columnCount == 2 * pairCount,
            "rope table of another shape")
        unsafe inverseFrequencies.withUnsafeBufferPointer { frequencies in
            // A cosine and a sine cost about as much as 40 additions.
            unsafe forEachRow(
                positions.count, cost: 40 * pairCount,
                Angles(
                    positions: positions, frequencies: frequencies, scale: scale, table: table))
        }
    }

    @safe private struct Angles: RowWork {
        let positions: [Int32]
        let frequencies: UnsafeBufferPointer<Float>
        let scale: Float
        let table: FloatBuffer

        func run(row: Int) {
            unsafe ck_rope_table(
                frequencies.baseAddress, frequencies.count, positions[row], scale,
                table.base + row * table.stride)
        }
    }

    /// Rotates every head of the first `rowCount` rows by the row's position, in place.
    ///
    /// - Parameters:
    ///   - x: `[T, heads·Dh]`.
    ///   - rowCount: T.
    ///   - headDimension: Dh.
    ///   - first: the first component of a head that rotates.
    ///   - pairing: which components rotate together.
    ///   - table: `[T, 2·pairs]` of `ropeTable`.
    /// - Source: arXiv:2104.09864.
    package func rotate(
        _ x: FloatBuffer, rowCount: Int, headDimension: Int, from first: Int = 0,
        pairing: RotationPairing, table: FloatBuffer
    ) {
        precondition(
            rowCount <= x.rowCount && rowCount <= table.rowCount
                && x.columnCount % headDimension == 0 && first >= 0
                && table.columnCount <= headDimension - first,
            "rotating \(rowCount) rows: buffers of other shapes")
        forEachRow(
            rowCount, cost: x.columnCount,
            Rotation(
                isa: isa, x: x, headDimension: headDimension, first: first, pairing: pairing,
                table: table))
    }

    private struct Rotation: RowWork {
        let isa: ck_isa
        let x: FloatBuffer
        let headDimension: Int
        let first: Int
        let pairing: RotationPairing
        let table: FloatBuffer

        func run(row: Int) {
            let pairCount = table.columnCount / 2
            let headCount = x.columnCount / headDimension
            let heads = unsafe x.base + row * x.stride + first
            let angles = unsafe table.base + row * table.stride
            switch pairing {
            case .adjacent:
                unsafe ck_rope_adjacent(isa, heads, angles, pairCount, headCount, headDimension)
            case .halves:
                unsafe ck_rope_halves(isa, heads, angles, pairCount, headCount, headDimension)
            }
        }
    }
}
