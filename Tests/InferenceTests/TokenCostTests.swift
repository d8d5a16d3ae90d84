// SPDX-License-Identifier: Apache-2.0

import Inference
import ModelFiles
import Testing

@Suite struct TokenCostTests {
    @Test func `a token costs the experts that it visits, not the others`() {
        let model = TinyShape.mixtral.model
        let c = model.configuration
        let projections = c.hiddenSize * (c.headCount + 2 * c.kvHeadCount) * c.headDimension
        let attention = projections + c.hiddenSize * c.headCount * c.headDimension
        let experts = 3 * (c.expertsPerToken ?? 0) * c.hiddenSize * c.intermediateSize
        let router = c.hiddenSize * (c.expertCount ?? 0)

        let cost = TokenCost(model.tensors, configuration: c)

        #expect(cost.layerOperationCount == 2 * c.layerCount * (attention + experts + router))
        #expect(
            cost.promptOperationCount
                == 2 * ((c.layerCount - 1) * (attention + experts + router) + projections))
        #expect(cost.outputOperationCount == 2 * c.vocabularySize * c.hiddenSize)
        #expect(cost.weightByteCount < model.tensors.byteCount)
    }

    @Test func `a token costs the matrices of all heads of latent attention`() {
        let model = TinyShape.mistral4.model
        let c = model.configuration
        let (rank, queryRank, rotated) = (24, 13, c.ropeDimensionCount)
        let cached =
            c.hiddenSize * (queryRank + rank + rotated)
            + queryRank * c.headCount * c.headDimension
        let heads = c.headCount * rank * (c.headDimension - rotated + c.valueDimension)
        let output = c.hiddenSize * c.headCount * c.valueDimension
        let visited = (c.expertsPerToken ?? 0) * c.expertSize + c.mixture.sharedSize
        let sparse = 3 * c.hiddenSize * visited + c.hiddenSize * (c.expertCount ?? 0)

        let cost = TokenCost(model.tensors, configuration: c)

        #expect(cost.layerOperationCount == 2 * 2 * (cached + heads + output + sparse))
        #expect(cost.promptOperationCount == 2 * (2 * cached + heads + output + sparse))
    }

    /// The third of six layers is the last with keys and values of its own.
    @Test func `tokens of a prompt pass no layers that borrow keys and values`() {
        let model = TinyShape.gemma4Borrowing.model
        let c = model.configuration
        let (d, inputs) = (c.hiddenSize, 7)
        func attention(_ width: Int, _ kvCount: Int) -> Int { d * width * (6 + 2 * kvCount) }
        func rest(_ width: Int, _ size: Int) -> Int {
            d * 6 * width + 3 * d * size + 2 * d * inputs
        }
        let lending = 2 * (attention(6, 3) + rest(6, 40))
        let borrowing = 2 * (6 * 6 * d + rest(6, 80)) + 6 * 10 * d + rest(10, 80)

        let cost = TokenCost(model.tensors, configuration: c)

        #expect(
            cost.layerOperationCount
                == 2 * (lending + attention(10, 2) + rest(10, 40) + borrowing))
        #expect(cost.promptOperationCount == 2 * (lending + attention(10, 2)))
    }

    @Test func `a token costs what stands beside the experts, and dense layers as they are`() {
        let model = TinyShape.ernie4MoE.model
        let c = model.configuration
        let projections = c.hiddenSize * (c.headCount + 2 * c.kvHeadCount) * c.headDimension
        let attention = projections + c.hiddenSize * c.headCount * c.headDimension
        let visited = (c.expertsPerToken ?? 0) * c.expertSize + c.mixture.sharedSize
        let sparse = 3 * c.hiddenSize * visited + c.hiddenSize * (c.expertCount ?? 0)
        let dense = 3 * c.hiddenSize * c.intermediateSize

        let cost = TokenCost(model.tensors, configuration: c)

        #expect(c.layerCount == 2 && c.mixture.denseLayers == [0])
        #expect(cost.layerOperationCount == 2 * (2 * attention + sparse + dense))
        #expect(cost.promptOperationCount == 2 * (attention + dense + projections))
    }
}
