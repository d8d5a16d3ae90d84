// SPDX-License-Identifier: Apache-2.0

/// What one format calls a tensor, and in which form it has it.
///
/// In the pattern `{L}` stands for the number of the layer and `{E}` for that of the expert.
package struct TensorName: Sendable, ExpressibleByStringLiteral {
    /// The name with its place holders.
    let pattern: String
    /// Whether one tensor holds the matrices of all experts: `[E, rows, columns]`.
    let isStacked: Bool
    /// Rows of other matrices in the same tensor, before this one's.
    let rowsAbove: [Extent]
    /// Rows of other matrices in the same tensor, after this one's.
    let rowsBelow: [Extent]
    /// How the file has a stack that does not lie row after row.
    let rearrangement: Rearrangement?
    /// Whether a stack is a matrix of two dimensions: `[copies · rows, columns]`.
    let isFlat: Bool
    /// What the file's numbers are to those that the model computes with.
    private(set) var change = Change.none

    private init(
        _ pattern: String, isStacked: Bool, isFlat: Bool = false, above: [Extent] = [],
        below: [Extent] = [], rearrangement: Rearrangement? = nil
    ) {
        self.pattern = pattern
        self.isStacked = isStacked
        self.isFlat = isFlat
        self.rearrangement = rearrangement
        rowsAbove = above
        rowsBelow = below
    }

    /// How numbers of a vector are made of those of a file.
    enum Change {
        case none
        /// One is added: norms whose weights are stored around zero.
        case addsOne
        /// −e to the power of them.
        case negatesExponential
    }

    /// A stack of which a matrix has only every so many-th row, in another order of elements.
    struct Rearrangement {
        /// How the elements lie.
        enum Form {
            /// `[E, columns, all rows]`, or for vectors `[E, all rows]`.
            case transposed
            /// A matrix of `[copies · all rows, columns]`, of each copy of which the first rows are
            /// the columns here.
            case parts
            /// MXFP4 as Hugging Face's files have it: `[E, all rows, blocks, 16]` codes under the
            /// name, and `[E, all rows, blocks]` scales with `_scales` at its end for `_blocks`.
            case mxfp4
            /// `[groups, rows of all parts, columns]`, of which some parts are taken, all groups' of
            /// the first and then of the next.
            case grouped(groups: Extent, parts: [Extent], taken: ClosedRange<Int>)
        }

        var form: Form
        var rows: RowChoice
    }

    /// Every so many-th row, from one on.
    package struct RowChoice: Sendable, Equatable {
        /// The first.
        package let first: Int
        /// How far it is to the next.
        package let step: Int

        /// All rows.
        package static let all = RowChoice(first: 0, step: 1)
        /// The first of each two.
        package static let even = RowChoice(first: 0, step: 2)
        /// The second of each two.
        package static let odd = RowChoice(first: 1, step: 2)
    }

    /// A tensor that holds nothing else.
    package init(stringLiteral pattern: String) {
        self.init(pattern, isStacked: false)
    }

    /// A tensor that holds the matrices of all experts, one after another.
    package static func stack(_ pattern: String) -> TensorName {
        TensorName(pattern, isStacked: true)
    }

    /// Some rows of a tensor in which several matrices lie one above another.
    ///
    /// - Parameters:
    ///   - pattern: the tensor's name.
    ///   - above: the rows of the matrices before.
    ///   - below: the rows of the matrices after.
    /// - Returns: the name.
    package static func part(
        of pattern: String, above: [Extent] = [], below: [Extent] = []
    ) -> TensorName {
        TensorName(pattern, isStacked: false, above: above, below: below)
    }

    /// The same in a stack of all experts: `[E, rows of all, columns]`.
    package static func stackedPart(
        of pattern: String, above: [Extent] = [], below: [Extent] = []
    ) -> TensorName {
        TensorName(pattern, isStacked: true, above: above, below: below)
    }

    /// Some rows of each copy in a matrix in which the copies, such as heads, lie one above another:
    /// `[copies · rows of all, columns]`.
    package static func flatPart(
        of pattern: String, above: [Extent] = [], below: [Extent] = []
    ) -> TensorName {
        TensorName(pattern, isStacked: true, isFlat: true, above: above, below: below)
    }

    /// The transposes of the first rows of each copy in such a matrix: as many as there are columns
    /// here, before the rows of other matrices.
    package static func transposedFlatPart(
        of pattern: String, below: [Extent] = []
    ) -> TensorName {
        TensorName(
            pattern, isStacked: true, isFlat: true, below: below,
            rearrangement: .init(form: .parts, rows: .all))
    }

    /// Rows of a stack whose matrices are transposed: `[E, columns, all rows]`; of vectors
    /// `[E, all rows]`.
    package static func transposedStack(
        _ pattern: String, rows: RowChoice = .all
    ) -> TensorName {
        TensorName(
            pattern, isStacked: true, rearrangement: .init(form: .transposed, rows: rows))
    }

    /// Rows of a stack in MXFP4 whose codes and scales are tensors of their own; the pattern is
    /// that of the codes and ends in `_blocks`.
    package static func mxfp4Stack(_ pattern: String, rows: RowChoice = .all) -> TensorName {
        TensorName(pattern, isStacked: true, rearrangement: .init(form: .mxfp4, rows: rows))
    }

    /// Rows of a tensor that belongs to several heads, each head's rows together: part after part.
    ///
    /// - Parameters:
    ///   - pattern: the tensor's name.
    ///   - groups: the heads.
    ///   - parts: the rows that a head has of each matrix.
    ///   - taken: which of these matrices; they lie one above another then.
    /// - Returns: the name.
    package static func grouped(
        _ pattern: String, _ groups: Extent, parts: [Extent], taken: ClosedRange<Int>
    ) -> TensorName {
        TensorName(
            pattern, isStacked: false,
            rearrangement: .init(
                form: .grouped(groups: groups, parts: parts, taken: taken), rows: .all))
    }

    /// The same name of a vector that the file has less one.
    package var lessOne: TensorName {
        var name = self
        name.change = .addsOne
        return name
    }

    /// The same name of a vector of which the file has the logarithm of what is subtracted.
    package var logarithm: TensorName {
        var name = self
        name.change = .negatesExponential
        return name
    }

    /// The name in a layer, of an expert.
    func name(layer: Int? = nil, expert: Int? = nil) -> String {
        var name = pattern
        if let layer { name = name.replacing("{L}", with: "\(layer)") }
        if let expert { name = name.replacing("{E}", with: "\(expert)") }
        return name
    }
}

/// Whose names the tensors of some files have.
package enum TensorNaming: Sendable {
    /// GGUF's: `blk.L.…`.
    case gguf
    /// Hugging Face's: `model.layers.L.…`.
    case huggingFace
    /// Those of Mistral's own files: `layers.L.…`.
    case mistral
    /// Those of packed files.
    case packed
}
