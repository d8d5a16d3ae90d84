// SPDX-License-Identifier: Apache-2.0

import JSON

/// Reads what a config.json says of heads that layers with a window have apart from the others, and of
/// layers that borrow keys and values.
package struct HuggingFaceWindowHeads {
    /// What transformers assumes where a key is left out.
    package struct Keys: Sendable {
        /// Dh of layers without a window.
        package let fullHeadDimension: Int

        /// Says it.
        package init(fullHeadDimension: Int) {
            self.fullHeadDimension = fullHeadDimension
        }
    }

    /// The keys that are read.
    static let keys = [
        "global_head_dim", "num_global_key_value_heads", "attention_k_eq_v",
        "num_kv_shared_layers", "use_double_wide_mlp", "per_layer_config",
    ]

    private let keys: Keys
    private let object: JSONObject
    private let fields: ConfigurationFields

    /// Reads of the file's content, and of the same checked.
    init(_ keys: Keys, _ object: JSONObject, _ fields: ConfigurationFields) {
        self.keys = keys
        self.object = object
        self.fields = fields
    }

    /// Changes numbers that were read as if all layers were alike.
    ///
    /// - Parameters:
    ///   - c: has the heads of layers with a window, and which layers those are.
    ///   - proportion: the share of the pairs that rotate in the others.
    /// - Throws: an error that names the key.
    func read(into c: inout ModelConfiguration, proportion: Double) throws(ModelFileError) {
        let last = c.layerCount - 1
        guard c.slidingWindow == nil || c.fullLayers.contains(last) else {
            // transformers makes it one.
            throw fields.fail("layer_types", "the last layer is not full_attention")
        }
        let window = WindowHeads(
            kvHeadCount: c.kvHeadCount, headDimension: c.headDimension,
            ropeDimensionCount: c.ropeDimensionCount)
        guard c.ropeDimensionCount == c.headDimension else {
            throw fields.fail(
                "rope_parameters.partial_rotary_factor", "is supported with “proportional” alone")
        }
        (c.headDimension, c.kvHeadCount) = try fullHeads(c)
        c.ropeDimensionCount = c.headDimension
        c.windowHeads = c.slidingWindow == nil ? nil : window
        let pairs = Int((proportion * Double(c.headDimension) / 2).rounded(.down))
        if pairs < c.headDimension / 2 {
            // What does not rotate has no frequency to speak of, as in llama.cpp's files.
            c.ropeFrequencyFactors = (0..<c.headDimension / 2).map { $0 < pairs ? 1 : 1e30 }
        }
        let key = "num_kv_shared_layers"
        c.borrowingLayerCount = try fields.integer(key, in: 0...last, default: 0)
        if let layer = (0..<c.layerCount).first(where: { c.lender(toLayer: $0) == nil }) {
            throw fields.fail(
                key,
                "\(c.borrowingLayerCount), but no layer before them is of the type of layer "
                    + "\(layer)")
        }
        if c.borrowingLayerCount > 0, try fields.bool("use_double_wide_mlp", default: false) {
            c.borrowingIntermediateSize = 2 * c.intermediateSize
        }
    }

    /// Dh and K of layers without a window.
    private func fullHeads(
        _ c: ModelConfiguration
    ) throws(ModelFileError) -> (dimension: Int, kvCount: Int) {
        let dimensions = ConfigurationBounds.headDimension
        let counts = ConfigurationBounds.headCount
        guard let value = object["per_layer_config"], value != .null else {
            let isOwn = try fields.bool("attention_k_eq_v", default: false)
            let count = try fields.optionalInteger("num_global_key_value_heads", in: counts)
            return (
                try fields.integer(
                    "global_head_dim", in: dimensions, default: keys.fullHeadDimension),
                isOwn ? count ?? c.kvHeadCount : c.kvHeadCount
            )
        }
        // As transformers writes it: what layers have apart from the others, by their numbers.
        let key = "per_layer_config"
        guard let layers = value.objectValue, layers.count <= c.layerCount else {
            throw fields.fail(key, "expected an object with at most a member for each layer")
        }
        var found: (dimension: Int, kvCount: Int)?
        for layer in 0..<c.layerCount {
            let own = layers["\(layer)"]?.objectValue ?? JSONObject()
            let numbers = ConfigurationFields(
                own, path: fields.path, prefix: "\(fields.prefix)\(key).\(layer).")
            try numbers.refuseUnknown(
                own.map(\.key), understood: ["head_dim", "num_key_value_heads"], neutral: [:],
                isStrict: true)
            let heads = (
                dimension: try numbers.integer(
                    "head_dim", in: dimensions, default: c.headDimension),
                kvCount: try numbers.integer(
                    "num_key_value_heads", in: counts, default: c.kvHeadCount)
            )
            let isFull = c.window(layer: layer) == nil
            let expected = isFull ? found ?? heads : (c.headDimension, c.kvHeadCount)
            guard heads == expected else {
                throw fields.fail(
                    "\(key).\(layer)",
                    "differs from other layers of its type, which is not supported")
            }
            if isFull { found = heads }
        }
        return found ?? (c.headDimension, c.kvHeadCount)
    }
}
