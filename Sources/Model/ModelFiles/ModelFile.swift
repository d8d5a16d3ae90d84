// SPDX-License-Identifier: Apache-2.0

import Computation
import Foundation
package import Parallelism
package import Quantization

/// A model on disk, opened and checked: its numbers, its weights, and what the text side needs.
package struct ModelFile: Sendable {
    /// The file or folder that was opened.
    package let path: String
    /// What the model calls itself, or else the file's name.
    package let name: String
    /// The model's numbers.
    package let configuration: ModelConfiguration
    /// The model's weights, mapped from the file.
    package let tensors: ModelTensors
    /// GGUF's key/value pairs; empty for folders.
    package let metadata: GGUFMetadata
    /// Where the vocabulary is to be read from.
    package let vocabularySource: VocabularySource
    /// The chat template to use by default, in Jinja.
    package let chatTemplate: String?
    /// All chat templates by name, `default` and others such as `tool_use`.
    package let chatTemplates: [String: String]
    /// The file that the chat templates come from, or `metadata`; nil if there are none.
    package let chatTemplateSource: String?
    /// The ids that end a generation, as far as the model's files state them.
    package let endTokenIDs: [Int32]
    /// How many weights the model has; tied ones count once.
    package let parameterCount: Int
    /// How many bytes those weights take.
    package let byteCount: Int
    /// How many weights each element type holds, the commonest first.
    package let elementTypes: [(type: ElementType, parameterCount: Int)]
    /// What is odd about the files but does no harm, such as tensors that nothing uses.
    package let warnings: [String]
    /// The family that the model is of.
    package let schema: ModelSchema
    /// What the files call the tensors.
    package let naming: TensorNaming
    /// The packed file that this is, if it is one.
    package let packed: PackedFile?
    /// The tensors in use, as their files hold them.
    package let storedTensors: [StoredTensor]
    /// Scaling factors of rotary frequencies, where the source has them as a tensor.
    package let ropeFactors: StoredTensor?

    /// Where a tokenizer finds its vocabulary.
    package enum VocabularySource: Sendable {
        /// In the metadata of this GGUF file.
        case gguf(GGUFFile)
        /// In the files of this folder: tokenizer.json, tokenizer.model, tekken.json….
        case folder(ModelFolder)
    }

    /// Opens a GGUF file, a packed file, or a folder with config.json (or Mistral's params.json) and
    /// safetensors, and checks all that can be checked without reading the weights; `verify` reads
    /// those.
    ///
    /// - Parameters:
    ///   - path: the file or folder.
    ///   - schemas: the families that there are.
    ///   - acceptsStale: whether to open a packed file whose sources have changed since, too.
    /// - Returns: the model.
    /// - Throws: `ModelFileError`, one line that names the file and the key, tensor or byte.
    package static func open(
        path: String, among schemas: [ModelSchema], acceptsStale: Bool = false
    ) throws(ModelFileError) -> ModelFile {
        let contents =
            try isFolder(path)
            ? ModelDirectory(ModelFolder(path: path), schemas: schemas).contents()
            : openFile(path, among: schemas, acceptsStale: acceptsStale)
        let model = try ModelFile(contents, path: path)
        try model.checkIntact()
        return model
    }

    /// Makes a model of a GGUF file that has been read, for one whose bytes are in memory.
    package static func open(
        gguf file: GGUFFile, among schemas: [ModelSchema]
    ) throws(ModelFileError) -> ModelFile {
        try ModelFile(GGUFModel(file, schemas: schemas).contents(), path: file.path)
    }

    /// Makes a model of a packed file that has been read, for one whose bytes are in memory.
    package static func open(
        packed file: PackedFile, among schemas: [ModelSchema]
    ) throws(ModelFileError) -> ModelFile {
        try ModelFile(
            contents(of: file, among: schemas, acceptsStale: false), path: file.mapping.path)
    }

    /// What the readers of the formats hand over.
    struct Contents {
        var name: String?
        var schema: ModelSchema
        var configuration: ModelConfiguration
        var stored: [StoredTensor]
        var unreadable: [UnreadableTensor] = []
        var quantization = QuantizationScheme()
        var naming: TensorNaming
        /// Whether the output matrix is the token embedding; nil: where there is no other.
        var tied: Bool?
        var metadata = GGUFMetadata()
        var vocabularySource: VocabularySource
        var chatTemplates: [String: String]
        var endTokenIDs: [Int32]
        var packed: PackedFile?
        /// Where the chat templates come from.
        var chatTemplateSource = "metadata"
        var warnings: [String] = []
    }

    init(_ contents: Contents, path: String) throws(ModelFileError) {
        var binder = try TensorBinder(
            contents.stored, unreadable: contents.unreadable, schema: contents.schema,
            configuration: contents.configuration, naming: contents.naming, path: path)
        tensors = try binder.bind(tied: contents.tied)
        let leftovers = try binder.leftovers()
        storedTensors = binder.used
        ropeFactors = contents.stored.first { $0.name == GGUFModel.ropeFactorsName }
        schema = contents.schema
        naming = contents.naming
        packed = contents.packed
        warnings = contents.warnings + Self.warnings(about: leftovers)
        self.path = path
        name = contents.name ?? URL(fileURLWithPath: path).lastPathComponent
        configuration = contents.configuration
        metadata = contents.metadata
        vocabularySource = contents.vocabularySource
        chatTemplates = contents.chatTemplates
        chatTemplate = contents.chatTemplates["default"]
        chatTemplateSource = contents.chatTemplates.isEmpty ? nil : contents.chatTemplateSource
        endTokenIDs = contents.endTokenIDs
        parameterCount = storedTensors.reduce(0) { $0 + $1.elementCount }
        byteCount = storedTensors.reduce(0) { $0 + $1.byteCount }
        var counts: [ElementType: Int] = [:]
        for tensor in storedTensors { counts[tensor.type, default: 0] += tensor.elementCount }
        elementTypes = counts.map { (type: $0.key, parameterCount: $0.value) }
            .sorted { ($1.parameterCount, $0.type.name) < ($0.parameterCount, $1.type.name) }
    }

    private static func warnings(about leftovers: [String]) -> [String] {
        guard let first = leftovers.first else { return [] }
        let others = leftovers.count == 1 ? "" : " and \(leftovers.count - 1) others"
        return ["tensor \(printable(first))\(others) not used by this architecture"]
    }

    private static func openFile(
        _ path: String, among schemas: [ModelSchema], acceptsStale: Bool
    ) throws(ModelFileError) -> Contents {
        let file = try openRegularFile(path)
        if PackedFile.isPacked(file) {
            return try contents(
                of: PackedFile(mapping: file), among: schemas, acceptsStale: acceptsStale)
        }
        if path.hasSuffix(".safetensors") {
            throw .unrecognised(
                path: path, reason: "safetensors need their config.json; give the folder instead")
        }
        for (prefix, what) in [("PK", "a zip or PyTorch archive"), ("ggml", "a file of GGML days")]
        where file.hasPrefix(Array(prefix.utf8)) {
            throw .unrecognised(
                path: path, reason: "\(what), not a GGUF file nor a folder with safetensors")
        }
        return try GGUFModel(GGUFFile(mapping: file), schemas: schemas).contents()
    }

    // MARK: Packed files

    /// The name under which a packed file embeds the metadata of a GGUF file.
    package static let embeddedGGUFName = "model.gguf"
    /// The name under which a packed file embeds a manifest.
    package static let embeddedManifestName = "manifest.json"

    /// Reads a model out of a packed file; where the files it was packed from have changed since,
    /// only if `acceptsStale`.
    private static func contents(
        of file: PackedFile, among schemas: [ModelSchema], acceptsStale: Bool
    ) throws(ModelFileError) -> Contents {
        if !acceptsStale, let change = file.header.source.change() {
            throw .refused(path: file.mapping.path, reason: change, unless: .staleness)
        }
        let stored = file.storedTensors
        var contents: Contents
        switch file.header.format {
        case .gguf:
            guard let bytes = file.embedded[embeddedGGUFName] else {
                throw .metadata(
                    path: file.mapping.path, key: "files", problem: "\(embeddedGGUFName) missing")
            }
            let metadata = try GGUFFile(
                mapping: AnonymousMemory(bytes: bytes, path: file.mapping.path))
            contents = try GGUFModel(metadata, schemas: schemas).contents(
                stored: stored, naming: .packed)
        case .huggingFace:
            contents = try ModelDirectory(folder(file), schemas: schemas).huggingFaceContents()
        case .mistral:
            contents = try ModelDirectory(folder(file), schemas: schemas).mistralContents()
        }
        contents.name = file.header.name
        contents.stored = stored
        contents.naming = .packed
        contents.tied = file.header.isTied
        contents.packed = file
        return contents
    }

    private static func folder(_ file: PackedFile) -> ModelFolder {
        ModelFolder(path: file.mapping.path, embedded: file.embedded)
    }

    /// Brings all weights of a packed file into memory; others are left to whoever packs them.
    ///
    /// - Parameters:
    ///   - pool: the threads that do it.
    ///   - progress: receives the share that is done, from 0 to 1, on any of them.
    package func populate(using pool: ThreadPool, progress: @Sendable (Double) -> Void) {
        packed?.mapping.populate(using: pool, progress: progress)
    }

    /// What of a packed file's sources has changed since it was packed, in words, or nil.
    package var sourceChange: String? { packed?.header.source.change() }

    /// The manifest that was packed along.
    package var embeddedManifest: [UInt8]? { packed?.embedded[Self.embeddedManifestName] }

    // MARK: Weights

    /// Reads all weights once and checks that they are what they should be: in a packed file of
    /// the checksum that it states; finite, which is every value of the plain types and every
    /// scale and minimum of the block types (`cierzo pack` has checked those in panels).
    ///
    /// - Parameter progress: told the share of the bytes that is read, on any thread.
    /// - Complexity: O(bytes), on all cores.
    /// - Throws: `ModelFileError` about the first tensor, in the model's order, that is not sound.
    package func verify(
        progress: @Sendable (Double) -> Void = { _ in }
    ) throws(ModelFileError) {
        do throws(ModelFileError) {
            try WeightsCheck(tensors: storedTensors, ropeFactors: ropeFactors)
                .run(progress: progress)
        } catch {
            // Zeros in place of bytes that are gone look like damage.
            try checkIntact()
            throw error
        }
        try checkIntact()
    }

    /// Throws if a file of the model has been cut short since it was opened.
    package func checkIntact() throws(ModelFileError) {
        guard MappedFile.isAnyLost else { return }
        for tensor in storedTensors where tensor.file.isLost {
            throw .unreadable(
                path: tensor.file.path,
                reason: "it was cut short or overwritten while it was being read")
        }
    }

    /// What tells these weights from others, such as those of another quantisation: a checksum of
    /// all tensors' names, types and shapes, of small tensors' bytes and of some bytes of each large
    /// one.
    ///
    /// The same at every start, and for a packed file the same as for what it was packed from. A
    /// kibibyte is read of each large tensor at most, never all of it.
    package func weightsDigest() -> UInt64 {
        if let digest = packed?.header.weightsDigest { return digest }
        return digestOfBytes()
    }

    /// The same, but always of the bytes that are there now.
    func digestOfBytes() -> UInt64 {
        var all: [UInt8] = []
        let tensors = storedTensors + [ropeFactors].compactMap(\.self)
        for tensor in tensors.sorted(by: { $0.name < $1.name }) {
            all.append(littleEndian: tensor.digest)
        }
        return XXH64.of(all)
    }
}
