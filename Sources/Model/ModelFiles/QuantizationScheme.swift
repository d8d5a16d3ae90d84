// SPDX-License-Identifier: Apache-2.0

import JSON

/// What a configuration says of weights that are quantised in safetensors.
///
/// How each tensor is quantised is seen by what stands beside it (`QuantizedWeights`).
struct QuantizationScheme: Equatable {
    /// How many rows of a matrix have a scale of their own, where scales are of blocks.
    var blockRows = 128
    /// How many columns have.
    var blockColumns = 128

    /// Reads a description of weights that are read here.
    ///
    /// - Parameters:
    ///   - value: `quantization_config` of config.json, or `quantization` of params.json.
    ///   - fields: the file, for error messages.
    ///   - key: where in it the value is.
    ///   - readsMXFP4: whether the family's experts are published so.
    /// - Throws: an error that names the key and the method, if that is another one.
    init(
        _ value: JSONValue, _ fields: ConfigurationFields, key: String, readsMXFP4: Bool = false
    ) throws(ModelFileError) {
        let method = value["quant_method"]?.stringValue
        switch method {
        case "mxfp4" where readsMXFP4: break
        case "fp8" where [nil, "e4m3"].contains(value["fmt"]?.stringValue):
            try readBlocks(value["weight_block_size"], fields, key: "\(key).weight_block_size")
        case "compressed-tensors"
        where ["float-quantized", "naive-quantized", "nvfp4-pack-quantized"].contains(
            value["format"]?.stringValue):
            for (name, group) in value["config_groups"]?.objectValue.map({ Array($0) }) ?? [] {
                try readBlocks(
                    group["weights"]?["block_structure"], fields,
                    key: "\(key).config_groups.\(printable(name)).weights.block_structure")
            }
        case "modelopt" where ["FP8", "NVFP4"].contains(value["quant_algo"]?.stringValue): break
        case nil where value["qformat_weight"] == "fp8_e4m3": break
        default:
            let stated = [
                method ?? value["qformat_weight"]?.stringValue ?? "unknown method",
                value["format"]?.stringValue ?? value["quant_algo"]?.stringValue,
            ]
            let words = stated.compactMap(\.self).map { printable($0, limit: 40) }
            throw fields.fail(
                key,
                "quantised safetensors (\(words.joined(separator: ", "))) are not supported; use "
                    + "the original weights or a GGUF file")
        }
    }

    /// The usual blocks.
    init() {}

    private mutating func readBlocks(
        _ value: JSONValue?, _ fields: ConfigurationFields, key: String
    ) throws(ModelFileError) {
        guard let value, !value.isNull else { return }
        guard let sizes = value.arrayValue?.map(\.intValue), sizes.count == 2,
            let rows = sizes[0], let columns = sizes[1], (1...65_536).contains(rows),
            (1...65_536).contains(columns)
        else {
            throw fields.fail(key, "expected two sizes in 1...65536")
        }
        (blockRows, blockColumns) = (rows, columns)
    }
}
