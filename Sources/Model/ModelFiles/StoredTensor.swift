// SPDX-License-Identifier: Apache-2.0

package import Computation
package import Quantization

/// A tensor as its file holds it, whatever the format of that file.
package struct StoredTensor: Sendable {
    /// Its name, unique among the model's.
    package var name: String
    /// What holds its bytes.
    package var file: ByteStorage
    /// The type of its elements.
    package var type: ElementType
    /// Sizes, the contiguous one last: a matrix is `[rows, columns]`.
    package var shape: [Int]
    /// Where its bytes begin, counted from the start of the file.
    package var byteOffset: Int
    /// How many bytes it has.
    package var byteCount: Int
    /// How its bytes are arranged.
    package var layout: WeightMatrix.Layout
    /// XXH64 of its bytes, where the file states it.
    package var checksum: UInt64?

    /// Creates the description of a tensor whose place in `file` has been checked.
    package init(
        name: String, file: ByteStorage, type: ElementType, shape: [Int], byteOffset: Int,
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
    package init(_ tensor: GGUFTensor, of file: ByteStorage) {
        self.init(
            name: tensor.name, file: file, type: tensor.type, shape: tensor.dimensions.reversed(),
            byteOffset: tensor.byteOffset, byteCount: tensor.byteCount)
    }

    /// How many elements it has.
    package var elementCount: Int { shape.reduce(1, *) }

    /// A matrix of `rows`, the first of which is row `firstRow` of all the tensor's rows.
    ///
    /// - Precondition: panels are taken whole.
    package func matrix(firstRow: Int, rows: Int) -> WeightMatrix {
        precondition(layout == .rows || firstRow == 0, "row \(firstRow) of panels")
        let columns = shape.last ?? 1
        let rowByteCount = columns / type.elementsPerBlock * type.bytesPerBlock
        return WeightMatrix(
            storage: file, byteOffset: byteOffset + firstRow * rowByteCount, type: type,
            rowCount: rows, columnCount: columns, layout: layout)
    }

    // MARK: Digest

    private static let wholeByteCount = 1 << 16
    private static let pieceByteCount = 256
    private static let pieceCount = 4

    /// A checksum of the name, type, shape and some of the bytes: all of a small tensor.
    var digest: UInt64 {
        var bytes = Array(name.utf8) + [0] + Array(type.name.utf8) + [0]
        for size in shape { bytes.append(littleEndian: UInt64(size)) }
        let isWhole = byteCount <= Self.wholeByteCount
        let length = isWhole ? byteCount : Self.pieceByteCount
        for piece in 0..<(isWhole ? 1 : Self.pieceCount) {
            // From the first bytes to the last ones.
            let start = byteOffset + (byteCount - length) * piece / (Self.pieceCount - 1)
            var reader = ByteReader(file, range: start..<start + length)
            bytes += (try? reader.readArray(of: UInt8.self, count: length, what: name)) ?? []
        }
        return XXH64.of(bytes)
    }

    // MARK: Values

    /// The values of a small tensor of a plain floating-point type, all of them finite.
    func finiteValues() throws(ModelFileError) -> [Float] {
        guard [.f32, .f16, .bf16].contains(type), layout == .rows else {
            throw .tensor(
                path: file.path, name: name,
                problem: "element type \(type.name) where F32, F16 or BF16 is needed")
        }
        return try allFiniteValues()
    }

    /// The values of a tensor of any type in rows, all of them finite.
    func allFiniteValues() throws(ModelFileError) -> [Float] {
        var reader = ByteReader(file, range: byteOffset..<byteOffset + byteCount)
        let values = try reader.readFloats(type, count: elementCount, what: name)
        if let index = values.firstIndex(where: { !$0.isFinite }) {
            throw .tensor(
                path: file.path, name: name, problem: "element \(index) is \(values[index])")
        }
        return values
    }
}
