// SPDX-License-Identifier: Apache-2.0

package import ModelFiles
package import Quantization

/// Writes a GGUF file (version 3, little-endian) from front to back: the header at once, then the
/// tensors' bytes in pieces of any size, in the order of the header.
///
/// The file appears under its name only when `finish` succeeds.
package struct GGUFWriter: ~Copyable {
    /// What the header says of a tensor.
    package struct Tensor: Sendable, Equatable {
        /// Its name, unique in the file.
        package var name: String
        /// The type of its elements.
        package var type: ElementType
        /// 1 to 4 sizes, the contiguous one first: a matrix is `[columns, rows]`.
        package var dimensions: [Int]

        /// Describes a tensor.
        package init(name: String, type: ElementType, dimensions: [Int]) {
            self.name = name
            self.type = type
            self.dimensions = dimensions
        }
    }

    /// How many bytes of tensors the file will have, without padding.
    package let byteCount: Int

    private var output: OutputFile
    private let alignment: Int
    private let sizes: [Int]
    private var tensorIndex = 0
    private var written = 0

    /// Creates the file and writes its header.
    ///
    /// - Throws: if it cannot be written there.
    /// - Precondition: every tensor has 1 to 4 positive dimensions, the first in whole blocks.
    package init(
        _ target: OutputPath, metadata: GGUFMetadata, tensors: [Tensor]
    ) throws(ModelFileError) {
        let alignment = metadata["general.alignment"]?.intValue ?? 32
        precondition(alignment > 0 && alignment & (alignment - 1) == 0, "alignment \(alignment)")
        let sizes = tensors.map { Self.byteCount(of: $0) }
        var header = GGUFEncoder()
        header.append(metadata: metadata, tensors: tensors, sizes: sizes, alignment: alignment)
        var output = try OutputFile(target)
        try output.write(header.bytes)
        self.output = output
        self.alignment = alignment
        self.sizes = sizes
        byteCount = sizes.reduce(0, +)
    }

    private static func byteCount(of tensor: Tensor) -> Int {
        precondition(
            (1...4).contains(tensor.dimensions.count) && tensor.dimensions.allSatisfy { $0 > 0 }
                && tensor.dimensions[0] % tensor.type.elementsPerBlock == 0,
            "\(tensor)")
        let elements = tensor.dimensions.reduce(1, *)
        return elements / tensor.type.elementsPerBlock * tensor.type.bytesPerBlock
    }

    /// Appends bytes to the tensor that is being written; when it is full, the next one begins.
    ///
    /// - Precondition: `bytes` do not reach beyond the tensor's end.
    package mutating func write(_ bytes: [UInt8]) throws(ModelFileError) {
        precondition(
            tensorIndex < sizes.count && bytes.count <= sizes[tensorIndex] - written,
            "\(bytes.count) bytes are too many for tensor \(tensorIndex)")
        try output.write(bytes)
        written += bytes.count
        if written == sizes[tensorIndex] {
            let padding = (alignment - written % alignment) % alignment
            try output.write([UInt8](repeating: 0, count: padding))
            tensorIndex += 1
            written = 0
        }
    }

    /// Writes what is left and gives the file its name.
    ///
    /// - Precondition: all tensors have been written.
    package consuming func finish() throws(ModelFileError) {
        precondition(tensorIndex == sizes.count, "tensor \(tensorIndex) was not written")
        try output.finish()
    }
}

/// Lays out the header of a GGUF file.
struct GGUFEncoder {
    var bytes: [UInt8] = []

    mutating func append(
        metadata: GGUFMetadata, tensors: [GGUFWriter.Tensor], sizes: [Int], alignment: Int
    ) {
        bytes += Array("GGUF".utf8)
        append(UInt32(3))
        append(UInt64(tensors.count))
        append(UInt64(metadata.count))
        for (key, value) in metadata {
            append(key)
            append(value)
        }
        var offset = 0
        for (tensor, size) in zip(tensors, sizes) {
            append(tensor.name)
            append(UInt32(tensor.dimensions.count))
            for dimension in tensor.dimensions { append(UInt64(dimension)) }
            append(tensor.type.ggufType)
            append(UInt64(offset))
            offset += (size + alignment - 1) / alignment * alignment
        }
        let padding = (alignment - bytes.count % alignment) % alignment
        bytes += [UInt8](repeating: 0, count: padding)
    }

    private mutating func append(_ value: some FixedWidthInteger) {
        bytes.append(littleEndian: value)
    }

    private mutating func append(_ text: String) {
        append(UInt64(text.utf8.count))
        bytes += Array(text.utf8)
    }

    private mutating func append(_ type: GGUFValueType) { append(type.rawValue) }

    private mutating func append(_ value: GGUFValue) {
        switch value {
        case .uint8(let number): append(.uint8, number)
        case .int8(let number): append(.int8, number)
        case .uint16(let number): append(.uint16, number)
        case .int16(let number): append(.int16, number)
        case .uint32(let number): append(.uint32, number)
        case .int32(let number): append(.int32, number)
        case .uint64(let number): append(.uint64, number)
        case .int64(let number): append(.int64, number)
        case .float32(let number): append(.float32, number.bitPattern)
        case .float64(let number): append(.float64, number.bitPattern)
        case .bool(let flag): append(.bool, UInt8(flag ? 1 : 0))
        case .string(let text):
            append(GGUFValueType.string)
            append(text)
        case .array(let array):
            append(GGUFValueType.array)
            append(array)
        }
    }

    private mutating func append(_ type: GGUFValueType, _ value: some FixedWidthInteger) {
        append(type)
        append(value)
    }

    private mutating func append(_ array: GGUFArray) {
        switch array {
        case .uint8(let values): append(.uint8, values) { $0.append($1) }
        case .int8(let values): append(.int8, values) { $0.append($1) }
        case .uint16(let values): append(.uint16, values) { $0.append($1) }
        case .int16(let values): append(.int16, values) { $0.append($1) }
        case .uint32(let values): append(.uint32, values) { $0.append($1) }
        case .int32(let values): append(.int32, values) { $0.append($1) }
        case .uint64(let values): append(.uint64, values) { $0.append($1) }
        case .int64(let values): append(.int64, values) { $0.append($1) }
        case .float32(let values): append(.float32, values) { $0.append($1.bitPattern) }
        case .float64(let values): append(.float64, values) { $0.append($1.bitPattern) }
        case .bool(let values): append(.bool, values) { $0.append(UInt8($1 ? 1 : 0)) }
        case .string(let values): append(.string, values) { $0.append($1) }
        case .array(let values): append(.array, values) { $0.append($1) }
        }
    }

    private mutating func append<Element>(
        _ type: GGUFValueType, _ values: [Element], _ body: (inout GGUFEncoder, Element) -> Void
    ) {
        append(type)
        append(UInt64(values.count))
        for value in values { body(&self, value) }
    }
}
