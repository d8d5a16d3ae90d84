// SPDX-License-Identifier: Apache-2.0

package import Computation

/// What the feed-forward networks of a mixture of experts are, besides the numbers of experts.
///
/// Mixtral's unless something is said: all layers have experts, as wide as the configuration says,
/// and nothing beside them.
package struct ExpertMixture: Sendable, Equatable {
    /// How a token's experts are chosen.
    package var rule = RouterRule()
    /// Whether each expert has a bias that counts for the choice.
    package var hasSelectionBias = false
    /// Fe: width of an expert; nil: F.
    package var expertSize: Int?
    /// Fs: width of the network that every token passes beside its experts; 0: there is none.
    package var sharedSize = 0
    /// Whether what that network gives is multiplied by a gate of its own.
    package var gatesShared = false
    /// Whether the router and the matrices of experts have biases.
    package var hasBiases = false
    /// How experts gate; nil: by silu.
    package var gate: ClampedGate?
    /// The layers that have one network of width F instead of experts.
    package var denseLayers: Set<Int> = []

    /// Mixtral's.
    package init() {}

    /// Where the experts of a layer may not be chosen as the rule says, what is wrong with it.
    ///
    /// - Parameters:
    ///   - expertCount: E.
    ///   - expertsPerToken: A.
    /// - Returns: nil where all is well.
    func groupProblem(expertCount: Int, expertsPerToken: Int) -> String? {
        let (count, chosen) = (rule.groupCount, rule.groupsPerToken)
        guard count > 1 else {
            return chosen == 1 ? nil : "of \(count) group \(chosen) cannot stay open"
        }
        guard count <= RouterRule.maxGroupCount, expertCount % count == 0,
            expertCount / count >= 2
        else {
            return
                "\(count) groups are more than \(RouterRule.maxGroupCount), or do not divide the "
                + "\(expertCount) experts into groups of at least two"
        }
        guard (1...count).contains(chosen), expertCount / count * chosen >= expertsPerToken else {
            return "\(chosen) of \(count) groups have fewer than the \(expertsPerToken) experts "
                + "that a token visits"
        }
        return nil
    }
}

/// Layers that have one network instead of experts: at first, and those between every so many.
///
/// It is how GGUF files and some families' say which they are.
struct DenseLayers {
    /// So many layers at the beginning.
    var leading = 0
    /// Only every so many-th layer has experts, counted from 1.
    var step = 1

    /// The layers of a model.
    func layers(of count: Int) -> Set<Int> {
        Set((0..<count).filter { $0 < leading || ($0 + 1) % step != 0 })
    }
}

extension ModelConfiguration {
    /// The numbers of a model that has the last layers of this one alone.
    ///
    /// - Parameter count: of them.
    /// - Returns: the numbers.
    package func lastLayers(_ count: Int) -> ModelConfiguration {
        var result = self
        let first = layerCount - count
        result.layerCount = count
        func kept(_ layers: Set<Int>) -> Set<Int> {
            Set(layers.filter { $0 >= first }.map { $0 - first })
        }
        result.mixture.denseLayers = kept(mixture.denseLayers)
        result.fullLayers = kept(fullLayers)
        result.deltaLayers = kept(deltaLayers)
        if result.deltaLayers.isEmpty { result.deltaNet = nil }
        return result
    }
}

extension ExpertMixture {
    /// How files say which layers are dense: how many at the beginning, and that only every so
    /// many-th layer after them has experts; nil: no such numbers say it.
    ///
    /// - Parameter layerCount: of the model.
    /// - Returns: the numbers.
    package func denseLayerPattern(layerCount: Int) -> (leading: Int, step: Int)? {
        let leading = (0..<layerCount).first { !denseLayers.contains($0) } ?? layerCount
        for step in 1...max(1, layerCount)
        where DenseLayers(leading: leading, step: step).layers(of: layerCount) == denseLayers {
            return (leading, step)
        }
        return nil
    }
}
