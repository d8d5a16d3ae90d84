// SPDX-License-Identifier: Apache-2.0

import Architectures
import JSON
import ModelFiles
import ModelTools
import TestSupport
import Testing

/// Damaged Hugging Face folders: each must be one clear line, never a trap.
struct DamagedDirectoryTests {
    struct Damage: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// What the error must mention.
        var mentions: String
        var inflict: @Sendable (inout RawDirectory) -> Void

        init(
            _ name: String, mentions: String = "",
            _ inflict: @escaping @Sendable (inout RawDirectory) -> Void
        ) {
            testDescription = name
            self.mentions = mentions
            self.inflict = inflict
        }
    }

    @Test func `the undamaged folder opens`() throws {
        try RawDirectory.model().open()
    }

    @Test(arguments: headerDamages + entryDamages + configDamages + fileDamages)
    func `damage is one clear line`(damage: Damage) throws {
        var raw = RawDirectory.model()
        damage.inflict(&raw)
        try expectOneLineError(mentions: damage.mentions) { try raw.open() }
    }

    @Test(
        arguments: [
            "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
            "num_key_value_heads", "vocab_size", "max_position_embeddings", "rms_norm_eps",
            "rope_theta", "num_local_experts", "num_experts_per_tok", "sliding_window",
            "head_dim",
        ],
        [
            0, -1, .integer(.max), .integer(1 << 40), 1e300, -0.5, "8", true, [8], ["a": 1],
        ] as [JSONValue])
    func `a field with a bad value is named`(key: String, value: JSONValue) throws {
        var raw = RawDirectory.model()
        raw.config[key] = value
        try expectOneLineError(mentions: key) { try raw.open() }
    }

    @Test func `safetensors cut short anywhere are one clear line`() throws {
        let bytes = RawDirectory.model().safetensors()
        let folder = try TemporaryFolder()
        try folder.write(
            JSONValue.object(RawDirectory.model().config).serializedBytes(), to: "config.json")
        for length in stride(from: 0, to: bytes.count, by: 7) {
            try folder.write(Array(bytes[..<length]), to: "model.safetensors")
            try expectOneLineError { _ = try ModelFile.open(path: folder.path) }
        }
    }

    @Test(arguments: 0..<4)
    func `random damage never traps`(seed: Int) throws {
        let sound = RawDirectory.model()
        let weights = sound.safetensors()
        let config = JSONValue.object(sound.config).serializedBytes()
        let folder = try TemporaryFolder()
        var random = SplitMix64(seed: UInt64(seed))
        for round in 0..<300 {
            var bytes = round % 2 == 0 ? weights : config
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<min(bytes.count, 1800), using: &random)
                bytes[place] =
                    Array("0123456789-.eE\"[]{},:\u{0}aF".utf8).randomElement(using: &random) ?? 0
            }
            try folder.write(round % 2 == 0 ? bytes : weights, to: "model.safetensors")
            try folder.write(round % 2 == 0 ? config : bytes, to: "config.json")
            do {
                try ModelFile.open(path: folder.path).verify()
            } catch {
                #expect(isOneLine(error))
            }
        }
    }

    @Test func `an index whose shards disagree with it is one clear line`() throws {
        var raw = RawDirectory.model()
        let bytes = raw.safetensors()
        raw.files["a.safetensors"] = bytes
        raw.files["b.safetensors"] = bytes
        var map = JSONObject()
        for tensor in raw.tensors { map[tensor.name] = "a.safetensors" }
        raw.files["model.safetensors.index.json"] = Self.indexBytes(map)
        try raw.open()

        // Listed, but in no shard.
        map["ghost"] = "a.safetensors"
        raw.files["model.safetensors.index.json"] = Self.indexBytes(map)
        try expectOneLineError(mentions: "ghost") { try raw.open() }

        // Listed in the other of two shards that both have it.
        map["ghost"] = nil
        map["lm_head.weight"] = "b.safetensors"
        raw.files["model.safetensors.index.json"] = Self.indexBytes(map)
        try expectOneLineError(mentions: "index") { try raw.open() }
    }

    private static func indexBytes(_ map: JSONObject) -> [UInt8] {
        JSONValue.object(["weight_map": .object(map)]).serializedBytes()
    }
}
