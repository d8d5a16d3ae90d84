// SPDX-License-Identifier: Apache-2.0

import Computation
import Foundation
import ModelFiles

extension FamilyNumber {
    /// By how much queries grow where their position passes a multiple of the original context.
    static let queryScale = FamilyNumber("scale of queries")
    /// The original context, where a file states it for this apart from YaRN's.
    static let queryScaleContext = FamilyNumber("original context of queries' scale")
}

/// 1 + β · ln(1 + ⌊position / original context⌋) of each row.
final class QueryScale {
    private let beta: Float
    private let originalContextLength: Int32
    private var factors: [Float] = []

    /// Where GGUF files say it.
    static let ggufKeys = [
        NumberKey("attention.temperature_scale", .queryScale, in: 0...100),
        NumberKey("attention.temperature_length", .queryScaleContext, in: 0...1e9, isCount: true),
    ]

    /// nil: the model does not scale its queries.
    init?(_ parts: NetworkParts) {
        let configuration = parts.configuration
        guard let beta = configuration.numbers[.queryScale],
            case .yarn(let yarn) = configuration.ropeScaling
        else { return nil }
        self.beta = Float(beta)
        originalContextLength = Int32(clamping: yarn.originalContextLength)
        factors.reserveCapacity(parts.step.maxTokenCount)
    }

    /// What keeps queries from being scaled as a configuration asks for, or nil.
    static func problem(in configuration: ModelConfiguration) -> String? {
        guard configuration.numbers[.queryScale] != nil else { return nil }
        guard case .yarn(let yarn) = configuration.ropeScaling else {
            return "queries are scaled by their position, but there is no YaRN scaling that says "
                + "what the original context is"
        }
        if let own = configuration.numbers[.queryScaleContext],
            own != Double(yarn.originalContextLength)
        {
            return "the original context is \(Int(own)) positions for the scale of queries, but "
                + "\(yarn.originalContextLength) for YaRN; only the same is supported"
        }
        return nil
    }

    /// The factors of the step's rows, once for all layers.
    func prepare(_ step: ForwardStep) {
        factors.removeAll(keepingCapacity: true)
        for position in step.plan.positions {
            factors.append(1 + beta * log(1 + Float(position / originalContextLength)))
        }
    }

    func multiply(_ queries: FloatBuffer, _ step: ForwardStep) {
        step.compute.scale(queries, rowCount: step.rowCount, by: factors)
    }
}
