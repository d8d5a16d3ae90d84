// SPDX-License-Identifier: Apache-2.0

import JSON
import ModelFiles
import TestSupport
import Testing

/// How files spell rotary scalings, and what each comes to.
struct RopeConfigurationTests {
    /// 0.1 · ln 4 + 1.
    private static let factor4 = 1.138_629_436_111_989

    static let huggingFace: [(JSONObject, RopeScaling)] = [
        ([:], .none), (["rope_scaling": nil], .none),
        (["rope_scaling": ["rope_type": "default"]], .none),
        (["rope_scaling": ["type": "linear", "factor": 2]], .linear(factor: 2)),
        (["rope_scaling": ["rope_type": "linear", "factor": 2.5]], .linear(factor: 2.5)),
        (
            ["rope_parameters": ["rope_type": "linear", "factor": 2, "rope_theta": 5]],
            .linear(factor: 2)
        ),
        (
            [
                "rope_scaling": [
                    "rope_type": "llama3", "factor": 8, "low_freq_factor": 1,
                    "high_freq_factor": 4, "original_max_position_embeddings": 32,
                ]
            ],
            .llama3(
                factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4,
                originalContextLength: 32)
        ),
        (
            [
                "rope_scaling": [
                    "type": "yarn", "factor": 4, "original_max_position_embeddings": 16,
                ]
            ],
            .yarn(
                YarnScaling(factor: 4, originalContextLength: 16, attentionFactor: factor4))
        ),
        (
            [
                "rope_parameters": [
                    "rope_type": "yarn", "factor": 4, "beta_fast": 16, "beta_slow": 2,
                    "attention_factor": 1.5, "truncate": false, "rope_theta": 1e6,
                ]
            ],
            .yarn(
                YarnScaling(
                    factor: 4, originalContextLength: 64, betaFast: 16, betaSlow: 2,
                    attentionFactor: 1.5, roundsRamp: false))
        ),
        (
            // The factor may be left to the two lengths.
            ["rope_scaling": ["type": "yarn", "original_max_position_embeddings": 16]],
            .yarn(
                YarnScaling(factor: 4, originalContextLength: 16, attentionFactor: factor4))
        ),
        (
            [
                "rope_scaling": [
                    "type": "yarn", "factor": 4, "original_max_position_embeddings": 16,
                    "mscale": 1, "mscale_all_dim": 1,
                ]
            ],
            .yarn(YarnScaling(factor: 4, originalContextLength: 16, attentionFactor: 1))
        ),
    ]

    @Test(arguments: huggingFace)
    func `config.json's scalings`(fields: JSONObject, scaling: RopeScaling) throws {
        var raw = RawDirectory.model()
        for (key, value) in fields { raw.config[key] = value }
        #expect(try raw.open().configuration.ropeScaling == scaling)
    }

    @Test(
        arguments: [
            (["rope_theta": nil], 1e6), (["rope_theta": 5e5], 5e5),
            (["rope_theta": nil, "rope_parameters": ["rope_theta": 7]], 7),
            (["rope_theta": 3, "rope_parameters": ["rope_theta": 7]], 7),
            (["rope_theta": 3, "rope_parameters": ["rope_type": "default"]], 3),
        ] as [(JSONObject, Double)])
    func `config.json's base`(fields: JSONObject, theta: Double) throws {
        var raw = RawDirectory.model()
        for (key, value) in fields { raw.config[key] = value }
        #expect(try raw.open().configuration.ropeTheta == theta)
    }

    @Test func `a part of a head may rotate`() throws {
        var raw = RawDirectory.model()
        raw.config["partial_rotary_factor"] = 0.5
        #expect(try raw.open().configuration.ropeDimensionCount == 2)
    }

    static let gguf: [([String: RawGGUF.Value], RopeScaling)] = [
        ([:], .none), (["type": .string("none"), "factor": .float32(4)], .none),
        (["type": .string("linear"), "factor": .float32(4)], .linear(factor: 4)),
        (["factor": .float32(4)], .linear(factor: 4)),
        (["factor": .float32(0)], .none), (["factor": .float32(1)], .none),
        (
            ["type": .string("yarn"), "factor": .float32(4)],
            .yarn(
                YarnScaling(factor: 4, originalContextLength: 64, attentionFactor: factor4))
        ),
        (
            [
                "type": .string("yarn"), "factor": .float32(4),
                "original_context_length": .uint32(16), "yarn_beta_fast": .float32(16),
                "yarn_beta_slow": .float32(2), "attn_factor": .float32(2),
                "yarn_log_multiplier": .float32(1),
            ],
            .yarn(
                YarnScaling(
                    factor: 4, originalContextLength: 16, betaFast: 16, betaSlow: 2,
                    attentionFactor: 2))
        ),
    ]

    @Test(arguments: gguf)
    func `GGUF's scalings`(keys: [String: RawGGUF.Value], scaling: RopeScaling) throws {
        var raw = RawGGUF.model()
        for (key, value) in keys { raw.set("llama.rope.scaling.\(key)", value) }
        #expect(try raw.open().configuration.ropeScaling == scaling)
    }

    @Test func `files of 2023 call the factor scale_linear`() throws {
        var raw = RawGGUF.model()
        raw.set("llama.rope.scale_linear", .float32(2))
        #expect(try raw.open().configuration.ropeScaling == .linear(factor: 2))
    }

    @Test func `factors of frequencies are read from their tensor`() throws {
        var raw = RawGGUF.model()
        raw.addTensor("rope_freqs.weight", [2], value: 8)
        let model = try raw.open()
        #expect(model.configuration.ropeFrequencyFactors == [8, 8])
        #expect(model.warnings.isEmpty)
        raw = RawGGUF.model()
        raw.addTensor("rope_freqs.weight", [2], value: 1)
        #expect(try raw.open().configuration.ropeFrequencyFactors == nil)
    }
}
