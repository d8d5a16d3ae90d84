// SPDX-License-Identifier: Apache-2.0

import ModelFiles

extension Architecture {
    /// Mistral 7B and its successors: Llama's layers, with a window in the first version.
    static let mistral = Architecture(
        name: "Mistral", experts: .never,
        gguf: GGUFKeys(architectures: ["mistral", "mixtral"], written: "llama"),
        huggingFace: HuggingFaceKeys(
            architecture: "MistralForCausalLM", modelType: "mistral",
            wrapper: "Mistral3ForConditionalGeneration", kvHeadCount: 8, contextLength: 131_072,
            ropeTheta: 10_000, rmsNormEpsilon: 1e-6, slidingWindow: 4096),
        mistral: MistralKeys(name: "mistral", ropeTheta: 10_000),
        layer: { _, _ in
            [RMSNorm.beforeAttention] + Attention.tensors
                + [RMSNorm.beforeFeedForward] + DenseFeedForward.tensors
        },
        prefixes: MistralWithImages.prefixes, ignored: MistralWithImages.ignored,
        scratch: { _ in Attention.scratch + DenseFeedForward.scratch },
        network: { Decoder($0) { LlamaLayer($0, DenseFeedForward($0)) } })
}

/// The tensors of Mistral's models of text and images, of which the part for text is read.
enum MistralWithImages {
    /// How the names of that part begin instead.
    static let prefixes = [
        (usual: "", own: "language_model."), (usual: "model.", own: "model.language_model."),
    ]
    /// How the names begin of the part for images.
    static let ignored = [
        "vision_tower.", "multi_modal_projector.", "model.vision_tower.",
        "model.multi_modal_projector.", "vision_encoder.", "vision_language_adapter.",
        "patch_merger.", "pre_mm_projector_norm.",
    ]
}
