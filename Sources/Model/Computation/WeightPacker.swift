// SPDX-License-Identifier: Apache-2.0

package import Parallelism
package import Quantization

/// Packs weights into panels: once per start, on all threads, into one region of memory.
package struct WeightPacker: Sendable {
    /// What becomes of a matrix: packed, or as it was where it cannot be.
    private struct Place {
        let matrix: WeightMatrix
        let type: ElementType
        let byteOffset: Int
        let byteCount: Int
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
    ///   - matrices: any; those without a `packedType` stay as they are.
    ///   - types: the `packedType` of each, if it is known already: finding it may take long.
    ///   - progress: receives the number of packed bytes that are done and of all; called on the
    ///     calling thread.
    /// - Returns: as many, in the same order.
    /// - Throws: where there is no memory for them.
    package func pack(
        _ matrices: [WeightMatrix], as types: [ElementType?]? = nil,
        progress: (_ doneByteCount: Int, _ byteCount: Int) -> Void = { _, _ in }
    ) throws(ByteStorageError) -> [WeightMatrix] {
        var byteCount = 0
        var places: [Place?] = []
        for (matrix, type) in zip(matrices, types ?? matrices.map(\.packedType)) {
            guard let type else {
                places.append(nil)
                continue
            }
            let place = Place(
                matrix: matrix, type: type, byteOffset: byteCount,
                byteCount: matrix.packedByteCount(as: type))
            places.append(place)
            byteCount += place.byteCount
        }
        guard byteCount > 0 else { return matrices }
        let storage = unsafe try AnonymousMemory(byteCount: byteCount, path: "(packed weights)") {
            region in
            for place in places.compactMap({ $0 }) {
                let (matrix, start) = (place.matrix, place.byteOffset)
                let maker = PanelMaker(matrix, packedAs: place.type)
                unsafe pool.weightPlacement.place(
                    region + start, panelCount: maker.panelCount,
                    panelByteCount: maker.panelByteCount)
                unsafe maker.make(in: region + start, using: pool)
                matrix.storage.release(matrix.byteOffset..<matrix.byteOffset + matrix.byteCount)
                progress(start + place.byteCount, byteCount)
            }
        }
        return zip(matrices, places).map { matrix, place in
            guard let place else { return matrix }
            return WeightMatrix(
                storage: storage, byteOffset: place.byteOffset, type: place.type,
                rowCount: matrix.rowCount, columnCount: matrix.columnCount, layout: .panels)
        }
    }
}
