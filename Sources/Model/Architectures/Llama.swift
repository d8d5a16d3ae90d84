// SPDX-License-Identifier: Apache-2.0

import ModelFiles

extension Architecture {
    /// Llama 2 and 3, and the many models that are built like them.
    static let llama = Architecture(
        name: "Llama", experts: .never,
        gguf: GGUFKeys(architectures: ["llama"], written: "llama"),
        huggingFace: HuggingFaceKeys(
            architecture: "LlamaForCausalLM", modelType: "llama", contextLength: 2048,
            ropeTheta: 10_000, rmsNormEpsilon: 1e-6, hasSlidingWindow: false),
        layer: { _, _ in
            [RMSNorm.beforeAttention] + Attention.tensors
                + [RMSNorm.beforeFeedForward] + DenseFeedForward.tensors
        },
        scratch: { _ in Attention.scratch + DenseFeedForward.scratch },
        network: { Decoder($0) { LlamaLayer($0, DenseFeedForward($0)) } })
}

/// x += attention(norm(x)), then x += feedForward(norm(x)).
///
/// Families with something between projection and rotation say it as `refine`.
final class LlamaLayer<Block: AttentionBlock>: DecoderLayer {
    private let attentionNorm: RMSNorm
    private let attention: Block
    private let refine: ((Block, ForwardStep) -> Void)?
    private let queryScale: QueryScale?
    private let feedForwardNorm: RMSNorm
    private let feedForward: any FeedForward
    private let isLast: Bool

    /// Builds a layer.
    ///
    /// - Parameters:
    ///   - parts: its weights and what steps work with.
    ///   - attention: its attention.
    ///   - feedForward: what follows attention.
    ///   - queryScale: multiplies queries once they are rotated; nil: nothing does.
    ///   - refine: changes queries, keys and values before they rotate; nil: they stay as projected.
    init(
        _ parts: LayerParts, _ attention: Block, _ feedForward: any FeedForward,
        queryScale: QueryScale? = nil, refine: ((Block, ForwardStep) -> Void)? = nil
    ) {
        attentionNorm = RMSNorm(parts.weights.vector(.attentionNorm), parts.configuration)
        self.attention = attention
        self.refine = refine
        self.queryScale = queryScale
        feedForwardNorm = RMSNorm(parts.weights.vector(.feedForwardNorm), parts.configuration)
        self.feedForward = feedForward
        isLast = parts.isLast
    }

    func forward(_ step: ForwardStep) {
        attentionNorm.normalize(step)
        attention.project(step)
        refine?(attention, step)
        attention.rotate(step)
        queryScale?.multiply(attention.queries, step)
        attention.store(step)
        if isLast { step.keepLogitsRows(of: attention.queries, attention.gates) }
        attention.attend(step)
        feedForwardNorm.normalize(step)
        feedForward.add(step)
    }
}

extension LlamaLayer where Block == Attention {
    /// Builds a layer with keys and values of heads.
    ///
    /// - Parameters:
    ///   - parts: its weights and what steps work with.
    ///   - feedForward: what follows attention.
    ///   - isGated: whether attention has gates.
    ///   - refine: changes queries, keys and values before they rotate; nil: they stay as projected.
    convenience init(
        _ parts: LayerParts, _ feedForward: any FeedForward, isGated: Bool = false,
        refine: ((Attention, ForwardStep) -> Void)? = nil
    ) {
        self.init(parts, Attention(parts, isGated: isGated), feedForward, refine: refine)
    }
}
