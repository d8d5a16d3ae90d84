// SPDX-License-Identifier: Apache-2.0

import Computation
import Foundation
import ModelFiles

/// The transformer written as its formulas are: plain loops in double precision, no cache, nothing
/// shared with the code under test.
struct ReferenceTransformer {
    let model: TinyModel

    /// The logits of every token, `[T, V]`.
    func logits(_ tokens: [Int32]) -> [[Double]] {
        let c = model.configuration
        var x = tokens.map { token in
            (0..<c.hiddenSize).map {
                Double(model.embedding.values[Int(token) * c.hiddenSize + $0])
                    * (isGemma4 ? Double(c.hiddenSize).squareRoot() : 1)
            }
        }
        let inputs = layerInputs(tokens, x)
        // The normalised rows of each layer, of which others may borrow keys and values.
        var seen: [[[Double]]] = []
        for (index, layer) in model.layers.enumerated() {
            let normed = x.map { normalized($0, layer.attentionNorm) }
            seen.append(normed)
            if let net = layer.deltaNet {
                let said = deltaNet(normed, net)
                for t in x.indices { x[t] = sum(x[t], net.output.times(said[t])) }
            } else {
                let attended =
                    layer.latent.map { latentAttention(normed, layer, $0, index) }
                    ?? attention(normed, layer, index, lenders: seen)
                for t in x.indices {
                    let found = biased(layer.wo.times(attended[t]), layer.outputBias)
                    let norm = layer.further.vector("norm after attention")
                    x[t] = sum(x[t], norm.isEmpty ? found : normalized(found, norm))
                }
            }
            for t in x.indices {
                if isGemma4 {
                    x[t] = gemma4FeedForward(x[t], layer, inputs.isEmpty ? [] : inputs[t][index])
                    continue
                }
                x[t] = sum(x[t], feedForward(normalized(x[t], layer.ffnNorm), layer))
            }
        }
        let limit = c.numbers[FamilyNumber("limit of logits")]
        return x.map { row in
            model.output.times(normalized(row, model.outputNorm)).map { logit in
                limit.map { tanh(logit / $0) * $0 } ?? logit
            }
        }
    }

    private var isGemma4: Bool { model.configuration.architecture.hasPrefix("Gemma4") }

    /// What Gemma 4's layers get of each token besides: of each layer some numbers, or none.
    private func layerInputs(_ tokens: [Int32], _ x: [[Double]]) -> [[[Double]]] {
        let further = model.furtherInputs
        guard let table = further.matrices["token embedding of layers"],
            let projection = further.matrices["projection to inputs of layers"]
        else { return [] }
        let norm = further.vector("norm of inputs of layers")
        let size = norm.count
        return zip(tokens, x).map { token, row in
            let projected = projection.times(row).map { $0 / Double(row.count).squareRoot() }
            return (0..<model.configuration.layerCount).map { layer in
                let own = normalized(Array(projected[layer * size..<(layer + 1) * size]), norm)
                return own.enumerated().map { index, value in
                    let place = Int(token) * table.columns + layer * size + index
                    let embedded = Double(table.values[place]) * Double(size).squareRoot()
                    return (value + embedded) / 2.0.squareRoot()
                }
            }
        }
    }

    /// A row after what follows attention in Gemma 4.
    private func gemma4FeedForward(
        _ x: [Double], _ layer: TinyModel.Layer, _ input: [Double]
    ) -> [Double] {
        let further = layer.further
        func gelu(_ x: Double) -> Double {
            x / 2 * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
        }
        func output(of expert: TinyModel.Expert, _ x: [Double]) -> [Double] {
            expert.w2.times(zip(expert.w1.times(x), expert.w3.times(x)).map { gelu($0) * $1 })
        }
        var given = output(
            of: layer.shared ?? layer.experts[0], normalized(x, layer.ffnNorm))
        if let router = layer.router {
            given = normalized(given, further.vector("norm after the network beside experts"))
            let length = Double(x.count).squareRoot()
            let logits = router.times(
                normalized(x, further.vector("scale of the router's input")).map { $0 / length })
            let own = normalized(x, further.vector("norm before experts"))
            var mixed = [Double](repeating: 0, count: x.count)
            for (expert, weight) in chosen(logits, []) {
                let scale = weight * Double(further.vector("scales of experts")[expert])
                mixed = sum(mixed, output(of: layer.experts[expert], own).map { $0 * scale })
            }
            given = sum(given, normalized(mixed, further.vector("norm after experts")))
        }
        var y = sum(x, normalized(given, further.vector("norm after the networks")))
        if let gate = further.matrices["gate of a layer's input"],
            let projection = further.matrices["projection of a layer's input"]
        {
            let gated = zip(gate.times(y), input).map { gelu($0) * $1 }
            y = sum(
                y, normalized(projection.times(gated), further.vector("norm of a layer's input")))
        }
        return y.map { $0 * Double(further.vector("scale of a layer")[0]) }
    }

    private func sum(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map { $0 + $1 } }

    private func biased(_ x: [Double], _ bias: [Float]) -> [Double] {
        bias.isEmpty ? x : sum(x, bias.map { Double($0) })
    }

    private func normalized(
        _ x: [Double], _ weight: [Float], epsilon: Double? = nil
    ) -> [Double] {
        let mean = x.reduce(0) { $0 + $1 * $1 } / Double(x.count)
        let added = epsilon ?? Double(model.configuration.rmsNormEpsilon)
        let scale = 1 / (mean + added).squareRoot()
        return zip(x, weight).map { $0 * scale * Double($1) }
    }

    /// What each row finds; `lenders` are the normalised rows of the layers up to this one.
    private func attention(
        _ x: [[Double]], _ layer: TinyModel.Layer, _ index: Int, lenders: [[[Double]]]
    ) -> [[Double]] {
        let c = model.configuration.own(layer: index)
        let lender = model.configuration.lender(toLayer: index) ?? index
        let (source, rows) = (model.layers[lender], lenders[lender])
        let keysAreValues =
            c.numbers[FamilyNumber("values that are keys")] != nil && c.window(layer: index) == nil
        let gates = x.map { gate(of: layer.wq.times($0)) }
        let q = x.indices.map { t in
            rotated(projected(x[t], layer.wq, 0, layer), position: t, index).map {
                $0 * queryScale(at: t)
            }
        }
        let k = x.indices.map {
            rotated(projected(rows[$0], source.wk, 1, source), position: $0, index)
        }
        let v = rows.map { row -> [Double] in
            let values = projected(row, keysAreValues ? source.wk : source.wv, 2, source)
            guard isGemma4 else { return values }
            let ones = [Float](repeating: 1, count: c.headDimension)
            return stride(from: 0, to: values.count, by: ones.count).flatMap {
                normalized(Array(values[$0..<$0 + ones.count]), ones)
            }
        }
        let window = c.window(layer: index) ?? x.count
        return x.indices.map { t in
            (0..<c.headCount).flatMap { head -> [Double] in
                let kvHead = head / (c.headCount / c.kvHeadCount)
                let seen = Array(max(0, t - window + 1)...t)
                let scores = seen.map { s in
                    (0..<c.headDimension).reduce(0.0) {
                        $0 + q[t][head * c.headDimension + $1] * k[s][kvHead * c.headDimension + $1]
                    } / (isGemma4 ? 1 : Double(c.headDimension).squareRoot())
                }
                // The share of a sink is dropped.
                let sink = layer.sinks.isEmpty ? [] : [Double(layer.sinks[head])]
                let weights = softmax(scores + sink)
                return (0..<c.headDimension).map { d in
                    zip(seen, weights).reduce(0) {
                        $0 + v[$1.0][kvHead * c.headDimension + d] * $1.1
                    } * gates[t][head * c.headDimension + d]
                }
            }
        }
    }

    /// What multiplies what heads find: the sigmoids of the second half of each query head, where
    /// it has one.
    private func gate(of query: [Double]) -> [Double] {
        let width = model.configuration.headDimension
        let count = model.configuration.headCount * width
        guard query.count == 2 * count else { return [Double](repeating: 1, count: count) }
        return (0..<count).map { index in
            let place = index / width * 2 * width + width + index % width
            return 1 / (1 + exp(-query[place]))
        }
    }

    /// What the states of a gated delta net say of each token, normalised and gated.
    private func deltaNet(_ x: [[Double]], _ net: TinyModel.DeltaNet) -> [[Double]] {
        guard let shape = model.configuration.deltaNet else { return x }
        let (dk, dv, taps) = (shape.keyWidth, shape.valueWidth, shape.tapCount)
        let projected = x.map { net.queryKeyValue.times($0) }
        var states = [[[Double]]](
            repeating: [[Double]](repeating: [Double](repeating: 0, count: dv), count: dk),
            count: shape.valueHeadCount)
        func unit(_ x: ArraySlice<Double>, times factor: Double) -> [Double] {
            let length = (x.reduce(0) { $0 + $1 * $1 } + 1e-6).squareRoot()
            return x.map { $0 / length * factor }
        }
        return x.indices.map { t in
            let mixed = (0..<shape.channelCount).map { c -> Double in
                let sum = (0..<taps).reduce(0.0) { sum, tap in
                    let from = t + tap - (taps - 1)
                    let weight = Double(net.convolution[c * taps + tap])
                    return from < 0 ? sum : sum + weight * projected[from][c]
                }
                return sum / (1 + exp(-sum))
            }
            let (alpha, beta) = (net.decay.times(x[t]), net.beta.times(x[t]))
            let gate = net.gate.times(x[t])
            return (0..<shape.valueHeadCount).flatMap { head -> [Double] in
                let sharing = shape.valueHeadCount / shape.keyHeadCount
                let keyHead = shape.isTiled ? head % shape.keyHeadCount : head / sharing
                let keys = shape.keyHeadCount * dk
                let q = unit(
                    mixed[keyHead * dk..<(keyHead + 1) * dk],
                    times: 1 / Double(dk).squareRoot())
                let k = unit(mixed[keys + keyHead * dk..<keys + (keyHead + 1) * dk], times: 1)
                let step = log(1 + exp(alpha[head] + Double(net.decayBias[head])))
                let decay = exp(Double(net.rate[head]) * step)
                let rate = 1 / (1 + exp(-beta[head]))
                let said = (0..<dv).map { column -> Double in
                    let memory = (0..<dk).reduce(0.0) {
                        $0 + decay * states[head][$1][column] * k[$1]
                    }
                    let value = mixed[2 * keys + head * dv + column]
                    for row in 0..<dk {
                        states[head][row][column] =
                            decay * states[head][row][column] + k[row] * rate * (value - memory)
                    }
                    return (0..<dk).reduce(0.0) { $0 + states[head][$1][column] * q[$1] }
                }
                return zip(normalized(said, net.norm), gate[(head * dv)...]).map {
                    $0 * $1 / (1 + exp(-$1))
                }
            }
        }
    }

    /// Latent attention with the keys and values of every head made of the latents, as it is trained.
    private func latentAttention(
        _ x: [[Double]], _ layer: TinyModel.Layer, _ latent: TinyModel.Latent, _ index: Int
    ) -> [[Double]] {
        let c = model.configuration
        let (rank, width) = (latent.norm.count, c.headDimension)
        let plain = width - c.ropeDimensionCount
        let compressed = x.map { latent.latent.times($0) }
        let latents = compressed.map {
            normalized(Array($0[..<rank]), latent.norm, epsilon: 1e-6)
        }
        let shared = x.indices.map {
            rotated(
                Array(compressed[$0][rank...]), position: $0, index, width: c.ropeDimensionCount)
        }
        let q = x.indices.map { t in
            let source = latent.query.map {
                normalized($0.matrix.times(x[t]), $0.norm, epsilon: 1e-6)
            }
            return rotated(layer.wq.times(source ?? x[t]), position: t, index, from: plain).map {
                $0 * queryScale(at: t)
            }
        }
        let heads = (0..<c.headCount).map { head in
            let keys = latents.map { c in
                (0..<plain).map { n in
                    c.indices.reduce(0.0) {
                        $0 + Double(latent.keys[head].values[$1 * plain + n]) * c[$1]
                    }
                }
            }
            return (keys: keys, values: latents.map { latent.values[head].times($0) })
        }
        return x.indices.map { t in
            heads.enumerated().flatMap { head, made -> [Double] in
                let own = Array(q[t][head * width..<(head + 1) * width])
                let scores = (0...t).map { s in
                    zip(own, made.keys[s] + shared[s]).reduce(0) { $0 + $1.0 * $1.1 } * scoreScale
                }
                let weights = softmax(scores)
                return (0..<c.valueDimension).map { d in
                    weights.indices.reduce(0) { $0 + weights[$1] * made.values[$1][d] }
                }
            }
        }
    }

    /// DeepSeek's, with its growth by the stretch of frequencies.
    private var scoreScale: Double {
        let c = model.configuration
        let usual = 1 / Double(c.headDimension).squareRoot()
        guard case .linear(let factor) = c.ropeScaling else { return usual }
        let growth = 0.1 * (c.latent?.mscaleAllDimensions ?? 0) * log(factor) + 1
        return usual * growth * growth
    }

    /// Queries, keys or values, by their number in that order, with the bias of Qwen2 and the norms
    /// of Qwen3 (of each head) or OLMoE (of all together).
    private func projected(
        _ x: [Double], _ weight: TinyModel.Matrix, _ index: Int, _ layer: TinyModel.Layer
    ) -> [Double] {
        var y = weight.times(x)
        let (width, heads) = (model.configuration.headDimension, model.configuration.headCount)
        if index == 0, y.count == 2 * heads * width {
            y = (0..<heads).flatMap { y[$0 * 2 * width..<$0 * 2 * width + width] }
        }
        if !layer.biases.isEmpty { y = sum(y, layer.biases[index].map { Double($0) }) }
        guard layer.headNorms.indices.contains(index) else { return y }
        let norm = layer.headNorms[index]
        return stride(from: 0, to: y.count, by: norm.count).flatMap {
            normalized(Array(y[$0..<$0 + norm.count]), norm)
        }
    }

    /// Rotates the components of each head of some width from one on.
    private func rotated(
        _ x: [Double], position: Int, _ layer: Int, width: Int? = nil, from first: Int = 0
    ) -> [Double] {
        let c = model.configuration.own(layer: layer)
        let factors = c.ropeFrequencyFactors
        var y = x
        for head in stride(from: first, to: x.count, by: width ?? c.headDimension) {
            for i in 0..<c.ropeDimensionCount / 2 {
                var angle =
                    Double(position)
                    / pow(c.ropeTheta, Double(2 * i) / Double(c.ropeDimensionCount))
                    / Double(factors?[i] ?? 1)
                if case .linear(let factor) = c.ropeScaling { angle /= factor }
                let (a, b) =
                    c.ropePairing == .adjacent
                    ? (head + 2 * i, head + 2 * i + 1)
                    : (head + i, head + i + c.ropeDimensionCount / 2)
                y[a] = x[a] * cos(angle) - x[b] * sin(angle)
                y[b] = x[b] * cos(angle) + x[a] * sin(angle)
            }
        }
        return y
    }

    /// What Ministral 3 multiplies a query with.
    private func queryScale(at position: Int) -> Double {
        let c = model.configuration
        guard let beta = c.numbers[FamilyNumber("scale of queries")],
            case .yarn(let yarn) = c.ropeScaling
        else { return 1 }
        return 1 + beta * log(1 + floor(Double(position) / Double(yarn.originalContextLength)))
    }

    private func feedForward(_ x: [Double], _ layer: TinyModel.Layer) -> [Double] {
        func output(of expert: TinyModel.Expert) -> [Double] {
            let gate = expert.w1.times(x)
            let up = expert.w3.times(x)
            if let clamp = model.configuration.mixture.gate {
                let (slope, limit) = (Double(clamp.slope), Double(clamp.limit))
                let gated = zip(biased(gate, expert.biases[0]), biased(up, expert.biases[1])).map {
                    let g = min($0, limit)
                    return (max(-limit, min($1, limit)) + 1) * g / (1 + exp(-slope * g))
                }
                return biased(expert.w2.times(gated), expert.biases[2])
            }
            return expert.w2.times(zip(gate, up).map { $0 / (1 + exp(-$0)) * $1 })
        }
        guard let router = layer.router else { return output(of: layer.experts[0]) }
        var y = [Double](repeating: 0, count: x.count)
        let logits = biased(router.times(x), layer.routerBias)
        for (expert, weight) in chosen(logits, layer.selectionBias) {
            y = sum(y, output(of: layer.experts[expert]).map { $0 * weight })
        }
        guard let shared = layer.shared else { return y }
        let gate = zip(x, layer.sharedGate).reduce(0) { $0 + $1.0 * Double($1.1) }
        let factor = layer.sharedGate.isEmpty ? 1 : 1 / (1 + exp(-gate))
        return sum(y, output(of: shared).map { $0 * factor })
    }

    /// The experts of a token and their weights.
    private func chosen(
        _ logits: [Double], _ bias: [Float]
    ) -> [(expert: Int, weight: Double)] {
        let rule = model.configuration.mixture.rule
        let scores =
            rule.scoring == .softmax ? softmax(logits) : logits.map { 1 / (1 + exp(-$0)) }
        let values =
            bias.isEmpty ? scores : zip(scores, bias).map { $0 + Double($1) }
        let size = values.count / rule.groupCount
        let worth = (0..<rule.groupCount).map { group in
            values[group * size..<(group + 1) * size].sorted(by: >).prefix(2).reduce(0, +)
        }
        let open = Set(best(rule.groupsPerToken, of: worth, among: Array(worth.indices)))
        let experts = best(
            model.configuration.expertsPerToken ?? 1, of: values,
            among: values.indices.filter { open.contains($0 / size) })
        let total = experts.reduce(0) { $0 + scores[$1] } + Double(rule.epsilon)
        let divisor = rule.normalizesWeights ? max(total, Double(rule.floor)) : 1
        return experts.map { ($0, scores[$0] / divisor * Double(rule.scale)) }
    }

    /// The places of the largest values, the largest first and of equals that with the lower index.
    private func best(_ count: Int, of values: [Double], among places: [Int]) -> [Int] {
        Array(places.sorted { (values[$1], $0) < (values[$0], $1) }.prefix(count))
    }

    private func softmax(_ x: [Double]) -> [Double] {
        let top = x.max() ?? 0
        let powers = x.map { exp($0 - top) }
        let total = powers.reduce(0, +)
        return powers.map { $0 / total }
    }
}
