// SPDX-License-Identifier: Apache-2.0

package import Computation
package import Inference

/// What the engine needs of a model: logits for any mix of sequences.
///
/// A model is used by one thread at a time. The logits of a sequence depend on its own tokens
/// alone: not on the rest of the batch, nor on how its prompt was cut.
package protocol LanguageModel: AnyObject {
    /// The number of logits in a row (V).
    var vocabularyCount: Int { get }

    /// The most positions that a sequence may have.
    var contextLength: Int { get }

    /// The number of KV blocks.
    var blockCount: Int { get }

    /// The number of positions in a KV block (S).
    var positionsPerBlock: Int { get }

    /// The most tokens of a batch.
    var maxBatchTokens: Int { get }

    /// The most rows of logits of a batch.
    var maxLogitsRows: Int { get }

    /// A token sees so many positions, its own included; nil for all.
    var attentionWindow: Int? { get }

    /// How many sequences can have a state at the same time, or leave one behind to go on from; 0: the
    /// model keeps no states.
    var stateCount: Int { get }

    /// How many bytes a KV block has.
    var blockByteCount: Int { get }

    /// Whether no file of weights was lost while it was in use: else blocks may hold anything.
    var hasItsWeights: Bool { get }

    /// How many bytes of weights, keys and values the last step read, each of them once.
    var stepReadByteCount: Int { get }

    /// How many tokens each expert has computed; nil where there are none.
    var expertUsage: ExpertUsage? { get }

    /// Copies what a KV block holds into another.
    func copyBlock(from source: Int, to destination: Int)

    /// Copies a sequence's state into another place.
    func copyState(from source: Int, to destination: Int)

    /// Reads what a KV block holds; nothing is allocated if nobody else has the bytes.
    ///
    /// - Parameters:
    ///   - block: the block.
    ///   - bytes: receives them, as many as `blockByteCount`.
    ///   - offset: where in `bytes` they begin.
    func readBlock(_ block: Int, into bytes: inout [UInt8], at offset: Int)

    /// Makes a KV block hold what `readBlock(_:into:at:)` gave.
    ///
    /// - Parameters:
    ///   - block: the block.
    ///   - bytes: as many as a block has.
    func writeBlock(_ block: Int, from bytes: ArraySlice<UInt8>)

    /// Computes a batch, writing the KV cache.
    ///
    /// - Parameters:
    ///   - batch: at most `maxBatchTokens` tokens and `maxLogitsRows` rows.
    ///   - isUnwanted: asked now and then while it is computed; once it says so, the rest is not.
    /// - Returns: whether all was computed; if not, the batch may be computed again.
    /// - Throws: whatever keeps the model from computing; the batch's sequences then fail.
    func forward(step batch: borrowing ForwardBatch, isUnwanted: (() -> Bool)?) throws -> Bool

    /// Reads a row of the last batch's logits: `[V]`, in the order of the slices.
    func withLogits<Result>(row: Int, _ body: (Span<Float>) throws -> Result) rethrows -> Result

    /// Reads the state that a row of the last batch's logits was made of: `[D]`.
    ///
    /// - Returns: nil where the model does not tell it.
    func withState<Result>(row: Int, _ body: (Span<Float>) throws -> Result) rethrows -> Result?
}

extension LanguageModel {
    /// A model without files.
    package var hasItsWeights: Bool { true }

    /// A model that reads nothing.
    package var stepReadByteCount: Int { 0 }

    /// A model that keeps no states.
    package var stateCount: Int { 0 }

    /// A model that keeps no states.
    package func copyState(from source: Int, to destination: Int) {}

    /// A model without experts.
    package var expertUsage: ExpertUsage? { nil }

    /// A model that does not tell its states.
    package func withState<Result>(
        row: Int, _ body: (Span<Float>) throws -> Result
    ) rethrows -> Result? { nil }
}

extension Transformer: LanguageModel {
    /// The number of KV blocks.
    package var blockCount: Int { limits.blockCount }

    /// The number of positions in a KV block (S).
    package var positionsPerBlock: Int { limits.positionsPerBlock }

    /// The most tokens of a batch.
    package var maxBatchTokens: Int { limits.maxBatchTokens }

    /// The most rows of logits of a batch.
    package var maxLogitsRows: Int { limits.maxLogitsRows }

    /// Whether no file of weights was lost while it was in use.
    package var hasItsWeights: Bool { (try? checkWeights()) != nil }

    /// Reads the state that a row of the last batch's logits was made of.
    package func withState<Result>(
        row: Int, _ body: (Span<Float>) throws -> Result
    ) rethrows -> Result? {
        let result: Result = try withState(row: row, body)
        return result
    }

    /// Computes a batch, writing the KV cache.
    ///
    /// - Parameters:
    ///   - batch: checked before anything is computed.
    ///   - isUnwanted: asked before each layer; once it says so, the rest is not computed.
    /// - Returns: whether all was computed.
    /// - Throws: `TransformerError` for a batch that the model cannot compute, and once its weights
    ///   are gone.
    package func forward(
        step batch: borrowing ForwardBatch, isUnwanted: (() -> Bool)?
    ) throws -> Bool {
        try validate(batch)
        let isWhole = forward(batch, isUnwanted: isUnwanted) != nil
        try checkWeights()
        return isWhole
    }
}
