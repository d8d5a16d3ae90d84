// SPDX-License-Identifier: Apache-2.0

import Computation
import ModelFiles

/// Writes a packed file from front to back: header and embedded files at once, then the tensors'
/// bytes in pieces, in the order of the header; at last the header again, with the checksums.
///
/// The file appears under its name only when `finish` succeeds.
struct PackedFileWriter: ~Copyable {
    /// How many bytes the file will have.
    let byteCount: Int

    private var header: PackedHeader
    private let embedded: [UInt8]
    private var output: OutputFile
    private var checksum = XXH64()
    private var tensorIndex = 0
    private var written = 0

    /// Creates the file.
    ///
    /// The header's tensors come in the order in which they will be written; their places and
    /// checksums, and the list of embedded files, are filled in here.
    init(
        _ target: OutputPath, header: PackedHeader, embedded: [(name: String, bytes: [UInt8])]
    ) throws(ModelFileError) {
        var header = header
        header.files = embedded.map { .init(name: $0.name, byteCount: $0.bytes.count) }
        var end = 0
        for index in header.tensors.indices {
            end =
                (end + PackedFile.pageByteCount - 1) / PackedFile.pageByteCount
                * PackedFile.pageByteCount
            header.tensors[index].byteOffset = end
            end += header.tensors[index].byteCount
        }
        let joined = embedded.flatMap(\.bytes)
        let metadataByteCount = header.serializedBytes().count + joined.count
        let dataOffset = PackedFile.dataOffset(metadataByteCount: metadataByteCount)
        var output = try OutputFile(target)
        // All zeros for now: a file without a preamble is no packed file.
        try output.write([UInt8](repeating: 0, count: dataOffset))
        self.output = output
        self.header = header
        self.embedded = joined
        byteCount = dataOffset + end
    }

    /// Appends bytes to the tensor that is being written; when it is full, the next one begins.
    ///
    /// - Precondition: `bytes` are a multiple of 32 or the tensor's last, and do not reach beyond
    ///   its end.
    mutating func write(_ bytes: [UInt8]) throws(ModelFileError) {
        precondition(
            tensorIndex < header.tensors.count
                && bytes.count <= header.tensors[tensorIndex].byteCount - written,
            "\(bytes.count) bytes are too many for tensor \(tensorIndex)")
        checksum.update(bytes)
        try output.write(bytes)
        written += bytes.count
        guard written == header.tensors[tensorIndex].byteCount else { return }
        header.tensors[tensorIndex].checksum = checksum.digest
        checksum = XXH64()
        tensorIndex += 1
        if tensorIndex < header.tensors.count {
            let end = header.tensors[tensorIndex - 1].byteOffset + written
            let padding = header.tensors[tensorIndex].byteOffset - end
            try output.write([UInt8](repeating: 0, count: padding))
        }
        written = 0
    }

    /// Writes the header and gives the file its name.
    ///
    /// - Precondition: all tensors have been written.
    consuming func finish() throws(ModelFileError) {
        precondition(
            tensorIndex == header.tensors.count, "tensor \(tensorIndex) was not written")
        let text = header.serializedBytes()
        let preamble = PackedFile.Preamble(
            fileByteCount: byteCount, headerByteCount: text.count,
            embeddedByteCount: embedded.count, metadataChecksum: XXH64.of(text + embedded))
        try output.overwriteStart(preamble.bytes + text + embedded)
        try output.finish()
    }
}
