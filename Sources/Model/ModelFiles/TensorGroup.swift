// SPDX-License-Identifier: Apache-2.0

package import Computation

/// The weights of one layer, or of what comes before or after the layers, by their roles.
///
/// Looking up a role takes a moment: whoever computes with a weight looks it up once, at the start.
package struct TensorGroup: Sendable {
    /// A tensor, or those of all experts.
    package struct Member: Sendable {
        /// What the architecture says of it.
        package let declaration: TensorDeclaration
        /// The numbers, if it is a vector; finite.
        package var vector: [Float]
        /// The matrix, or one for each expert.
        package var matrices: [WeightMatrix]

        /// A vector, or matrices.
        package init(
            declaration: TensorDeclaration, vector: [Float] = [], matrices: [WeightMatrix] = []
        ) {
            self.declaration = declaration
            self.vector = vector
            self.matrices = matrices
        }
    }

    /// In the order of the declaration, which is the order of their use.
    package private(set) var members: [Member]

    /// Creates a group of its members.
    package init(_ members: [Member]) {
        self.members = members
    }

    /// The numbers of a vector.
    ///
    /// - Precondition: the architecture declares it.
    package func vector(_ role: TensorRole) -> [Float] { member(role).vector }

    /// The matrix of a role.
    ///
    /// - Precondition: the architecture declares it, and one only.
    package func matrix(_ role: TensorRole) -> WeightMatrix {
        let matrices = member(role).matrices
        precondition(matrices.count == 1, "\(role): \(matrices.count) matrices")
        return matrices[0]
    }

    /// The matrices of a role, one for each expert.
    ///
    /// - Precondition: the architecture declares it.
    package func matrices(_ role: TensorRole) -> [WeightMatrix] { member(role).matrices }

    /// Whether the architecture declares a tensor of a role.
    package func has(_ role: TensorRole) -> Bool {
        members.contains { $0.declaration.role == role }
    }

    /// The numbers of a vector, none where the architecture declares no such.
    package func vectorIfDeclared(_ role: TensorRole) -> [Float] {
        has(role) ? vector(role) : []
    }

    private func member(_ role: TensorRole) -> Member {
        guard let member = members.first(where: { $0.declaration.role == role }) else {
            preconditionFailure("the architecture declares no \(role)")
        }
        return member
    }

    /// Where the parts of a group are: a member, and which of its matrices.
    struct Place {
        var member: Int
        /// nil: a vector.
        var matrix: Int?
    }

    /// The parts in the order of their use; the matrices of an expert come together.
    var places: [Place] {
        var places: [Place] = []
        var first = 0
        while first < members.count {
            let member = members[first]
            guard member.declaration.copies != nil else {
                places.append(Place(member: first, matrix: member.matrices.isEmpty ? nil : 0))
                first += 1
                continue
            }
            let end =
                members[first...].firstIndex { $0.declaration.copies == nil } ?? members.count
            for matrix in member.matrices.indices {
                places += (first..<end).map { Place(member: $0, matrix: matrix) }
            }
            first = end
        }
        return places
    }

    /// The matrix at a place.
    subscript(place: Place) -> WeightMatrix? {
        get { place.matrix.map { members[place.member].matrices[$0] } }
        set {
            guard let index = place.matrix, let newValue else { return }
            members[place.member].matrices[index] = newValue
        }
    }

    /// The only matrix of a role.
    mutating func set(_ role: TensorRole, to matrix: WeightMatrix) {
        for index in members.indices where members[index].declaration.role == role {
            members[index].matrices = [matrix]
        }
    }
}
