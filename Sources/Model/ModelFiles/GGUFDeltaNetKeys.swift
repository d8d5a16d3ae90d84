// SPDX-License-Identifier: Apache-2.0

import Computation

/// How GGUF files of a family speak of layers with delta nets.
package struct GGUFDeltaNetKeys: Sendable {
    /// Whether value heads that share a key head lie apart.
    package let isTiled: Bool

    /// Describes the files.
    package init(isTiled: Bool) {
        self.isTiled = isTiled
    }

    /// All keys that are read.
    static let all: Set<String> = [
        "ssm.conv_kernel", "ssm.state_size", "ssm.group_count", "ssm.time_step_rank",
        "ssm.inner_size", "attention.recurrent_layers", "full_attention_interval",
        // How positions of images are told apart; those of text are all the same.
        "rope.dimension_sections",
    ]

    /// Reads what a file says.
    ///
    /// - Parameters:
    ///   - fields: the file's keys.
    ///   - metadata: the same.
    ///   - layerCount: of the model.
    ///   - draftLayerCount: layers that follow them in the file.
    /// - Returns: the delta net, and the layers that have it; nil where none has.
    /// - Throws: an error that names the key.
    func read(
        _ fields: ConfigurationFields, _ metadata: GGUFMetadata, layerCount: Int,
        draftLayerCount: Int
    ) throws(ModelFileError) -> (DeltaNetShape?, Set<Int>) {
        let bounds = DeltaNetBounds.self
        let keyHeadCount = try fields.integer("ssm.group_count", in: bounds.headCount)
        let valueHeadCount = try fields.integer("ssm.time_step_rank", in: bounds.headCount)
        let keyWidth = try fields.integer("ssm.state_size", in: bounds.width)
        let innerSize = try fields.integer(
            "ssm.inner_size", in: 1...bounds.headCount.upperBound * bounds.width.upperBound)
        let tapCount = try fields.integer("ssm.conv_kernel", in: bounds.tapCount)
        guard valueHeadCount % keyHeadCount == 0 else {
            throw fields.fail(
                "ssm.group_count",
                "\(keyHeadCount) does not divide the \(valueHeadCount) value heads")
        }
        guard innerSize % valueHeadCount == 0,
            bounds.width.contains(innerSize / valueHeadCount)
        else {
            throw fields.fail(
                "ssm.inner_size", "\(innerSize) for \(valueHeadCount) value heads")
        }
        let layers = try layers(fields, metadata, layerCount, draftLayerCount)
        guard !layers.isEmpty else { return (nil, []) }
        return (
            DeltaNetShape(
                keyHeadCount: keyHeadCount, valueHeadCount: valueHeadCount, keyWidth: keyWidth,
                valueWidth: innerSize / valueHeadCount, tapCount: tapCount, isTiled: isTiled),
            layers
        )
    }

    private func layers(
        _ fields: ConfigurationFields, _ metadata: GGUFMetadata, _ layerCount: Int,
        _ draftLayerCount: Int
    ) throws(ModelFileError) -> Set<Int> {
        let key = "attention.recurrent_layers"
        guard let value = metadata[fields.prefix + key] else {
            let interval = try fields.integer(
                "full_attention_interval", in: ConfigurationBounds.layerCount, default: 4)
            return DeltaNetBounds.layers(of: layerCount, interval: interval)
        }
        guard case .array(.bool(let flags)) = value, flags.count == layerCount + draftLayerCount
        else {
            throw fields.fail(key, "expected true or false for each of \(layerCount) layers")
        }
        return Set((0..<layerCount).filter { flags[$0] })
    }
}
