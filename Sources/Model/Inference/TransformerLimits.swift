// SPDX-License-Identifier: Apache-2.0

import Architectures
package import Computation
import ModelFiles

/// How much a transformer can take at once: what its memory is allocated for.
package struct TransformerLimits: Sendable, Equatable {
    /// The most tokens of a step.
    package let maxBatchTokens: Int
    /// Blocks of the KV cache.
    package let blockCount: Int
    /// S: positions of a KV block, 16 or 32 (any multiple of 16 up to 4096).
    package let positionsPerBlock: Int
    /// The most logits rows of a step.
    package let maxLogitsRows: Int
    /// How keys and values are stored.
    ///
    /// Half precision takes half of the memory and of its traffic, for a KL divergence of 1e-6 nats
    /// from f32 (SmolLM2 135M, 1536 positions, 2026-11-21), a fiftieth of what bf16 costs.
    package let kvElementType: KVElementType

    /// How many sequences have a state at the same time, or are kept to go on from, in models that
    /// keep states; others have none.
    package let stateCount: Int

    /// Creates limits; `TransformerError` tells at `Transformer.init` what is wrong with them.
    package init(
        maxBatchTokens: Int = 512, blockCount: Int, positionsPerBlock: Int = 16,
        maxLogitsRows: Int = 64, kvElementType: KVElementType = .f16, stateCount: Int = 1
    ) {
        self.maxBatchTokens = maxBatchTokens
        self.blockCount = blockCount
        self.positionsPerBlock = positionsPerBlock
        self.maxLogitsRows = maxLogitsRows
        self.kvElementType = kvElementType
        self.stateCount = stateCount
    }

    /// How many blocks hold so many positions.
    package func blockCount(forPositions count: Int) -> Int {
        (count + positionsPerBlock - 1) / positionsPerBlock
    }

    /// The sizes of the cache.
    func cacheShape(
        of architecture: Architecture, _ configuration: ModelConfiguration
    ) -> KVCacheShape {
        let layers = configuration.attentionLayers.map { layer in
            let layout = architecture.kv(configuration, layer)
            return KVLayerShape(
                kvHeadCount: layout.headCount, headDimension: layout.headDimension,
                valuesInKeys: layout.valuesInKeys)
        }
        return KVCacheShape(
            layers: layers, blockCount: blockCount, positionsPerBlock: positionsPerBlock,
            elementType: kvElementType)
    }

    /// The sizes of the pool of states; nil where the model keeps none.
    func stateShape(of configuration: ModelConfiguration) -> StatePoolShape? {
        configuration.deltaNet.map {
            StatePoolShape(
                layerCount: configuration.deltaLayers.count, net: $0, slotCount: stateCount)
        }
    }

    /// Throws where a size is not usable.
    func validate() throws(TransformerError) {
        let sizes = [
            ("maxBatchTokens", maxBatchTokens), ("blockCount", blockCount),
            ("positionsPerBlock", positionsPerBlock), ("maxLogitsRows", maxLogitsRows),
            ("stateCount", stateCount),
        ]
        for (name, size) in sizes where size < 1 || size > Int(Int32.max) {
            throw .unusableLimit(name: name, value: size)
        }
        if positionsPerBlock % 16 != 0 || positionsPerBlock > 4096 {
            throw .unusableLimit(name: "positionsPerBlock", value: positionsPerBlock)
        }
    }
}
