// SPDX-License-Identifier: Apache-2.0

internal import CKernels
internal import Quantization

/// Weights in f32, packed once for products that are exact to rounding: what encoders compute with.
///
/// Quantised weights are decoded, so that a product loses nothing beyond what the file has lost.
package struct FloatPanels: Sendable {
    /// The number of outputs.
    package let rowCount: Int

    /// The number of inputs.
    package let columnCount: Int

    /// The panels, and behind them a bias for each of their rows.
    private let storage: AnonymousMemory

    /// Packs matrices, one above another.
    ///
    /// - Parameters:
    ///   - matrices: of the same number of columns, in any format.
    ///   - bias: one for each of their rows.
    /// - Throws: where there is no memory for them.
    package init(_ matrices: [WeightMatrix], bias: [Float]) throws(ByteStorageError) {
        let rowCount = matrices.reduce(0) { $0 + $1.rowCount }
        let columnCount = matrices.first?.columnCount ?? 0
        precondition(
            bias.count == rowCount && matrices.allSatisfy { $0.columnCount == columnCount },
            "\(bias.count) biases of \(rowCount) rows")
        self.rowCount = rowCount
        self.columnCount = columnCount
        let byteCount = Self.byteCount(rowCount: rowCount, columnCount: columnCount)
        let panelByteCount = byteCount / (columnCount + 1) * columnCount
        storage = unsafe try AnonymousMemory(byteCount: byteCount, path: "(f32 weights)") {
            region in
            let panels = unsafe region.assumingMemoryBound(to: Float.self)
            let rows = FloatBuffer(rowCount: Self.panelRowCount, columnCount: columnCount)
            var filled = 0
            var panel = 0
            func flush() {
                guard filled > 0 else { return }
                unsafe ck_fill_float_panel(
                    rows.base, rows.stride, filled, columnCount,
                    panels + panel * Self.panelRowCount * columnCount)
                panel += 1
                filled = 0
            }
            let isa = ck_best_isa()
            for matrix in matrices {
                let kernelMatrix = unsafe KernelMatrix(matrix)
                for row in 0..<matrix.rowCount {
                    unsafe kernelMatrix.decodeRow(row, into: rows.pointer(row: filled), isa: isa)
                    filled += 1
                    if filled == Self.panelRowCount { flush() }
                }
            }
            flush()
            let biases = unsafe (region + panelByteCount).assumingMemoryBound(to: Float.self)
            for (index, value) in bias.enumerated() { unsafe biases[index] = value }
        }
    }

    /// The rows of a panel.
    static let panelRowCount = Int(CK_FLOAT_PANEL_ROWS)

    /// How many numbers a product writes to each row of its result.
    package static func writtenCount(_ rowCount: Int) -> Int {
        (rowCount + panelRowCount - 1) / panelRowCount * panelRowCount
    }

    /// The bytes that packed weights and their biases take.
    package static func byteCount(rowCount: Int, columnCount: Int) -> Int {
        writtenCount(rowCount) * (columnCount + 1) * MemoryLayout<Float>.size
    }

    var panelCount: Int { Self.writtenCount(rowCount) / Self.panelRowCount }

    var panels: UnsafePointer<Float> { unsafe storage.base.assumingMemoryBound(to: Float.self) }

    var bias: UnsafePointer<Float> {
        unsafe panels + panelCount * Self.panelRowCount * columnCount
    }
}
