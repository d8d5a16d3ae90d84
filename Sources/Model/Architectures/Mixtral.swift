// SPDX-License-Identifier: Apache-2.0

import ModelFiles

extension Architecture {
    /// Mixtral 8x7B and 8x22B: Llama's layers with experts for feed-forward networks, of which each
    /// token visits some.
    static let mixtral = Architecture(
        name: "Mixtral", experts: .always,
        gguf: GGUFKeys(architectures: ["llama", "mistral", "mixtral"], written: "llama"),
        huggingFace: HuggingFaceKeys(
            architecture: "MixtralForCausalLM", modelType: "mixtral", kvHeadCount: 8,
            contextLength: 131_072, ropeTheta: 1e6, rmsNormEpsilon: 1e-5,
            mixture: HuggingFaceMixtureKeys(
                expertCount: ("num_local_experts", 8), expertsPerToken: ("num_experts_per_tok", 2))),
        mistral: MistralKeys(name: "mixtral", ropeTheta: 1e6),
        layer: { _, _ in
            [RMSNorm.beforeAttention] + Attention.tensors
                + [RMSNorm.beforeFeedForward] + MixtureOfExperts.tensors
        },
        scratch: { _ in Attention.scratch + MixtureOfExperts.scratch },
        network: { Decoder($0) { LlamaLayer($0, MixtureOfExperts($0)) } })
}
