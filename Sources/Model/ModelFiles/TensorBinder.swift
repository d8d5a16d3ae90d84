// SPDX-License-Identifier: Apache-2.0

import Computation
import Quantization

/// Finds a model's tensors among those of its files by name, and checks their shapes.
struct TensorBinder {
    let configuration: ModelConfiguration
    let naming: TensorNaming
    /// The folder or file that error messages about missing tensors name.
    let path: String
    private var stored: [String: StoredTensor]
    private var unreadable: [String: UnreadableTensor]
    /// Tensors that the model uses, in the order in which they were asked for.
    private(set) var used: [StoredTensor] = []

    /// Creates a binder over the tensors of a model's files.
    ///
    /// - Throws: if a name occurs twice.
    init(
        _ tensors: [StoredTensor], unreadable: [UnreadableTensor],
        configuration: ModelConfiguration, naming: TensorNaming, path: String
    ) throws(ModelFileError) {
        self.configuration = configuration
        self.naming = naming
        self.path = path
        stored = [:]
        for tensor in tensors {
            guard stored.updateValue(tensor, forKey: tensor.name) == nil else {
                throw .tensor(
                    path: tensor.file.path, name: tensor.name, problem: "the name occurs twice")
            }
        }
        self.unreadable = [:]
        for tensor in unreadable {
            guard stored[tensor.name] == nil,
                self.unreadable.updateValue(tensor, forKey: tensor.name) == nil
            else {
                throw .tensor(
                    path: tensor.path, name: tensor.name, problem: "the name occurs twice")
            }
        }
    }

    /// Finds all tensors of the model.
    ///
    /// - Parameter tied: whether the output matrix is the token embedding; nil: it is where there
    ///   is no tensor of its own.
    /// - Returns: views of the tensors.
    /// - Throws: an error that names the tensor that is missing or of the wrong shape.
    mutating func bind(tied: Bool?) throws(ModelFileError) -> ModelTensors {
        let vocabulary = configuration.vocabularySize
        let hidden = configuration.hiddenSize
        let embedding = try matrix(naming.tokenEmbedding, vocabulary, hidden)
        let outputNorm = try norm(naming.outputNorm)
        let output: WeightMatrix
        if tied ?? !has(naming.output) {
            stored[naming.output] = nil
            unreadable[naming.output] = nil
            output = embedding
        } else {
            output = try matrix(naming.output, vocabulary, hidden)
        }
        var layers: [LayerTensors] = []
        for index in 0..<configuration.layerCount {
            layers.append(try layer(index))
        }
        return ModelTensors(
            tokenEmbedding: embedding, layers: layers, outputNorm: outputNorm, output: output)
    }

    /// Names of tensors that nothing asked for.
    ///
    /// - Throws: for one that would change what the model computes, such as a bias.
    func leftovers() throws(ModelFileError) -> [String] {
        var names = unreadable.values.filter(\.isInert).map(\.name)
        let others =
            stored.values.map { (name: $0.name, path: $0.file.path) }
            + unreadable.values.filter { !$0.isInert }.map { (name: $0.name, path: $0.path) }
        for (name, path) in others.sorted(by: { $0.name < $1.name }) where !Self.isExpected(name) {
            if let weight = weight(scaledBy: name) {
                if isOne(name) { continue }
                throw .tensor(
                    path: path, name: name,
                    problem: "multiplies what \(weight) gives, and such factors are not supported")
            }
            guard !Self.changesTheModel(name) else {
                throw .tensor(
                    path: path, name: name, problem: "the model architecture has no such tensor")
            }
            names.append(name)
        }
        return names.sorted()
    }

    /// What writers of checkpoints leave in them: tables of angles, masks, positions, and scales of
    /// caches of eight bits.
    private static func isExpected(_ name: String) -> Bool {
        let endings = [
            "rope_freqs.weight", "rope.freqs", ".causal_mask", ".masked_bias", ".position_ids",
            ".k_scale", ".v_scale", ".kv_scale",
        ]
        return name.contains("rotary_emb.") || name.contains("attn_rot_embd")
            || endings.contains { name.hasSuffix($0) }
    }

    /// Extra tensors of these kinds belong to other architectures: without them the output is wrong.
    private static func changesTheModel(_ name: String) -> Bool {
        let marks = [
            ".bias", "_norm.weight", "norm.weight", "shexp", "shared_expert", "ffn_", "mlp.",
            "attn_", "self_attn.", "lora", "attention.", "feed_forward.", "rope_factors",
        ]
        return marks.contains { name.contains($0) }
    }

    /// The matrix that a tensor `NAME.scale` is the factor of, if the model uses that matrix.
    ///
    /// GGUF files have such factors beside matrices of type NVFP4. The output's always counts, since
    /// it may be the embedding.
    private func weight(scaledBy name: String) -> String? {
        guard name.hasSuffix(".scale") else { return nil }
        let weight = String(name.dropLast("scale".count)) + "weight"
        guard weight == naming.output || used.contains(where: { $0.name == weight }) else {
            return nil
        }
        return weight
    }

    /// Whether a tensor of factors changes nothing.
    private func isOne(_ name: String) -> Bool {
        // There is one for each matrix, or each expert's.
        guard let tensor = stored[name], tensor.elementCount <= 4096,
            let values = try? tensor.finiteValues()
        else { return false }
        return values.allSatisfy { $0 == 1 }
    }

    // MARK: Layers

    private mutating func layer(_ index: Int) throws(ModelFileError) -> LayerTensors {
        let names = naming.layer(index)
        let hidden = configuration.hiddenSize
        let heads = configuration.headCount * configuration.headDimension
        let kvHeads = configuration.kvHeadCount * configuration.headDimension
        let attentionNorm = try norm(names.attentionNorm)
        let (wq, wk, wv) = try projections(names, rows: heads, kvHeads)
        let wo = try matrix(names.wo, hidden, heads)
        let ffnNorm = try norm(names.ffnNorm)
        var router: WeightMatrix?
        var experts: [ExpertTensors] = []
        if let expertCount = configuration.expertCount {
            let name = names.routers.first { has($0) } ?? names.routers[0]
            router = try matrix(name, expertCount, hidden)
            experts = try self.experts(index, names, count: expertCount)
        } else {
            experts = [try expert(names.dense)]
        }
        return LayerTensors(
            attentionNorm: attentionNorm, wq: wq, wk: wk, wv: wv, wo: wo, ffnNorm: ffnNorm,
            router: router, experts: experts)
    }

    private mutating func projections(
        _ names: TensorNaming.Layer, rows heads: Int, _ kvHeads: Int
    ) throws(ModelFileError) -> (WeightMatrix, WeightMatrix, WeightMatrix) {
        let hidden = configuration.hiddenSize
        if let fused = names.fusedQKV, has(fused) {
            let all = try take(fused, [heads + 2 * kvHeads, hidden])
            return (
                all.matrix(firstRow: 0, rows: heads), all.matrix(firstRow: heads, rows: kvHeads),
                all.matrix(firstRow: heads + kvHeads, rows: kvHeads)
            )
        }
        return (
            try matrix(names.wq, heads, hidden), try matrix(names.wk, kvHeads, hidden),
            try matrix(names.wv, kvHeads, hidden)
        )
    }

    private mutating func experts(
        _ index: Int, _ names: TensorNaming.Layer, count: Int
    ) throws(ModelFileError) -> [ExpertTensors] {
        let hidden = configuration.hiddenSize
        let width = configuration.intermediateSize
        if let fusedGateUp = names.fusedGateUp, let fusedDown = names.fusedDown, has(fusedGateUp) {
            let gateUp = try stack(fusedGateUp, count, 2 * width, hidden)
            let down = try stack(fusedDown, count, hidden, width)
            return (0..<count).map { expert in
                ExpertTensors(
                    w1: gateUp.matrix(firstRow: expert * 2 * width, rows: width),
                    w2: down.matrix(firstRow: expert * hidden, rows: hidden),
                    w3: gateUp.matrix(firstRow: expert * 2 * width + width, rows: width))
            }
        }
        let first = naming.experts(index, 0)
        if let stacked = names.stacked, !first.contains(where: { has($0.w1) }) {
            let gate = try stack(stacked.w1, count, width, hidden)
            let down = try stack(stacked.w2, count, hidden, width)
            let up = try stack(stacked.w3, count, width, hidden)
            return (0..<count).map { expert in
                ExpertTensors(
                    w1: gate.matrix(firstRow: expert * width, rows: width),
                    w2: down.matrix(firstRow: expert * hidden, rows: hidden),
                    w3: up.matrix(firstRow: expert * width, rows: width))
            }
        }
        var experts: [ExpertTensors] = []
        for expert in 0..<count {
            let choices = naming.experts(index, expert)
            experts.append(try self.expert(choices.first { has($0.w1) } ?? choices[0]))
        }
        return experts
    }

    private mutating func expert(
        _ names: TensorNaming.Expert
    ) throws(ModelFileError) -> ExpertTensors {
        let hidden = configuration.hiddenSize
        let width = configuration.intermediateSize
        return ExpertTensors(
            w1: try matrix(names.w1, width, hidden), w2: try matrix(names.w2, hidden, width),
            w3: try matrix(names.w3, width, hidden))
    }

    // MARK: Single tensors

    private func has(_ name: String) -> Bool { stored[name] != nil || unreadable[name] != nil }

    private mutating func matrix(
        _ name: String, _ rows: Int, _ columns: Int
    ) throws(ModelFileError) -> WeightMatrix {
        try take(name, [rows, columns]).matrix(firstRow: 0, rows: rows)
    }

    private mutating func stack(
        _ name: String, _ count: Int, _ rows: Int, _ columns: Int
    ) throws(ModelFileError) -> StoredTensor {
        try take(name, [count, rows, columns])
    }

    private mutating func norm(_ name: String) throws(ModelFileError) -> [Float] {
        let tensor = try take(name, [configuration.hiddenSize])
        return try tensor.finiteValues()
    }

    private mutating func take(
        _ name: String, _ shape: [Int]
    ) throws(ModelFileError) -> StoredTensor {
        if let tensor = unreadable[name] { throw tensor.error }
        guard var tensor = stored.removeValue(forKey: name) else {
            throw .tensor(path: path, name: name, problem: "missing")
        }
        let outer = tensor.shape.count - shape.count
        guard outer >= 0, tensor.shape.prefix(outer).allSatisfy({ $0 == 1 }),
            tensor.shape.suffix(shape.count).elementsEqual(shape)
        else {
            throw .tensor(
                path: tensor.file.path, name: name,
                problem: "expected shape \(shape), found \(tensor.shape)")
        }
        tensor.shape = shape
        used.append(tensor)
        return tensor
    }
}

extension StoredTensor {
    /// The values of a small tensor of a plain floating-point type, all of them finite.
    func finiteValues() throws(ModelFileError) -> [Float] {
        guard [.f32, .f16, .bf16].contains(type), layout == .rows else {
            throw .tensor(
                path: file.path, name: name,
                problem: "element type \(type.name) where F32, F16 or BF16 is needed")
        }
        let values = try floats()
        if let index = values.firstIndex(where: { !$0.isFinite }) {
            throw .tensor(
                path: file.path, name: name, problem: "element \(index) is \(values[index])")
        }
        return values
    }

    /// The values of a tensor of type F32, F16 or BF16.
    private func floats() throws(ModelFileError) -> [Float] {
        var reader = ByteReader(file, range: byteOffset..<byteOffset + byteCount)
        switch type {
        case .f32: return try reader.readArray(of: Float.self, count: elementCount, what: name)
        case .f16:
            let bits = try reader.readArray(of: UInt16.self, count: elementCount, what: name)
            return bits.map { Float(Float16(bitPattern: $0)) }
        default:
            let bits = try reader.readArray(of: UInt16.self, count: elementCount, what: name)
            return bits.map { Float(bitPattern: UInt32($0) << 16) }
        }
    }
}
