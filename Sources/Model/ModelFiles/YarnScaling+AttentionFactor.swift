// SPDX-License-Identifier: Apache-2.0

import Foundation

extension YarnScaling {
    /// YaRN's attention factor where a file does not state it: 0.1·ln(factor) + 1, or the ratio of
    /// two such terms where both `mscale` and `mscaleAllDimensions` are given and not 0.
    ///
    /// - Source: arXiv:2309.00071 §3.4; DeepSeek-V2's `mscale`.
    static func attentionFactor(
        factor: Double, mscale: Double?, mscaleAllDimensions: Double?
    ) -> Double {
        func term(_ scale: Double) -> Double {
            factor <= 1 ? 1 : 0.1 * scale * log(factor) + 1
        }
        guard let mscale, let mscaleAllDimensions, mscale != 0, mscaleAllDimensions != 0 else {
            return term(1)
        }
        return term(mscale) / term(mscaleAllDimensions)
    }
}
