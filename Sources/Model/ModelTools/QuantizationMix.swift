// SPDX-License-Identifier: Apache-2.0

import Architectures
package import ModelFiles
package import Quantization

// The names are the ones that people know.
// swift-format-ignore: AlwaysUseLowerCamelCase
/// A way to quantise a whole model: the type of most tensors, and which tensors get a better one.
///
/// Names, types and numbers are those of llama.cpp's files, so that `Q4_K_M` means here what it
/// means elsewhere.
package enum QuantizationMix: String, Sendable, CaseIterable {
    case f32 = "F32"
    case f16 = "F16"
    case bf16 = "BF16"
    case q8_0 = "Q8_0"
    case q6_K = "Q6_K"
    case q5_K_M = "Q5_K_M"
    case q5_K_S = "Q5_K_S"
    case q5_1 = "Q5_1"
    case q5_0 = "Q5_0"
    case q4_K_M = "Q4_K_M"
    case q4_K_S = "Q4_K_S"
    case q4_1 = "Q4_1"
    case q4_0 = "Q4_0"
    case iq4_NL = "IQ4_NL"
    case iq4_XS = "IQ4_XS"
    case mxfp4_MoE = "MXFP4_MOE"
    case q3_K_L = "Q3_K_L"
    case q3_K_M = "Q3_K_M"
    case q3_K_S = "Q3_K_S"
    case q2_K = "Q2_K"
    case q2_K_S = "Q2_K_S"

    /// The mix of that name in upper or lower case; `Q3_K`, `Q4_K` and `Q5_K` are the medium ones,
    /// and `MXFP4` is that of experts.
    package init?(name: String) {
        let name = name.uppercased()
        guard let mix = ["", "_M", "_MOE"].lazy.compactMap({ Self(rawValue: name + $0) }).first
        else { return nil }
        self = mix
    }

    /// The type of the tensors that get no better one.
    package var baseType: ElementType { numbers.baseType }

    /// The value of GGUF's `general.file_type`.
    var ggufFileType: UInt32 { numbers.fileType }

    private var numbers: (baseType: ElementType, fileType: UInt32) {
        switch self {
        case .f32: (.f32, 0)
        case .f16: (.f16, 1)
        case .bf16: (.bf16, 32)
        case .q8_0: (.q8_0, 7)
        case .q6_K: (.q6_K, 18)
        case .q5_K_M: (.q5_K, 17)
        case .q5_K_S: (.q5_K, 16)
        case .q5_1: (.q5_1, 9)
        case .q5_0: (.q5_0, 8)
        case .q4_K_M: (.q4_K, 15)
        case .q4_K_S: (.q4_K, 14)
        case .q4_1: (.q4_1, 3)
        case .q4_0: (.q4_0, 2)
        case .iq4_NL: (.iq4_nl, 25)
        case .iq4_XS: (.iq4_xs, 30)
        case .mxfp4_MoE: (.q8_0, 38)
        case .q3_K_L: (.q3_K, 13)
        case .q3_K_M: (.q3_K, 12)
        case .q3_K_S: (.q3_K, 11)
        case .q2_K: (.q2_K, 10)
        case .q2_K_S: (.q2_K, 21)
        }
    }

    // MARK: Better types

    /// The type of a matrix of the model.
    ///
    /// - Parameters:
    ///   - role: what it does; the output matrix, where the token embedding is that too.
    ///   - layer: the index of its layer; of no account outside layers.
    ///   - columns: the length of its rows.
    ///   - configuration: the model's numbers: deep layers, grouped heads and eight experts count.
    /// - Returns: a type of which `columns` is a whole number of blocks.
    package func type(
        of role: TensorRole, layer: Int, columns: Int, in configuration: ModelConfiguration
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
        of role: TensorRole, layer: Int, _ configuration: ModelConfiguration
    ) -> ElementType? {
        let hasEightExperts = configuration.expertCount == 8
        if self == .mxfp4_MoE {
            let isExperts = [TensorRole.gate, .up, .down].contains(role)
            return isExperts && configuration.hasExperts(layer: layer) ? .mxfp4 : nil
        }
        switch role {
        // Small beside eight experts, and all of them depend on it.
        case .key where hasEightExperts, .value where hasEightExperts: return .q8_0
        // Those of delta nets are in one matrix with queries and keys.
        case .value, .deltaQueryKeyValue: return valueType(layer: layer, configuration)
        case .attentionOutput: return attentionOutputType(hasEightExperts: hasEightExperts)
        case .down, .sharedDown: return downType(layer: layer, of: configuration.layerCount)
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
