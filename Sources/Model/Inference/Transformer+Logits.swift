// SPDX-License-Identifier: Apache-2.0

internal import Computation
internal import ModelFiles

extension Transformer {
    /// V: the number of logits in a row.
    package var vocabularyCount: Int { configuration.vocabularySize }

    /// The most positions that the model was made for.
    package var contextLength: Int { configuration.contextLength }

    /// A token sees so many positions, its own included; nil for all.
    package var attentionWindow: Int? { configuration.slidingWindow }

    /// Reads a row of the last step's logits, in the order of its slices.
    ///
    /// - Parameters:
    ///   - row: below the `logitsRowCount` of the last batch.
    ///   - body: receives `[V]`, valid while it runs.
    /// - Returns: what the body returns.
    package func withLogits<Result>(
        row: Int, _ body: (Span<Float>) throws -> Result
    ) rethrows -> Result {
        precondition(row >= 0 && row < activations.logitsRows.count, "row \(row) of logits")
        let logits = activations.logits
        return try body(logits.row(row))
    }
}
