// SPDX-License-Identifier: Apache-2.0

extension ModelConfiguration {
    /// Mixtral 8x7B (Instruct) v0.1: 46.7 B parameters, 12.9 B of them for each token.
    package static let mixtral8x7B = ModelConfiguration(
        architecture: "MixtralForCausalLM", hiddenSize: 4096, intermediateSize: 14336,
        layerCount: 32, headCount: 32, kvHeadCount: 8, headDimension: 128, vocabularySize: 32000,
        expertCount: 8, expertsPerToken: 2, contextLength: 32768, ropeTheta: 1e6,
        ropePairing: .halves, ropeDimensionCount: 128, rmsNormEpsilon: 1e-5)

    /// Mixtral 8x22B Instruct v0.1: 140.6 B parameters, 39.2 B of them for each token.
    package static let mixtral8x22B = ModelConfiguration(
        architecture: "MixtralForCausalLM", hiddenSize: 6144, intermediateSize: 16384,
        layerCount: 56, headCount: 48, kvHeadCount: 8, headDimension: 128, vocabularySize: 32768,
        expertCount: 8, expertsPerToken: 2, contextLength: 65536, ropeTheta: 1e6,
        ropePairing: .halves, ropeDimensionCount: 128, rmsNormEpsilon: 1e-5)

    /// Models that can be planned for without a file, by the names that people call them.
    package static let published: [(name: String, configuration: ModelConfiguration)] = [
        ("mixtral-8x7b", mixtral8x7B), ("mixtral-8x22b", mixtral8x22B),
    ]
}
