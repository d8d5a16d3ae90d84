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

    private init(
        _ pattern: String, isStacked: Bool, above: [Extent] = [], below: [Extent] = []
    ) {
        self.pattern = pattern
        self.isStacked = isStacked
        rowsAbove = above
        rowsBelow = below
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
