// SPDX-License-Identifier: Apache-2.0

package import Computation

/// The weights of a model: views of its mapped file, of shapes checked by the configuration.
///
/// Matrices are `[rows, columns]` = `[outputs, inputs]`, so y = x·Wᵀ.
package struct ModelTensors: Sendable {
    /// `[V, D]`.
    package var tokenEmbedding: WeightMatrix
    /// One per layer, from the input to the output.
    package var layers: [LayerTensors]
    /// `[D]`, finite.
    package var outputNorm: [Float]
    /// `[V, D]`; the token embedding itself where the two are tied.
    package var output: WeightMatrix

    /// Creates the weights from their parts.
    package init(
        tokenEmbedding: WeightMatrix, layers: [LayerTensors], outputNorm: [Float],
        output: WeightMatrix
    ) {
        self.tokenEmbedding = tokenEmbedding
        self.layers = layers
        self.outputNorm = outputNorm
        self.output = output
    }
}

/// The weights of one transformer layer.
package struct LayerTensors: Sendable {
    /// `[D]`, finite.
    package var attentionNorm: [Float]
    /// Query projection, `[H·Dh, D]`.
    package var wq: WeightMatrix
    /// Key projection, `[K·Dh, D]`.
    package var wk: WeightMatrix
    /// Value projection, `[K·Dh, D]`.
    package var wv: WeightMatrix
    /// Output projection, `[D, H·Dh]`.
    package var wo: WeightMatrix
    /// `[D]`, finite.
    package var ffnNorm: [Float]
    /// `[E, D]`; nil for a dense layer.
    package var router: WeightMatrix?
    /// E of them; a dense layer has one, and no router.
    package var experts: [ExpertTensors]

    /// Creates a layer from its parts.
    package init(
        attentionNorm: [Float], wq: WeightMatrix, wk: WeightMatrix, wv: WeightMatrix,
        wo: WeightMatrix, ffnNorm: [Float], router: WeightMatrix?, experts: [ExpertTensors]
    ) {
        self.attentionNorm = attentionNorm
        self.wq = wq
        self.wk = wk
        self.wv = wv
        self.wo = wo
        self.ffnNorm = ffnNorm
        self.router = router
        self.experts = experts
    }
}

/// One feed-forward network: w2 · (silu(w1·x) ⊙ (w3·x)).
package struct ExpertTensors: Sendable {
    /// Gate projection, `[F, D]`.
    package var w1: WeightMatrix
    /// Down projection, `[D, F]`.
    package var w2: WeightMatrix
    /// Up projection, `[F, D]`.
    package var w3: WeightMatrix

    /// Creates an expert from its three matrices.
    package init(w1: WeightMatrix, w2: WeightMatrix, w3: WeightMatrix) {
        self.w1 = w1
        self.w2 = w2
        self.w3 = w3
    }
}
