// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// What adapters add to one row of a product: Σ factors[i] · b[i], in ascending order of i.
@unsafe struct LowRankTerm {
    /// Bᵀ: `[rank, outputs]`; nil: nothing is added to this row.
    var b: UnsafePointer<Float>?
    /// The distance between the rows of `b`.
    var stride: Int
    /// A · x: `[rank]`.
    var factors: UnsafePointer<Float>
    var rank: Int

    /// Adds to some columns of the row of y: those that some rows of W compute.
    func add(to y: UnsafeMutablePointer<Float>, fromRow first: Int, count: Int, isa: ck_isa) {
        guard let b = unsafe b else { return }
        unsafe ck_add_weighted_rows(isa, y, b + first, stride, factors, rank, count)
    }
}

/// What adapters add to the products of one parallel region, all of which read the same rows.
///
/// The rows are sorted by adapter; ``Compute/project(_:into:)`` computes A · x of those that have one,
/// and the products add B times that to their own results, row by row. A row without an adapter is
/// left as it is. The memory is reused, and grows to the largest step.
// Safety: terms are written between regions and only read within them; they point into `factors` and
// into matrices that whoever added them keeps for the time of the region.
@safe package final class LowRankSums {
    /// Some rows and the matrices that are added to them.
    struct Part {
        /// One for each of the region's products.
        var matrices: [LowRankMatrix?]
        /// What A · x is multiplied with.
        var scale: Float
        /// Which of `inputs` and `outputs`.
        var rows: Range<Int>
    }

    private(set) var parts: [Part] = []
    /// The rows of x, part after part.
    private(set) var inputs: [Int32] = []
    /// The rows of y.
    private(set) var outputs: [Int32] = []
    /// How many products there are.
    private(set) var productCount = 0
    /// How many rows of y there are.
    private(set) var rowCount = 0
    /// A · x of each row of y: of all products one after another, each from a multiple of 16 on.
    private(set) var factors = FloatBuffer(rowCount: 0, columnCount: 0)
    /// Those of the rows of the first product, then of the second….
    private var terms: UnsafeMutablePointer<LowRankTerm>
    private var capacity = 1

    /// Sums without rows.
    package init() {
        unsafe terms = .allocate(capacity: 1)
    }

    deinit { unsafe terms.deallocate() }

    /// Forgets all rows.
    ///
    /// - Parameters:
    ///   - productCount: how many products there will be.
    ///   - rowCount: how many rows of y each of them has.
    package func begin(productCount: Int, rowCount: Int) {
        parts.removeAll(keepingCapacity: true)
        inputs.removeAll(keepingCapacity: true)
        outputs.removeAll(keepingCapacity: true)
        self.productCount = productCount
        self.rowCount = rowCount
        if productCount * rowCount > capacity {
            unsafe terms.deallocate()
            capacity = productCount * rowCount
            unsafe terms = .allocate(capacity: capacity)
        }
        for index in 0..<productCount * rowCount {
            unsafe (terms + index).initialize(
                to: LowRankTerm(
                    b: nil, stride: 0, factors: UnsafePointer(factors.base), rank: 0))
        }
    }

    /// Adds matrices to the products; the rows that follow have them.
    ///
    /// - Parameters:
    ///   - matrices: one for each product, nil where there is none.
    ///   - scale: what is multiplied with all of them.
    package func beginPart(_ matrices: [LowRankMatrix?], scale: Float) {
        precondition(matrices.count == productCount, "\(matrices.count), \(productCount)")
        parts.append(
            Part(matrices: matrices, scale: scale, rows: inputs.count..<inputs.count))
    }

    /// Adds a row to the matrices that came last.
    ///
    /// - Parameters:
    ///   - input: which row of x it reads.
    ///   - output: which row of y gets the sum; none has two.
    package func append(input: Int32, output: Int32) {
        precondition(Int(output) < rowCount, "row \(output) of \(rowCount)")
        inputs.append(input)
        outputs.append(output)
        let last = parts.count - 1
        parts[last].rows = parts[last].rows.lowerBound..<inputs.count
    }

    /// Whether there is nothing to add.
    package var isEmpty: Bool { inputs.isEmpty }

    /// Where the numbers of a product begin in a row of `factors`.
    static func offsets(of matrices: [LowRankMatrix?]) -> (offsets: [Int], width: Int) {
        var width = 0
        let offsets = matrices.map { matrix in
            defer { width += ((matrix?.rank ?? 0) + 15) / 16 * 16 }
            return width
        }
        return (offsets, width)
    }

    /// Makes room for A · x of all rows.
    func makeRoom() {
        let width = parts.reduce(0) { max($0, Self.offsets(of: $1.matrices).width) }
        guard factors.rowCount < rowCount || factors.columnCount < width else { return }
        factors = FloatBuffer(
            rowCount: max(rowCount, factors.rowCount),
            columnCount: max(width, factors.columnCount))
    }

    /// Sets the terms of all rows, once their factors are computed.
    func finish() {
        for part in parts {
            let (offsets, width) = Self.offsets(of: part.matrices)
            for index in part.rows {
                let row = Int(outputs[index])
                let base = unsafe factors.pointer(row: row)
                if part.scale != 1 {
                    for column in 0..<width { unsafe base[column] *= part.scale }
                }
                for (product, matrix) in part.matrices.enumerated() {
                    guard let matrix else { continue }
                    let b = unsafe matrix.b.base.assumingMemoryBound(to: Float.self)
                    unsafe terms[product * rowCount + row] = LowRankTerm(
                        b: b, stride: matrix.b.columnCount, factors: base + offsets[product],
                        rank: matrix.rank)
                }
            }
        }
    }

    /// What is added to the rows of a product, from one of them on.
    ///
    /// - Parameters:
    ///   - product: which.
    ///   - firstRow: the first row of y.
    ///   - shape: that of its matrix, for which every term must have been made.
    /// - Returns: the term of each row.
    func terms(
        of product: Int, firstRow: Int, for shape: (rows: Int, columns: Int)
    ) -> UnsafePointer<LowRankTerm> {
        precondition(
            product < productCount && firstRow <= rowCount
                && parts.allSatisfy {
                    guard let matrix = $0.matrices[product] else { return true }
                    return matrix.a.columnCount == shape.columns
                        && matrix.b.columnCount == shape.rows
                }, "adapters of other shapes than [\(shape.rows), \(shape.columns)]")
        return unsafe UnsafePointer(terms + product * rowCount + firstRow)
    }
}
