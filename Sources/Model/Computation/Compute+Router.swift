// SPDX-License-Identifier: Apache-2.0

import CKernels

extension Compute {
    /// Routes each token to its `A` best experts.
    ///
    /// Softmax is taken over the *selected* logits only, which differs from softmax-then-select
    /// without renormalisation.
    ///
    /// - Parameters:
    ///   - logits: `[T, E]`, the router's raw output.
    ///   - rowCount: T.
    ///   - routing: receives the experts (ties go to the lower index), their weights (each token's
    ///     sum to 1 within 1e-6), and the visits sorted by expert.
    /// - Complexity: O(T·E·A²).
    /// - Source: arXiv:2401.04088 §2.1.
    package func route(_ logits: FloatBuffer, rowCount: Int, into routing: inout ExpertRouting) {
        let expertCount = routing.expertCount
        let chosenCount = routing.expertsPerToken
        precondition(
            logits.columnCount == expertCount && rowCount <= logits.rowCount
                && rowCount * chosenCount <= routing.selection.count,
            "routing \(rowCount) rows: buffers of other shapes")
        let isa = self.isa
        unsafe routing.selection.withUnsafeMutableBufferPointer { selection in
            unsafe routing.weights.withUnsafeMutableBufferPointer { weights in
                guard let chosen = selection.baseAddress, let mixing = weights.baseAddress else {
                    return
                }
                for row in 0..<rowCount {
                    unsafe ck_route(
                        isa, logits.base + row * logits.stride, expertCount, chosenCount,
                        chosen + row * chosenCount, mixing + row * chosenCount)
                }
            }
        }
        routing.sort(tokenCount: rowCount)
    }

    /// Routes each token by a rule.
    ///
    /// Where the rule is Mixtral's, the results are those of ``route(_:rowCount:into:)``, bit for bit;
    /// this one is faster where there are many experts, and takes all threads where there are many
    /// tokens.
    ///
    /// - Parameters:
    ///   - logits: `[T, E]`, the router's raw output; overwritten.
    ///   - rowCount: T.
    ///   - rule: how scores, choice and weights follow.
    ///   - bias: `[E]`, added to the scores for the choice alone; empty: nothing.
    ///   - routing: receives the experts (ties go to the lower index), their weights, and the visits
    ///     sorted by expert.
    /// - Precondition: `rule.groupCount` divides E, and the groups that stay open have A experts.
    /// - Complexity: O(T·E), and O(T·A²) where logits are in ascending order.
    /// - Source: arXiv:2412.19437 §2.1.2.
    package func route(
        _ logits: FloatBuffer, rowCount: Int, by rule: RouterRule, bias: [Float],
        into routing: inout ExpertRouting
    ) {
        let expertCount = routing.expertCount
        let chosenCount = routing.expertsPerToken
        precondition(
            logits.columnCount == expertCount && rowCount <= logits.rowCount
                && rowCount * chosenCount <= routing.selection.count
                && (bias.isEmpty || bias.count == expertCount),
            "routing \(rowCount) rows: buffers of other shapes")
        precondition(
            (1...RouterRule.maxGroupCount).contains(rule.groupCount)
                && (1...rule.groupCount).contains(rule.groupsPerToken)
                && expertCount % rule.groupCount == 0
                && expertCount / rule.groupCount * rule.groupsPerToken >= chosenCount,
            "\(chosenCount) of \(expertCount) experts, from \(rule.groupsPerToken) of "
                + "\(rule.groupCount) groups")
        unsafe bias.withUnsafeBufferPointer { bias in
            let native = unsafe ck_routing_rule(
                is_sigmoid: rule.scoring == .sigmoid ? 1 : 0,
                normalizes: rule.normalizesWeights ? 1 : 0, group_count: rule.groupCount,
                chosen_group_count: rule.groupsPerToken, epsilon: rule.epsilon,
                floor: rule.floor, scale: rule.scale,
                bias: bias.isEmpty ? nil : bias.baseAddress)
            unsafe routing.selection.withUnsafeMutableBufferPointer { selection in
                unsafe routing.weights.withUnsafeMutableBufferPointer { weights in
                    guard let chosen = selection.baseAddress, let mixing = weights.baseAddress
                    else { return }
                    unsafe forEachRow(
                        rowCount, cost: expertCount,
                        Routing(
                            isa: isa, rule: native, logits: logits, selection: chosen,
                            weights: mixing, expertsPerToken: chosenCount))
                }
            }
        }
        routing.sort(tokenCount: rowCount)
    }

    @safe private struct Routing: RowWork {
        let isa: ck_isa
        let rule: ck_routing_rule
        let logits: FloatBuffer
        let selection: UnsafeMutablePointer<Int32>
        let weights: UnsafeMutablePointer<Float>
        let expertsPerToken: Int

        func run(row: Int) {
            unsafe withUnsafePointer(to: rule) { rule in
                unsafe ck_route_by_rule(
                    isa, rule, logits.base + row * logits.stride, logits.columnCount,
                    expertsPerToken, selection + row * expertsPerToken,
                    weights + row * expertsPerToken)
            }
        }
    }

    /// x[t] += Σ weight·y[t·A + a] over the visits a of token t, best expert first.
    ///
    /// - Parameters:
    ///   - y: `[T·A, D]`, the experts' results: row t·A + a is of token t's a-th best expert.
    ///   - routing: the weights.
    ///   - biases: `[E, D]`, what is added to the results of each expert; empty: nothing.
    ///   - rowCount: T.
    ///   - x: `[T, D]`.
    package func addExperts(
        _ y: FloatBuffer, routing: ExpertRouting, biases: [Float] = [], rowCount: Int,
        to x: FloatBuffer
    ) {
        let chosenCount = routing.expertsPerToken
        precondition(
            x.columnCount == y.columnCount && rowCount <= x.rowCount
                && rowCount * chosenCount <= y.rowCount
                && (biases.isEmpty || biases.count == routing.expertCount * x.columnCount),
            "mixing \(rowCount) rows: buffers of other shapes")
        unsafe routing.weights.withUnsafeBufferPointer { weights in
            unsafe routing.selection.withUnsafeBufferPointer { selection in
                unsafe biases.withUnsafeBufferPointer { biases in
                    guard let weights = weights.baseAddress, let chosen = selection.baseAddress
                    else { return }
                    unsafe forEachRow(
                        rowCount, cost: (biases.isEmpty ? 1 : 2) * x.columnCount * chosenCount,
                        ExpertAddition(
                            isa: isa, x: x, y: y, weights: weights, selection: chosen,
                            biases: biases.isEmpty ? nil : biases.baseAddress,
                            expertsPerToken: chosenCount))
                }
            }
        }
    }

    @safe private struct ExpertAddition: RowWork {
        let isa: ck_isa
        let x: FloatBuffer
        let y: FloatBuffer
        let weights: UnsafePointer<Float>
        let selection: UnsafePointer<Int32>
        let biases: UnsafePointer<Float>?
        let expertsPerToken: Int

        func run(row: Int) {
            let visits = row * expertsPerToken
            let target = unsafe x.base + row * x.stride
            let rows = unsafe y.base + visits * y.stride
            if let biases = unsafe biases {
                unsafe ck_add_weighted_biased_rows(
                    isa, target, rows, y.stride, weights + visits, biases, selection + visits,
                    expertsPerToken, x.columnCount)
            } else {
                unsafe ck_add_weighted_rows(
                    isa, target, rows, y.stride, weights + visits, expertsPerToken, x.columnCount)
            }
        }
    }
}
