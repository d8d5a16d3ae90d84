// SPDX-License-Identifier: Apache-2.0

internal import CKernels
package import Parallelism

/// Packs weights into panels: once per start, on all threads, into one region of memory.
package struct WeightPacker: Sendable {
    /// What becomes of a matrix: packed, or as it was where it cannot be.
    private struct Place {
        let matrix: WeightMatrix
        let byteOffset: Int
    }

    private let pool: ThreadPool

    /// Creates a packer.
    ///
    /// - Parameter pool: the threads.
    package init(pool: ThreadPool) {
        self.pool = pool
    }

    /// Packs the matrices that can be packed.
    ///
    /// The memory that their files' bytes took is given back, matrix after matrix, so no more than
    /// one of them is in memory twice.
    ///
    /// - Parameters:
    ///   - matrices: any; those in panels, of types without a packed form, or of odd sizes stay as
    ///     they are.
    ///   - progress: receives the number of packed bytes that are done and of all; called on the
    ///     calling thread.
    /// - Returns: as many, in the same order.
    /// - Throws: where there is no memory for them.
    package func pack(
        _ matrices: [WeightMatrix],
        progress: (_ doneByteCount: Int, _ byteCount: Int) -> Void = { _, _ in }
    ) throws(MappedFileError) -> [WeightMatrix] {
        var byteCount = 0
        var places: [Place?] = []
        for matrix in matrices {
            guard matrix.canPack else {
                places.append(nil)
                continue
            }
            places.append(Place(matrix: matrix, byteOffset: byteCount))
            byteCount += matrix.packedByteCount
        }
        guard byteCount > 0 else { return matrices }
        let storage = unsafe try MappedFile(byteCount: byteCount, path: "(packed weights)") {
            region in
            for place in places.compactMap({ $0 }) {
                unsafe pack(place.matrix, to: region + place.byteOffset)
                progress(place.byteOffset + place.matrix.packedByteCount, byteCount)
            }
        }
        return zip(matrices, places).map { matrix, place in
            guard let place else { return matrix }
            return WeightMatrix(
                storage: storage, byteOffset: place.byteOffset, type: matrix.type,
                rowCount: matrix.rowCount, columnCount: matrix.columnCount, layout: .panels)
        }
    }

    private func pack(_ matrix: WeightMatrix, to region: UnsafeMutableRawPointer) {
        let w = unsafe KernelMatrix(matrix)
        let panelByteCount = unsafe CK_PANEL_STRIPS * ck_strip_bytes(w.format, w.columnCount)
        unsafe pool.weightPlacement.place(
            region, panelCount: w.panelCount, panelByteCount: panelByteCount)
        unsafe pool.parallel(count: w.panelCount) { panel, _ in
            let part = unsafe w.panels(panel..<panel + 1)
            unsafe ck_pack_panel(
                part.format, part.base, part.bytesPerRow, part.rowCount, part.columnCount,
                (region + panel * panelByteCount).assumingMemoryBound(to: UInt8.self))
        }
        matrix.storage.release(matrix.byteOffset..<matrix.byteOffset + matrix.byteCount)
    }
}
