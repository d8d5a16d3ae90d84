// SPDX-License-Identifier: Apache-2.0

import ModelFiles

extension Architecture {
    /// Mistral 7B and its successors: Llama's layers, with a window in the first version.
    static let mistral = Architecture(
        name: "Mistral", experts: .never,
        gguf: GGUFKeys(architectures: ["mistral", "mixtral"], written: "llama"),
        huggingFace: HuggingFaceKeys(
            architecture: "MistralForCausalLM", modelType: "mistral", kvHeadCount: 8,
            contextLength: 131_072, ropeTheta: 10_000, rmsNormEpsilon: 1e-6, slidingWindow: 4096),
        mistral: MistralKeys(name: "mistral", ropeTheta: 10_000),
        layer: { _, _ in
            [RMSNorm.beforeAttention] + Attention.tensors
                + [RMSNorm.beforeFeedForward] + DenseFeedForward.tensors
        },
        scratch: { _ in Attention.scratch + DenseFeedForward.scratch },
        network: { Decoder($0) { LlamaLayer($0, DenseFeedForward($0)) } })
}
