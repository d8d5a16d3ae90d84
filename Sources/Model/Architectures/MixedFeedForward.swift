// SPDX-License-Identifier: Apache-2.0

import ModelFiles

extension ScratchRole {
    fileprivate static let denseGated = ScratchRole("silu(w1·x) ⊙ w3·x of layers without experts")
}

/// What follows attention in models of which some layers have experts and the others one network, as
/// the configuration says.
enum MixedFeedForward {
    /// The tensors of a layer.
    static func tensors(_ configuration: ModelConfiguration, _ layer: Int) -> [TensorDeclaration] {
        configuration.hasExperts(layer: layer)
            ? MixtureOfExperts.tensors(of: configuration) : DenseFeedForward.tensors
    }

    /// The buffers of a step.
    static func scratch(_ configuration: ModelConfiguration) -> [ScratchDeclaration] {
        MixtureOfExperts.scratch(of: configuration)
            + (configuration.mixture.denseLayers.isEmpty
                ? [] : [ScratchDeclaration(.denseGated, .tokens, .F)])
    }

    /// The network of a layer.
    static func make(_ parts: LayerParts) -> any FeedForward {
        parts.configuration.hasExperts(layer: parts.index)
            ? MixtureOfExperts(parts) : DenseFeedForward(parts, gated: .denseGated)
    }
}
