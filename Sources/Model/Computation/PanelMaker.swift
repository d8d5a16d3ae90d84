// SPDX-License-Identifier: Apache-2.0

internal import CKernels
package import Parallelism
package import Quantization

/// Makes the panels of a matrix of rows; in another type of the same values where its own has none.
struct PanelMaker {
    private let matrix: WeightMatrix
    private let type: ElementType

    /// How many panels there are.
    let panelCount: Int

    /// The bytes of a panel, unless it is the last.
    let panelByteCount: Int

    /// - Parameters:
    ///   - matrix: what to pack.
    ///   - type: its `packedType`.
    init(_ matrix: WeightMatrix, packedAs type: ElementType) {
        self.matrix = matrix
        self.type = type
        panelCount =
            (matrix.rowCount + WeightMatrix.rowsPerPanel - 1) / WeightMatrix.rowsPerPanel
        panelByteCount =
            CK_PANEL_STRIPS * ck_strip_bytes(ck_format(type.ggufType), matrix.columnCount)
    }

    /// Makes all panels.
    ///
    /// - Parameters:
    ///   - region: receives the matrix's packed bytes.
    ///   - pool: the threads that make them.
    func make(in region: UnsafeMutableRawPointer, using pool: ThreadPool) {
        pool.parallel(count: panelCount) { panel, _ in
            unsafe make(panel, at: region + panel * panelByteCount)
        }
    }

    private func make(_ panel: Int, at target: UnsafeMutableRawPointer) {
        let target = unsafe target.assumingMemoryBound(to: UInt8.self)
        let first = panel * WeightMatrix.rowsPerPanel
        let rowCount = min(WeightMatrix.rowsPerPanel, matrix.rowCount - first)
        let start = matrix.byteOffset + first * matrix.bytesPerRow
        matrix.storage.bringIn(start..<start + rowCount * matrix.bytesPerRow)
        let rows =
            unsafe matrix.base.assumingMemoryBound(to: UInt8.self)
            + first * matrix.bytesPerRow
        guard type != matrix.type else {
            unsafe ck_pack_panel(
                ck_format(type.ggufType), rows, matrix.bytesPerRow, rowCount, matrix.columnCount,
                target)
            return
        }
        let bytesPerRow = matrix.columnCount / type.elementsPerBlock * type.bytesPerBlock
        var rewritten = [UInt8](repeating: 0, count: rowCount * bytesPerRow)
        var span = rewritten.mutableSpan
        unsafe matrix.type.rewrite(
            Span(_unsafeStart: rows, count: rowCount * matrix.bytesPerRow), to: &span)
        unsafe rewritten.withUnsafeBufferPointer { rows in
            guard let rows = rows.baseAddress else { return }
            unsafe ck_pack_panel(
                ck_format(type.ggufType), rows, bytesPerRow, rowCount, matrix.columnCount, target)
        }
    }
}

extension WeightMatrix {
    /// The version of the panels' layout and of what their bytes mean: to be raised with every
    /// change to `pack.c`, so that files of older panels are refused.
    package static let panelVersion: UInt32 = 1

    /// The rows as panels.
    ///
    /// - Parameters:
    ///   - type: the `packedType` of the matrix, or of one that it is a part of.
    ///   - pool: the threads that pack.
    /// - Returns: `packedByteCount(as:)` bytes.
    package func panelBytes(as type: ElementType, using pool: ThreadPool) -> [UInt8] {
        precondition(
            type == likelyPackedType, "\(rowCount) × \(columnCount) of \(self.type.name)")
        let maker = PanelMaker(self, packedAs: type)
        let byteCount = packedByteCount(as: type)
        return unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { bytes, initializedCount in
            guard let region = bytes.baseAddress else { return }
            unsafe maker.make(in: UnsafeMutableRawPointer(region), using: pool)
            initializedCount = byteCount
        }
    }
}
