// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The sizes of multi-head latent attention, in which the keys and values of all heads are made of one
/// latent vector for each position.
///
/// A configuration with them has one key/value head: the latent, which all heads share.
///
/// - Source: arXiv:2405.04434 §2.1.
package struct LatentDimensions: Sendable, Equatable {
    /// Lq: width of the latent that queries are made of; nil: they are made of the residual stream.
    package var queryRank: Int?
    /// L: width of the latent that keys and values are made of.
    package var rank: Int
    /// Dv: width of a head's value.
    package var valueDimension: Int
    /// YaRN's `mscale_all_dim`, by which scores grow; 0: they do not.
    package var mscaleAllDimensions: Double = 0

    /// Sizes.
    package init(
        queryRank: Int?, rank: Int, valueDimension: Int, mscaleAllDimensions: Double = 0
    ) {
        self.queryRank = queryRank
        self.rank = rank
        self.valueDimension = valueDimension
        self.mscaleAllDimensions = mscaleAllDimensions
    }
}

extension ModelConfiguration {
    /// What the scores of attention are multiplied with: 1/√Dh, and for latent attention with
    /// stretched frequencies the square of 0.1·`mscale_all_dim`·ln(factor) + 1.
    ///
    /// - Source: `yarn_apply_mscale` of transformers' `modeling_deepseek_v3.py`.
    package var attentionScale: Double {
        let usual = 1 / Double(headDimension).squareRoot()
        guard let latent, latent.mscaleAllDimensions != 0 else { return usual }
        let factor: Double
        switch ropeScaling {
        case .none: return usual
        case .linear(let stretch): factor = stretch
        case .llama3(let stretch, _, _, _): factor = stretch
        case .yarn(let yarn): factor = yarn.factor
        }
        let term = YarnScaling.term(factor: factor, scale: latent.mscaleAllDimensions)
        return usual * term * term
    }
}
