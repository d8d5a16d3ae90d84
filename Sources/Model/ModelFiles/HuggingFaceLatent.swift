// SPDX-License-Identifier: Apache-2.0

import JSON

/// What transformers assumes of a family's latent attention where a config.json leaves a key out.
package struct HuggingFaceLatentKeys: Sendable {
    /// Lq; nil: queries are made of the residual stream.
    package var queryRank: Int?
    /// L.
    package var rank: Int
    /// Dn.
    package var unrotatedDimension: Int
    /// R.
    package var ropeDimension: Int
    /// Dv.
    package var valueDimension: Int
    /// Whether `partial_rotary_factor` is the rotated share of a whole head; else it is 1.
    package var ropeIsShareOfHead: Bool

    /// Describes the sizes.
    package init(
        queryRank: Int?, rank: Int, unrotatedDimension: Int, ropeDimension: Int,
        valueDimension: Int, ropeIsShareOfHead: Bool = false
    ) {
        self.queryRank = queryRank
        self.rank = rank
        self.unrotatedDimension = unrotatedDimension
        self.ropeDimension = ropeDimension
        self.valueDimension = valueDimension
        self.ropeIsShareOfHead = ropeIsShareOfHead
    }
}

/// Reads what a config.json says of latent attention.
struct HuggingFaceLatent {
    /// The sizes.
    var dimensions: LatentDimensions
    /// Dh.
    let headDimension: Int
    /// R.
    let ropeDimension: Int
    /// Which components rotate together.
    let ropePairing: RopePairing
    private let ropeIsShareOfHead: Bool

    /// The keys that are read.
    static let keys = [
        "q_lora_rank", "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "qk_head_dim",
        "v_head_dim", "rope_interleave",
    ]

    /// Reads it.
    ///
    /// - Parameters:
    ///   - keys: the family's.
    ///   - object: the file's content.
    ///   - fields: the same, checked.
    ///   - headCount: H.
    /// - Throws: an error that names the key.
    init(
        _ keys: HuggingFaceLatentKeys, _ object: JSONObject, _ fields: ConfigurationFields,
        headCount: Int
    ) throws(ModelFileError) {
        let (head, rank) = (ConfigurationBounds.headDimension, ConfigurationBounds.hiddenSize)
        // null says that there is none, nothing at all that it is as usual.
        let usualQueryRank = object["q_lora_rank"] == nil ? keys.queryRank : nil
        dimensions = LatentDimensions(
            queryRank: try fields.optionalInteger("q_lora_rank", in: rank) ?? usualQueryRank,
            rank: try fields.integer("kv_lora_rank", in: rank, default: keys.rank),
            valueDimension: try fields.integer(
                "v_head_dim", in: 1...head.upperBound, default: keys.valueDimension))
        let unrotated = try fields.integer(
            "qk_nope_head_dim", in: 1...head.upperBound, default: keys.unrotatedDimension)
        ropeDimension = try fields.integer(
            "qk_rope_head_dim", in: head, default: keys.ropeDimension)
        headDimension = unrotated + ropeDimension
        ropePairing = try fields.bool("rope_interleave", default: true) ? .adjacent : .halves
        ropeIsShareOfHead = keys.ropeIsShareOfHead
        if let stated = try fields.optionalInteger(
            "qk_head_dim", in: 1...2 * head.upperBound), stated != headDimension
        {
            throw fields.fail(
                "qk_head_dim",
                "\(stated), but qk_nope_head_dim and qk_rope_head_dim are \(headDimension)")
        }
        if let stated = try fields.optionalInteger(
            "num_key_value_heads", in: ConfigurationBounds.headCount), stated != headCount
        {
            throw fields.fail(
                "num_key_value_heads",
                "\(stated), but latent attention has one for each of the \(headCount) heads")
        }
    }

    /// Throws where a file says that another share of heads rotates.
    ///
    /// - Parameters:
    ///   - factor: `partial_rotary_factor`, if the file states it.
    ///   - fields: the file.
    /// - Throws: an error that names the key.
    func check(
        partialFactor factor: Double?, _ fields: ConfigurationFields
    ) throws(ModelFileError) {
        guard let factor else { return }
        let whole = ropeIsShareOfHead ? headDimension : ropeDimension
        guard Int(Double(whole) * factor) == ropeDimension else {
            throw fields.fail(
                "partial_rotary_factor",
                "\(factor) of \(whole) components are not qk_rope_head_dim, \(ropeDimension)")
        }
    }
}
