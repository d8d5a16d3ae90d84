// SPDX-License-Identifier: Apache-2.0

import ModelFiles

/// What lets a context be longer than the one that a model was made for: how its rotary frequencies
/// are stretched then.
package enum ContextScaling: String, Sendable, CaseIterable {
    /// Nothing: a context is at most the model's own.
    case none
    /// Every frequency is divided by the factor.
    case linear
    /// YaRN, which keeps high frequencies and loses less.
    case yarn
}

extension ModelConfiguration {
    /// The same model with a longer context.
    ///
    /// - Parameters:
    ///   - length: positions, more than its own.
    ///   - scaling: how frequencies are stretched.
    /// - Returns: nil where they are not to be, or are stretched already by the model's makers.
    func stretched(to length: Int, by scaling: ContextScaling) -> ModelConfiguration? {
        guard ropeScaling == .none, ropeFrequencyFactors == nil else { return nil }
        let factor = Double(length) / Double(contextLength)
        var configuration = self
        configuration.contextLength = length
        switch scaling {
        case .none: return nil
        case .linear: configuration.ropeScaling = .linear(factor: factor)
        case .yarn:
            configuration.ropeScaling = .yarn(
                YarnScaling(
                    factor: factor, originalContextLength: contextLength,
                    attentionFactor: YarnScaling.attentionFactor(
                        factor: factor, mscale: nil, mscaleAllDimensions: nil)))
        }
        return configuration
    }
}
