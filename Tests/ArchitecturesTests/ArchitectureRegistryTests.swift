// SPDX-License-Identifier: Apache-2.0

import Architectures
import ModelFiles
import Testing

@Suite struct ArchitectureRegistryTests {
    private static func configuration(
        _ architecture: String, experts: Int?
    ) -> ModelConfiguration {
        ModelConfiguration(
            architecture: architecture, hiddenSize: 24, intermediateSize: 40, layerCount: 3,
            headCount: 4, kvHeadCount: 2, headDimension: 6, vocabularySize: 50,
            expertCount: experts, expertsPerToken: experts == nil ? nil : 2, contextLength: 2048,
            ropeTheta: 10_000, ropePairing: .adjacent, ropeDimensionCount: 6, rmsNormEpsilon: 1e-5)
    }

    @Test(
        arguments: [
            ("llama", nil, "Llama"), ("llama", 4, "Mixtral"), ("mistral", nil, "Mistral"),
            ("mixtral", 4, "Mixtral"), ("mistral", 4, "Mixtral"), ("mistral3", nil, "Ministral 3"),
            ("mistral3", 4, "Ministral 3"), ("LlamaForCausalLM", nil, "Llama"),
            ("MistralForCausalLM", nil, "Mistral"), ("MixtralForCausalLM", 4, "Mixtral"),
            ("Ministral3ForCausalLM", nil, "Ministral 3"), ("ministral3", nil, "Ministral 3"),
            ("qwen2", nil, "Qwen2"), ("Qwen2ForCausalLM", nil, "Qwen2"), ("qwen3", nil, "Qwen3"),
            ("Qwen3ForCausalLM", nil, "Qwen3"), ("qwen3moe", 4, "Qwen3-MoE"),
            ("Qwen3MoeForCausalLM", 4, "Qwen3-MoE"), ("qwen2moe", 4, "Qwen2-MoE"),
            ("Qwen2MoeForCausalLM", 4, "Qwen2-MoE"), ("olmoe", 4, "OLMoE"),
            ("OlmoeForCausalLM", 4, "OLMoE"), ("glm4moe", 4, "GLM-4-MoE"),
            ("Glm4MoeForCausalLM", 4, "GLM-4-MoE"), ("minimax-m2", 4, "MiniMax-M2"),
            ("MiniMaxM2ForCausalLM", 4, "MiniMax-M2"), ("ernie4_5-moe", 4, "ERNIE 4.5 MoE"),
            ("Ernie4_5_MoeForCausalLM", 4, "ERNIE 4.5 MoE"), ("mellum", 4, "Mellum"),
            ("MellumForCausalLM", 4, "Mellum"), ("gpt-oss", 4, "gpt-oss"),
            ("GptOssForCausalLM", 4, "gpt-oss"), ("deepseek2", 4, "DeepSeek V3"),
            ("DeepseekV3ForCausalLM", 4, "DeepSeek V3"),
            ("DeepseekV2ForCausalLM", 4, "DeepSeek V2"),
            ("Glm4MoeLiteForCausalLM", 4, "GLM-4-MoE-Lite"), ("mistral4", 4, "Mistral 4"),
            ("Mistral4ForCausalLM", 4, "Mistral 4"), ("gemma4", nil, "Gemma 4"),
            ("gemma4", 4, "Gemma 4"), ("Gemma4ForCausalLM", 4, "Gemma 4"), ("bert", nil, "BERT"),
            ("BertModel", nil, "BERT"),
            ("BertForSequenceClassification", nil, "BERT with a classifier"),
        ] as [(String, Int?, String)])
    func `a model is of the family that its file names`(
        name: String, experts: Int?, family: String
    ) {
        let architecture = Architecture.of(Self.configuration(name, experts: experts))
        #expect(architecture.schema.name == family)
    }

    @Test(arguments: [TensorNaming.gguf, .huggingFace, .packed])
    func `no two tensors of a model are written under one name`(naming: TensorNaming) {
        for architecture in Architecture.all
        where naming != .gguf || architecture.schema.gguf != nil {
            // Gate and up projections are rows of one tensor there, or keys and values of latents.
            let sharing = [
                "gpt-oss", "DeepSeek V2", "DeepSeek V3", "GLM-4-MoE-Lite", "Mistral 4", "Gemma 4",
            ]
            if naming == .huggingFace, sharing.contains(architecture.schema.name) { continue }
            let experts = architecture.schema.experts == .never ? nil : 3
            var configuration = Self.configuration("any", experts: experts)
            // All that a mixture may have.
            configuration.mixture.hasSelectionBias = true
            configuration.mixture.hasBiases = naming != .huggingFace
            (configuration.mixture.sharedSize, configuration.mixture.gatesShared) = (5, true)
            configuration.mixture.denseLayers = [1]
            let names = architecture.schema.tensors(of: configuration).map {
                $0.declaration.writtenName(naming, layer: $0.layer, expert: 0)
            }
            #expect(Set(names).count == names.count, "\(architecture.schema.name)")
        }
    }

    @Test func `every layer of a model declares all that the Mixtrals have`() {
        let configuration = Self.configuration("mixtral", experts: 3)
        let tensors = Architecture.of(configuration).schema.tensors(of: configuration)
        let roles: [TensorRole] = [
            .attentionNorm, .query, .key, .value, .attentionOutput, .feedForwardNorm, .router,
            .gate, .up, .down,
        ]
        for layer in 0..<3 {
            #expect(tensors.filter { $0.layer == layer }.map(\.declaration.role) == roles)
        }
    }
}
