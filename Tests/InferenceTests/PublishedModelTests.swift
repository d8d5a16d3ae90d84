// SPDX-License-Identifier: Apache-2.0

import Computation
import Inference
import ModelFiles
import Quantization
import Testing

@Suite struct PublishedModelTests {
    @Test func `the Mixtrals have as many parameters as their publisher's files`() {
        // Half of `total_size` in the bf16 checkpoints' model.safetensors.index.json. The base 8x22B
        // has a vocabulary of 32,000, the Instruct model of 32,768.
        var base = ModelConfiguration.mixtral8x22B
        base.vocabularySize = 32000

        #expect(ModelConfiguration.mixtral8x7B.parameterCount == 46_702_792_704)
        #expect(base.parameterCount == 140_620_634_112)
        #expect(ModelConfiguration.mixtral8x7B.activeParameterCount == 12_879_925_248)
        #expect(base.activeParameterCount == 39_152_031_744)
    }

    @Test func `other mixtures have as many parameters as published, active embeddings included`() {
        // OpenAI says 3.6 and 5.1 B active, without the embedding of 0.58 B.
        let models: [(ModelConfiguration, all: Double, active: Double)] = [
            (.qwen3MoE30B, 30.5, 3.3), (.olmoe7B, 6.9, 1.3), (.glm4Air, 106.9, 13.4),
            (.gptOSS20B, 20.9, 4.2), (.gptOSS120B, 116.8, 5.7), (.mistralSmall4, 119.0, 6.6),
            (.mistralLarge3, 673.4, 39.9), (.deepSeekV3, 671.0, 37.5), (.kimiK2, 1026.4, 32.9),
            (.gemma4MoE26B, 25.97, 4.55), (.gemma4Dense31B, 32.1, 32.1),
            (.glm4Flash, 29.9, 3.9), (.qwen36MoE35B, 34.66, 3.45), (.qwen3Next80B, 79.67, 3.87),
        ]
        for (model, all, active) in models {
            #expect(abs(Double(model.parameterCount) / 1e9 - all) < 0.06)
            #expect(abs(Double(model.activeParameterCount) / 1e9 - active) < 0.1)
        }
        // model.safetensors.index.json of Qwen3-30B-A3B in bf16 says twice as many bytes.
        #expect(ModelConfiguration.qwen3MoE30B.parameterCount == 30_532_122_624)
    }

    @Test(arguments: ElementType.allCases)
    func `weights take their type's bits, and packed at most three in a hundred more`(
        type: ElementType
    ) throws {
        let model = ModelConfiguration.mixtral8x7B
        let bits = Double(8 * type.bytesPerBlock) / Double(type.elementsPerBlock)

        let stored = try #require(model.weightByteCount(of: type, layout: .rows))
        let packed = try #require(model.weightByteCount(of: type, layout: .panels))

        let expected = Double(model.parameterCount) * bits / 8
        #expect(abs(Double(stored) / expected - 1) < 0.001)
        #expect(packed >= stored && Double(packed) <= 1.03 * Double(stored))
    }

    @Test func `rows that are no whole blocks cannot be of that type`() {
        var model = ModelConfiguration.mixtral8x7B
        model.hiddenSize = 576

        #expect(model.weightByteCount(of: .q4_K, layout: .rows) == nil)
        #expect(model.weightByteCount(of: .q4_0, layout: .rows) != nil)
    }
}
