// SPDX-License-Identifier: Apache-2.0

import Computation
import ModelFiles

extension Transformer {
    /// Queries, keys and values of normed, rotated; keys and values go to the cache.
    func project(_ layer: LayerWeights, index: Int, rowCount: Int) {
        let a = activations
        let c = configuration
        compute.multiply(
            a.normed, rows: 0..<rowCount, layer.queryKeyValue, into: a.queryKeyValue,
            ahead: order.layers[index].afterQueryKeyValue)
        let pairing: RotationPairing = c.ropePairing == .adjacent ? .adjacent : .halves
        compute.rotate(
            a.queries, rowCount: rowCount, headDimension: c.headDimension, pairing: pairing,
            table: a.rope)  // [T, H·Dh]
        compute.rotate(
            a.keys, rowCount: rowCount, headDimension: c.headDimension, pairing: pairing,
            table: a.rope)  // [T, K·Dh]
        compute.store(keys: a.keys, values: a.values, in: cache, layer: index, plan: a.plan)
    }

    /// residual += wo · attention of the queries to what they see of the cache.
    func attend(_ layer: LayerWeights, index: Int, plan: AttentionPlan) {
        let a = activations
        compute.attend(
            queries: a.queries, cache: cache, layer: index, plan: plan, scratch: a.attention,
            into: a.attended)  // [T, H·Dh]
        compute.multiply(
            a.attended, rows: 0..<plan.rowCount, layer.wo, into: a.projected,
            ahead: order.layers[index].afterWo)
        compute.add(a.projected, rowCount: plan.rowCount, to: a.residual)  // [T, D]
    }

    /// Moves the rows that get logits to the front: in the last layer nobody reads the others.
    func keepLogitsRows() {
        let a = activations
        compute.gather(a.residual, rows: a.logitsRows, into: a.residual)  // [logits rows, D]
        compute.gather(a.queries, rows: a.logitsRows, into: a.queries)  // [logits rows, H·Dh]
    }

    /// residual += w2 · (silu(w1 · normed) ⊙ w3 · normed).
    func denseFeedForward(_ layer: LayerWeights, index: Int, rowCount: Int) {
        let a = activations
        let rows = 0..<rowCount
        compute.multiplyGated(
            a.normed, rows: rows, w1: layer.w1[0], w3: layer.w3[0], into: a.gated,
            ahead: order.layers[index].afterGated)  // [T, F]
        compute.multiply(
            a.gated, rows: rows, layer.w2[0], into: a.down,
            ahead: order.layers[index].afterW2)  // [T, D]
        compute.add(a.down, rowCount: rowCount, to: a.residual)
    }

    /// residual += Σ weight · expert(normed) over the A experts that each row visits.
    func mixtureOfExperts(
        _ layer: LayerWeights, index: Int, router: WeightMatrix, rowCount: Int
    ) {
        let a = activations
        compute.multiply(a.normed, rows: 0..<rowCount, router, into: a.routerLogits)  // [T, E]
        compute.route(a.routerLogits, rowCount: rowCount, into: &a.routing)
        compute.multiplyGated(
            a.normed, a.routing.groups, w1: layer.w1, w3: layer.w3, into: a.gated)  // [T·A, F]
        compute.multiplyGathered(
            a.gated, a.routing.groups, reading: .slot, layer.w2, into: a.down,
            ahead: order.layers[index].afterW2)  // [T·A, D]
        compute.addExperts(a.down, routing: a.routing, rowCount: rowCount, to: a.residual)
    }
}
