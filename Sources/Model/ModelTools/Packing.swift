// SPDX-License-Identifier: Apache-2.0

import Computation
import Foundation
package import ModelFiles
package import Parallelism
import Quantization

/// Packs a model into one file that later starts map as it is.
///
/// Memory is bounded by one piece of a tensor.
package struct Packing: Sendable {
    /// The model to pack.
    package let model: ModelFile

    private let format: PackedHeader.Format
    private let embedded: [(name: String, bytes: [UInt8])]
    private let weights: [PackableTensor]

    /// Bytes that are packed at a time.
    private static let pieceByteCount = 1 << 24
    /// The longest small file that is taken along.
    private static let maxEmbeddedByteCount = 1 << 26

    private let pool: ThreadPool

    /// Plans the packing of a model.
    ///
    /// Panels take the place of rows wherever products read a matrix of a type that has them; an
    /// embedding that is not the output too is looked up, and stays rows.
    ///
    /// - Parameters:
    ///   - model: what to pack.
    ///   - manifest: a manifest to take along.
    ///   - pool: the threads that pack.
    /// - Throws: if it is packed already, or a small file that belongs to it cannot be read.
    package init(
        _ model: ModelFile, manifest: [UInt8]? = nil, using pool: ThreadPool
    ) throws(ModelFileError) {
        guard model.packed == nil else {
            throw .unsupported(path: model.path, problem: "it is a packed file already")
        }
        self.model = model
        self.pool = pool
        weights = PackableTensor.all(of: model)
        var files: [(name: String, bytes: [UInt8])] = []
        switch model.vocabularySource {
        case .gguf(let file):
            format = .gguf
            var header = GGUFEncoder()
            header.append(metadata: file.metadata, tensors: [], sizes: [], alignment: 32)
            files.append((ModelFile.embeddedGGUFName, header.bytes))
        case .folder(let folder):
            format = model.naming == .mistral ? .mistral : .huggingFace
            let others = folder.additionalTemplates.map(\.file) + folder.moduleFiles
            for name in folder.names.filter(Self.isEmbedded) + others {
                files.append(
                    (
                        name,
                        try folder.contents(of: name, maxBytes: Self.maxEmbeddedByteCount)
                    ))
            }
        }
        if let manifest { files.append((ModelFile.embeddedManifestName, manifest)) }
        embedded = files
    }

    /// How many bytes the tensors will take.
    package var byteCount: Int { weights.reduce(0) { $0 + $1.packed.byteCount } }

    /// Writes the packed file.
    ///
    /// - Parameters:
    ///   - destination: the file to write.
    ///   - replaces: whether an older one may be replaced.
    ///   - otherSources: files besides the model's that must not be, such as its manifest.
    ///   - progress: told the share that is done, from 0 to 1, and the tensor at hand.
    /// - Returns: the bytes of the file.
    /// - Throws: an error of one line; also for a weight that is not a finite number.
    @discardableResult
    package func run(
        to destination: String, replaces: Bool = false, otherSources: [String] = [],
        progress: (Double, String) -> Void = { _, _ in }
    ) throws(ModelFileError) -> Int {
        var sources = Set(model.storedTensors.map(\.file.path)).sorted()
        if case .folder(let folder) = model.vocabularySource {
            sources += embedded.map(\.name).filter { $0 != ModelFile.embeddedManifestName }
                .map { folder.path(of: $0) }
        }
        let target = OutputPath(
            destination, replaces: replaces,
            sources: try sources + otherSources + [model.path] + model.partPaths())
        try target.validate()
        let header = PackedHeader(
            name: model.name, format: format, isTied: model.tensors.isTied,
            source: try SourceFingerprint(path: model.path, files: sources),
            tensors: weights.map(\.packed), weightsDigest: model.weightsDigest())
        try OutputFile.checkSpace(
            for: byteCount + embedded.reduce(0) { $0 + $1.bytes.count }, at: target)
        var writer = try PackedFileWriter(target, header: header, embedded: embedded)
        let fileByteCount = writer.byteCount
        let total = Double(max(1, byteCount))
        var done = 0
        for tensor in weights {
            for rows in tensor.pieces(byteCount: Self.pieceByteCount) {
                let bytes = try tensor.bytes(rows, using: pool)
                try writer.write(bytes)
                done += bytes.count
                progress(Double(done) / total, tensor.packed.name)
            }
            let matrix = tensor.matrix
            matrix.storage.release(matrix.byteOffset..<matrix.byteOffset + matrix.byteCount)
        }
        try model.checkIntact()
        progress(1, "bringing it to the disk")
        try writer.finish()
        return fileByteCount
    }

    /// Whether a file of a model's folder is read when the model is opened.
    private static func isEmbedded(_ name: String) -> Bool {
        let names = [
            "config.json", "params.json", "generation_config.json", "tokenizer_config.json",
            "tokenizer.json", "chat_template.jinja", "chat_template.json", "added_tokens.json",
            "special_tokens_map.json", "vocab.txt", "modules.json", "sentence_bert_config.json",
            "config_sentence_transformers.json",
        ]
        return names.contains(name) || name.hasPrefix("tekken") && name.hasSuffix(".json")
            || name.hasSuffix(".model") || name.contains(".model.v")
    }
}

/// A matrix or vector of a model and what it becomes in a packed file.
private struct PackableTensor: Sendable {
    var packed: PackedTensor
    var matrix: WeightMatrix

    /// A matrix that becomes panels if it can, unless it is `lookedUp` only.
    init(_ name: String, _ matrix: WeightMatrix, lookedUp: Bool = false) {
        self.matrix = matrix
        let packedType = lookedUp ? nil : matrix.packedType
        packed = PackedTensor(
            name: name, type: packedType ?? matrix.type,
            layout: packedType == nil ? .rows : .panels,
            rowCount: matrix.rowCount, columnCount: matrix.columnCount, byteOffset: 0,
            byteCount: matrix.packedByteCount(as: packedType), checksum: 0)
    }

    init(_ name: String, _ vector: [Float]) {
        self.init(name, WeightMatrix.of(vector, rows: 1, columns: vector.count))
    }

    /// All tensors of a model under the names of packed files, in the order of their use.
    static func all(of model: ModelFile) -> [PackableTensor] {
        let isTied = model.tensors.isTied
        var all: [PackableTensor] = []
        for part in model.tensors.parts {
            let name = part.declaration.writtenName(
                .packed, layer: part.layer, expert: part.copy)
            if let matrix = part.matrix {
                let isLookedUp = part.declaration.role == .tokenEmbedding && !isTied
                all.append(PackableTensor(name, matrix, lookedUp: isLookedUp))
            } else {
                all.append(PackableTensor(name, part.vector))
            }
        }
        if let factors = model.ropeFactors {
            let rows = factors.shape.dropLast().reduce(1, *)
            all.insert(
                PackableTensor(factors.name, factors.matrix(firstRow: 0, rows: rows)), at: 1)
        }
        return all
    }

    /// Ranges of rows of about `byteCount` bytes, whole panels each.
    func pieces(byteCount: Int) -> [Range<Int>] {
        let step =
            max(1, byteCount / matrix.bytesPerRow / WeightMatrix.rowsPerPanel)
            * WeightMatrix.rowsPerPanel
        return stride(from: 0, to: matrix.rowCount, by: step).map {
            $0..<min($0 + step, matrix.rowCount)
        }
    }

    /// The packed form of some rows, after checking that they are finite.
    func bytes(
        _ rows: Range<Int>, using pool: ThreadPool
    ) throws(ModelFileError) -> [UInt8] {
        let piece = matrix.rows(rows)
        let stored = StoredTensor(
            name: packed.name, file: piece.storage, type: piece.type,
            shape: [piece.rowCount, piece.columnCount], byteOffset: piece.byteOffset,
            byteCount: piece.byteCount)
        let blocks = piece.byteCount / piece.type.bytesPerBlock
        if let block = stored.firstNonFiniteBlock(in: 0..<blocks) {
            let row = rows.lowerBound + block / (blocks / piece.rowCount)
            throw .tensor(
                path: piece.storage.path, name: packed.name,
                problem: "row \(row) has a weight or scale that is not a finite number")
        }
        guard packed.layout == .rows else {
            return piece.panelBytes(as: packed.type, using: pool)
        }
        var reader = ByteReader(
            piece.storage, range: piece.byteOffset..<piece.byteOffset + piece.byteCount)
        return try reader.readArray(of: UInt8.self, count: piece.byteCount, what: packed.name)
    }
}
