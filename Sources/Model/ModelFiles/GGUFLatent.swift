// SPDX-License-Identifier: Apache-2.0

/// Reads what GGUF metadata say of latent attention.
struct GGUFLatent {
    /// The sizes.
    let dimensions: LatentDimensions
    /// Dh.
    let headDimension: Int
    /// R.
    let ropeDimension: Int

    /// The keys that are read, besides those of all families.
    static let keys = [
        "attention.q_lora_rank", "attention.kv_lora_rank", "attention.key_length_mla",
        "attention.value_length_mla",
    ]

    /// Reads it.
    ///
    /// Newer files state the widths of heads under keys of their own, and as the usual ones those of
    /// the latents, which all heads share; older files state those of heads as the usual ones.
    ///
    /// - Parameters:
    ///   - fields: the file's metadata.
    ///   - headCount: H.
    /// - Throws: an error that names the key.
    init(_ fields: ConfigurationFields, headCount: Int) throws(ModelFileError) {
        let (head, width) = (ConfigurationBounds.headDimension, ConfigurationBounds.hiddenSize)
        let rank = try fields.integer("attention.kv_lora_rank", in: width)
        let queryRank = try fields.integer(
            "attention.q_lora_rank", in: 0...width.upperBound, default: 0)
        ropeDimension = try fields.integer("rope.dimension_count", in: head)
        let own = try fields.optionalInteger("attention.key_length_mla", in: head)
        let usual = try fields.integer(
            "attention.key_length", in: 2...2 * width.upperBound, default: own)
        let usualValue = try fields.integer("attention.value_length", in: 1...width.upperBound)
        let value = try fields.integer(
            "attention.value_length_mla", in: 1...head.upperBound,
            default: own == nil ? usualValue : nil)
        if own != nil {
            guard usual == rank + ropeDimension else {
                throw fields.fail(
                    "attention.key_length",
                    "\(usual) is not the latent's \(rank) and \(ropeDimension) that rotate")
            }
            guard usualValue == rank else {
                throw fields.fail(
                    "attention.value_length", "\(usualValue) is not the latent's \(rank)")
            }
        }
        headDimension = own ?? usual
        guard head.contains(headDimension), headDimension > ropeDimension else {
            throw fields.fail(
                own == nil ? "attention.key_length" : "attention.key_length_mla",
                "\(headDimension) is not more than the \(ropeDimension) components that rotate")
        }
        let kvHeadCount = try fields.integer(
            "attention.head_count_kv", in: ConfigurationBounds.headCount, default: headCount)
        guard kvHeadCount == 1 || kvHeadCount == headCount else {
            throw fields.fail(
                "attention.head_count_kv",
                "\(kvHeadCount), but latent attention has 1 or one for each of the \(headCount) "
                    + "heads")
        }
        dimensions = LatentDimensions(
            queryRank: queryRank == 0 ? nil : queryRank, rank: rank, valueDimension: value,
            mscaleAllDimensions: try fields.number(
                "rope.scaling.yarn_log_multiplier", in: 0...100, default: 0)
                / GGUFLatentKeys.multiplierScale)
    }
}
