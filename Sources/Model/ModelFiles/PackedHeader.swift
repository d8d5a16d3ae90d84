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
}

extension PackedHeader {
    /// The JSON text; of the same length for all checksums.
    func serializedBytes() -> [UInt8] {
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
