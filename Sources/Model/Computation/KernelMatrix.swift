// SPDX-License-Identifier: Apache-2.0

internal import CKernels
internal import Parallelism
internal import Quantization

/// A weight matrix as kernels take it: without the reference that keeps its memory alive.
@unsafe struct KernelMatrix {
    private(set) var base: UnsafePointer<UInt8>
    private(set) var rowCount: Int
    let columnCount: Int
    let format: ck_format
    let layout: WeightMatrix.Layout
    let bytesPerRow: Int
    let bytesPerPanel: Int

    init(_ w: WeightMatrix) {
        unsafe base = w.base.assumingMemoryBound(to: UInt8.self)
        unsafe rowCount = w.rowCount
        unsafe columnCount = w.columnCount
        unsafe format = ck_format(w.type.ggufType)
        unsafe layout = w.layout
        unsafe bytesPerRow = w.bytesPerRow
        unsafe bytesPerPanel =
            w.layout == .rows
            ? WeightMatrix.rowsPerPanel * w.bytesPerRow
            : CK_PANEL_STRIPS * ck_strip_bytes(format, w.columnCount)
    }

    /// Panels of rows, the last of which may have fewer.
    var panelCount: Int {
        unsafe (rowCount + WeightMatrix.rowsPerPanel - 1) / WeightMatrix.rowsPerPanel
    }

    /// Which of a plan's prepared inputs a product of panels reads.
    var inputIndex: Int { unsafe Int(ck_activation_of(format).rawValue) }

    /// The matrix of some panels' rows.
    func panels(_ range: Range<Int>) -> KernelMatrix {
        var part = unsafe self
        unsafe part.base = base + range.lowerBound * bytesPerPanel
        unsafe part.rowCount =
            min(rowCount, range.upperBound * WeightMatrix.rowsPerPanel)
            - range.lowerBound * WeightMatrix.rowsPerPanel
        return unsafe part
    }

    /// Where some panels' bytes lie.
    func bytes(ofPanels range: Range<Int>) -> WeightsAhead.Part {
        unsafe WeightsAhead.Part(
            address: UInt(bitPattern: base + range.lowerBound * bytesPerPanel),
            byteCount: range.count * bytesPerPanel)
    }

    /// Decodes a row to `columnCount` numbers.
    func decodeRow(_ row: Int, into y: UnsafeMutablePointer<Float>, isa: ck_isa) {
        switch unsafe layout {
        case .rows:
            unsafe ck_dequantize(isa, format, base + row * bytesPerRow, y, columnCount)
        case .panels:
            let panel = row / WeightMatrix.rowsPerPanel
            let part = unsafe panels(panel..<panel + 1)
            unsafe ck_decode_packed_row(
                isa, format, part.base, (part.rowCount + CK_STRIP_ROWS - 1) / CK_STRIP_ROWS,
                row % WeightMatrix.rowsPerPanel, columnCount, y)
        }
    }
}
