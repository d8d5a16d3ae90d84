// SPDX-License-Identifier: Apache-2.0

internal import CKernels
package import Quantization

/// A view of a weight matrix in memory that never moves, in any element type.
///
/// The rows are the outputs: a product is y = x · Wᵀ.
package struct WeightMatrix: Sendable {
    /// How the elements lie in memory.
    package enum Layout: Sendable {
        /// Row after row, as in files of others.
        case rows

        /// Panels of 64 rows, each of them strips of 16 rows, which `ck_packed.h` describes: for
        /// products with quantised activations. Begins on a 64-byte boundary of memory.
        case panels
    }

    /// The rows of a panel.
    package static let rowsPerPanel = CK_PANEL_ROWS

    /// The file or memory that holds the rows and that the view keeps alive.
    package let storage: ByteStorage

    /// Where the matrix begins in `storage`.
    package let byteOffset: Int

    /// How the elements lie in memory.
    package let layout: Layout

    /// The format of the elements.
    package let type: ElementType

    /// The number of outputs.
    package let rowCount: Int

    /// The number of inputs, a whole number of blocks.
    package let columnCount: Int

    /// The size of one row in the layout of rows.
    package let bytesPerRow: Int

    /// The number of bytes of all rows.
    package let byteCount: Int

    /// Creates a view.
    ///
    /// - Parameters:
    ///   - storage: what holds the bytes.
    ///   - byteOffset: where the matrix begins; any alignment for rows.
    ///   - type: the format.
    ///   - rowCount: the number of rows.
    ///   - columnCount: the length of a row in elements.
    ///   - layout: how the elements lie there.
    /// - Precondition: rows are whole blocks and the matrix lies within `storage`. Whoever takes
    ///   the numbers from a file checks this first.
    package init(
        storage: ByteStorage, byteOffset: Int, type: ElementType, rowCount: Int, columnCount: Int,
        layout: Layout = .rows
    ) {
        guard let bytesPerRow = type.byteCount(elements: columnCount),
            let byteCount = Self.byteCount(
                of: type, rowCount: rowCount, columnCount: columnCount, layout: layout)
        else {
            preconditionFailure("\(rowCount) rows of \(columnCount) elements of \(type.name)")
        }
        precondition(
            byteOffset >= 0 && byteOffset <= storage.byteCount
                && byteCount <= storage.byteCount - byteOffset,
            "\(rowCount) × \(columnCount) of \(type.name) at byte \(byteOffset) is outside "
                + "\(storage.path) of \(storage.byteCount) bytes")
        precondition(
            unsafe layout == .rows || UInt(bitPattern: storage.base + byteOffset) % 64 == 0,
            "panels at byte \(byteOffset) of \(storage.path)")
        self.storage = storage
        self.byteOffset = byteOffset
        self.type = type
        self.rowCount = rowCount
        self.columnCount = columnCount
        self.layout = layout
        self.bytesPerRow = bytesPerRow
        self.byteCount = byteCount
    }

    /// The bytes that a matrix of some shape takes.
    ///
    /// - Parameters:
    ///   - type: the format.
    ///   - rowCount: the number of rows.
    ///   - columnCount: the length of a row in elements.
    ///   - layout: how the elements lie.
    /// - Returns: nil where rows are no whole blocks, the layout does not take them, or the number
    ///   cannot be represented.
    package static func byteCount(
        of type: ElementType, rowCount: Int, columnCount: Int, layout: Layout
    ) -> Int? {
        guard rowCount >= 0, let bytesPerRow = type.byteCount(elements: columnCount) else {
            return nil
        }
        let (byteCount, overflow) = rowCount.multipliedReportingOverflow(by: bytesPerRow)
        guard !overflow else { return nil }
        guard layout == .panels else { return byteCount }
        guard canPack(type, columnCount: columnCount), byteCount <= Int.max / 4 else { return nil }
        return (rowCount + CK_STRIP_ROWS - 1) / CK_STRIP_ROWS
            * ck_strip_bytes(ck_format(type.ggufType), columnCount)
    }

    /// Whether rows of a type and length can lie in panels.
    package static func canPack(_ type: ElementType, columnCount: Int) -> Bool {
        columnCount > 0 && ck_can_pack(ck_format(type.ggufType), columnCount) != 0
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
            storage: AnonymousMemory(bytes: bytes), byteOffset: 0, type: .f32, rowCount: rows,
            columnCount: columns)
    }

    /// A view of some of the rows, such as one expert of a stacked tensor.
    ///
    /// - Precondition: a matrix of panels is cut between panels only.
    package func rows(_ range: Range<Int>) -> WeightMatrix {
        precondition(range.lowerBound >= 0 && range.upperBound <= rowCount, "\(range), \(rowCount)")
        precondition(
            layout == .rows
                || range.lowerBound % Self.rowsPerPanel == 0
                    && (range.upperBound % Self.rowsPerPanel == 0 || range.upperBound == rowCount),
            "rows \(range) of panels")
        let start = Self.byteCount(
            of: type, rowCount: range.lowerBound, columnCount: columnCount, layout: layout)
        return WeightMatrix(
            storage: storage, byteOffset: byteOffset + (start ?? 0), type: type,
            rowCount: range.count, columnCount: columnCount, layout: layout)
    }

    /// The type that the matrix has once it is packed: its own, or one that has the same values,
    /// all of them; nil where it cannot be packed or is packed already.
    ///
    /// - Complexity: reads every scale where the type would be another, so ask once and keep it.
    package var packedType: ElementType? {
        guard let likely = likelyPackedType, likely != type else { return likelyPackedType }
        let canRewrite = unsafe type.canRewrite(
            Span(_unsafeStart: base.assumingMemoryBound(to: UInt8.self), count: byteCount))
        return canRewrite ? likely : nil
    }

    /// The `packedType` if all scales are as usual, found without reading any.
    package var likelyPackedType: ElementType? {
        guard layout == .rows else { return nil }
        if Self.canPack(type, columnCount: columnCount) { return type }
        guard let other = type.rewrittenType, Self.canPack(other, columnCount: columnCount) else {
            return nil
        }
        return other
    }

    /// The number of bytes that the matrix takes in panels of a type; nil: as it is.
    package func packedByteCount(as type: ElementType?) -> Int {
        guard let type else { return byteCount }
        return Self.byteCount(
            of: type, rowCount: rowCount, columnCount: columnCount, layout: .panels) ?? byteCount
    }

    var base: UnsafeRawPointer { unsafe storage.base + byteOffset }
}
