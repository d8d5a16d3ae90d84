// SPDX-License-Identifier: Apache-2.0

import Computation
import Quantization

/// A tensor as its file holds it, whatever the format of that file.
struct StoredTensor: Sendable {
    var name: String
    var file: MappedFile
    var type: ElementType
    /// Sizes, the contiguous one last: a matrix is `[rows, columns]`.
    var shape: [Int]
    /// Where its bytes begin, counted from the start of the file.
    var byteOffset: Int
    var byteCount: Int
    /// How its bytes are arranged.
    var layout: WeightMatrix.Layout
    /// XXH64 of its bytes, where the file states it.
    var checksum: UInt64?

    /// Creates the description of a tensor whose place in `file` has been checked.
    init(
        name: String, file: MappedFile, type: ElementType, shape: [Int], byteOffset: Int,
        byteCount: Int, layout: WeightMatrix.Layout = .rows, checksum: UInt64? = nil
    ) {
        self.name = name
        self.file = file
        self.type = type
        self.shape = shape
        self.byteOffset = byteOffset
        self.byteCount = byteCount
        self.layout = layout
        self.checksum = checksum
    }

    /// The tensor of a GGUF file.
    init(_ tensor: GGUFTensor, of file: MappedFile) {
        self.init(
            name: tensor.name, file: file, type: tensor.type, shape: tensor.dimensions.reversed(),
            byteOffset: tensor.byteOffset, byteCount: tensor.byteCount)
    }

    /// How many elements it has.
    var elementCount: Int { shape.reduce(1, *) }

    /// A matrix of `rows`, the first of which is row `firstRow` of all the tensor's rows.
    ///
    /// - Precondition: panels are taken whole.
    func matrix(firstRow: Int, rows: Int) -> WeightMatrix {
        precondition(layout == .rows || firstRow == 0, "row \(firstRow) of panels")
        let columns = shape.last ?? 1
        let rowByteCount = columns / type.elementsPerBlock * type.bytesPerBlock
        return WeightMatrix(
            storage: file, byteOffset: byteOffset + firstRow * rowByteCount, type: type,
            rowCount: rows, columnCount: columns, layout: layout)
    }
}
