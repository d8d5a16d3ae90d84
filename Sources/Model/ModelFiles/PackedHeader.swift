// SPDX-License-Identifier: Apache-2.0

package import Computation
import JSON
package import Quantization

/// What a packed file says of itself: where it came from and which tensors it holds.
///
/// The file's own form of it is a JSON object.
package struct PackedHeader: Sendable, Equatable {
    /// The model's name.
    package var name: String
    /// What the embedded files are.
    package var format: Format
    /// Whether the output matrix is the token embedding.
    package var isTied: Bool
    /// What the tensors were packed from.
    package var source: SourceFingerprint
    /// The files that follow the header, one right after another.
    package var files: [EmbeddedFile]
    /// The tensors, under the names of Mistral's own files.
    package var tensors: [PackedTensor]
    /// What tells the weights from others, as `ModelFile.weightsDigest` found it before they were
    /// packed; nil in files that say nothing of it.
    package var weightsDigest: UInt64?

    /// Where a model's configuration, vocabulary and chat template are.
    package enum Format: String, Sendable, CaseIterable {
        /// In `model.gguf`: a GGUF file of metadata without tensors.
        case gguf
        /// In `config.json` and the other files of a Hugging Face folder.
        case huggingFace = "hugging-face"
        /// In `params.json` and the other files of one of Mistral's own folders.
        case mistral
    }

    /// A file that was small enough to take along whole.
    package struct EmbeddedFile: Sendable, Equatable {
        /// Its name, without a folder.
        package var name: String
        /// How many bytes it has.
        package var byteCount: Int

        /// Describes a file.
        package init(name: String, byteCount: Int) {
            self.name = name
            self.byteCount = byteCount
        }
    }

    /// Describes a packed file; the writer fills in its embedded files and the tensors' places.
    package init(
        name: String, format: Format, isTied: Bool, source: SourceFingerprint,
        tensors: [PackedTensor], weightsDigest: UInt64?
    ) {
        self.name = name
        self.format = format
        self.isTied = isTied
        self.source = source
        files = []
        self.tensors = tensors
        self.weightsDigest = weightsDigest
    }

    // MARK: JSON

    /// The JSON text; of the same length for all checksums.
    package func serializedBytes() -> [UInt8] {
        var object: JSONObject = [
            "name": .string(name), "format": .string(format.rawValue), "tied": .bool(isTied),
            "source": [
                "path": .string(source.path),
                "files": .array(
                    source.files.map { file in
                        [
                            "path": .string(file.path), "byte_count": .integer(file.byteCount),
                            "modified": .integer(file.modificationTime),
                            "digest": .string(hexadecimal(file.digest)),
                        ]
                    }),
            ],
            "files": .array(
                files.map { ["name": .string($0.name), "byte_count": .integer($0.byteCount)] }),
            "tensors": .array(
                tensors.map { tensor in
                    [
                        "name": .string(tensor.name), "type": .string(tensor.type.name),
                        "layout": .string(tensor.layout.name),
                        "rows": .integer(tensor.rowCount), "columns": .integer(tensor.columnCount),
                        "offset": .integer(tensor.byteOffset),
                        "byte_count": .integer(tensor.byteCount),
                        "checksum": .string(hexadecimal(tensor.checksum)),
                    ]
                }),
        ]
        if let weightsDigest { object["weights_digest"] = .string(hexadecimal(weightsDigest)) }
        return JSONValue.object(object).serializedBytes()
    }

    /// Bounds on what a header may ask for, far above any real file's.
    enum Limits {
        static let byteCount = 1 << 28
        static let tensorCount = 1 << 20
        static let nameByteCount = 1 << 10
        static let fileCount = 1 << 13
        /// Rows or columns; a product of two and an element's size is within reach of overflow
        /// checks.
        static let size = 1 << 32
    }

    /// Reads the JSON text of a header; the tensors' places are checked by `PackedFile`.
    ///
    /// - Throws: an error that names the field or the tensor.
    init(json bytes: [UInt8], path: String) throws(ModelFileError) {
        let object: JSONObject
        do {
            let value = try JSONParser.parse(
                bytes,
                limits: .init(
                    maxBytes: Limits.byteCount, maxValues: 10 * Limits.tensorCount,
                    rejectsDuplicateKeys: true))
            guard let found = value.objectValue else {
                throw ModelFileError.malformed(
                    path: path, offset: PackedFile.preambleByteCount,
                    problem: "the header is not a JSON object")
            }
            object = found
        } catch let error as ModelFileError {
            throw error
        } catch {
            throw .malformed(
                path: path, offset: PackedFile.preambleByteCount,
                problem: "the header is not valid JSON: \(error)")
        }
        let fields = ConfigurationFields(object, path: path)
        name = try fields.string("name")
        let stated = try fields.string("format")
        guard let format = Format(rawValue: stated) else {
            throw fields.fail("format", "“\(printable(stated, limit: 40))” is not known")
        }
        self.format = format
        isTied = try fields.bool("tied", default: false)
        source = try SourceFingerprint(object["source"], path: path)
        files = try fields.list(object["files"], "files", limit: Limits.fileCount).map {
            file throws(ModelFileError) in
            EmbeddedFile(
                name: try file.string("name"),
                byteCount: try file.integer("byte_count", in: 0...Limits.byteCount))
        }
        tensors = try fields.list(object["tensors"], "tensors", limit: Limits.tensorCount).map {
            tensor throws(ModelFileError) in try PackedTensor(tensor)
        }
        weightsDigest =
            object["weights_digest"] == nil ? nil : try fields.checksum("weights_digest")
    }
}

/// A tensor of a packed file.
package struct PackedTensor: Sendable, Equatable {
    /// Its name, unique in the file.
    package var name: String
    /// The type of its elements.
    package var type: ElementType
    /// How its bytes are arranged.
    package var layout: WeightMatrix.Layout
    /// The number of rows; 1 for a vector.
    package var rowCount: Int
    /// The length of a row in elements.
    package var columnCount: Int
    /// Where its bytes begin, counted from the first tensor's.
    package var byteOffset: Int
    /// How many bytes it has.
    package var byteCount: Int
    /// XXH64 of the bytes.
    package var checksum: UInt64

    /// Describes a tensor.
    package init(
        name: String, type: ElementType, layout: WeightMatrix.Layout, rowCount: Int,
        columnCount: Int, byteOffset: Int, byteCount: Int, checksum: UInt64
    ) {
        self.name = name
        self.type = type
        self.layout = layout
        self.rowCount = rowCount
        self.columnCount = columnCount
        self.byteOffset = byteOffset
        self.byteCount = byteCount
        self.checksum = checksum
    }

    fileprivate init(_ fields: ConfigurationFields) throws(ModelFileError) {
        let name = try fields.string("name")
        func fail(_ problem: String) -> ModelFileError {
            .tensor(path: fields.path, name: name, problem: problem)
        }
        guard (1...PackedHeader.Limits.nameByteCount).contains(name.utf8.count) else {
            throw fail("its name has \(name.utf8.count) bytes")
        }
        let typeName = try fields.string("type")
        guard let type = ElementType.allCases.first(where: { $0.name == typeName }) else {
            throw fail("element type “\(printable(typeName, limit: 40))” is not known")
        }
        let layoutName = try fields.string("layout")
        guard let layout = WeightMatrix.Layout.all.first(where: { $0.name == layoutName }) else {
            throw fail("layout “\(printable(layoutName, limit: 40))” is not known")
        }
        let rows = try fields.integer("rows", in: 1...PackedHeader.Limits.size)
        let columns = try fields.integer("columns", in: 1...PackedHeader.Limits.size)
        let byteCount = try fields.integer("byte_count", in: 0...Int.max)
        guard
            WeightMatrix.byteCount(
                of: type, rowCount: rows, columnCount: columns, layout: layout) == byteCount
        else {
            throw fail(
                "\(byteCount) bytes do not hold \(rows) × \(columns) of element type "
                    + "\(type.name) as \(layout.name)")
        }
        self.init(
            name: name, type: type, layout: layout, rowCount: rows, columnCount: columns,
            byteOffset: try fields.integer("offset", in: 0...Int.max), byteCount: byteCount,
            checksum: try fields.checksum("checksum"))
    }
}

extension WeightMatrix.Layout {
    static let all: [Self] = [.rows, .panels]

    /// What packed files call it.
    var name: String {
        switch self {
        case .rows: "rows"
        case .panels: "panels"
        }
    }
}

/// The sixteen hexadecimal digits of a checksum.
func hexadecimal(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}
