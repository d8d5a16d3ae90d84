// SPDX-License-Identifier: Apache-2.0

import Computation
import JSON

/// A LoRA adapter as PEFT writes it: `adapter_config.json` and `adapter_model.safetensors`.
///
/// - Source: PEFT's `tuners/lora/config.py` and `tuners/lora/layer.py`.
struct PEFTAdapter {
    private static let configurationName = "adapter_config.json"
    private static let weightsName = "adapter_model.safetensors"
    private static let maxConfigurationByteCount = 1 << 22

    private let path: String
    private let configurationPath: String
    private let object: JSONObject
    private let tensors: SafetensorsFile

    /// Reads the files of a folder.
    init(_ folder: ModelFolder) throws(ModelFileError) {
        guard folder.contains(Self.configurationName) else {
            throw .unrecognised(
                path: folder.path,
                reason: "an adapter has \(Self.configurationName), and this folder has none")
        }
        guard folder.contains(Self.weightsName) else {
            let hasPyTorch = folder.names.contains { $0.hasSuffix(".bin") || $0.hasSuffix(".pt") }
            throw .unrecognised(
                path: folder.path,
                reason: "holds no \(Self.weightsName)"
                    + (hasPyTorch ? "; PyTorch's own files are not read" : ""))
        }
        path = folder.path
        configurationPath = folder.path(of: Self.configurationName)
        object = try folder.jsonObject(
            Self.configurationName, maxBytes: Self.maxConfigurationByteCount)
        tensors = try SafetensorsFile(
            mapping: openRegularFile(folder.path(of: Self.weightsName)))
    }

    /// The same of bytes in memory.
    init(
        _ configuration: [UInt8], _ tensors: SafetensorsFile, path: String
    ) throws(ModelFileError) {
        self.path = path
        configurationPath = "\(path)/\(Self.configurationName)"
        object = try parseJSONObject(configuration, path: configurationPath)
        self.tensors = tensors
    }

    /// The adapter, which can be brought into memory.
    func adapter(for base: AdapterBase) throws(ModelFileError) -> UnloadedAdapter {
        let settings = try Settings(object, path: configurationPath)
        let targets = AdapterTargets(base.schema, base.configuration, naming: .huggingFace)
        if let tensor = tensors.unreadable.first { throw tensor.error }
        var halves: [String: (a: StoredTensor?, b: StoredTensor?)] = [:]
        var modules: [String] = []
        for tensor in tensors.tensors {
            let (module, isA) = try module(of: tensor)
            if halves[module] == nil { modules.append(module) }
            guard (isA ? halves[module]?.a : halves[module]?.b) == nil else {
                throw .tensor(
                    path: tensor.file.path, name: tensor.name, problem: "the name occurs twice")
            }
            if isA {
                halves[module, default: (nil, nil)].a = tensor
            } else {
                halves[module, default: (nil, nil)].b = tensor
            }
        }
        var pairs: [AdapterPair] = []
        for module in modules {
            let (a, b) = halves[module] ?? (nil, nil)
            guard let a, let b else {
                let there = a ?? b
                throw .tensor(
                    path: there?.file.path ?? path,
                    name: "\(module).lora_\(a == nil ? "A" : "B").weight",
                    problem: "missing, while the other half is there")
            }
            let (name, found) = try matrices(of: module, a, b, targets, base.schema)
            let form: AdapterPair.Form = found[0].stackCount == nil ? .single : .interleaved
            pairs.append(
                try AdapterPair(name, found, a: a, b: b, form: form) {
                    rank throws(ModelFileError) in
                    let expected = settings.rank(of: name)
                    guard rank == expected else {
                        throw .tensor(
                            path: a.file.path, name: a.name,
                            problem: "its rank is \(rank), and \(Self.configurationName) says "
                                + "\(expected)")
                    }
                    return settings.scale(of: name, rank: rank)
                })
        }
        return try UnloadedAdapter(
            pairs, pairing: base.schema.huggingFace?.ropePairing ?? .halves, path: path,
            for: base)
    }

    // MARK: Names

    /// The module that a tensor is of, and whether it is A.
    private func module(
        of tensor: StoredTensor
    ) throws(ModelFileError) -> (name: String, isA: Bool) {
        func fail(_ problem: String) -> ModelFileError {
            .tensor(path: tensor.file.path, name: tensor.name, problem: problem)
        }
        let name =
            tensor.name.hasPrefix(Self.prefix)
            ? String(tensor.name.dropFirst(Self.prefix.utf8.count)) : tensor.name
        let ending = ".lora_A.weight"
        if name.hasSuffix(ending) { return (String(name.dropLast(ending.utf8.count)), true) }
        if name.hasSuffix(".lora_B.weight") {
            return (String(name.dropLast(ending.utf8.count)), false)
        }
        if name.contains("lora_magnitude_vector") { throw fail("DoRA is not supported") }
        if name.contains("lora_embedding_") {
            throw fail("an adapter of the token embedding is not supported")
        }
        if name.hasSuffix(".lora_B.bias") { throw fail("biases of B are not supported") }
        if name.contains("lora_") {
            throw fail("not known: neither lora_A.weight nor lora_B.weight")
        }
        throw fail(
            "a tensor of the model itself: adapters that replace some (modules_to_save, or an "
                + "embedding that has grown) are not supported")
    }

    private static let prefix = "base_model.model."

    /// The matrices of a module, and what the model calls it.
    private func matrices(
        of module: String, _ a: StoredTensor, _ b: StoredTensor, _ targets: AdapterTargets,
        _ schema: ModelSchema
    ) throws(ModelFileError) -> (name: String, [AdapterTargets.Target]) {
        // The names of a model that has a part for images may begin in another way.
        let names =
            [module]
            + schema.prefixes.filter { module.hasPrefix($0.own) }.map {
                $0.usual + module.dropFirst($0.own.utf8.count)
            }
        for name in names {
            if targets[name].first?.stackCount == nil, !targets[name].isEmpty {
                return (name, targets[name])
            }
            // PEFT wraps a module once for each of its parameters that it adds to.
            var outer = name
            while outer.hasSuffix(".base_layer") { outer.removeLast(".base_layer".utf8.count) }
            let parameters = targets.parameters(of: outer)
            guard !parameters.isEmpty else { continue }
            for parameter in parameters {
                guard let target = targets[parameter].first else { continue }
                if a.shape.last == target.columns, b.shape.first == target.allRows {
                    return (parameter, targets[parameter])
                }
            }
            throw .tensor(
                path: a.file.path, name: a.name,
                problem: "shapes \(a.shape) of A and \(b.shape) of B are those of no parameter of "
                    + outer)
        }
        throw .tensor(path: a.file.path, name: a.name, problem: targets.problem(of: module))
    }
}

/// What `adapter_config.json` says of the arithmetic.
private struct Settings {
    private let rank: Int
    private let alpha: Double
    private let ranks: [(pattern: NamePattern, value: Int)]
    private let alphas: [(pattern: NamePattern, value: Double)]
    /// Whether the factor is alpha / √rank instead of alpha / rank.
    private let isRankStabilized: Bool

    private static let alphaRange = -1e6...1e6

    init(_ object: JSONObject, path: String) throws(ModelFileError) {
        let fields = ConfigurationFields(object, path: path)
        let type = try fields.string("peft_type")
        guard type == "LORA" else {
            throw fields.fail(
                "peft_type", "“\(printable(type, limit: 40))” is not supported (“LORA” is)")
        }
        try fields.refuseUnknown(
            Array(object.keys), understood: Self.understood, neutral: Self.neutral)
        if let initial = try? fields.optionalString("init_lora_weights"),
            Self.changesTheModel.contains(where: { initial.lowercased().hasPrefix($0) })
        {
            throw fields.fail(
                "init_lora_weights",
                "“\(printable(initial, limit: 40))” changes the weights of the model, too, which is "
                    + "not supported; PEFT can write such an adapter as a plain one "
                    + "(path_initial_model_for_weight_conversion)")
        }
        rank = try fields.integer("r", in: AdapterPair.ranks)
        alpha = try fields.number("lora_alpha", in: Self.alphaRange, default: 8)
        isRankStabilized = try fields.bool("use_rslora", default: false)
        var ranks: [(NamePattern, Int)] = []
        for (pattern, fields, key) in try Self.patterns(object, "rank_pattern", path) {
            ranks.append((pattern, try fields.integer(key, in: AdapterPair.ranks)))
        }
        self.ranks = ranks
        var alphas: [(NamePattern, Double)] = []
        for (pattern, fields, key) in try Self.patterns(object, "alpha_pattern", path) {
            alphas.append((pattern, try fields.number(key, in: Self.alphaRange)))
        }
        self.alphas = alphas
    }

    /// The rank of a module, by the first pattern that it matches.
    func rank(of module: String) -> Int {
        ranks.first { $0.pattern.matches(module) }?.value ?? rank
    }

    /// What B · A of a module is multiplied with.
    func scale(of module: String, rank: Int) -> Double {
        let alpha = alphas.first { $0.pattern.matches(module) }?.value ?? alpha
        return alpha / (isRankStabilized ? Double(rank).squareRoot() : Double(rank))
    }

    private static func patterns(
        _ object: JSONObject, _ key: String, _ path: String
    ) throws(ModelFileError) -> [(NamePattern, ConfigurationFields, key: String)] {
        switch object[key] {
        case nil, .null: return []
        case .object(let patterns):
            guard patterns.count <= 4096 else {
                throw .metadata(
                    path: path, key: key,
                    problem: "\(patterns.count) patterns, more than the limit of 4096")
            }
            let fields = ConfigurationFields(patterns, path: path, prefix: "\(key).")
            var list: [(NamePattern, ConfigurationFields, key: String)] = []
            for (text, _) in patterns {
                guard text.utf8.count <= 256, let pattern = NamePattern(text) else {
                    throw fields.fail(
                        text,
                        "a pattern of letters, “.”, “.*”, “\\.”, “^” and “$” is needed; other "
                            + "regular expressions are not supported")
                }
                list.append((pattern, fields, text))
            }
            return list
        default:
            throw .metadata(path: path, key: key, problem: "expected an object")
        }
    }

    /// Ways to begin training that leave the model with other weights.
    private static let changesTheModel = ["pissa", "olora", "corda", "loftq", "lora_ga", "loraga"]

    /// What is read, and what nothing depends on once the adapter is trained.
    private static let understood: Set<String> = [
        "peft_type", "r", "lora_alpha", "use_rslora", "rank_pattern", "alpha_pattern",
        "init_lora_weights", "target_modules", "target_parameters", "exclude_modules",
        "layers_to_transform", "layers_pattern", "lora_dropout", "inference_mode", "task_type",
        "base_model_name_or_path", "revision", "auto_mapping", "peft_version", "megatron_core",
        "loftq_config", "eva_config", "corda_config", "lora_ga_config", "runtime_config",
        "qalora_group_size", "ensure_weight_tying", "velora_config",
    ]

    /// What would change the arithmetic, and the values at which it does not.
    private static let neutral: [String: [ConfigurationFields.Value]] = {
        typealias Value = ConfigurationFields.Value
        let nothing: [Value] = [.other(Value.emptyArray), .other(Value.emptyObject)]
        return [
            "bias": [.string("none")], "use_dora": [.bool(false)], "lora_bias": [.bool(false)],
            "fan_in_fan_out": [.bool(false)], "use_qalora": [.bool(false)],
            "modules_to_save": nothing, "trainable_token_indices": nothing,
            "layer_replication": nothing, "megatron_config": nothing,
            "alora_invocation_tokens": nothing, "use_bdlora": nothing + [.bool(false)],
            "arrow_config": nothing, "monteclora_config": nothing, "kasa_config": nothing,
            "modules_to_tie": nothing,
        ]
    }()
}
