// SPDX-License-Identifier: Apache-2.0

package import Quantization

/// A view of a weight matrix in memory that never moves: row-major, in any element type.
///
/// The rows are the outputs: a product is y = x · Wᵀ.
package struct WeightMatrix: Sendable {
    /// The file or memory that holds the rows and that the view keeps alive.
    package let storage: MappedFile

    /// Where the first row begins in `storage`.
    package let byteOffset: Int

    /// The format of the elements.
    package let type: ElementType

    /// The number of outputs.
    package let rowCount: Int

    /// The number of inputs, a whole number of blocks.
    package let columnCount: Int

    /// The size of one row.
    package let bytesPerRow: Int

    /// Creates a view.
    ///
    /// - Parameters:
    ///   - storage: what holds the bytes.
    ///   - byteOffset: where the first row begins; any alignment.
    ///   - type: the format.
    ///   - rowCount: the number of rows.
    ///   - columnCount: the length of a row in elements.
    /// - Precondition: rows are whole blocks and the matrix lies within `storage`. Whoever takes
    ///   the numbers from a file checks this first.
    package init(
        storage: MappedFile, byteOffset: Int, type: ElementType, rowCount: Int, columnCount: Int
    ) {
        guard rowCount >= 0, let bytesPerRow = type.byteCount(elements: columnCount) else {
            preconditionFailure("\(rowCount) rows of \(columnCount) elements of \(type.name)")
        }
        let (byteCount, overflow) = rowCount.multipliedReportingOverflow(by: bytesPerRow)
        precondition(
            !overflow && byteOffset >= 0 && byteOffset <= storage.byteCount
                && byteCount <= storage.byteCount - byteOffset,
            "\(rowCount) × \(columnCount) of \(type.name) at byte \(byteOffset) is outside "
                + "\(storage.path) of \(storage.byteCount) bytes")
        self.storage = storage
        self.byteOffset = byteOffset
        self.type = type
        self.rowCount = rowCount
        self.columnCount = columnCount
        self.bytesPerRow = bytesPerRow
    }

    /// A matrix of f32 values in memory of its own.
    ///
    /// - Parameters:
    ///   - values: `[rows, columns]`, row-major.
    ///   - rows: the number of rows.
    ///   - columns: the length of a row.
    /// - Returns: the matrix.
    package static func of(_ values: [Float], rows: Int, columns: Int) -> WeightMatrix {
        precondition(values.count == rows * columns, "\(values.count) values, \(rows) × \(columns)")
        let bytes = unsafe values.withUnsafeBytes { unsafe [UInt8]($0) }
        return WeightMatrix(
            storage: MappedFile(bytes: bytes), byteOffset: 0, type: .f32, rowCount: rows,
            columnCount: columns)
    }

    /// A view of some of the rows, such as one expert of a stacked tensor.
    package func rows(_ range: Range<Int>) -> WeightMatrix {
        precondition(range.lowerBound >= 0 && range.upperBound <= rowCount, "\(range), \(rowCount)")
        return WeightMatrix(
            storage: storage, byteOffset: byteOffset + range.lowerBound * bytesPerRow, type: type,
            rowCount: range.count, columnCount: columnCount)
    }

    /// The number of bytes of all rows.
    package var byteCount: Int { rowCount * bytesPerRow }

    var base: UnsafeRawPointer { unsafe storage.base + byteOffset }
}
