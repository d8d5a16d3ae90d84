// SPDX-License-Identifier: Apache-2.0

import Computation
import Parallelism

/// The order in which a step reads weights: what threads read ahead after each product.
struct ReadingOrder {
    /// What follows the products of a layer.
    struct Layer {
        let afterQueryKeyValue: WeightsAhead?
        let afterWo: WeightsAhead?
        let afterGated: WeightsAhead?
        let afterW2: WeightsAhead?
    }

    let layers: [Layer]
    /// What the next step reads first.
    let afterOutput: WeightsAhead?

    /// How many products ahead: a small one is read sooner than a thread has time to wait.
    private static let productCount = 3

    init(_ layers: [LayerWeights], output: WeightMatrix, compute: Compute) {
        var products: [WeightsAhead?] = layers.flatMap { layer in
            let attention = [compute.ahead(of: layer.queryKeyValue), compute.ahead(of: [layer.wo])]
            // Nobody knows the experts before the router has spoken.
            guard layer.router == nil else { return attention + [nil, nil] }
            return attention + [
                compute.ahead(of: layer.w1, gating: layer.w3), compute.ahead(of: layer.w2),
            ]
        }
        products.append(compute.ahead(of: [output]))

        func after(_ index: Int) -> WeightsAhead? {
            var ahead: WeightsAhead?
            for step in 1...Self.productCount {
                guard let next = products[(index + step) % products.count] else { break }
                ahead = ahead?.followed(by: next) ?? next
            }
            return ahead
        }
        self.layers = layers.indices.map { layer in
            Layer(
                afterQueryKeyValue: after(4 * layer), afterWo: after(4 * layer + 1),
                afterGated: after(4 * layer + 2), afterW2: after(4 * layer + 3))
        }
        afterOutput = after(4 * layers.count)
    }
}
