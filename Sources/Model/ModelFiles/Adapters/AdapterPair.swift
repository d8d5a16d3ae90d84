// SPDX-License-Identifier: Apache-2.0

import Computation

/// The two matrices of an adapter for one tensor of a model, as its file has them.
struct AdapterPair {
    /// How the matrices of experts lie.
    enum Form {
        /// There is one of each: `[rank, columns]` and `[rows, rank]`.
        case single
        /// GGUF's: `[E, rank, columns]` and `[E, rows, rank]`.
        case stacked
        /// PEFT's of a parameter: `[E · rank, columns]`, and `[rows, rank · E]`, in which the numbers
        /// of all experts for one row and one of the rank lie together.
        case interleaved
    }

    /// The tensor of the model, for errors.
    var name: String
    var targets: [AdapterTargets.Target]
    var a: StoredTensor
    var b: StoredTensor
    var form: Form
    /// Of each expert's matrices.
    var rank: Int
    /// What B · A is multiplied with.
    var scale: Float

    /// The most that a rank may be: more than any that is in use.
    static let ranks = 1...4096

    /// Puts two tensors together.
    ///
    /// - Parameters:
    ///   - name: the tensor of the model.
    ///   - targets: its matrices, at least one.
    ///   - a: A.
    ///   - b: B.
    ///   - form: how they lie.
    ///   - scale: their factor, by their rank.
    /// - Throws: an error that names the one whose shape does not fit.
    init(
        _ name: String, _ targets: [AdapterTargets.Target], a: StoredTensor, b: StoredTensor,
        form: Form, scale: (_ rank: Int) throws(ModelFileError) -> Double
    ) throws(ModelFileError) {
        let count = form == .single ? 1 : targets[0].stackCount ?? 1
        let (rows, columns) = (targets[0].allRows, targets[0].columns)
        let rank: Int
        switch form {
        case .single:
            rank = a.shape.first ?? 0
            try Self.check(a, [rank, columns])
            try Self.check(b, [rows, rank])
        case .stacked:
            rank = a.shape.count >= 2 ? a.shape[a.shape.count - 2] : 0
            try Self.check(a, [count, rank, columns])
            try Self.check(b, [count, rows, rank])
        case .interleaved:
            rank = (a.shape.first ?? 0) / count
            try Self.check(a, [count * rank, columns])
            try Self.check(b, [rows, rank * count])
        }
        guard Self.ranks.contains(rank) else {
            throw .tensor(
                path: a.file.path, name: a.name,
                problem: "the rank \(rank) is not from 1 to \(Self.ranks.upperBound)")
        }
        self.name = name
        self.targets = targets
        self.a = a
        self.b = b
        self.form = form
        self.rank = rank
        self.scale = Float(try scale(rank))
    }

    private static func check(
        _ tensor: StoredTensor, _ shape: [Int]
    ) throws(ModelFileError) {
        // GGUF leaves out sizes of 1 at the front.
        var found = tensor.shape
        while found.count < shape.count { found.insert(1, at: 0) }
        guard found == shape else {
            throw .tensor(
                path: tensor.file.path, name: tensor.name,
                problem: "expected shape \(shape), found \(tensor.shape)")
        }
    }

    /// How many numbers the matrices have in memory.
    var memoryCount: Int {
        targets.reduce(0) { sum, target in
            sum + (target.stackCount ?? 1)
                * (AdapterFile.roomFor(rank * target.columns)
                    + AdapterFile.roomFor(rank * target.rows))
        }
    }

    /// Where the number of A for one of the rank and a column is.
    func indexInA(expert: Int, rank: Int, column: Int, columns: Int) -> Int {
        (expert * self.rank + rank) * columns + column
    }

    /// Where the number of B for a row of the tensor and one of the rank is.
    func indexInB(expert: Int, row: Int, rank: Int, target: AdapterTargets.Target) -> Int {
        switch form {
        case .single, .stacked: (expert * target.allRows + row) * self.rank + rank
        case .interleaved:
            (row * self.rank + rank) * (target.stackCount ?? 1) + expert
        }
    }
}
