// SPDX-License-Identifier: Apache-2.0

package import Computation

/// A packed model, made by `cierzo pack`: weights as the kernels read them, to be mapped as they
/// are, and everything else that it takes to serve the model.
///
/// Little-endian:
/// ```
///  0  8 bytes  89 43 49 45 52 5A 4F 0A, which is \x89 "CIERZO" \n
///  8  UInt32   version of the format
/// 12  UInt32   version of the panels' layout
/// 16  UInt64   bytes of the file
/// 24  UInt64   bytes of the header, JSON
/// 32  UInt64   bytes of the embedded files, which follow the header
/// 40  UInt64   XXH64 of header and embedded files
/// 48  UInt64   0
/// 56  UInt64   XXH64 of the 56 bytes before
/// 64           header, embedded files; from the next multiple of 4096 on the tensors
/// ```
/// After `init` preamble, header and embedded files are known to be undamaged, and every tensor's
/// bytes to lie inside the file, apart from all others'. `verify` checks those bytes too.
package struct PackedFile: Sendable {
    /// What every packed file begins with.
    static let magic: [UInt8] = [0x89, 0x43, 0x49, 0x45, 0x52, 0x5A, 0x4F, 0x0A]
    /// The version of the format that this code reads and writes.
    static let version: UInt32 = 1
    /// The version of the panels' layout; another one's panels mean nothing to these kernels.
    static let layoutVersion = WeightMatrix.panelVersion
    static let preambleByteCount = 64
    /// What every tensor's place is a multiple of, as the kernels need it.
    static let alignment = 64
    /// What the writer makes it: tensors share no pages.
    package static let pageByteCount = 4096

    /// The mapped bytes.
    package let mapping: ByteStorage
    /// What the file says of itself.
    package let header: PackedHeader
    /// The embedded files' contents by name.
    let embedded: [String: [UInt8]]
    /// Where the tensors' bytes begin.
    private let dataOffset: Int

    /// Whether a file begins as packed files do.
    static func isPacked(_ file: ByteStorage) -> Bool {
        // The first bytes suffice, so that a damaged one is not taken for a foreign file.
        file.hasPrefix(Array(magic.prefix(4)))
    }

    /// Reads and checks all but the tensors' bytes.
    ///
    /// - Complexity: O(header and embedded bytes + tensors · log(tensors)).
    package init(mapping: ByteStorage) throws(ModelFileError) {
        var reader = ByteReader(mapping)
        let preamble = try Preamble(&reader)
        let metadataByteCount = preamble.headerByteCount + preamble.embeddedByteCount
        let checksum = try reader.checksum(byteCount: metadataByteCount, what: "the header")
        guard checksum == preamble.metadataChecksum else {
            throw reader.fail(
                "header or embedded files are damaged: their checksum is "
                    + "\(hexadecimal(checksum)), not \(hexadecimal(preamble.metadataChecksum))")
        }
        let text = try reader.readArray(
            of: UInt8.self, count: preamble.headerByteCount, what: "the header")
        header = try PackedHeader(json: text, path: mapping.path)
        var embedded: [String: [UInt8]] = [:]
        let end = reader.offset + preamble.embeddedByteCount
        for file in header.files {
            guard file.byteCount <= end - reader.offset, embedded[file.name] == nil else {
                throw .metadata(
                    path: mapping.path, key: "files",
                    problem: "\(printable(file.name)) does not fit the "
                        + "\(preamble.embeddedByteCount) embedded bytes, or occurs twice")
            }
            embedded[file.name] = try reader.readArray(
                of: UInt8.self, count: file.byteCount, what: file.name)
        }
        guard reader.offset == end else {
            throw .metadata(
                path: mapping.path, key: "files",
                problem: "they leave \(end - reader.offset) embedded bytes unused")
        }
        self.embedded = embedded
        self.mapping = mapping
        dataOffset = Self.dataOffset(metadataByteCount: metadataByteCount)
        try checkPlaces()
    }

    /// Opens, reads and checks the file at `path`, all but the tensors' bytes.
    package init(path: String) throws(ModelFileError) {
        try self.init(mapping: openRegularFile(path))
    }

    /// The tensors for the binder.
    var storedTensors: [StoredTensor] {
        header.tensors.map { tensor in
            StoredTensor(
                name: tensor.name, file: mapping, type: tensor.type,
                shape: [tensor.rowCount, tensor.columnCount],
                byteOffset: dataOffset + tensor.byteOffset,
                byteCount: tensor.byteCount, layout: tensor.layout, checksum: tensor.checksum)
        }
    }

    /// Where the tensors of a file begin.
    package static func dataOffset(metadataByteCount: Int) -> Int {
        (preambleByteCount + metadataByteCount + pageByteCount - 1) / pageByteCount * pageByteCount
    }

    private func checkPlaces() throws(ModelFileError) {
        func fail(_ tensor: PackedTensor, _ problem: String) -> ModelFileError {
            .tensor(path: mapping.path, name: tensor.name, problem: problem)
        }
        let room = max(0, mapping.byteCount - dataOffset)
        var end = 0
        var last = ""
        for tensor in header.tensors.sorted(by: {
            ($0.byteOffset, $0.byteCount) < ($1.byteOffset, $1.byteCount)
        }) {
            guard tensor.byteOffset % Self.alignment == 0 else {
                throw fail(
                    tensor, "offset \(tensor.byteOffset) is not a multiple of \(Self.alignment)")
            }
            guard tensor.byteOffset >= end else {
                throw fail(tensor, "its bytes overlap those of tensor \(last)")
            }
            guard tensor.byteCount <= room, tensor.byteOffset <= room - tensor.byteCount else {
                throw fail(
                    tensor,
                    "its \(tensor.byteCount) bytes at offset \(tensor.byteOffset) reach past the "
                        + "end of the file (\(room) bytes of tensor data)")
            }
            end = tensor.byteOffset + tensor.byteCount
            last = tensor.name
        }
    }
}

extension PackedFile {
    /// The first 64 bytes.
    package struct Preamble {
        var fileByteCount: Int
        var headerByteCount: Int
        var embeddedByteCount: Int
        var metadataChecksum: UInt64

        /// Describes a file.
        package init(
            fileByteCount: Int, headerByteCount: Int, embeddedByteCount: Int,
            metadataChecksum: UInt64
        ) {
            self.fileByteCount = fileByteCount
            self.headerByteCount = headerByteCount
            self.embeddedByteCount = embeddedByteCount
            self.metadataChecksum = metadataChecksum
        }

        /// The bytes, with their own checksum.
        package var bytes: [UInt8] {
            var bytes = PackedFile.magic
            bytes.append(littleEndian: PackedFile.version)
            bytes.append(littleEndian: PackedFile.layoutVersion)
            bytes.append(littleEndian: UInt64(fileByteCount))
            bytes.append(littleEndian: UInt64(headerByteCount))
            bytes.append(littleEndian: UInt64(embeddedByteCount))
            bytes.append(littleEndian: metadataChecksum)
            bytes.append(littleEndian: UInt64(0))
            bytes.append(littleEndian: XXH64.of(bytes))
            return bytes
        }

        /// Reads and checks them; the versions before the checksum, since another version may
        /// have another preamble.
        init(_ reader: inout ByteReader) throws(ModelFileError) {
            let path = reader.file.path
            guard reader.file.hasPrefix(PackedFile.magic) else {
                throw .malformed(
                    path: path, offset: 0,
                    problem: "it begins almost like a packed file; was it copied as text?")
            }
            try reader.skip(PackedFile.magic.count, what: "the magic number")
            let version = try reader.read(UInt32.self, what: "the version")
            let layout = try reader.read(UInt32.self, what: "the version of the layout")
            guard version == PackedFile.version else {
                throw .stale(
                    path: path,
                    reason: "packed in format \(version), while this Cierzo reads "
                        + "\(PackedFile.version)")
            }
            let fileByteCount = try reader.read(UInt64.self, what: "the size of the file")
            let headerByteCount = try reader.read(UInt64.self, what: "the size of the header")
            let embeddedByteCount = try reader.read(
                UInt64.self, what: "the size of the embedded files")
            metadataChecksum = try reader.read(UInt64.self, what: "the header's checksum")
            let reserved = try reader.read(UInt64.self, what: "the reserved bytes")
            let stated = try reader.read(UInt64.self, what: "the preamble's checksum")
            let start = ByteReader(reader.file)
            let checksum = try start.checksum(
                byteCount: PackedFile.preambleByteCount - 8, what: "the preamble")
            guard checksum == stated, reserved == 0 else {
                throw .malformed(
                    path: path, offset: 0,
                    problem: "the first \(PackedFile.preambleByteCount) bytes are damaged: their "
                        + "checksum is \(hexadecimal(checksum)), not \(hexadecimal(stated))")
            }
            guard layout == PackedFile.layoutVersion else {
                throw .stale(
                    path: path,
                    reason: "packed for kernels of layout \(layout), while this Cierzo's have "
                        + "layout \(PackedFile.layoutVersion)")
            }
            guard fileByteCount == UInt64(reader.file.byteCount) else {
                let isShort = fileByteCount > reader.file.byteCount
                throw .malformed(
                    path: path, offset: 16,
                    problem: "the file should have \(fileByteCount) bytes, but has "
                        + "\(reader.file.byteCount)" + (isShort ? "; is it truncated?" : ""))
            }
            let limit = min(reader.remaining, PackedHeader.Limits.byteCount)
            guard let header = Int(exactly: headerByteCount), header <= limit,
                let embedded = Int(exactly: embeddedByteCount), embedded <= limit - header
            else {
                throw .malformed(
                    path: path, offset: 24,
                    problem: "a header of \(headerByteCount) bytes and embedded files of "
                        + "\(embeddedByteCount) do not fit \(limit) bytes")
            }
            self.fileByteCount = reader.file.byteCount
            self.headerByteCount = header
            self.embeddedByteCount = embedded
        }
    }
}

extension [UInt8] {
    /// Appends the value's bytes, the lowest first.
    package mutating func append(littleEndian value: some FixedWidthInteger) {
        for index in 0..<value.bitWidth / 8 {
            append(UInt8(truncatingIfNeeded: value >> (index * 8)))
        }
    }
}
