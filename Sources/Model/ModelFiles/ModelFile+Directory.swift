// SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON
import Tensors

extension ModelFile {
    /// The longest configuration file that is read.
    private static let maxConfigurationByteCount = 1 << 22
    /// The longest tokenizer_config.json that is read (its list of added tokens can be long).
    private static let maxTokenizerByteCount = 1 << 26

    /// Reads a model out of a Hugging Face folder, or one of Mistral's own.
    static func openDirectory(_ path: String) throws(ModelFileError) -> Contents {
        let directory = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        let hasConfig = exists("\(directory)/config.json")
        let hasParams = exists("\(directory)/params.json")
        let hasHuggingFaceWeights =
            exists("\(directory)/model.safetensors")
            || exists("\(directory)/model.safetensors.index.json")
        if hasParams && !(hasConfig && hasHuggingFaceWeights) {
            return try openMistral(directory)
        }
        guard hasConfig else {
            throw .unrecognised(path: path, reason: missingConfigReason(directory))
        }
        return try openHuggingFace(directory)
    }

    private static func openHuggingFace(_ directory: String) throws(ModelFileError) -> Contents {
        let path = "\(directory)/config.json"
        let object = try readJSONObject(path, maxBytes: maxConfigurationByteCount)
        let configuration = try ModelConfiguration(huggingFace: object, path: path)
        let fields = ConfigurationFields(object, path: path)
        let tied = try fields.bool("tie_word_embeddings", default: false)
        let weights = try SafetensorsDirectory(directory: directory, stem: "model")
        return Contents(
            configuration: configuration, stored: weights.tensors, naming: .huggingFace,
            tied: tied, vocabularySource: .directory(path: directory),
            chatTemplates: try chatTemplates(directory),
            endTokenIDs: try endTokenIDs(
                directory, config: object, configPath: path,
                vocabularySize: configuration.vocabularySize))
    }

    private static func openMistral(_ directory: String) throws(ModelFileError) -> Contents {
        let path = "\(directory)/params.json"
        let object = try readJSONObject(path, maxBytes: maxConfigurationByteCount)
        let configuration = try ModelConfiguration(mistral: object, path: path)
        let tied = try ConfigurationFields(object, path: path)
            .bool("tied_embeddings", default: false)
        let weights = try SafetensorsDirectory(directory: directory, stem: "consolidated")
        return Contents(
            configuration: configuration, stored: weights.tensors, naming: .mistral, tied: tied,
            vocabularySource: .directory(path: directory),
            chatTemplates: try chatTemplates(directory), endTokenIDs: [])
    }

    private static func missingConfigReason(_ directory: String) -> String {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        if let name = names.filter({ $0.hasSuffix(".gguf") }).min() {
            return "this folder has no config.json; did you mean \(directory)/\(name)?"
        }
        return "neither a GGUF file nor a folder with config.json"
    }

    // MARK: Chat templates

    private static func chatTemplates(
        _ directory: String
    ) throws(ModelFileError) -> [String: String] {
        var templates: [String: String] = [:]
        let path = "\(directory)/tokenizer_config.json"
        if exists(path) {
            let object = try readJSONObject(path, maxBytes: maxTokenizerByteCount)
            templates = try templatesOfTokenizerConfig(object, path: path)
        }
        // transformers 4.51 and later write the template beside the configuration; it wins.
        let jinja = "\(directory)/chat_template.jinja"
        if exists(jinja) {
            let file = try openRegularFile(jinja)
            guard file.byteCount <= maxConfigurationByteCount,
                let text = String(validating: file.contents(), as: UTF8.self)
            else {
                throw .unrecognised(
                    path: jinja, reason: "longer than 4 MiB, or not valid UTF-8")
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
        _ directory: String, config: JSONObject, configPath: String, vocabularySize: Int
    ) throws(ModelFileError) -> [Int32] {
        let path = "\(directory)/generation_config.json"
        if exists(path) {
            let object = try readJSONObject(path, maxBytes: maxConfigurationByteCount)
            let ids = try endTokenIDs(object, path: path, vocabularySize: vocabularySize)
            if !ids.isEmpty { return ids }
        }
        return try endTokenIDs(config, path: configPath, vocabularySize: vocabularySize)
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

    private static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: path)
    }
}
