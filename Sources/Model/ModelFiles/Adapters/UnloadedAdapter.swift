// SPDX-License-Identifier: Apache-2.0

import Computation
import Quantization

/// An adapter whose files have been read and fit its model, but whose numbers are not in memory.
package struct UnloadedAdapter {
    private let base: AdapterBase
    private let pairs: [AdapterPair]
    /// In which order the rows of rotating heads are in the file.
    private let pairing: RopePairing
    /// The adapter's file or folder.
    private let path: String

    /// The adapter that some matrices are.
    ///
    /// - Throws: where there are none.
    init(
        _ pairs: [AdapterPair], pairing: RopePairing, path: String, for base: AdapterBase
    ) throws(ModelFileError) {
        guard !pairs.isEmpty else {
            throw .unrecognised(path: path, reason: "an adapter without any matrices")
        }
        self.base = base
        self.pairs = pairs
        self.pairing = pairing
        self.path = path
    }

    /// What it takes in memory.
    package var byteCount: Int { 4 * numberCount }

    private var numberCount: Int { pairs.reduce(0) { $0 + $1.memoryCount } }

    /// Brings its matrices into memory.
    ///
    /// - Parameter reservation: what counts that memory; kept for as long as the adapter exists.
    /// - Returns: the adapter.
    /// - Throws: `ModelFileError` where numbers are not finite, a matrix has two of them, or memory
    ///   does not suffice.
    package func load(
        countedBy reservation: (any Sendable)? = nil
    ) throws(ModelFileError) -> Adapter {
        let count = numberCount
        var failure: ModelFileError?
        let memory: ByteStorage
        do {
            memory = try LowRankMatrix.storage(count: count, path: path) { numbers in
                var place = 0
                for pair in pairs where failure == nil {
                    do throws(ModelFileError) {
                        try fill(&numbers, at: &place, pair)
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
            path: path, weightsPath: pairs[0].a.file.path, digest: digest(of: memory),
            parameterCount: pairs.reduce(0) { $0 + $1.a.elementCount + $1.b.elementCount },
            byteCount: byteCount, matrices: matrices, reservation: reservation)
    }

    /// Writes the matrices of a pair where they belong: A, and the transpose of B with its factor.
    private func fill(
        _ numbers: inout MutableSpan<Float>, at place: inout Int, _ pair: AdapterPair
    ) throws(ModelFileError) {
        let a = try pair.a.allFiniteValues()
        let b = try pair.b.allFiniteValues()
        for target in pair.targets {
            let order = order(of: target)
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
    private func order(of target: AdapterTargets.Target) -> [Int]? {
        guard target.rotates, pairing != base.configuration.ropePairing else { return nil }
        let configuration = base.configuration
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

    private func digest(of memory: ByteStorage) -> UInt64 {
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
