// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// y = x · Wᵀ for some tokens, or activation(x · Wᵀ) ⊙ (x · Uᵀ) where there is a U.
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
    /// What is applied to x · Wᵀ where there is a U and no `gate`.
    var activation = GateActivation.silu
    /// What becomes of the two products instead; nil: there are no biases.
    var gate: BiasedGate?
    /// What adapters add to x · Wᵀ, before the gate: of the row of y that the first token writes, or
    /// of all rows of y where `yRows` says which; nil: nothing.
    var terms: UnsafePointer<LowRankTerm>?
    /// The same for x · Uᵀ.
    var upTerms: UnsafePointer<LowRankTerm>?

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
            if let terms = unsafe terms { unsafe part.terms = terms + range.lowerBound }
            if let terms = unsafe upTerms { unsafe part.upTerms = terms + range.lowerBound }
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

    /// Has adapters add to the product.
    ///
    /// - Parameters:
    ///   - sums: what they add.
    ///   - index: the place of W among the region's matrices; that of U follows.
    ///   - firstRow: the row of y that the first token writes, or 0 where `yRows` says.
    mutating func add(_ sums: LowRankSums, index: Int, firstRow: Int) {
        let shape = unsafe (rows: w.rowCount, columns: w.columnCount)
        unsafe terms = sums.terms(of: index, firstRow: firstRow, for: shape)
        if unsafe u != nil {
            unsafe upTerms = sums.terms(of: index + 1, firstRow: firstRow, for: shape)
        }
    }

    /// Which of the terms are those of a token.
    func termIndex(token: Int) -> Int {
        guard let yRows = unsafe yRows else { return token }
        return unsafe Int(yRows[token])
    }

    /// The row of x that a token reads.
    func input(token: Int) -> Int {
        guard let xRows = unsafe xRows else { return unsafe firstInput + token }
        return unsafe Int(xRows[token])
    }
}
