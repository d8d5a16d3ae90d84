// SPDX-License-Identifier: Apache-2.0

package import AnswerParsing
import Architectures
import Computation
package import Conversation
import Foundation
import Generation
import Inference
package import ModelFiles
import Quantization
package import Tokenization

/// A model file opened with all that belongs to it: its tokenizer, its prompts, its manifest.
package struct LoadedModel: Sendable {
    /// The weights, and what the file says of them.
    package let file: ModelFile

    /// Its vocabulary.
    package let tokenizer: any Tokenizer

    /// Its chat format.
    package let promptEncoder: PromptEncoder

    /// Why conversations are written as they are.
    package let promptReason: String

    /// How it thinks and calls tools.
    package let answerFormat: any AnswerFormat

    /// Why answers are read as they are.
    package let answerReason: String

    /// How it makes embeddings; nil where it makes none.
    package let pooling: Pooling?

    /// The manifest that names the model or was packed along; nil if there is none.
    package let manifest: ModelManifest?

    /// What is odd about the model but does no harm.
    package let warnings: [String]

    /// Opens a manifest (`.json`), a GGUF file, a packed file or a Hugging Face directory.
    ///
    /// - Parameters:
    ///   - path: of any of them.
    ///   - acceptsStale: whether a packed file may be older than what it was packed from.
    /// - Throws: an error that names the file and what is wrong with it.
    package init(path: String, acceptsStale: Bool = false) throws {
        (file, manifest) = try Self.open(path: path, acceptsStale: acceptsStale)
        var warnings = file.warnings
        var sources = PromptFormat.Sources(
            templates: file.chatTemplates, templateSource: file.chatTemplateSource ?? "no file")
        if TokenizerLoader.isMissing(of: file) {
            tokenizer = TokenIDVocabulary(
                count: file.configuration.vocabularySize, endTokenIDs: file.endTokenIDs)
            warnings.append("the model has no vocabulary: prompts and answers are token ids")
        } else {
            let loaded = try TokenizerLoader.load(file)
            tokenizer = loaded.tokenizer
            sources.mistralVersion = loaded.mistralVersion
            warnings += loaded.warnings
        }
        let choice = try PromptFormat.choose(
            setting: manifest?.promptFormat, sources, tokenizer: tokenizer)
        let prompts = PromptEncoder(
            tokenizer: tokenizer, format: choice.format, toolTemplate: choice.toolTemplate,
            reasoningEffort: sources.mistralVersion?.reasoningEffort)
        let answers = try AnswerFormats.choose(
            setting: manifest?.answerFormat, prompts: prompts, tokenizer: tokenizer)
        promptEncoder = answers.prompts
        answerFormat = answers.format
        answerReason = answers.reason
        promptReason = choice.reason
        pooling = try Self.pooling(of: file, manifest)
        if acceptsStale, let change = file.sourceChange {
            warnings.append("the packed file is stale: \(change)")
        }
        // Nobody has conversations with an encoder.
        self.warnings = warnings + (file.schema.isEncoder ? [] : choice.warnings)
    }

    /// How a model makes embeddings: encoders do; decoders where the operator says so, or their
    /// files are those of a model for that.
    private static func pooling(
        of file: ModelFile, _ manifest: ModelManifest?
    ) throws -> Pooling? {
        let isWanted = manifest?.capabilities["embeddings"]
        guard isWanted ?? (file.schema.isEncoder || file.saysPooling) else { return nil }
        let pooling = try file.pooling()
        guard file.schema.isEncoder || pooling.method != .first else {
            throw ModelFileError.unsupported(
                path: file.path,
                problem: "embeddings of the first token, of which a decoder knows nothing else")
        }
        return pooling
    }

    /// Opens a model without its tokenizer and prompts.
    ///
    /// - Parameters:
    ///   - path: as in the initializer.
    ///   - acceptsStale: whether a packed file may be older than what it was packed from.
    /// - Returns: the model, and the manifest that names it or was packed along.
    /// - Throws: an error that names the file and what is wrong with it.
    package static func open(
        path: String, acceptsStale: Bool = false
    ) throws -> (file: ModelFile, manifest: ModelManifest?) {
        var isFolder: ObjCBool = false
        _ = unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        let isManifest = path.hasSuffix(".json") && !isFolder.boolValue
        let manifest = isManifest ? try ModelManifest(path: path) : nil
        let file = try ModelFile.open(
            path: manifest?.weights ?? path, acceptsStale: acceptsStale)
        let embedded = try file.embeddedManifest.map { try ModelManifest($0, path: file.path) }
        return (file, manifest ?? embedded)
    }

    /// How conversations are written, as people call it.
    package var promptFormatName: String {
        switch promptEncoder.format {
        case .mistral(let format): "Mistral \(format.rawValue)"
        case .template: "the model's own chat template"
        case .fallback: "ChatML, for want of a template"
        }
    }

    /// The names under which clients may ask for the model, the first being its own: the
    /// manifest's, or else the file's without its ending.
    package var names: [String] {
        let fileName = URL(fileURLWithPath: file.path).deletingPathExtension().lastPathComponent
        return [manifest?.name ?? fileName] + (manifest?.aliases ?? [])
    }

    /// The model as the APIs offer it.
    ///
    /// - Parameters:
    ///   - engine: what generates with its weights.
    ///   - build: the version of the program.
    ///   - servedName: the name that the operator gave it, or nil.
    ///   - problem: says why it cannot answer any more, if that is so.
    /// - Returns: description, engine, tokenizer and prompts together.
    package func served(
        by engine: any CompletionEngine, build: String, named servedName: String?,
        problem: @escaping @Sendable () -> String?
    ) -> ServedModel {
        let own = names
        let id = servedName ?? own.first ?? "default"
        let configuration = file.configuration
        var description = ModelDescription(
            name: id, aliases: own.filter { $0 != id }, creationTime: creationTime(),
            summary: manifest?.description ?? file.name, contextLength: engine.contextLength,
            defaultTemperature: manifest?.defaultTemperature, capabilities: [])
        description.generates = !file.schema.isEncoder
        if !description.generates, let most = pooling?.maxTokenCount {
            description.contextLength = min(description.contextLength, most)
        }
        if description.generates {
            if manifest?.capabilities["completion_chat"] ?? true {
                description.capabilities.insert(.chat)
            }
            if manifest?.capabilities["function_calling"] ?? true {
                description.capabilities.insert(.toolCalls)
            }
            if answerFormat.thinking != nil { description.capabilities.insert(.thinking) }
            description.promptFormat = promptFormatName
        }
        let hasScore = file.hasScore
        if pooling != nil, !hasScore {
            description.capabilities.insert(.embedding)
            description.embeddingDimension = configuration.hiddenSize
        }
        if hasScore { description.capabilities.insert(.reranking) }
        description.parameterCount = file.parameterCount
        description.weightByteCount = file.tensors.byteCount
        description.quantization = file.elementTypes.first?.type.name ?? "none"
        description.expertCount = configuration.expertCount
        description.expertsPerToken = configuration.expertsPerToken
        return ServedModel(
            description: description, engine: engine, tokenizer: tokenizer, prompts: promptEncoder,
            answerFormat: answerFormat,
            chatTemplate: description.generates ? chatTemplate : nil,
            embedding: pooling.map {
                EmbeddingAbility(
                    $0, dimension: configuration.hiddenSize, embeds: !hasScore,
                    hasScore: hasScore,
                    isEncoder: file.schema.isEncoder)
            },
            fingerprint: "cierzo-\(build)-\(weightsFingerprint())",
            problem: problem)
    }

    /// The template that conversations are written with, or else the model's own.
    private var chatTemplate: String? {
        switch promptEncoder.format {
        case .template(let template), .fallback(let template): template.source
        case .mistral: file.chatTemplate
        }
    }

    /// When the file was last written, in seconds since 1970.
    private func creationTime() -> Int {
        let attributes = try? FileManager.default.attributesOfItem(atPath: file.path)
        let date = attributes?[.modificationDate] as? Date
        return date.map { Int($0.timeIntervalSince1970) } ?? 0
    }

    /// Sixteen hexadecimal digits that differ between weights.
    package func weightsFingerprint() -> String {
        let digits = String(file.weightsDigest(), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension ModelFile {
    /// Whether the model scores texts, by a head that gives one number.
    fileprivate var hasScore: Bool { configuration.numbers[.labels] == 1 }
}
