// SPDX-License-Identifier: Apache-2.0

/// What a tensor does in its model, whatever its file calls it.
///
/// A family of models with a tensor of another kind adds a role in its own file.
package struct TensorRole: Hashable, Sendable, CustomStringConvertible {
    /// The name for people.
    package let description: String

    /// A role of this name.
    package init(_ description: String) {
        self.description = description
    }

    /// The rows that token ids look up.
    package static let tokenEmbedding = TensorRole("token embedding")
    /// The norm before the output matrix.
    package static let outputNorm = TensorRole("output norm")
    /// What makes logits of the last layer's result; may be the token embedding.
    package static let output = TensorRole("output")
    /// The norm before attention.
    package static let attentionNorm = TensorRole("attention norm")
    /// Query projection.
    package static let query = TensorRole("wq")
    /// Key projection.
    package static let key = TensorRole("wk")
    /// Value projection.
    package static let value = TensorRole("wv")
    /// Output projection of attention.
    package static let attentionOutput = TensorRole("wo")
    /// The norm before the feed-forward network.
    package static let feedForwardNorm = TensorRole("ffn norm")
    /// What chooses experts.
    package static let router = TensorRole("router")
    /// Gate projection of a feed-forward network.
    package static let gate = TensorRole("w1")
    /// Down projection of a feed-forward network.
    package static let down = TensorRole("w2")
    /// Up projection of a feed-forward network.
    package static let up = TensorRole("w3")
}
