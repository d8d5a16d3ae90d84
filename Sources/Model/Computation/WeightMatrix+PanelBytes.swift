// SPDX-License-Identifier: Apache-2.0

internal import CKernels
package import Parallelism
internal import Quantization

extension WeightMatrix {
    /// The version of the panels' layout and of what their bytes mean: to be raised with every
    /// change to `pack.c`, so that files of older panels are refused.
    package static let panelVersion: UInt32 = 1

    /// The rows as panels.
    ///
    /// - Parameter pool: the threads that pack.
    /// - Returns: `packedByteCount` bytes.
    /// - Precondition: `canPack`.
    package func panelBytes(using pool: ThreadPool) -> [UInt8] {
        precondition(canPack, "\(rowCount) × \(columnCount) of \(type.name)")
        let format = ck_format(type.ggufType)
        let panelByteCount = CK_PANEL_STRIPS * ck_strip_bytes(format, columnCount)
        let panelCount = (rowCount + Self.rowsPerPanel - 1) / Self.rowsPerPanel
        let byteCount = packedByteCount
        return unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { bytes, initializedCount in
            guard let region = bytes.baseAddress else { return }
            let source = unsafe base.assumingMemoryBound(to: UInt8.self)
            pool.parallel(count: panelCount) { panel, _ in
                let row = panel * Self.rowsPerPanel
                unsafe ck_pack_panel(
                    format, source + row * bytesPerRow, bytesPerRow,
                    min(Self.rowsPerPanel, rowCount - row), columnCount,
                    region + panel * panelByteCount)
            }
            initializedCount = byteCount
        }
    }
}
