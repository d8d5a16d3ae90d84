// SPDX-License-Identifier: Apache-2.0

package import Quantization

extension QuantizationMix {
    /// What a matrix does in the model.
    package enum Role: Sendable, Equatable {
        case tokenEmbedding
        /// The output matrix, or the token embedding where the two are one.
        case output
        case query
        case key
        case value
        case attentionOutput
        case gate
        case up
        case down
    }

    /// The type of a matrix of the model.
    ///
    /// - Parameters:
    ///   - role: what it does.
    ///   - layer: the index of its layer; of no account outside layers.
    ///   - columns: the length of its rows.
    ///   - configuration: the model's numbers: deep layers, grouped heads and eight experts count.
    /// - Returns: a type of which `columns` is a whole number of blocks.
    package func type(
        of role: Role, layer: Int, columns: Int, in configuration: ModelConfiguration
    ) -> ElementType {
        guard baseType.elementsPerBlock > 1 else { return baseType }
        var type = betterType(of: role, layer: layer, configuration) ?? baseType
        if role == .output, baseType != .q8_0 {
            type = columns % baseType.elementsPerBlock == 0 ? .q6_K : .q8_0
        }
        if columns % type.elementsPerBlock != 0 { type = Self.substitute(for: type) }
        return columns % type.elementsPerBlock == 0 ? type : .f16
    }

    /// A type of blocks of 32 for rows that are no whole number of 256.
    private static func substitute(for type: ElementType) -> ElementType {
        switch type {
        case .iq4_xs: .iq4_nl
        case .q2_K, .q3_K: .q4_0
        case .q4_K: .q5_0
        case .q5_K: .q5_1
        case .q6_K: .q8_0
        default: type
        }
    }

    private func betterType(
        of role: Role, layer: Int, _ configuration: ModelConfiguration
    ) -> ElementType? {
        let hasEightExperts = configuration.expertCount == 8
        switch role {
        // Small beside eight experts, and all of them depend on it.
        case .key where hasEightExperts, .value where hasEightExperts: return .q8_0
        case .value: return valueType(layer: layer, configuration)
        case .attentionOutput: return attentionOutputType(hasEightExperts: hasEightExperts)
        case .down: return downType(layer: layer, of: configuration.layerCount)
        default: return nil
        }
    }

    private func valueType(layer: Int, _ configuration: ModelConfiguration) -> ElementType? {
        let isGrouped = configuration.headCount / configuration.kvHeadCount >= 4
        let type: ElementType? =
            switch self {
            case .q2_K: isGrouped ? .q4_K : .q3_K
            case .q2_K_S: isGrouped ? .q4_K : nil
            case .q3_K_M: layer < 2 ? .q5_K : .q4_K
            case .q3_K_L: .q5_K
            case .iq4_NL, .iq4_XS: isGrouped ? .q5_K : nil
            case .q4_K_S: layer < 4 ? .q5_K : nil
            case .q4_K_M, .q5_K_M:
                Self.matters(layer: layer, of: configuration.layerCount) ? .q6_K : nil
            default: nil
            }
        // Eighty layers are the models of 70 billion weights, whose wv is an eighth of wq.
        let isSmall =
            configuration.layerCount == 80 && configuration.headCount != configuration.kvHeadCount
        return isSmall && [.q3_K, .q4_K].contains(type ?? baseType) ? .q5_K : type
    }

    private func attentionOutputType(hasEightExperts: Bool) -> ElementType? {
        if hasEightExperts {
            return [.q2_K, .q3_K_S, .q3_K_M, .q4_K_S, .q4_K_M, .iq4_NL, .iq4_XS].contains(self)
                ? .q5_K : nil
        }
        return switch self {
        case .q2_K: .q3_K
        case .q3_K_M: .q4_K
        case .q3_K_L: .q5_K
        default: nil
        }
    }

    private func downType(layer: Int, of count: Int) -> ElementType? {
        switch self {
        case .q2_K: .q3_K
        case .q2_K_S: layer < count / 8 ? .q4_K : nil
        case .q3_K_M: layer < count / 16 ? .q5_K : .q4_K
        case .q3_K_L: .q5_K
        case .q4_K_S, .iq4_NL, .iq4_XS: layer < count / 8 ? .q5_K : nil
        case .q4_K_M, .q5_K_M: Self.matters(layer: layer, of: count) ? .q6_K : nil
        default: nil
        }
    }

    /// Whether a layer is among the half that the medium mixes treat better: the first and the last
    /// eighth, and every third between.
    private static func matters(layer: Int, of count: Int) -> Bool {
        layer < count / 8 || layer >= 7 * count / 8 || (layer - count / 8) % 3 == 2
    }
}
