// SPDX-License-Identifier: Apache-2.0

package import Inference

extension Transformer: LanguageModel {
    /// The number of KV blocks.
    package var blockCount: Int { limits.blockCount }

    /// The number of positions in a KV block (S).
    package var positionsPerBlock: Int { limits.positionsPerBlock }

    /// The most tokens of a batch.
    package var maxBatchTokens: Int { limits.maxBatchTokens }

    /// The most rows of logits of a batch.
    package var maxLogitsRows: Int { limits.maxLogitsRows }

    /// Computes a batch, writing the KV cache.
    ///
    /// - Parameter batch: checked before anything is computed.
    /// - Throws: `TransformerError` for a batch that the model cannot compute, and once its weights
    ///   are gone.
    package func forward(step batch: borrowing ForwardBatch) throws {
        try validate(batch)
        _ = forward(batch)
        try checkWeights()
    }
}
