// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// y = x · Wᵀ for some tokens, or silu(x · Wᵀ) ⊙ (x · Uᵀ) where there is a U.
///
/// x is what the plan says: all products of a region read the same.
@unsafe struct PlannedProduct {
    var w: KernelMatrix
    var u: KernelMatrix?
    /// The row of x that the first token reads, unless `xRows` says.
    var firstInput = 0
    var y: UnsafeMutablePointer<Float>
    var yStride: Int
    /// Which row of x each token reads, and which row of y it writes; nil: one after another.
    var xRows: UnsafePointer<Int32>?
    var yRows: UnsafePointer<Int32>?
    var tokenCount: Int
    /// What becomes of the two products where there is a U; nil: silu and no biases.
    var gate: BiasedGate?

    /// A clamped gate, and what is added to both products before.
    @unsafe struct BiasedGate {
        var clamp: ClampedGate
        /// One for each row of W.
        var biases: UnsafePointer<Float>
        /// One for each row of U.
        var upBiases: UnsafePointer<Float>
    }

    /// Bytes of weights of each panel.
    var bytesPerPanel: Int {
        unsafe w.bytesPerPanel + (u?.bytesPerPanel ?? 0)
    }

    /// The columns of y that some panels of W compute.
    func panels(_ range: Range<Int>) -> PlannedProduct {
        var part = unsafe self
        unsafe part.w = w.panels(range)
        unsafe part.u = nil
        unsafe part.y = y + range.lowerBound * WeightMatrix.rowsPerPanel
        return unsafe part
    }

    /// The same for some of the tokens.
    func tokens(_ range: Range<Int>) -> PlannedProduct {
        var part = unsafe self
        if let xRows = unsafe xRows {
            unsafe part.xRows = xRows + range.lowerBound
        } else {
            unsafe part.firstInput += range.lowerBound
        }
        if let yRows = unsafe yRows {
            unsafe part.yRows = yRows + range.lowerBound
        } else {
            unsafe part.y += range.lowerBound * yStride
        }
        unsafe part.tokenCount = range.count
        return unsafe part
    }

    /// x · Uᵀ for some panels of U, to rows of its own, one after another; nil where there is no U.
    func upProduct(
        panels: Range<Int>, into scratch: UnsafeMutablePointer<Float>
    ) -> PlannedProduct? {
        guard let u = unsafe u else { return nil }
        return unsafe PlannedProduct(
            w: u.panels(panels), firstInput: firstInput, y: scratch,
            yStride: panels.count * WeightMatrix.rowsPerPanel,
            xRows: xRows, yRows: nil, tokenCount: tokenCount)
    }

    /// Where the results of a token go.
    func output(token: Int) -> UnsafeMutablePointer<Float> {
        guard let yRows = unsafe yRows else { return unsafe y + token * yStride }
        return unsafe y + Int(yRows[token]) * yStride
    }

    /// The row of x that a token reads.
    func input(token: Int) -> Int {
        guard let xRows = unsafe xRows else { return unsafe firstInput + token }
        return unsafe Int(xRows[token])
    }
}
