// SPDX-License-Identifier: Apache-2.0

internal import CKernels
internal import Quantization

extension Compute {
    /// Decodes the embedding of each token.
    ///
    /// - Parameters:
    ///   - tokens: ids in `0..<table.rowCount`.
    ///   - table: `[V, D]` in any format and layout.
    ///   - y: row t receives the embedding of token t.
    package func embed(_ tokens: Span<Int32>, _ table: WeightMatrix, into y: FloatBuffer) {
        precondition(y.columnCount == table.columnCount && y.rowCount >= tokens.count)
        let matrix = unsafe KernelMatrix(table)
        for index in tokens.indices {
            let token = Int(tokens[index])
            precondition(token >= 0 && token < table.rowCount, "token \(token)")
            unsafe matrix.decodeRow(token, into: y.pointer(row: index), isa: isa)
        }
    }
}
