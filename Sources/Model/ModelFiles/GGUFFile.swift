// SPDX-License-Identifier: Apache-2.0

package import Computation
package import Quantization

/// A GGUF file (version 2 or 3, little-endian) whose header has been read and checked.
///
/// After `init` every tensor's bytes are known to lie inside the file, apart from all others', in
/// whole blocks of its type.
package struct GGUFFile: Sendable {
    /// The mapped bytes.
    package let mapping: ByteStorage
    /// Version of the format: 2 or 3.
    package let version: Int
    /// What every tensor's offset is a multiple of, counted from `dataOffset`.
    package let alignment: Int
    /// The key/value pairs.
    package let metadata: GGUFMetadata
    /// The tensors in the file's order.
    package let tensors: [GGUFTensor]
    /// Those that products cannot read.
    let unreadable: [UnreadableTensor]
    /// Where the tensors' bytes begin.
    package let dataOffset: Int

    /// Reads and checks the header of a mapped file.
    ///
    /// - Complexity: O(header bytes + tensors · log(tensors)).
    package init(mapping: ByteStorage) throws(ModelFileError) {
        var parser = GGUFHeaderParser(mapping)
        try parser.parse()
        self.mapping = mapping
        version = parser.version
        alignment = parser.alignment
        metadata = parser.metadata
        tensors = parser.tensors
        unreadable = parser.unreadable
        dataOffset = parser.dataOffset
    }

    /// Opens, reads and checks the file at `path`.
    package init(path: String) throws(ModelFileError) {
        try self.init(mapping: openRegularFile(path))
    }

    /// Where the file was read from.
    package var path: String { mapping.path }
}

/// One tensor of a GGUF file.
package struct GGUFTensor: Sendable, Equatable {
    /// Its name, unique in the file.
    package let name: String
    /// The type of its elements.
    package let type: ElementType
    /// 1 to 4 sizes, the contiguous one first: a matrix is `[columns, rows]`.
    package let dimensions: [Int]
    /// Where its bytes begin, counted from the start of the file.
    package let byteOffset: Int
    /// How many bytes it has.
    package let byteCount: Int
}
