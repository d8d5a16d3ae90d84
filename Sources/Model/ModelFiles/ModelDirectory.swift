// SPDX-License-Identifier: Apache-2.0

import JSON

/// A folder of Hugging Face's kind, or of Mistral's own, that holds a model.
struct ModelDirectory {
    private let folder: ModelFolder
    private let schemas: [ModelSchema]

    /// A folder, and the families that its model may be of.
    init(_ folder: ModelFolder, schemas: [ModelSchema]) {
        self.folder = folder
        self.schemas = schemas
    }

    /// The longest configuration file that is read.
    private static let maxConfigurationByteCount = 1 << 22
    /// The longest tokenizer_config.json that is read (its list of added tokens can be long).
    private static let maxTokenizerByteCount = 1 << 26

    /// All that the folder says of its model.
    func contents() throws(ModelFileError) -> ModelFile.Contents {
        let hasConfig = folder.contains("config.json")
        // A folder may hold both kinds, as Mistral's on Hugging Face do; one is read, not both.
        // Beside Mistral's own set any other file may be something else, such as an optimiser's
        // state: only the usual names are weights there.
        let hasParameters = folder.contains("params.json")
        let hasMistralWeights =
            hasParameters
            && !SafetensorsDirectory.weightNames(in: folder, stem: "consolidated").isEmpty
        let hasHuggingFaceWeights =
            folder.contains("model.safetensors.index.json")
            || SafetensorsDirectory.weightNames(in: folder, stem: "model").contains {
                !hasMistralWeights || $0 == "model.safetensors" || $0.hasPrefix("model-")
            }
        let isMistral = hasParameters && !(hasConfig && hasHuggingFaceWeights)
        guard isMistral || hasConfig else {
            throw .unrecognised(path: folder.path, reason: missingConfigReason)
        }
        var contents = try isMistral ? mistralContents() : huggingFaceContents()
        let weights = try SafetensorsDirectory(folder, stem: isMistral ? "consolidated" : "model")
        let read = try QuantizedWeights(
            weights.tensors, weights.unreadable, contents.quantization)
        contents.stored = read.stored
        contents.unreadable = read.unreadable
        return contents
    }

    /// What a Hugging Face folder says of a model, without its tensors.
    func huggingFaceContents() throws(ModelFileError) -> ModelFile.Contents {
        let path = folder.path(of: "config.json")
        let object = try folder.jsonObject("config.json", maxBytes: Self.maxConfigurationByteCount)
        let reader = try HuggingFaceConfiguration(object, path: path, among: schemas)
        let configuration = try reader.read()
        var warnings: [String] = []
        let ends = try endTokenIDs(
            config: reader.text, vocabularySize: configuration.vocabularySize, &warnings)
        let (templates, source) = try chatTemplates()
        return ModelFile.Contents(
            schema: reader.schema, configuration: configuration, stored: [],
            quantization: try reader.quantization(), naming: .huggingFace, tied: reader.tied,
            vocabularySource: .folder(folder), chatTemplates: templates,
            endTokenIDs: ends, chatTemplateSource: source, warnings: warnings)
    }

    /// What a folder of Mistral's own says of a model, without its tensors.
    func mistralContents() throws(ModelFileError) -> ModelFile.Contents {
        let path = folder.path(of: "params.json")
        let object = try folder.jsonObject("params.json", maxBytes: Self.maxConfigurationByteCount)
        let reader = try MistralConfiguration(object, path: path, among: schemas)
        let (templates, source) = try chatTemplates()
        return ModelFile.Contents(
            schema: reader.schema, configuration: try reader.read(), stored: [],
            quantization: try reader.quantization(), naming: .mistral, tied: try reader.isTied(),
            vocabularySource: .folder(folder), chatTemplates: templates,
            endTokenIDs: [], chatTemplateSource: source)
    }

    private var missingConfigReason: String {
        if let name = folder.names.first(where: { $0.hasSuffix(".gguf") }) {
            return "this folder has no config.json; did you mean \(folder.path(of: name))?"
        }
        return "neither a GGUF file nor a folder with config.json"
    }

    // MARK: Chat templates

    /// The templates by name and the file of the default one, as transformers chooses among them:
    /// `chat_template.jinja` before `chat_template.json` before `tokenizer_config.json`.
    private func chatTemplates() throws(ModelFileError) -> (
        templates: [String: String], source: String
    ) {
        var templates: [String: String] = [:]
        var source = "chat_template.jinja"
        if folder.contains(source) {
            templates["default"] = try text(source)
        }
        let others = folder.additionalTemplates
        if templates.isEmpty, let first = others.first { source = first.file }
        for (name, file) in others where templates[name] == nil {
            templates[name] = try text(file)
        }
        for name in ["chat_template.json", "tokenizer_config.json"]
        where templates["default"] == nil && folder.contains(name) {
            let object = try folder.jsonObject(name, maxBytes: Self.maxTokenizerByteCount)
            let found = try Self.listedTemplates(object, path: folder.path(of: name))
            if !found.isEmpty { source = name }
            templates.merge(found) { file, _ in file }
        }
        return (templates, source)
    }

    private func text(
        _ name: String
    ) throws(ModelFileError) -> String {
        let bytes = try folder.contents(of: name, maxBytes: Self.maxConfigurationByteCount)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .unrecognised(path: folder.path(of: name), reason: "not valid UTF-8")
        }
        return text
    }

    private static func listedTemplates(
        _ object: JSONObject, path: String
    ) throws(ModelFileError) -> [String: String] {
        let key = "chat_template"
        guard let value = object[key], !value.isNull else { return [:] }
        if let text = value.stringValue { return ["default": text] }
        var templates: [String: String] = [:]
        if let object = value.objectValue {
            for (name, template) in object {
                guard let text = template.stringValue else {
                    throw .metadata(
                        path: path, key: "\(key).\(name)", problem: "expected a string")
                }
                templates[name] = text
            }
            return templates
        }
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

    private func endTokenIDs(
        config: JSONObject, vocabularySize: Int,
        _ warnings: inout [String]
    ) throws(ModelFileError) -> [Int32] {
        let name = "generation_config.json"
        if folder.contains(name) {
            let object = try folder.jsonObject(name, maxBytes: Self.maxConfigurationByteCount)
            let ids = try Self.endTokenIDs(
                object, path: folder.path(of: name), vocabularySize: vocabularySize, &warnings)
            if !ids.isEmpty { return ids }
        }
        return try Self.endTokenIDs(
            config, path: folder.path(of: "config.json"), vocabularySize: vocabularySize, &warnings)
    }

    private static func endTokenIDs(
        _ object: JSONObject, path: String, vocabularySize: Int, _ warnings: inout [String]
    ) throws(ModelFileError) -> [Int32] {
        let key = "eos_token_id"
        guard let value = object[key], !value.isNull else { return [] }
        var ids: [Int32] = []
        for element in value.arrayValue ?? [value] {
            guard case .integer(let id) = element else {
                throw .metadata(
                    path: path, key: key,
                    problem: "expected token ids from 0 to \(vocabularySize - 1)")
            }
            // Merged models keep the id of a parent with more tokens; it can never be generated.
            if (0..<vocabularySize).contains(id) {
                ids.append(Int32(id))
            } else {
                warnings.append(
                    "\(path): \(key) \(id) is outside the vocabulary of \(vocabularySize) and "
                        + "ends no answer")
            }
        }
        return ids
    }
}
