// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// Rows of activations as packed weights of some types want them: int8 with their scales, or floats.
///
/// Blocks of 256 columns lie one after another, those of all rows each; `ck_packed.h` has the rest.
/// The memory grows to the largest step and is reused.
@safe final class PreparedRows {
    /// Where the rows lie.
    @unsafe struct Layout {
        var base: UnsafeMutablePointer<UInt8>
        let bytesPerBlock: Int
        var blockStride: Int
    }

    let kind: ck_activation
    private(set) var layout: Layout
    private var capacity = 0

    init(kind: ck_activation) {
        self.kind = kind
        unsafe layout = Layout(
            base: .allocate(capacity: 1), bytesPerBlock: ck_activation_bytes(kind), blockStride: 0)
    }

    deinit { unsafe layout.base.deallocate() }

    /// Bytes of so many rows in the largest way of preparing them.
    static func largestByteCount(rowCount: Int, columnCount: Int) -> Int {
        blockCount(columnCount) * rowCount * ck_activation_bytes(CK_ACTIVATION_F32)
    }

    private static func blockCount(_ columnCount: Int) -> Int {
        (columnCount + CK_ACTIVATION_COLUMNS - 1) / CK_ACTIVATION_COLUMNS
    }

    /// Makes room; what was there is lost.
    func resize(rowCount: Int, columnCount: Int) {
        unsafe layout.blockStride = rowCount * layout.bytesPerBlock
        let byteCount = unsafe Self.blockCount(columnCount) * layout.blockStride
        guard byteCount > capacity else { return }
        unsafe layout.base.deallocate()
        let memory = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 4096)
        unsafe layout.base = memory.bindMemory(to: UInt8.self, capacity: byteCount)
        capacity = byteCount
    }

    /// Prepares one row.
    func set(row: Int, to x: UnsafePointer<Float>, columnCount: Int, isa: ck_isa) {
        unsafe ck_quantize_row(
            isa, kind, x, columnCount, layout.base + row * layout.bytesPerBlock,
            layout.blockStride)
    }
}
