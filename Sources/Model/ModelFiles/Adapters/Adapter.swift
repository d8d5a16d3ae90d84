// SPDX-License-Identifier: Apache-2.0

package import Computation

/// A LoRA adapter in memory: what it adds to the matrices of one model.
///
/// - Source: arXiv:2106.09685 §4.1.
package final class Adapter: Sendable {
    /// A matrix of a model, or those of all experts of a layer.
    struct Place: Hashable, Sendable {
        /// nil: before or after the layers.
        var layer: Int?
        var role: TensorRole
    }

    /// The file or folder that it was read from.
    package let path: String
    /// The file that holds its matrices.
    package let weightsPath: String
    /// A checksum of all its numbers and of what they are added to.
    package let digest: UInt64
    /// How many numbers its files have.
    package let parameterCount: Int
    /// What it takes in memory, as F32.
    package let byteCount: Int
    /// The largest rank of its matrices.
    package let rank: Int
    /// What is added to each matrix; one for each expert, nil where nothing is.
    private let matrices: [Place: [LowRankMatrix?]]
    /// What counts its memory, for as long as a request has it.
    private let reservation: (any Sendable)?

    init(
        path: String, weightsPath: String, digest: UInt64, parameterCount: Int, byteCount: Int,
        matrices: [Place: [LowRankMatrix?]], reservation: (any Sendable)?
    ) {
        self.path = path
        self.weightsPath = weightsPath
        self.digest = digest
        self.parameterCount = parameterCount
        self.byteCount = byteCount
        self.matrices = matrices
        self.reservation = reservation
        rank = matrices.values.joined().reduce(0) { max($0, $1?.rank ?? 0) }
    }

    /// What is added to a matrix, or to that of an expert; nil: nothing.
    ///
    /// - Parameters:
    ///   - role: the matrix.
    ///   - layer: its layer; nil: it is before or after the layers.
    ///   - expert: the expert, where the layer has one such matrix for each.
    /// - Returns: A and B.
    package func matrix(_ role: TensorRole, layer: Int?, expert: Int = 0) -> LowRankMatrix? {
        guard let matrices = matrices[Place(layer: layer, role: role)],
            matrices.indices.contains(expert)
        else { return nil }
        return matrices[expert]
    }

    /// Whether anything is added to one of some matrices of a layer.
    package func adds(to roles: [TensorRole], layer: Int?) -> Bool {
        roles.contains { matrices[Place(layer: layer, role: $0)] != nil }
    }

    /// How many matrices something is added to.
    package var matrixCount: Int { matrices.values.joined().reduce(0) { $0 + ($1 == nil ? 0 : 1) } }
}

/// An adapter as a request asks for it.
package struct AppliedAdapter: Hashable, Sendable {
    /// The adapter.
    package let adapter: Adapter
    /// What all that it adds is multiplied with; 1 is what its makers meant.
    package let scale: Float

    /// An adapter and a factor.
    package init(_ adapter: Adapter, scale: Float = 1) {
        self.adapter = adapter
        self.scale = scale
    }

    package static func == (one: AppliedAdapter, other: AppliedAdapter) -> Bool {
        one.adapter === other.adapter && one.scale == other.scale
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(ObjectIdentifier(adapter))
        hasher.combine(scale)
    }
}
