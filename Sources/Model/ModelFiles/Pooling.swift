// SPDX-License-Identifier: Apache-2.0

import JSON

/// How one vector is made of the states of a text's tokens, as the files of a model say.
package struct Pooling: Sendable, Hashable {
    /// Which states count.
    package enum Method: Sendable, Hashable {
        /// All of them, by their mean.
        case mean
        /// The first.
        case first
        /// The last.
        case last
    }

    /// Which states count.
    package var method: Method
    /// Whether the vector gets length 1.
    package var normalizes: Bool
    /// The most tokens of a text, special ones included; nil: as many as the model's context holds.
    package var maxTokenCount: Int?
    /// What stands before each text where a request does not say; empty: nothing.
    package var prompt: String
    /// Whether a text is brought into lower case before it is tokenized.
    package var lowercases: Bool

    /// Describes how vectors are made.
    package init(
        _ method: Method, normalizes: Bool = true, maxTokenCount: Int? = nil, prompt: String = "",
        lowercases: Bool = false
    ) {
        self.method = method
        self.normalizes = normalizes
        self.maxTokenCount = maxTokenCount
        self.prompt = prompt
        self.lowercases = lowercases
    }
}

extension ModelFile {
    /// How embeddings are made of the model's states: by what `modules.json` and the files that it
    /// names say, or GGUF's `pooling_type`; without any of them an encoder's states are averaged, a
    /// decoder's last one counts, and vectors have length 1.
    ///
    /// - Throws: for files that are not understood, since vectors made otherwise would be worthless.
    package func pooling() throws(ModelFileError) -> Pooling {
        let usual = Pooling(schema.isEncoder ? .mean : .last)
        switch vocabularySource {
        case .gguf(let file): return try Self.pooling(of: file, usual: usual)
        case .folder(let folder):
            guard folder.contains(SentenceTransformersFolder.modules) else { return usual }
            return try SentenceTransformersFolder(folder).pooling(usual: usual)
        }
    }

    /// Whether its files say how embeddings are made of its states.
    package var saysPooling: Bool {
        switch vocabularySource {
        case .gguf(let file):
            file.metadata.contains { key, value in
                key.hasSuffix(".pooling_type") && (value.intValue ?? 0) > 0
            }
        case .folder(let folder): folder.contains(SentenceTransformersFolder.modules)
        }
    }

    private static func pooling(
        of file: GGUFFile, usual: Pooling
    ) throws(ModelFileError) -> Pooling {
        let general = ConfigurationFields(file.metadata, path: file.path, prefix: "general.")
        let architecture = try general.string("architecture")
        let fields = ConfigurationFields(
            file.metadata, path: file.path, prefix: "\(architecture).")
        var pooling = usual
        switch try fields.optionalInteger("pooling_type", in: 0...64) {
        case nil, 0: break
        case 1: pooling.method = .mean
        case 2: pooling.method = .first
        case 3: pooling.method = .last
        case let type?:
            throw fields.fail(
                "pooling_type", "\(type) is not supported (1, 2 and 3 are: mean, first and last)")
        }
        return pooling
    }
}

extension ModelFolder {
    /// The configurations of the modules that a model of sentence-transformers consists of.
    package var moduleFiles: [String] {
        let name = SentenceTransformersFolder.modules
        guard contains(name),
            let bytes = try? contents(of: name, maxBytes: SentenceTransformersFolder.maxByteCount),
            let modules = try? JSONParser.parse(bytes).arrayValue
        else { return [] }
        return modules.compactMap { module in
            guard let place = module["path"]?.stringValue, !place.isEmpty,
                !place.split(separator: "/").contains("..")
            else { return nil }
            return place + "/config.json"
        }.filter(contains)
    }
}

/// What sentence-transformers writes beside a model.
private struct SentenceTransformersFolder {
    fileprivate static let modules = "modules.json"
    fileprivate static let maxByteCount = 1 << 22

    private let folder: ModelFolder

    init(_ folder: ModelFolder) { self.folder = folder }

    func pooling(usual: Pooling) throws(ModelFileError) -> Pooling {
        var pooling = usual
        pooling.normalizes = false
        // The file that leaves a prompt's tokens out of the mean.
        var unprompted: String?
        let path = folder.path(of: Self.modules)
        let bytes = try folder.contents(of: Self.modules, maxBytes: Self.maxByteCount)
        guard let modules = try? JSONParser.parse(bytes), let list = modules.arrayValue else {
            throw .unrecognised(path: path, reason: "not a list of modules")
        }
        for (index, module) in list.enumerated() {
            let type = module["type"]?.stringValue ?? ""
            let place = module["path"]?.stringValue ?? ""
            // The paths of later versions begin otherwise, their names are the same.
            switch type.split(separator: ".").last {
            case "Transformer": break
            case "Pooling":
                let name = (place.isEmpty ? "" : place + "/") + "config.json"
                let object = try configuration(name, in: place)
                pooling.method = try method(object, in: name)
                if object["include_prompt"] == .bool(false) { unprompted = name }
            case "Normalize": pooling.normalizes = true
            default:
                throw .metadata(
                    path: path, key: "[\(index)].type",
                    problem: "“\(printable(type, limit: 60))” is not supported (Transformer, "
                        + "Pooling and Normalize are)")
            }
        }
        try readLimits(into: &pooling)
        try readPrompt(into: &pooling)
        if let file = unprompted, !pooling.prompt.isEmpty {
            throw .metadata(
                path: folder.path(of: file), key: "include_prompt",
                problem: "vectors of which the prompt is no part are not supported")
        }
        return pooling
    }

    private func configuration(
        _ name: String, in place: String
    ) throws(ModelFileError) -> JSONObject {
        let parts = place.split(separator: "/", omittingEmptySubsequences: false)
        guard !parts.contains(".."), !parts.contains("") || place.isEmpty else {
            throw .metadata(
                path: folder.path(of: Self.modules), key: "path",
                problem: "“\(printable(place, limit: 60))” leads elsewhere")
        }
        return try folder.jsonObject(name, maxBytes: Self.maxByteCount)
    }

    private func method(
        _ object: JSONObject, in name: String
    ) throws(ModelFileError) -> Pooling.Method {
        let known: [(key: String, name: String, method: Pooling.Method)] = [
            ("pooling_mode_mean_tokens", "mean", .mean),
            ("pooling_mode_cls_token", "cls", .first),
            ("pooling_mode_lasttoken", "lasttoken", .last),
        ]
        if let word = object["pooling_mode"]?.stringValue {
            if let mode = known.first(where: { $0.name == word }) { return mode.method }
            throw unsupported(name, "pooling_mode", word)
        }
        let chosen = object.compactMap { member in
            member.key.hasPrefix("pooling_mode_") && member.value == .bool(true)
                ? member.key : nil
        }
        guard chosen.count <= 1, let key = chosen.first else {
            throw .metadata(
                path: folder.path(of: name), key: "pooling_mode_…",
                problem: "\(chosen.count) of them are true, one has to be")
        }
        guard let mode = known.first(where: { $0.key == key }) else {
            throw unsupported(name, key, "true")
        }
        return mode.method
    }

    private func unsupported(_ name: String, _ key: String, _ value: String) -> ModelFileError {
        .metadata(
            path: folder.path(of: name), key: key,
            problem: "“\(printable(value, limit: 40))” is not supported (the mean, the first and "
                + "the last token are)")
    }

    private func readLimits(into pooling: inout Pooling) throws(ModelFileError) {
        let name = "sentence_bert_config.json"
        guard folder.contains(name) else { return }
        let object = try folder.jsonObject(name, maxBytes: Self.maxByteCount)
        let fields = ConfigurationFields(object, path: folder.path(of: name))
        pooling.maxTokenCount = try fields.optionalInteger(
            "max_seq_length", in: ConfigurationBounds.contextLength)
        pooling.lowercases = try fields.bool("do_lower_case", default: false)
    }

    private func readPrompt(into pooling: inout Pooling) throws(ModelFileError) {
        let name = "config_sentence_transformers.json"
        guard folder.contains(name) else { return }
        let object = try folder.jsonObject(name, maxBytes: Self.maxByteCount)
        guard let chosen = object["default_prompt_name"]?.stringValue else { return }
        guard let prompt = object["prompts"]?[chosen]?.stringValue else {
            throw .metadata(
                path: folder.path(of: name), key: "default_prompt_name",
                problem: "“\(printable(chosen, limit: 40))” is none of the prompts")
        }
        pooling.prompt = prompt
    }
}
