// SPDX-License-Identifier: Apache-2.0

import Computation
import JSON

/// Under which keys a family's config.json speaks of its experts, and what transformers assumes
/// where a key is left out.
package struct HuggingFaceMixtureKeys: Sendable {
    /// A key of a count, and what the count is otherwise.
    package typealias Count = (key: String, usual: Int)

    /// Which layers have one network instead of experts.
    package enum DenseLayers: Sendable {
        /// None, and no key speaks of it.
        case none
        /// So many at the beginning.
        case leading(Count)
        /// Those of a list, and all but every so many-th.
        case listed(String, step: Count)
        /// Those that a list of all layers calls “dense”, not “sparse”; without it so many at the
        /// beginning.
        case kinds(String, leading: Int = 0)
        /// All before the first, after the last (−1: the very last) and between every so many.
        case outside(first: Count, last: Count, step: Count)
    }

    /// A key without which there are no experts; nil: there are always.
    package var isOn: String?
    /// E; `num_local_experts` and `num_experts` are read too.
    package var expertCount: Count
    /// A.
    package var expertsPerToken: Count
    /// Fe; nil: `intermediate_size` says it.
    package var expertSize: Count?
    /// Fs, counted in experts.
    package var sharedCount: Count?
    /// Fs itself.
    package var sharedSize: Count?
    /// Whether weights are normalised.
    package var normalizes: String?
    /// The least that the sum of weights may be.
    package var floor: String?
    /// What weights are multiplied with.
    package var scale: String?
    /// How many groups there are, and how many stay open.
    package var groups: (count: String, chosen: String)?
    /// Which layers have no experts.
    package var dense: DenseLayers
    /// What no key says, and what is usual where one does.
    package var usual: ExpertMixture

    /// Describes the keys.
    package init(
        expertCount: Count, expertsPerToken: Count, expertSize: Count? = nil,
        sharedCount: Count? = nil, sharedSize: Count? = nil, normalizes: String? = nil,
        floor: String? = nil, scale: String? = nil, groups: (count: String, chosen: String)? = nil,
        dense: DenseLayers = .none, usual: ExpertMixture = ExpertMixture()
    ) {
        self.expertCount = expertCount
        self.expertsPerToken = expertsPerToken
        self.expertSize = expertSize
        self.sharedCount = sharedCount
        self.sharedSize = sharedSize
        self.normalizes = normalizes
        self.floor = floor
        self.scale = scale
        self.groups = groups
        self.dense = dense
        self.usual = usual
    }

    /// All keys that are read.
    var all: [String] {
        let counts: [Count?] = [expertCount, expertsPerToken, expertSize, sharedCount, sharedSize]
        var keys = counts.compactMap { $0?.key }
        keys += [isOn, normalizes, floor, scale, groups?.count, groups?.chosen].compactMap(\.self)
        switch dense {
        case .none: break
        case .leading(let count): keys.append(count.key)
        case .listed(let list, let step): keys += [list, step.key]
        case .kinds(let list, _): keys.append(list)
        case .outside(let first, let last, let step): keys += [first.key, last.key, step.key]
        }
        return keys
    }
}

/// Reads what a config.json says of experts.
struct HuggingFaceMixture {
    /// E.
    let expertCount: Int
    /// A.
    let expertsPerToken: Int
    /// The rest.
    let mixture: ExpertMixture

    /// Reads it.
    ///
    /// - Parameters:
    ///   - keys: the family's.
    ///   - object: the file's content.
    ///   - fields: the same, checked.
    ///   - layerCount: of the model.
    ///   - intermediateSize: F.
    /// - Throws: an error that names the key.
    init(
        _ keys: HuggingFaceMixtureKeys, _ object: JSONObject, _ fields: ConfigurationFields,
        layerCount: Int, intermediateSize: Int
    ) throws(ModelFileError) {
        let names = [keys.expertCount.key, "num_local_experts", "num_experts"]
        expertCount = try fields.integer(
            names.first { fields.has($0) } ?? keys.expertCount.key,
            in: ConfigurationBounds.expertCount, default: keys.expertCount.usual)
        expertsPerToken = try fields.integer(
            keys.expertsPerToken.key, in: ConfigurationBounds.expertCount,
            default: keys.expertsPerToken.usual)
        var mixture = keys.usual
        if let (key, usual) = keys.expertSize {
            mixture.expertSize = try fields.integer(
                key, in: ConfigurationBounds.intermediateSize, default: usual)
        }
        if let (key, usual) = keys.sharedCount {
            let count = try fields.integer(key, in: 0...1024, default: usual)
            mixture.sharedSize = count * (mixture.expertSize ?? intermediateSize)
        }
        if let (key, usual) = keys.sharedSize {
            mixture.sharedSize = try fields.integer(
                key, in: ConfigurationBounds.intermediateSize, default: usual)
        }
        if let key = keys.normalizes {
            mixture.rule.normalizesWeights = try fields.bool(
                key, default: mixture.rule.normalizesWeights)
        }
        if let key = keys.floor {
            mixture.rule.floor = Float(
                try fields.number(key, in: 0...1, default: Double(mixture.rule.floor)))
        }
        if let key = keys.scale {
            mixture.rule.scale = Float(
                try fields.number(
                    key, in: ConfigurationBounds.scalingFactor,
                    default: Double(mixture.rule.scale)))
        }
        if let (count, chosen) = keys.groups {
            mixture.rule.groupCount = try fields.integer(
                count, in: 1...65536, default: mixture.rule.groupCount)
            mixture.rule.groupsPerToken = try fields.integer(
                chosen, in: 1...65536, default: mixture.rule.groupsPerToken)
        }
        mixture.denseLayers = try Self.denseLayers(
            keys.dense, object, fields, layerCount: layerCount)
        self.mixture = mixture
    }

    private static func denseLayers(
        _ dense: HuggingFaceMixtureKeys.DenseLayers, _ object: JSONObject,
        _ fields: ConfigurationFields, layerCount: Int
    ) throws(ModelFileError) -> Set<Int> {
        let range = ConfigurationBounds.layerCount
        switch dense {
        case .none: return []
        case .leading(let count):
            let leading = try fields.integer(
                count.key, in: 0...range.upperBound, default: count.usual)
            return DenseLayers(leading: leading).layers(of: layerCount)
        case .listed(let key, let step):
            var layers = DenseLayers(
                step: try fields.integer(step.key, in: range, default: step.usual)
            ).layers(of: layerCount)
            guard let value = object[key], value != .null else { return layers }
            guard let list = value.arrayValue, list.count <= range.upperBound else {
                throw fields.fail(key, "expected a list of layers")
            }
            for entry in list {
                guard let layer = entry.intValue, (0..<layerCount).contains(layer) else {
                    throw fields.fail(key, "expected layers from 0 to \(layerCount - 1)")
                }
                layers.insert(layer)
            }
            return layers
        case .kinds(let key, let leading):
            guard let value = object[key], value != .null else {
                return DenseLayers(leading: leading).layers(of: layerCount)
            }
            let kinds = (value.arrayValue ?? []).map { $0.stringValue ?? "" }
            guard kinds.count == layerCount, kinds.allSatisfy({ ["dense", "sparse"].contains($0) })
            else {
                throw fields.fail(
                    key, "expected “dense” or “sparse” for each of \(layerCount) layers")
            }
            return Set(kinds.indices.filter { kinds[$0] == "dense" })
        case .outside(let first, let last, let step):
            let end = try fields.integer(
                last.key, in: -1...range.upperBound, default: last.usual)
            let layers = DenseLayers(
                leading: try fields.integer(
                    first.key, in: 0...range.upperBound, default: first.usual),
                step: try fields.integer(step.key, in: range, default: step.usual))
            return layers.layers(of: layerCount).union(
                (0..<layerCount).filter { end >= 0 && $0 > end })
        }
    }
}
