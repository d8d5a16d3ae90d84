// SPDX-License-Identifier: Apache-2.0

import JSON

/// Reads an encoder's numbers from a Hugging Face config.json.
struct HuggingFaceEncoderConfiguration {
    private let object: JSONObject
    private let fields: ConfigurationFields
    private let keys: HuggingFaceKeys

    /// The content of a config.json, its fields, and what is the family's own.
    init(_ object: JSONObject, _ fields: ConfigurationFields, _ keys: HuggingFaceKeys) {
        self.object = object
        self.fields = fields
        self.keys = keys
    }

    /// The model's numbers.
    ///
    /// - Throws: an error that names the field.
    func read() throws(ModelFileError) -> ModelConfiguration {
        try refuseUnsupported()
        let hiddenSize = try fields.integer("hidden_size", in: ConfigurationBounds.hiddenSize)
        let headCount = try fields.integer(
            "num_attention_heads", in: ConfigurationBounds.headCount)
        guard hiddenSize % headCount == 0,
            ConfigurationBounds.headDimension.contains(hiddenSize / headCount)
        else {
            throw fields.fail(
                "num_attention_heads",
                "\(headCount) heads do not divide hidden_size \(hiddenSize)")
        }
        let headDimension = hiddenSize / headCount
        var configuration = ModelConfiguration(
            architecture: keys.architecture, hiddenSize: hiddenSize,
            intermediateSize: try fields.integer(
                "intermediate_size", in: ConfigurationBounds.intermediateSize),
            layerCount: try fields.integer("num_hidden_layers", in: ConfigurationBounds.layerCount),
            headCount: headCount, kvHeadCount: headCount, headDimension: headDimension,
            vocabularySize: try fields.integer(
                "vocab_size", in: ConfigurationBounds.vocabularySize),
            contextLength: try fields.integer(
                "max_position_embeddings", in: ConfigurationBounds.encoderContextLength,
                default: keys.contextLength),
            ropeTheta: keys.ropeTheta, ropePairing: .halves, ropeDimensionCount: 0,
            rmsNormEpsilon: Float(
                try fields.number(
                    "layer_norm_eps", in: ConfigurationBounds.layerNormEpsilon,
                    default: keys.rmsNormEpsilon)))
        for key in keys.numbers {
            configuration.numbers[key.number] = try fields.number(
                key.key, in: key.range, default: keys.defaults[key.number])
        }
        if let labels = keys.labels { configuration.numbers[labels] = try labelCount(labels) }
        return configuration
    }

    /// How many labels a head has: what the file says, or as many as it names.
    private func labelCount(_ labels: FamilyNumber) throws(ModelFileError) -> Double {
        if let stated = try fields.optionalInteger("num_labels", in: 1...65_536) {
            return Double(stated)
        }
        guard let names = object["id2label"]?.objectValue, !names.isEmpty else {
            return keys.defaults[labels] ?? 1
        }
        return Double(names.count)
    }

    private func refuseUnsupported() throws(ModelFileError) {
        let activation = try fields.optionalString("hidden_act") ?? "gelu"
        guard activation == "gelu" else {
            throw fields.fail(
                "hidden_act", "“\(printable(activation, limit: 40))” is not supported (gelu is)")
        }
        let positions = try fields.optionalString("position_embedding_type") ?? "absolute"
        guard positions == "absolute" else {
            throw fields.fail(
                "position_embedding_type",
                "“\(printable(positions, limit: 40))” is not supported (absolute is)")
        }
        for key in ["is_decoder", "add_cross_attention"]
        where try fields.bool(key, default: false) {
            throw fields.fail(key, "true is not supported in an encoder")
        }
        if let quantization = object["quantization_config"], quantization != .null {
            throw fields.fail(
                "quantization_config",
                "quantised safetensors are not supported; use the original weights or a GGUF file")
        }
    }
}
