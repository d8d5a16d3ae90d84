// SPDX-License-Identifier: Apache-2.0

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
    case q3_K_L = "Q3_K_L"
    case q3_K_M = "Q3_K_M"
    case q3_K_S = "Q3_K_S"
    case q2_K = "Q2_K"
    case q2_K_S = "Q2_K_S"

    /// The mix of that name in upper or lower case; `Q3_K`, `Q4_K` and `Q5_K` are the medium ones.
    package init?(name: String) {
        let name = name.uppercased()
        guard let mix = Self(rawValue: name) ?? Self(rawValue: name + "_M") else { return nil }
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
        case .q3_K_L: (.q3_K, 13)
        case .q3_K_M: (.q3_K, 12)
        case .q3_K_S: (.q3_K, 11)
        case .q2_K: (.q2_K, 10)
        case .q2_K_S: (.q2_K, 21)
        }
    }
}
