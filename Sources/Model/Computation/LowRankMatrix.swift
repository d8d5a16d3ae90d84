// SPDX-License-Identifier: Apache-2.0

internal import Quantization

/// What an adapter adds to one matrix W: y = W · x + B · (A · x).
///
/// The adapter's own factor, alpha / rank, is in B already.
package struct LowRankMatrix: Sendable {
    /// A: `[rank, columns of W]`, F32 in rows.
    package let a: WeightMatrix

    /// The transpose of B: `[rank, rows of W]`, F32 in rows.
    package let b: WeightMatrix

    /// The rows of A.
    package var rank: Int { a.rowCount }

    /// Puts two matrices together.
    ///
    /// - Precondition: both are F32 in rows, of the same number of them, and begin at a multiple of
    ///   four bytes.
    package init(a: WeightMatrix, b: WeightMatrix) {
        precondition(
            a.rowCount == b.rowCount && [a, b].allSatisfy { $0.type == .f32 && $0.layout == .rows }
                && (a.byteOffset | b.byteOffset) % 4 == 0,
            "ranks \(a.rowCount) and \(b.rowCount), \(a.type.name) and \(b.type.name)")
        self.a = a
        self.b = b
    }

    /// Numbers that are made in place and stay where they are, for the matrices of an adapter.
    ///
    /// - Parameters:
    ///   - count: how many.
    ///   - path: what error messages call them.
    ///   - fill: receives zeros and makes the numbers of them.
    /// - Returns: the numbers, to be seen as matrices.
    /// - Throws: where there is no memory.
    package static func storage(
        count: Int, path: String, filledBy fill: (inout MutableSpan<Float>) -> Void
    ) throws(ByteStorageError) -> ByteStorage {
        unsafe try AnonymousMemory(byteCount: 4 * count, path: path) { memory in
            var numbers = unsafe MutableSpan(
                _unsafeStart: memory.bindMemory(to: Float.self, capacity: count), count: count)
            fill(&numbers)
        }
    }
}
