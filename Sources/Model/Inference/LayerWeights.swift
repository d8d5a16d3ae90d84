// SPDX-License-Identifier: Apache-2.0

import Computation
import ModelFiles

/// A layer's weights, arranged for the products that share an input.
///
/// An object, since a step would count a reference for each matrix of a value.
final class LayerWeights {
    /// `[D]`.
    let attentionNorm: [Float]
    /// wq `[H·Dh, D]`, wk `[K·Dh, D]`, wv `[K·Dh, D]`.
    let queryKeyValue: [WeightMatrix]
    /// `[D, H·Dh]`.
    let wo: WeightMatrix
    /// `[D]`.
    let ffnNorm: [Float]
    /// `[E, D]`; nil for a dense layer.
    let router: WeightMatrix?
    /// `[F, D]` of each expert; a dense layer has one.
    let w1: [WeightMatrix]
    /// `[D, F]` of each expert.
    let w2: [WeightMatrix]
    /// `[F, D]` of each expert.
    let w3: [WeightMatrix]

    init(_ layer: LayerTensors) {
        attentionNorm = layer.attentionNorm
        queryKeyValue = [layer.wq, layer.wk, layer.wv]
        wo = layer.wo
        ffnNorm = layer.ffnNorm
        router = layer.router
        w1 = layer.experts.map(\.w1)
        w2 = layer.experts.map(\.w2)
        w3 = layer.experts.map(\.w3)
    }
}
