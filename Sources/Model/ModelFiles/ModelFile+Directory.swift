// SPDX-License-Identifier: Apache-2.0

import JSON

extension ModelFile {
    /// The longest configuration file that is read.
    private static let maxConfigurationByteCount = 1 << 22
    /// The longest tokenizer_config.json that is read (its list of added tokens can be long).
    private static let maxTokenizerByteCount = 1 << 26

    /// Reads a model out of a Hugging Face folder, or one of Mistral's own.
    static func openDirectory(_ path: String) throws(ModelFileError) -> Contents {
        let folder = ModelFolder(path: path)
        let hasConfig = folder.contains("config.json")
        // A folder may hold both kinds, as Mistral's on Hugging Face do; one is read, not both.
        let hasHuggingFaceWeights =
            folder.contains("model.safetensors.index.json")
            || !SafetensorsDirectory.weightNames(in: folder, stem: "model").isEmpty
        let isMistral = folder.contains("params.json") && !(hasConfig && hasHuggingFaceWeights)
        guard isMistral || hasConfig else {
            throw .unrecognised(path: path, reason: missingConfigReason(folder))
        }
        var contents = try isMistral ? mistralContents(of: folder) : huggingFaceContents(of: folder)
        let weights = try SafetensorsDirectory(folder, stem: isMistral ? "consolidated" : "model")
        contents.stored = weights.tensors
        contents.unreadable = weights.unreadable
        return contents
    }

    /// What a Hugging Face folder says of a model, without its tensors.
    static func huggingFaceContents(of folder: ModelFolder) throws(ModelFileError) -> Contents {
        let path = folder.path(of: "config.json")
        let object = try folder.jsonObject("config.json", maxBytes: maxConfigurationByteCount)
        let configuration = try ModelConfiguration(huggingFace: object, path: path)
        let fields = ConfigurationFields(object, path: path)
        return Contents(
            configuration: configuration, stored: [], naming: .huggingFace,
            tied: try fields.bool("tie_word_embeddings", default: false),
            vocabularySource: .folder(folder), chatTemplates: try chatTemplates(folder),
            endTokenIDs: try endTokenIDs(
                folder, config: object, vocabularySize: configuration.vocabularySize))
    }

    /// What a folder of Mistral's own says of a model, without its tensors.
    static func mistralContents(of folder: ModelFolder) throws(ModelFileError) -> Contents {
        let path = folder.path(of: "params.json")
        let object = try folder.jsonObject("params.json", maxBytes: maxConfigurationByteCount)
        let fields = ConfigurationFields(object, path: path)
        return Contents(
            configuration: try ModelConfiguration(mistral: object, path: path), stored: [],
            naming: .mistral, tied: try fields.bool("tied_embeddings", default: false),
            vocabularySource: .folder(folder), chatTemplates: try chatTemplates(folder),
            endTokenIDs: [])
    }

    private static func missingConfigReason(_ folder: ModelFolder) -> String {
        if let name = folder.names.first(where: { $0.hasSuffix(".gguf") }) {
            return "this folder has no config.json; did you mean \(folder.path(of: name))?"
        }
        return "neither a GGUF file nor a folder with config.json"
    }

    // MARK: Chat templates

    private static func chatTemplates(
        _ folder: ModelFolder
    ) throws(ModelFileError) -> [String: String] {
        var templates: [String: String] = [:]
        let name = "tokenizer_config.json"
        if folder.contains(name) {
            let object = try folder.jsonObject(name, maxBytes: maxTokenizerByteCount)
            templates = try templatesOfTokenizerConfig(object, path: folder.path(of: name))
        }
        // transformers 4.51 and later write the template beside the configuration; it wins.
        let jinja = "chat_template.jinja"
        if folder.contains(jinja) {
            let bytes = try folder.contents(of: jinja, maxBytes: maxConfigurationByteCount)
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw .unrecognised(path: folder.path(of: jinja), reason: "not valid UTF-8")
            }
            templates["default"] = text
        }
        return templates
    }

    private static func templatesOfTokenizerConfig(
        _ object: JSONObject, path: String
    ) throws(ModelFileError) -> [String: String] {
        let key = "chat_template"
        guard let value = object[key], !value.isNull else { return [:] }
        if let text = value.stringValue { return ["default": text] }
        var templates: [String: String] = [:]
        guard let list = value.arrayValue else {
            throw .metadata(path: path, key: key, problem: "expected a string or a list")
        }
        for entry in list {
            guard let name = entry["name"]?.stringValue,
                let text = entry["template"]?.stringValue
            else {
                throw .metadata(
                    path: path, key: key, problem: "an entry lacks a name or a template")
            }
            templates[name] = text
        }
        return templates
    }

    // MARK: Ends of generation

    private static func endTokenIDs(
        _ folder: ModelFolder, config: JSONObject, vocabularySize: Int
    ) throws(ModelFileError) -> [Int32] {
        let name = "generation_config.json"
        if folder.contains(name) {
            let object = try folder.jsonObject(name, maxBytes: maxConfigurationByteCount)
            let ids = try endTokenIDs(
                object, path: folder.path(of: name), vocabularySize: vocabularySize)
            if !ids.isEmpty { return ids }
        }
        return try endTokenIDs(
            config, path: folder.path(of: "config.json"), vocabularySize: vocabularySize)
    }

    private static func endTokenIDs(
        _ object: JSONObject, path: String, vocabularySize: Int
    ) throws(ModelFileError) -> [Int32] {
        let key = "eos_token_id"
        guard let value = object[key], !value.isNull else { return [] }
        var ids: [Int32] = []
        for element in value.arrayValue ?? [value] {
            guard case .integer(let id) = element, (0..<vocabularySize).contains(id) else {
                throw .metadata(
                    path: path, key: key,
                    problem: "expected token ids from 0 to \(vocabularySize - 1)")
            }
            ids.append(Int32(id))
        }
        return ids
    }
}
