// SPDX-License-Identifier: Apache-2.0

import Generation
import JSON
import Serving

/// What `GET /v1/admin/experts` says: the data of a heat map for each model with experts.
enum ExpertReport {
    /// How the experts of a model are used.
    struct Model {
        let name: String
        /// `[layers][E]`.
        let tokens: [[UInt64]]

        /// Of all layers together.
        var sums: [UInt64] {
            (tokens.first ?? []).indices.map { expert in
                tokens.reduce(0) { $0 + $1[expert] }
            }
        }

        /// Of each layer, the tokens of its busiest expert by the mean of all; 0 before the first.
        var imbalance: [Double] {
            tokens.map { layer in
                let sum = layer.reduce(0, +)
                guard sum > 0, let most = layer.max() else { return 0 }
                return Double(most) * Double(layer.count) / Double(sum)
            }
        }
    }

    /// The models with experts that are in memory.
    static func models(of registry: ModelRegistry) -> [Model] {
        registry.slots.compactMap { slot in
            guard case .serving(let model) = slot.state,
                let tokens = model.engine.statistics.expertTokens
            else { return nil }
            return Model(name: model.description.name, tokens: tokens)
        }
    }

    static func json(_ registry: ModelRegistry) -> JSONValue {
        let models: [JSONValue] = models(of: registry).map { model in
            [
                "model": .string(model.name),
                "layer_count": .integer(model.tokens.count),
                "expert_count": .integer(model.tokens.first?.count ?? 0),
                "tokens": .array(
                    model.tokens.map { .array($0.map { .integer(Int(clamping: $0)) }) }),
                "imbalance": .array(
                    model.imbalance.map { .number(($0 * 1000).rounded() / 1000) }),
            ]
        }
        return ["object": "list", "data": .array(models)]
    }
}
