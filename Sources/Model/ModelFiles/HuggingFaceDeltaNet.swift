// SPDX-License-Identifier: Apache-2.0

import Computation
import JSON

/// Reads what a config.json says of layers with delta nets, with transformers' defaults.
struct HuggingFaceDeltaNet {
    private let object: JSONObject
    private let fields: ConfigurationFields
    private let layerCount: Int

    /// All keys that are read.
    static let keys = [
        "linear_conv_kernel_dim", "linear_key_head_dim", "linear_value_head_dim",
        "linear_num_key_heads", "linear_num_value_heads", "full_attention_interval",
    ]

    init(_ object: JSONObject, _ fields: ConfigurationFields, layerCount: Int) {
        self.object = object
        self.fields = fields
        self.layerCount = layerCount
    }

    /// The delta net, and the layers that have it; nil where none has.
    ///
    /// - Throws: an error that names the key.
    func read() throws(ModelFileError) -> (DeltaNetShape?, Set<Int>) {
        let bounds = DeltaNetBounds.self
        let keyHeadCount = try fields.integer(
            "linear_num_key_heads", in: bounds.headCount, default: 16)
        let valueHeadCount = try fields.integer(
            "linear_num_value_heads", in: bounds.headCount, default: 32)
        let keyWidth = try fields.integer("linear_key_head_dim", in: bounds.width, default: 128)
        let valueWidth = try fields.integer("linear_value_head_dim", in: bounds.width, default: 128)
        let tapCount = try fields.integer(
            "linear_conv_kernel_dim", in: bounds.tapCount, default: 4)
        guard valueHeadCount % keyHeadCount == 0 else {
            throw fields.fail(
                "linear_num_key_heads",
                "\(keyHeadCount) does not divide the \(valueHeadCount) value heads")
        }
        let layers = try layers()
        guard !layers.isEmpty else { return (nil, []) }
        return (
            DeltaNetShape(
                keyHeadCount: keyHeadCount, valueHeadCount: valueHeadCount, keyWidth: keyWidth,
                valueWidth: valueWidth, tapCount: tapCount), layers
        )
    }

    private func layers() throws(ModelFileError) -> Set<Int> {
        guard let value = object["layer_types"], value != .null else {
            let interval = try fields.integer(
                "full_attention_interval", in: ConfigurationBounds.layerCount, default: 4)
            return DeltaNetBounds.layers(of: layerCount, interval: interval)
        }
        let kinds = (value.arrayValue ?? []).map { $0.stringValue ?? "" }
        guard kinds.count == layerCount,
            kinds.allSatisfy({ ["full_attention", "linear_attention"].contains($0) })
        else {
            throw fields.fail(
                "layer_types",
                "expected full_attention or linear_attention for each of \(layerCount) layers")
        }
        return Set(kinds.indices.filter { kinds[$0] == "linear_attention" })
    }
}

/// Within what the numbers of delta nets are believed.
enum DeltaNetBounds {
    static let headCount = 1...4096
    static let width = 1...4096
    static let tapCount = 1...64

    /// The layers that have delta nets where every so many-th attends.
    static func layers(of count: Int, interval: Int) -> Set<Int> {
        Set((0..<count).filter { ($0 + 1) % interval != 0 })
    }
}
