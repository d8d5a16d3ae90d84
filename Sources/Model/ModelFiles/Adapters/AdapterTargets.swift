// SPDX-License-Identifier: Apache-2.0

/// The matrices of a model that adapters may add to, by the names that a format has for them.
struct AdapterTargets {
    /// Some rows of a tensor that make a matrix, or those of all experts.
    struct Target {
        var place: Adapter.Place
        /// Which expert's it is; nil: there is one matrix, or the tensor holds those of all experts.
        var expert: Int?
        /// How many experts' the tensor holds; nil: it is no stack.
        var stackCount: Int?
        /// How many matrices there are at the place.
        var copyCount: Int
        var rows: Int
        var columns: Int
        /// The rows of the tensor, or of each expert's part of it.
        var allRows: Int
        /// Which of them are those of the matrix: every `step`-th from this one on.
        var firstRow: Int
        var step: Int
        /// Whether rows are heads whose components rotate in pairs.
        var rotates: Bool
    }

    /// The matrices of each tensor, by its name without `.weight`.
    private var targets: [String: [Target]] = [:]
    /// The tensors that are parameters of a module themselves, by the module's name.
    private var parameters: [String: [String]] = [:]
    /// The tensors of the model that adapters may not add to, by their names without `.weight`.
    private var others: [String: TensorRole] = [:]

    /// Collects the matrices of a model.
    ///
    /// - Parameters:
    ///   - schema: its family.
    ///   - configuration: its numbers.
    ///   - naming: `.gguf` or `.huggingFace`.
    init(_ schema: ModelSchema, _ configuration: ModelConfiguration, naming: TensorNaming) {
        for (declaration, layer, numbers) in schema.tensors(of: configuration) {
            for name in declaration.names(naming) {
                add(name, declaration, layer: layer, numbers)
            }
        }
    }

    private mutating func add(
        _ name: TensorName, _ declaration: TensorDeclaration, layer: Int?,
        _ configuration: ModelConfiguration
    ) {
        let ending = ".weight"
        func key(expert: Int?) -> String {
            let full = name.name(layer: layer, expert: expert)
            return full.hasSuffix(ending) ? String(full.dropLast(ending.utf8.count)) : full
        }
        guard declaration.isAdaptable else {
            others[key(expert: 0)] = declaration.role
            return
        }
        let sizes = declaration.sizes(in: configuration)
        let above = name.rowsAbove.reduce(0) { $0 + $1(configuration) }
        let below = name.rowsBelow.reduce(0) { $0 + $1(configuration) }
        let choice = name.rearrangement?.rows ?? .all
        let count = declaration.count(in: configuration)
        var target = Target(
            place: Adapter.Place(layer: layer, role: declaration.role), expert: nil,
            stackCount: name.isStacked ? count : nil, copyCount: count, rows: sizes[0],
            columns: sizes[1], allRows: above + sizes[0] * choice.step + below,
            firstRow: above + choice.first, step: choice.step, rotates: declaration.rotates)
        guard declaration.copies != nil, !name.isStacked else {
            let key = key(expert: nil)
            append(target, key)
            if name.isStacked, let dot = key.lastIndex(of: "."), !name.pattern.hasSuffix(ending) {
                let module = String(key[..<dot])
                if !parameters[module, default: []].contains(key) {
                    parameters[module, default: []].append(key)
                }
            }
            return
        }
        for expert in 0..<count {
            target.expert = expert
            append(target, key(expert: expert))
        }
    }

    private mutating func append(_ target: Target, _ key: String) {
        // A family may list a name twice.
        let known = targets[key] ?? []
        guard !known.contains(where: { $0.place == target.place && $0.expert == target.expert })
        else { return }
        targets[key] = known + [target]
    }

    /// The matrices of the tensor of that name, without `.weight`; none: there is no such tensor.
    subscript(name: String) -> [Target] { targets[name] ?? [] }

    /// The names of the tensors that are parameters of a module themselves.
    func parameters(of module: String) -> [String] { parameters[module] ?? [] }

    /// Why there is nothing to add to, for a name that has no matrices.
    func problem(of name: String) -> String {
        if let role = others[name] {
            return "an adapter of this tensor (\(role)) is not supported"
        }
        return "the model has no tensor of this name that an adapter could add to"
    }
}
