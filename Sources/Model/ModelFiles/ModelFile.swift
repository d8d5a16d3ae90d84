// SPDX-License-Identifier: Apache-2.0

import Computation
import Foundation
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
    /// What the files call the tensors.
    let naming: TensorNaming
    /// The packed file that this is, if it is one.
    package let packed: PackedFile?
    /// The tensors in use, for `verify`.
    let storedTensors: [StoredTensor]
    /// Scaling factors of rotary frequencies, where the source has them as a tensor.
    let ropeFactors: StoredTensor?

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
    ///   - acceptsStale: whether to open a packed file whose sources have changed since, too.
    /// - Returns: the model.
    /// - Throws: `ModelFileError`, one line that names the file and the key, tensor or byte.
    package static func open(
        path: String, acceptsStale: Bool = false
    ) throws(ModelFileError) -> ModelFile {
        let contents =
            try isFolder(path)
            ? openDirectory(path) : openFile(path, acceptsStale: acceptsStale)
        let model = try ModelFile(contents, path: path)
        try model.checkIntact()
        return model
    }

    /// Makes a model of a GGUF file that has been read, for one whose bytes are in memory.
    package static func open(gguf file: GGUFFile) throws(ModelFileError) -> ModelFile {
        try ModelFile(contents(of: file), path: file.path)
    }

    /// Makes a model of a packed file that has been read, for one whose bytes are in memory.
    package static func open(packed file: PackedFile) throws(ModelFileError) -> ModelFile {
        try ModelFile(contents(of: file, acceptsStale: false), path: file.mapping.path)
    }

    /// What the readers of the formats hand over.
    struct Contents {
        var name: String?
        var configuration: ModelConfiguration
        var stored: [StoredTensor]
        var unreadable: [UnreadableTensor] = []
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
            contents.stored, unreadable: contents.unreadable,
            configuration: contents.configuration, naming: contents.naming, path: path)
        tensors = try binder.bind(tied: contents.tied)
        let leftovers = try binder.leftovers()
        storedTensors = binder.used
        ropeFactors = contents.stored.first { $0.name == Self.ropeFactorsName }
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
        _ path: String, acceptsStale: Bool
    ) throws(ModelFileError) -> Contents {
        let file = try openRegularFile(path)
        if PackedFile.isPacked(file) {
            return try contents(of: PackedFile(mapping: file), acceptsStale: acceptsStale)
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
        return try contents(of: GGUFFile(mapping: file))
    }
}
