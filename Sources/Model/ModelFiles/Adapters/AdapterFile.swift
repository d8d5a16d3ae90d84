// SPDX-License-Identifier: Apache-2.0

import Computation
import Quantization

/// Reads LoRA adapters: folders of PEFT's, and GGUF files as llama.cpp's converter writes them.
package enum AdapterFile {
    /// Opens an adapter and brings all of it into memory.
    ///
    /// - Parameters:
    ///   - path: a folder with `adapter_config.json` and `adapter_model.safetensors`, or a GGUF file.
    ///   - base: the model that it is for.
    /// - Returns: the adapter.
    /// - Throws: `ModelFileError` where a file is damaged, does not fit the model, or asks for what is
    ///   not done.
    package static func open(
        path: String, for base: AdapterBase
    ) throws(ModelFileError) -> Adapter {
        if try isFolder(path) {
            return try PEFTAdapter(ModelFolder(path: path)).adapter(for: base)
        }
        if path.hasSuffix(".safetensors") || path.hasSuffix(".json") {
            throw .unrecognised(
                path: path,
                reason: "an adapter of PEFT is a folder with adapter_config.json and "
                    + "adapter_model.safetensors; give the folder instead")
        }
        return try GGUFAdapter(GGUFFile(path: path)).adapter(for: base)
    }

    /// Makes an adapter of a GGUF file that has been read, for one whose bytes are in memory.
    package static func open(
        gguf file: GGUFFile, for base: AdapterBase
    ) throws(ModelFileError) -> Adapter {
        try GGUFAdapter(file).adapter(for: base)
    }

    /// Makes an adapter of PEFT's two files, for ones whose bytes are in memory.
    ///
    /// - Parameters:
    ///   - configuration: the bytes of `adapter_config.json`.
    ///   - tensors: those of `adapter_model.safetensors`.
    ///   - base: the model that it is for.
    /// - Returns: the adapter.
    /// - Throws: `ModelFileError`, as for files.
    package static func open(
        peft configuration: [UInt8], tensors: SafetensorsFile, for base: AdapterBase
    ) throws(ModelFileError) -> Adapter {
        try PEFTAdapter(configuration, tensors, path: "(memory)").adapter(for: base)
    }

    /// So many numbers, and as many more that the next begin on a cache line.
    static func roomFor(_ count: Int) -> Int { (count + 15) / 16 * 16 }
}

/// What of a model its adapters depend on.
package struct AdapterBase: Sendable {
    let schema: ModelSchema
    let configuration: ModelConfiguration

    /// What adapters of a model depend on.
    package init(_ model: ModelFile) {
        self.init(model.schema, model.configuration)
    }

    /// What adapters of a model of some family depend on.
    package init(_ schema: ModelSchema, _ configuration: ModelConfiguration) {
        self.schema = schema
        self.configuration = configuration
    }

    /// Brings the matrices of an adapter into memory.
    ///
    /// - Parameters:
    ///   - pairs: all of them.
    ///   - pairing: in which order the rows of rotating heads are there.
    ///   - path: the adapter's file or folder.
    /// - Returns: the adapter.
    /// - Throws: where numbers are not finite, a matrix has two of them, or memory does not suffice.
    func adapter(
        _ pairs: [AdapterPair], pairing: RopePairing, path: String
    ) throws(ModelFileError) -> Adapter {
        guard !pairs.isEmpty else {
            throw .unrecognised(path: path, reason: "an adapter without any matrices")
        }
        let count = pairs.reduce(0) { $0 + $1.memoryCount }
        var failure: ModelFileError?
        let memory: ByteStorage
        do {
            memory = try LowRankMatrix.storage(count: count, path: path) { numbers in
                var place = 0
                for pair in pairs where failure == nil {
                    do throws(ModelFileError) {
                        try fill(&numbers, at: &place, pair, pairing)
                    } catch {
                        failure = error
                    }
                }
            }
        } catch {
            throw .unreadable(path: path, reason: "\(error)")
        }
        if let failure { throw failure }

        var matrices: [Adapter.Place: [LowRankMatrix?]] = [:]
        var place = 0
        for pair in pairs {
            for target in pair.targets {
                for expert in 0..<(target.stackCount ?? 1) {
                    func next(columns: Int) -> WeightMatrix {
                        defer { place += AdapterFile.roomFor(pair.rank * columns) }
                        return WeightMatrix(
                            storage: memory, byteOffset: 4 * place, type: .f32,
                            rowCount: pair.rank, columnCount: columns)
                    }
                    let matrix = LowRankMatrix(
                        a: next(columns: target.columns), b: next(columns: target.rows))
                    var all =
                        matrices[target.place]
                        ?? [LowRankMatrix?](repeating: nil, count: target.copyCount)
                    let index = target.expert ?? expert
                    guard all[index] == nil else {
                        throw .tensor(
                            path: pair.a.file.path, name: pair.name,
                            problem: "another tensor of the adapter adds to the same matrix")
                    }
                    all[index] = matrix
                    matrices[target.place] = all
                }
            }
        }
        return Adapter(
            path: path, weightsPath: pairs[0].a.file.path, digest: digest(of: memory, pairs),
            parameterCount: pairs.reduce(0) { $0 + $1.a.elementCount + $1.b.elementCount },
            byteCount: 4 * count, matrices: matrices)
    }

    /// Writes the matrices of a pair where they belong: A, and the transpose of B with its factor.
    private func fill(
        _ numbers: inout MutableSpan<Float>, at place: inout Int, _ pair: AdapterPair,
        _ pairing: RopePairing
    ) throws(ModelFileError) {
        let a = try pair.a.allFiniteValues()
        let b = try pair.b.allFiniteValues()
        for target in pair.targets {
            let order = order(of: target, pairing)
            for expert in 0..<(target.stackCount ?? 1) {
                let expertInFile = pair.form == .single ? 0 : expert
                for rank in 0..<pair.rank {
                    for column in 0..<target.columns {
                        numbers[place + rank * target.columns + column] =
                            a[
                                pair.indexInA(
                                    expert: expertInFile, rank: rank, column: column,
                                    columns: target.columns)]
                    }
                }
                place += AdapterFile.roomFor(pair.rank * target.columns)
                for row in 0..<target.rows {
                    let rowInFile = target.firstRow + target.step * (order?[row] ?? row)
                    for rank in 0..<pair.rank {
                        let number =
                            pair.scale
                            * b[
                                pair.indexInB(
                                    expert: expertInFile, row: rowInFile, rank: rank,
                                    target: target)]
                        guard number.isFinite else {
                            throw .tensor(
                                path: pair.b.file.path, name: pair.b.name,
                                problem: "numbers are too large for the factor \(pair.scale)")
                        }
                        numbers[place + rank * target.rows + row] = number
                    }
                }
                place += AdapterFile.roomFor(pair.rank * target.rows)
            }
        }
    }

    /// Which row of the file each row of a matrix is; nil: the same.
    ///
    /// The components of a head that rotate together are neighbours in one order, and half of the
    /// rotating ones apart in the other.
    private func order(of target: AdapterTargets.Target, _ pairing: RopePairing) -> [Int]? {
        guard target.rotates, pairing != configuration.ropePairing else { return nil }
        let own = target.place.layer.map { configuration.own(layer: $0) } ?? configuration
        let (head, rotating) = (own.headDimension, own.ropeDimensionCount)
        let half = rotating / 2
        return (0..<target.rows).map { row in
            let (first, component) = (row / head * head, row % head)
            guard component < rotating else { return row }
            return switch configuration.ropePairing {
            case .adjacent: first + component % 2 * half + component / 2
            case .halves: first + component % half * 2 + component / half
            }
        }
    }

    private func digest(of memory: ByteStorage, _ pairs: [AdapterPair]) -> UInt64 {
        var bytes: [UInt8] = []
        for pair in pairs {
            for target in pair.targets {
                bytes += Array("\(target.place.role) ".utf8)
                for number in [
                    target.place.layer ?? -1, target.expert ?? -1, pair.rank, target.rows,
                    target.columns,
                ] {
                    bytes.append(littleEndian: UInt64(bitPattern: Int64(number)))
                }
            }
        }
        bytes.append(littleEndian: XXH64.of(memory.bytes))
        return XXH64.of(bytes)
    }
}
