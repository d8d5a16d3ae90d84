// SPDX-License-Identifier: Apache-2.0

/// A LoRA adapter in a GGUF file.
///
/// - Source: llama.cpp's `convert_lora_to_gguf.py` and `llama-adapter.cpp`.
struct GGUFAdapter {
    private let file: GGUFFile

    /// A file that has been read.
    init(_ file: GGUFFile) {
        self.file = file
    }

    /// The adapter, which can be brought into memory.
    func adapter(for base: AdapterBase) throws(ModelFileError) -> UnloadedAdapter {
        let alpha = try alpha(for: base)
        let targets = AdapterTargets(base.schema, base.configuration, naming: .gguf)
        if let tensor = file.unreadable.first { throw tensor.error }
        var halves: [String: (a: StoredTensor?, b: StoredTensor?)] = [:]
        var names: [String] = []
        for tensor in file.tensors {
            let isA = tensor.name.hasSuffix(".lora_a")
            guard isA || tensor.name.hasSuffix(".lora_b") else {
                throw .tensor(
                    path: file.path, name: tensor.name,
                    problem: "neither A nor B of an adapter: its name ends in neither .lora_a nor "
                        + ".lora_b")
            }
            let name = String(tensor.name.dropLast(".lora_a".utf8.count))
            if halves[name] == nil { names.append(name) }
            let stored = StoredTensor(tensor, of: file.mapping)
            if isA {
                halves[name, default: (nil, nil)].a = stored
            } else {
                halves[name, default: (nil, nil)].b = stored
            }
        }
        var pairs: [AdapterPair] = []
        for name in names {
            let (a, b) = halves[name] ?? (nil, nil)
            guard let a, let b else {
                throw .tensor(
                    path: file.path, name: "\(name).lora_\(a == nil ? "a" : "b")",
                    problem: "missing, while the other half is there")
            }
            let stem = name.hasSuffix(".weight") ? String(name.dropLast(7)) : name
            let found = targets[stem]
            guard let first = found.first else {
                throw .tensor(path: file.path, name: a.name, problem: targets.problem(of: stem))
            }
            pairs.append(
                try AdapterPair(
                    name, found, a: a, b: b, form: first.stackCount == nil ? .single : .stacked
                ) { rank in alpha == 0 ? 1 : alpha / Double(rank) })
        }
        return try UnloadedAdapter(
            pairs, pairing: base.schema.gguf?.ropePairing ?? .adjacent, path: file.path,
            for: base)
    }

    /// The factor that is divided by the rank; 0: there is none.
    private func alpha(for base: AdapterBase) throws(ModelFileError) -> Double {
        let fields = ConfigurationFields(file.metadata, path: file.path, prefix: "")
        let type = try fields.optionalString("general.type")
        guard type == "adapter" else {
            throw fields.fail(
                "general.type", "expected “adapter”, found \(type.map { "“\($0)”" } ?? "nothing")")
        }
        let kind = try fields.string("adapter.type")
        guard kind == "lora" else {
            throw fields.fail("adapter.type", "“\(kind)” is not supported (“lora” is)")
        }
        if file.metadata["adapter.alora.invocation_tokens"] != nil {
            throw fields.fail(
                "adapter.alora.invocation_tokens",
                "adapters that begin with a token of the prompt are not supported")
        }
        let architecture = try fields.string("general.architecture")
        let keys = base.schema.gguf
        guard keys?.written == architecture || keys?.architectures.contains(architecture) == true
        else {
            throw fields.fail(
                "general.architecture",
                "an adapter of “\(architecture)”, but the model is one of \(base.schema.name)")
        }
        return try fields.optionalNumber("adapter.lora.alpha", in: -1e6...1e6) ?? 0
    }
}
