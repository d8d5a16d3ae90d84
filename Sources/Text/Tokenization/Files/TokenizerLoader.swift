// SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON
package import ModelFiles

/// Reads the vocabulary of a model from whichever file it comes in.
///
/// In a folder the first of these counts: `tekken.json`, `tokenizer.json`,
/// `tokenizer.model.vN` (highest N), `tokenizer.model`, each with its variants in name
/// (`tekken_240911.json`, `mistral_instruct_tokenizer_241114.model.v7`). Mistral's own files come
/// before Hugging Face's translation of them; `tokenizer.model` comes last because it lacks the
/// tokens that fine-tuning added. `tiktoken.model` is what Kimi K2 has instead of all of these. Beside `tokenizer.json` and `tokenizer.model`, the files
/// `tokenizer_config.json` (`bos_token`, `eos_token`, `add_bos_token`, `add_eos_token`), and beside
/// `tokenizer.model` also its `added_tokens_decoder`, `added_tokens.json` and
/// `special_tokens_map.json`, are read where they exist, as are
/// `generation_config.json` and `config.json` (`eos_token_id`).
package struct TokenizerLoader {
    /// Reads the tokenizer of an opened model.
    ///
    /// Added tokens for which the model has no rows are left out.
    ///
    /// - Parameter model: a GGUF file or a folder; its `endTokenIDs` end an answer too.
    /// - Returns: an immutable tokenizer.
    /// - Throws: `TokenizerError`, which names the file and the field; also if the vocabulary is
    ///   larger than the model's.
    package static func load(_ model: ModelFile) throws -> ModelTokenizer {
        var content: VocabularyContent
        var warnings: [String] = []
        switch model.vocabularySource {
        case .gguf(let file):
            content = try GGUFVocabulary.vocabulary(
                of: file.metadata, file: file.path, warnings: &warnings)
        case .folder(let folder): content = try vocabulary(in: folder)
        }
        let rowCount = model.configuration.vocabularySize
        let count = content.count
        let removed = content.removeAddedTokens(beyond: rowCount)
        guard content.count <= rowCount else {
            throw TokenizerError.malformed(
                file: model.path, field: "vocabulary",
                reason: "\(count) tokens, but the model has only \(rowCount)")
        }
        if let first = removed.first {
            let others = removed.count == 1 ? "" : " and \(removed.count - 1) others"
            warnings.append(
                "token \(quoted(first))\(others) left out: the model has only \(rowCount) rows")
        }
        var version: ModelTokenizer.MistralVersion?
        if case .folder(let folder) = model.vocabularySource {
            version = mistralVersion(in: folder, content)
        }
        var tokenizer = try content.tokenizer()
        tokenizer.addStops(model.endTokenIDs)
        return ModelTokenizer(
            tokenizer: tokenizer, mistralVersion: version, warnings: warnings)
    }

    /// The version that Mistral's own file states: `config.version` of `tekken.json`, or the ending
    /// of `tokenizer.model.vN`.
    ///
    /// A plain `tokenizer.model` among Mistral's own files is that of version 1, whose vocabulary
    /// has no control tokens for instructions.
    /// - Source: mistral-common `get_spm_version`, `Tekkenizer.from_file`.
    package static func mistralVersion(
        in folder: ModelFolder, _ content: VocabularyContent
    ) -> ModelTokenizer.MistralVersion? {
        if case .ranked(let vocabulary) = content {
            return vocabulary.version.map {
                .init($0, file: vocabulary.file, reasoningEffort: vocabulary.reasoningEffort)
            }
        }
        let names = folder.names
        if let name = versionedName(names), let version = name.split(separator: ".").last {
            return .init(String(version), file: folder.path(of: name))
        }
        guard names.contains("params.json"), preferredName(names) == "tokenizer.model",
            case .sentencePiece(let vocabulary) = content, !vocabulary.pieces.contains("[INST]")
        else { return nil }
        return .init("v1", file: folder.path(of: "tokenizer.model"))
    }

    /// Whether a model came without any vocabulary, so that only token ids can be exchanged.
    package static func isMissing(of model: ModelFile) -> Bool {
        switch model.vocabularySource {
        case .gguf(let file):
            // Converters write the model "none" where they were told to leave the vocabulary out.
            file.metadata["tokenizer.ggml.model"]?.stringValue == "none"
                || !file.metadata.keys.contains { $0.hasPrefix("tokenizer.ggml.") }
        case .folder(let folder): preferredName(folder.names) == nil
        }
    }

    /// Reads the tokenizer at a path.
    ///
    /// - Parameter path: a tokenizer file, a GGUF file, or a model's folder.
    /// - Returns: an immutable tokenizer.
    /// - Throws: `TokenizerError`, which names the file and the field, or `ModelFileError`.
    package static func load(path: String) throws -> any Tokenizer {
        guard TokenizerFile.type(of: path) == .typeDirectory else {
            if TokenizerFile.isGGUF(path) {
                let file = try GGUFFile(path: path)
                return try GGUFVocabulary.tokenizer(of: file.metadata, file: path)
            }
            return try vocabulary(TokenizerFile(path: path), folder: nil).tokenizer()
        }
        return try vocabulary(in: ModelFolder(path: path)).tokenizer()
    }

    /// Reads the vocabulary in a model's folder, as plain values.
    ///
    /// - Throws: `TokenizerError`, which names the file and the field.
    package static func vocabulary(in folder: ModelFolder) throws -> VocabularyContent {
        guard let name = preferredName(folder.names) else {
            throw TokenizerError.missing(path: folder.path)
        }
        return try vocabulary(TokenizerFile(name, in: folder), folder: folder)
    }

    /// The pieces of a WordPiece vocabulary, one in each line.
    private static let wordPieceName = "vocab.txt"

    /// The file that counts among the names in a folder.
    package static func preferredName(_ names: [String]) -> String? {
        if names.contains("tekken.json") { return "tekken.json" }
        if let name = names.last(where: { $0.hasPrefix("tekken") && $0.hasSuffix(".json") }) {
            return name
        }
        if names.contains("tokenizer.json") { return "tokenizer.json" }
        if let name = versionedName(names) { return name }
        if names.contains("tokenizer.model") { return "tokenizer.model" }
        return names.first { $0.hasSuffix(".model") } ?? names.first { $0 == wordPieceName }
    }

    /// The name of the highest version of `.model.vN`.
    private static func versionedName(_ names: [String]) -> String? {
        let versioned = names.compactMap { name in version(of: name).map { (name, $0) } }
        return versioned.max { $0.1 < $1.1 }?.0
    }

    /// N of a name that ends in `.model.vN` or `.model.vNmM`.
    private static func version(of name: String) -> Int? {
        let parts = name.split(separator: ".")
        guard parts.count >= 3, parts[parts.count - 2] == "model", let last = parts.last,
            last.first == "v"
        else { return nil }
        return Int(last.dropFirst().prefix { $0 != "m" })
    }

    private static func vocabulary(
        _ file: TokenizerFile, folder: ModelFolder?
    ) throws -> VocabularyContent {
        if file.path.hasSuffix("/" + wordPieceName) {
            return .wordPiece(try wordPiece(file, folder: folder))
        }
        if file.path.hasSuffix("/" + TiktokenFile.name) {
            let settings = try settings(in: folder, listingAdded: true)
            return .ranked(
                try TiktokenFile.vocabulary(of: file.bytes, settings: settings, file: file.path))
        }
        // tokenizer.json and tekken.json list all their tokens themselves.
        let settings = try settings(in: folder, listingAdded: !isJSON(file.bytes))
        return try vocabulary(file.bytes, file: file.path, settings: settings)
    }

    /// Reads the tokenizer in the content of a file.
    ///
    /// - Parameters:
    ///   - bytes: of `tokenizer.model`, `tekken.json` or `tokenizer.json`; the content tells which.
    ///   - path: the file's name, for messages.
    /// - Returns: an immutable tokenizer.
    /// - Throws: `TokenizerError`, which names the file and the field.
    package static func load(
        _ bytes: [UInt8], file path: String
    ) throws(TokenizerError) -> any Tokenizer {
        try vocabulary(bytes, file: path, settings: TokenizerSettings()).tokenizer()
    }

    private static func vocabulary(
        _ bytes: [UInt8], file path: String, settings: TokenizerSettings
    ) throws(TokenizerError) -> VocabularyContent {
        guard isJSON(bytes) else {
            var vocabulary = try SentencePieceModelFile.vocabulary(of: bytes, file: path)
            vocabulary.special.addsBOS = settings.addsBOS ?? vocabulary.special.addsBOS
            vocabulary.special.addsEOS = settings.addsEOS ?? vocabulary.special.addsEOS
            try vocabulary.add(settings)
            let count = Int32(vocabulary.pieces.count)
            vocabulary.special.stops.formUnion(settings.stops.filter { $0 < count })
            return .sentencePiece(vocabulary)
        }
        let json = try TokenizerFile.json(bytes, path: path)
        if json["config"]?["pattern"] != nil {
            return .ranked(try TekkenFile.vocabulary(of: json, file: path))
        }
        return try HuggingFaceTokenizerFile.vocabulary(
            of: json, settings: settings, file: path)
    }

    private static func wordPiece(
        _ file: TokenizerFile, folder: ModelFolder?
    ) throws -> WordPieceVocabulary {
        var configuration = JSONValue.null
        let name = "tokenizer_config.json"
        if let folder, folder.contains(name) {
            let beside = try TokenizerFile(name, in: folder)
            configuration = try TokenizerFile.json(beside.bytes, path: beside.path)
        }
        return try WordPieceFile.vocabulary(
            ofLines: file.bytes, configuration: configuration, file: file.path)
    }

    private static func isJSON(_ bytes: [UInt8]) -> Bool {
        let first = bytes.first { $0 != 0x20 && !(0x09...0x0D).contains($0) }
        return first == UInt8(ascii: "{")
    }

    private static func settings(
        in folder: ModelFolder?, listingAdded: Bool
    ) throws -> TokenizerSettings {
        var settings = TokenizerSettings()
        guard let folder else { return settings }
        func read(
            _ name: String, _ body: (inout TokenizerSettings, JSONValue, String) throws -> Void
        ) throws {
            guard folder.contains(name) else { return }
            let file = try TokenizerFile(name, in: folder)
            try body(&settings, TokenizerFile.json(file.bytes, path: file.path), file.path)
        }
        if listingAdded {
            try read("special_tokens_map.json") { try $0.readSpecialTokens($1, file: $2) }
            try read("added_tokens.json") { try $0.readAddedTokens($1, file: $2) }
            try read("tokenizer_config.json") { try $0.readAddedTokensDecoder($1, file: $2) }
        }
        try read("tokenizer_config.json") { try $0.readTokenizerConfiguration($1, file: $2) }
        for name in ["generation_config.json", "config.json"] {
            try read(name) { try $0.readStops($1, file: $2) }
        }
        return settings
    }
}
