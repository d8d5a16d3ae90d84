// SPDX-License-Identifier: Apache-2.0

import Architectures
import Computation
import JSON
import ModelFiles
import TestSupport
import Testing

/// What transformers 5.24 makes of a config.json of `ministral3`, alone or as the text part of
/// `mistral3`.
struct Ministral3ConfigurationTests {
    private static let queryScale = FamilyNumber("scale of queries")

    private static func ministral(_ rope: JSONValue?) -> RawDirectory {
        var raw = RawDirectory.dense("Ministral3ForCausalLM")
        raw.config["head_dim"] = 4
        raw.config["rope_parameters"] = rope
        return raw
    }

    /// A folder of text and images, whose tensors have names as on the Hub.
    private static func wrapped(
        _ type: String, text fields: JSONObject, top: JSONObject = [:], hasOutput: Bool
    ) -> RawDirectory {
        let dense = RawDirectory.dense("any")
        var text = dense.config
        text["architectures"] = nil
        text["model_type"] = .string(type)
        text["head_dim"] = 4
        for (key, value) in fields { text[key] = value }
        var raw = RawDirectory(config: [
            "architectures": ["Mistral3ForConditionalGeneration"], "model_type": "mistral3",
            "text_config": .object(text), "vision_config": ["model_type": "pixtral"],
        ])
        for (key, value) in top { raw.config[key] = value }
        for tensor in dense.tensors where hasOutput || tensor.name != "lm_head.weight" {
            let shape = tensor.entry["shape"]?.arrayValue?.compactMap(\.intValue) ?? []
            raw.add("language_model." + tensor.name, shape)
        }
        raw.add("vision_tower.transformer.layers.0.attention.q_proj.weight", [4, 4])
        raw.add("multi_modal_projector.norm.weight", [4])
        return raw
    }

    @Test(arguments: [nil, .null] as [JSONValue?])
    func `without rotary parameters all of transformers' hold`(parameters: JSONValue?) throws {
        var raw = Self.ministral(parameters)
        // transformers does not look at it beside its own parameters.
        raw.config["rope_theta"] = 7
        let configuration = try raw.open().configuration
        #expect(configuration.ropeTheta == 1e6)
        #expect(
            configuration.ropeScaling
                == .yarn(YarnScaling(factor: 16, originalContextLength: 16384, attentionFactor: 1)))
        #expect(configuration.numbers == [Self.queryScale: 0.1])
        #expect(configuration.contextLength == 262_144)
        #expect(configuration.rmsNormEpsilon == 1e-5)
        #expect(configuration.slidingWindow == nil)
    }

    @Test(
        arguments: [
            ["rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 16],
            ["rope_type": "yarn", "factor": 4, "llama_4_scaling_beta": nil], [:],
        ] as [JSONValue])
    func `rotary parameters without the scale of queries are refused`(
        parameters: JSONValue
    ) throws {
        try expectOneLineError(mentions: "rope_parameters.llama_4_scaling_beta: missing") {
            try Self.ministral(parameters).open()
        }
    }

    @Test(arguments: [(nil, nil, 10_000), (nil, 3, 3), (7, 3, 7)] as [(Double?, Double?, Double)])
    func `rotary parameters without a base take the top level's or 10,000`(
        own: Double?, top: Double?, theta: Double
    ) throws {
        var parameters: JSONObject = [
            "type": "yarn", "rope_type": "yarn", "factor": 4, "max_position_embeddings": 64,
            "original_max_position_embeddings": 16, "llama_4_scaling_beta": 0.2,
        ]
        parameters["rope_theta"] = own.map { .number($0) }
        var raw = Self.ministral(.object(parameters))
        raw.config["rope_theta"] = top.map { .number($0) }
        let configuration = try raw.open().configuration
        #expect(configuration.ropeTheta == theta)
        #expect(configuration.numbers == [Self.queryScale: 0.2])
    }

    @Test func `GGUF without the scale of queries has none`() throws {
        var raw = RawGGUF.model()
        raw.set("general.architecture", .string("mistral3"))
        for index in raw.keys.indices where raw.keys[index].name.starts(with: "llama.".utf8) {
            raw.keys[index].name.replaceSubrange(0..<5, with: "mistral3".utf8)
        }
        #expect(try raw.open().configuration.numbers.isEmpty)
    }

    @Test(
        arguments: [
            ([:], [:], false, true), ([:], [:], true, false),
            (["tie_word_embeddings": true], ["tie_word_embeddings": true], false, true),
            // An output matrix that is there is used, and the text part's own key is not looked at.
            (["tie_word_embeddings": true], ["tie_word_embeddings": true], true, false),
            (["tie_word_embeddings": false], [:], false, true),
            (["tie_word_embeddings": true], ["tie_word_embeddings": false], true, false),
        ] as [(JSONObject, JSONObject, Bool, Bool)])
    func `beside images the output is tied where there is none`(
        text: JSONObject, top: JSONObject, hasOutput: Bool, isTied: Bool
    ) throws {
        let model = try Self.wrapped("ministral3", text: text, top: top, hasOutput: hasOutput)
            .open()
        let (output, embedding) = (model.tensors.output, model.tensors.tokenEmbedding)
        #expect((output.byteOffset == embedding.byteOffset) == isTied)
        #expect(model.configuration.numbers == [Self.queryScale: 0.1])
        #expect(model.schema.name == "Ministral 3")
    }

    @Test func `an output that is not tied and not there is missing`() throws {
        let raw = Self.wrapped(
            "ministral3", text: [:], top: ["tie_word_embeddings": false], hasOutput: false)
        try expectOneLineError(mentions: "lm_head.weight: missing") { try raw.open() }
    }

    @Test func `Mistral Small beside images is read as Mistral`() throws {
        let fields: JSONObject = ["rope_theta": 1e9, "sliding_window": nil, "rms_norm_eps": 1e-5]
        let model = try Self.wrapped("mistral", text: fields, hasOutput: true).open()
        #expect(model.schema.name == "Mistral")
        var expected = RawDirectory.dense("MistralForCausalLM")
        for (key, value) in fields { expected.config[key] = value }
        #expect(try model.configuration == expected.open().configuration)
        #expect(model.configuration.ropeTheta == 1e9)
    }

    @Test func `any other text part beside images is refused by its type`() throws {
        let raw = Self.wrapped("llama", text: [:], hasOutput: true)
        try expectOneLineError(mentions: "(ministral3, mistral, mistral4 are)") { try raw.open() }
    }
}
