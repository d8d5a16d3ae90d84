// SPDX-License-Identifier: Apache-2.0

import Computation
import Foundation
import Quantization

/// Finds a model's tensors among those of its files by name, and checks their shapes.
struct TensorBinder {
    let schema: ModelSchema
    let configuration: ModelConfiguration
    /// Those of the layer that is being bound.
    private var own: ModelConfiguration
    let naming: TensorNaming
    /// The folder or file that error messages about missing tensors name.
    let path: String
    private var stored: [String: StoredTensor]
    private var unreadable: [String: UnreadableTensor]
    /// Tensors that the model uses, in the order in which they were asked for.
    private(set) var used: [StoredTensor] = []
    /// Those of them that hold several matrices, by name.
    private var shared: [String: StoredTensor] = [:]
    /// What matrices are made of that files have in another order, by name.
    private var sources: [String: StoredTensor] = [:]
    private var byteSources: [String: RawTensor] = [:]

    /// Creates a binder over the tensors of a model's files.
    ///
    /// - Throws: if a name occurs twice.
    init(
        _ tensors: [StoredTensor], unreadable: [UnreadableTensor], schema: ModelSchema,
        configuration: ModelConfiguration, naming: TensorNaming, path: String
    ) throws(ModelFileError) {
        self.schema = schema
        self.configuration = configuration
        own = configuration
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
        let inputs = try group(schema.inputs(of: configuration))
        let output = schema.outputs.first { $0.role == .output }
        let isTied = tied ?? !(output.map { has($0) } ?? false)
        var members: [TensorGroup.Member] = []
        for declaration in schema.outputs {
            if isTied, declaration.role == .output {
                for name in declaration.names(naming) { forget(name.name()) }
                members.append(
                    .init(declaration: declaration, matrices: inputs.matrices(.tokenEmbedding)))
            } else {
                members.append(try member(declaration, form: form(of: declaration, layer: nil)))
            }
        }
        var layers: [TensorGroup] = []
        for index in 0..<configuration.layerCount {
            layers.append(try group(schema.layer(configuration, index), layer: index))
        }
        return ModelTensors(inputs: inputs, layers: layers, outputs: TensorGroup(members))
    }

    /// Names of tensors that nothing asked for.
    ///
    /// - Throws: for one that would change what the model computes, such as a bias.
    func leftovers() throws(ModelFileError) -> [String] {
        let ignored = schema.ignored + draftLayers
        let unused = unusedOfBorrowers
        var names = unreadable.values.filter(\.isInert).map(\.name)
        let others =
            stored.values.map { (name: $0.name, path: $0.file.path) }
            + unreadable.values.filter { !$0.isInert }.map { (name: $0.name, path: $0.path) }
        for (name, path) in others.sorted(by: { $0.name < $1.name }) where !Self.isExpected(name) {
            if unused.contains(name) || ignored.contains(where: { name.hasPrefix($0) }) {
                names.append(name)
                continue
            }
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

    /// The names of tensors that layers have although they borrow keys and values: what makes their
    /// own is published with them, and nothing reads it.
    private var unusedOfBorrowers: Set<String> {
        var names: Set<String> = []
        for layer in 0..<configuration.layerCount where configuration.borrows(layer: layer) {
            guard let lender = configuration.lender(toLayer: layer) else { continue }
            let roles = schema.layer(configuration, layer).map(\.role)
            for tensor in schema.layer(configuration, lender) where !roles.contains(tensor.role) {
                names.formUnion(tensor.names(naming).map { found($0.name(layer: layer)) })
            }
        }
        return names
    }

    /// How the names begin of tensors in layers that draft tokens.
    private var draftLayers: [String] {
        let layers =
            configuration.layerCount..<configuration.layerCount
            + configuration.draftLayerCount
        guard !layers.isEmpty, let name = schema.layer(configuration, 0).first?.names(naming).first,
            let end = name.pattern.firstRange(of: "{L}")?.upperBound
        else { return [] }
        let pattern = TensorName(stringLiteral: String(name.pattern[..<end]) + ".")
        return layers.map { pattern.name(layer: $0) }
    }

    /// What writers of checkpoints leave in them: tables of angles, masks, positions, and scales of
    /// caches and activations of eight bits.
    private static func isExpected(_ name: String) -> Bool {
        let endings = [
            "rope_freqs.weight", "rope.freqs", ".causal_mask", ".masked_bias", ".position_ids",
            ".k_scale", ".v_scale", ".kv_scale", ".input_scale",
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
        let outputs = schema.outputs.flatMap { $0.names(naming) }.map { $0.name() }
        guard outputs.contains(weight) || used.contains(where: { $0.name == weight }) else {
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

    // MARK: Groups

    private mutating func group(
        _ declarations: [TensorDeclaration], layer: Int? = nil
    ) throws(ModelFileError) -> TensorGroup {
        own = layer.map { configuration.own(layer: $0) } ?? configuration
        // Tensors that come together have the same form: all experts in one tensor, for example.
        var forms: [TensorRole: Int] = [:]
        var members: [TensorGroup.Member] = []
        for declaration in declarations {
            let form =
                declaration.follows.flatMap { forms[$0] } ?? form(of: declaration, layer: layer)
            forms[declaration.role] = form
            members.append(try member(declaration, form: form, layer: layer))
        }
        return TensorGroup(members)
    }

    /// Which of its names a tensor has in these files: the first that is there.
    private func form(of declaration: TensorDeclaration, layer: Int?) -> Int {
        declaration.names(naming).firstIndex { has($0.name(layer: layer, expert: 0)) } ?? 0
    }

    private mutating func member(
        _ declaration: TensorDeclaration, form: Int, layer: Int? = nil
    ) throws(ModelFileError) -> TensorGroup.Member {
        let names = declaration.names(naming)
        guard names.indices.contains(form) else {
            throw .unsupported(
                path: path, problem: "this format has no \(declaration.role) of \(schema.name)")
        }
        let sizes = declaration.sizes(in: own)
        guard !declaration.isVector else {
            return .init(
                declaration: declaration, vector: try vector(names[form], sizes, layer: layer))
        }
        var matrices: [WeightMatrix] = []
        for expert in 0..<declaration.count(in: own) {
            matrices.append(
                try matrix(
                    names[form], rows: sizes[0], columns: sizes[1], layer: layer, expert: expert,
                    of: declaration.count(in: own)))
        }
        return .init(declaration: declaration, matrices: matrices)
    }

    /// The numbers of a vector, which may be every so many-th of a tensor.
    private mutating func vector(
        _ name: TensorName, _ sizes: [Int], layer: Int?
    ) throws(ModelFileError) -> [Float] {
        let full = name.name(layer: layer)
        guard let rows = name.rearrangement?.rows, let width = sizes.last else {
            // Packed files have all in one row.
            let shape = naming == .packed ? [sizes.reduce(1, *)] : sizes
            return try changed(take(full, shape), as: name.change)
        }
        let all = try source(full, sizes.dropLast() + [width * rows.step])
        if rows.first == 0 { used.append(all) }
        let values = try all.finiteValues()
        return stride(from: rows.first, to: values.count, by: rows.step).map { values[$0] }
    }

    /// The numbers of a vector, made of those that its file has.
    private func changed(
        _ tensor: StoredTensor, as change: TensorName.Change
    ) throws(ModelFileError) -> [Float] {
        let values = try tensor.finiteValues()
        switch change {
        case .none: return values
        case .addsOne: return values.map { 1 + $0 }
        case .negatesExponential:
            let made = values.map { -exp($0) }
            guard let index = made.firstIndex(where: { !$0.isFinite }) else { return made }
            throw .tensor(
                path: tensor.file.path, name: tensor.name,
                problem: "element \(index) is \(values[index]), whose exponential is too large")
        }
    }

    /// One matrix, which may be some of the rows of a tensor.
    private mutating func matrix(
        _ name: TensorName, rows: Int, columns: Int, layer: Int?, expert: Int, of count: Int
    ) throws(ModelFileError) -> WeightMatrix {
        if name.isFlat {
            return try flatPart(
                name, rows: rows, columns: columns, layer: layer, copy: expert, of: count)
        }
        if let form = name.rearrangement {
            let full = name.name(layer: layer)
            var key = form.rows.step == 1 ? full : "\(full) (rows \(form.rows.first) + n)"
            if case .grouped(_, _, let taken) = form.form {
                key = "\(full) (parts \(taken.lowerBound) to \(taken.upperBound))"
            }
            if shared[key] == nil {
                let made = try rearranged(
                    full, form, (count: count, rows: rows, columns: columns), key: key)
                shared[key] = made
                used.append(made)
            }
            if let tensor = shared[key] {
                return tensor.matrix(firstRow: expert * rows, rows: rows)
            }
        }
        let above = name.rowsAbove.reduce(0) { $0 + $1(own) }
        let rowsEach = above + rows + name.rowsBelow.reduce(0) { $0 + $1(own) }
        let full = name.name(layer: layer, expert: expert)
        let shape = (name.isStacked ? [count] : []) + [rowsEach, columns]
        guard name.isStacked || rowsEach != rows else {
            return try take(full, shape).matrix(firstRow: 0, rows: rows)
        }
        let tensor: StoredTensor
        if let taken = shared[full] {
            tensor = taken
        } else {
            tensor = try take(full, shape)
            shared[full] = tensor
        }
        let first = (name.isStacked ? expert * rowsEach : 0) + above
        return tensor.matrix(firstRow: first, rows: rows)
    }

    /// A copy's matrix of some rows of a matrix in which the copies lie one above another, or of the
    /// transpose of some.
    private mutating func flatPart(
        _ name: TensorName, rows: Int, columns: Int, layer: Int?, copy: Int, of count: Int
    ) throws(ModelFileError) -> WeightMatrix {
        let full = name.name(layer: layer)
        let isTransposed = name.rearrangement != nil
        let above = name.rowsAbove.reduce(0) { $0 + $1(own) }
        let below = name.rowsBelow.reduce(0) { $0 + $1(own) }
        let rowsEach = above + (isTransposed ? columns : rows) + below
        let isNew = sources[full] == nil
        let all = try source(full, [count * rowsEach, isTransposed ? rows : columns])
        if isNew { used.append(all) }
        guard isTransposed else {
            return all.matrix(firstRow: copy * rowsEach + above, rows: rows)
        }
        let key = "\(full) (transposed)"
        if shared[key] == nil {
            let type = RearrangedMatrices.transposedType(of: all.type)
            shared[key] = try made(
                type, (count: count, rows: rows, columns: columns), key: key
            ) { () throws(ByteStorageError) in
                try RearrangedMatrices(
                    transposingPartsOf: all.matrix(firstRow: 0, rows: count * rowsEach),
                    rowsEach: rowsEach, (count: count, rows: rows, columns: columns))
            }
        }
        guard let tensor = shared[key] else { preconditionFailure("\(key) was not made") }
        return tensor.matrix(firstRow: copy * rows, rows: rows)
    }

    /// Matrices that are made of others' bytes.
    private func made(
        _ type: ElementType, _ shape: RearrangedMatrices.Shape, key: String,
        _ make: () throws(ByteStorageError) -> RearrangedMatrices
    ) throws(ModelFileError) -> StoredTensor {
        do throws(ByteStorageError) {
            let file = try make()
            return StoredTensor(
                name: key, file: file, type: type,
                shape: [shape.count, shape.rows, shape.columns], byteOffset: 0,
                byteCount: file.byteCount)
        } catch {
            throw .unreadable(path: path, reason: "\(error)")
        }
    }

    /// All matrices of a stack that its file has in another order.
    private mutating func rearranged(
        _ name: String, _ arrangement: TensorName.Rearrangement, _ shape: RearrangedMatrices.Shape,
        key: String
    ) throws(ModelFileError) -> StoredTensor {
        let rows = (first: arrangement.rows.first, step: arrangement.rows.step)
        let allRows = shape.rows * rows.step
        switch arrangement.form {
        case .transposed:
            let tensor = try source(name, [shape.count, shape.columns, allRows])
            return try made(tensor.type, shape, key: key) { () throws(ByteStorageError) in
                try RearrangedMatrices(
                    transposing: (tensor.file, tensor.byteOffset),
                    elementByteCount: tensor.type.bytesPerBlock, shape, rows: rows)
            }
        case .parts: preconditionFailure("\(name) is flat")
        case .grouped(let groups, let parts, let taken):
            let sizes = parts.map { $0(own) }
            let each = sizes.reduce(0, +)
            let groupCount = groups(own)
            let tensor = try source(name, [groupCount * each, shape.columns])
            guard shape.columns % tensor.type.elementsPerBlock == 0 else {
                throw .tensor(
                    path: path, name: name, problem: "rows of \(shape.columns) are no whole blocks")
            }
            let runs = taken.flatMap { part in
                (0..<groupCount).map { group in
                    (group * each + sizes[..<part].reduce(0, +), sizes[part])
                }
            }
            return try made(tensor.type, shape, key: key) { () throws(ByteStorageError) in
                try RearrangedMatrices(
                    gathering: runs, of: (tensor.file, tensor.byteOffset), columns: shape.columns,
                    bytesPerRow: shape.columns / tensor.type.elementsPerBlock
                        * tensor.type.bytesPerBlock)
            }
        case .mxfp4:
            guard shape.columns % 32 == 0 else {
                throw .tensor(
                    path: path, name: name,
                    problem: "rows of \(shape.columns) are no whole blocks of 32")
            }
            let sizes = [shape.count, allRows, shape.columns / 32]
            let blocks = try byteSource(name, sizes + [16])
            let scales = try byteSource(String(name.dropLast(6)) + "scales", sizes)
            return try made(.mxfp4, shape, key: key) { () throws(ByteStorageError) in
                try RearrangedMatrices(
                    mxfp4: (blocks.file, blocks.byteOffset),
                    scales: (scales.file, scales.byteOffset), shape, rows: rows)
            }
        }
    }

    /// A tensor of which several are made.
    private mutating func source(
        _ name: String, _ shape: [Int]
    ) throws(ModelFileError) -> StoredTensor {
        if let tensor = sources[name] { return tensor }
        let tensor = try claim(name, shape)
        sources[name] = tensor
        return tensor
    }

    /// A tensor of bytes of which several are made.
    private mutating func byteSource(
        _ name: String, _ shape: [Int]
    ) throws(ModelFileError) -> RawTensor {
        if let tensor = byteSources[name] { return tensor }
        let name = found(name)
        guard let tensor = unreadable.removeValue(forKey: name) else {
            throw .tensor(path: path, name: name, problem: "missing, or not of element type U8")
        }
        guard let bytes = tensor.bytes, bytes.kind == .bytes else { throw tensor.error }
        guard bytes.shape == shape else {
            throw .tensor(
                path: tensor.path, name: name,
                problem: "expected shape \(shape), found \(bytes.shape)")
        }
        byteSources[name] = bytes
        return bytes
    }

    // MARK: Single tensors

    private func has(_ declaration: TensorDeclaration) -> Bool {
        declaration.names(naming).contains { has($0.name()) }
    }

    private func has(_ name: String) -> Bool {
        let name = found(name)
        return stored[name] != nil || unreadable[name] != nil
    }

    /// The name as it begins in these files.
    private func found(_ name: String) -> String {
        let names =
            [name]
            + schema.prefixes.filter { name.hasPrefix($0.usual) }.map {
                $0.own + name.dropFirst($0.usual.count)
            }
        return names.first { stored[$0] != nil || unreadable[$0] != nil } ?? name
    }

    private mutating func forget(_ name: String) {
        let name = found(name)
        stored[name] = nil
        unreadable[name] = nil
    }

    private mutating func take(
        _ name: String, _ shape: [Int]
    ) throws(ModelFileError) -> StoredTensor {
        let tensor = try claim(name, shape)
        used.append(tensor)
        return tensor
    }

    /// A tensor that nobody else asks for.
    private mutating func claim(
        _ name: String, _ shape: [Int]
    ) throws(ModelFileError) -> StoredTensor {
        let name = found(name)
        if let tensor = unreadable[name] { throw tensor.error }
        guard var tensor = stored.removeValue(forKey: name) else {
            throw .tensor(path: path, name: name, problem: "missing")
        }
        // A convolution has a size of 1 between its channels and what each of them sees.
        if tensor.shape.count == 3, shape.count == 2, tensor.shape[1] == 1 {
            tensor.shape.remove(at: 1)
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
        return tensor
    }
}
