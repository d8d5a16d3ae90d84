// SPDX-License-Identifier: Apache-2.0

import Architectures
import JSON
import ModelFiles
import TestSupport
import Testing

/// Where a folder's weights are found.
struct SafetensorsDirectoryTests {
    /// A sound model whose tensors lie in several files, by their names.
    private static func folder(
        _ names: [String], of raw: RawDirectory = .model(), config: String = "config.json"
    ) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try folder.write(JSONValue.object(raw.config).serializedBytes(), to: config)
        let share = (raw.tensors.count + names.count - 1) / names.count
        for (index, name) in names.enumerated() {
            var part = RawDirectory(config: [:])
            for tensor in raw.tensors.dropFirst(index * share).prefix(share) {
                let shape = tensor.entry["shape"]?.arrayValue?.compactMap(\.intValue) ?? []
                part.add(tensor.name, shape)
            }
            try folder.write(part.safetensors(), to: name)
        }
        return folder
    }

    @Test(arguments: [
        ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"],
        ["model-1-of-2.safetensors", "model-2-of-2.safetensors"],
        ["pytorch_model-00001-of-00002.safetensors", "pytorch_model-00002-of-00002.safetensors"],
        ["weights.safetensors"], ["a.safetensors", "b.safetensors", "c.safetensors"],
        ["a-1-of-2.safetensors", "a-2-of-2.safetensors", "b-1-of-1.safetensors"],
    ])
    func `shards without an index are found by their names`(names: [String]) throws {
        let folder = try Self.folder(names)
        try ModelFile.open(path: folder.path).verify()
    }

    @Test func `a missing shard of a series is named`() throws {
        let folder = try Self.folder([
            "model-00001-of-00003.safetensors", "model-00003-of-00003.safetensors",
        ])
        try expectOneLineError(mentions: "model-00002-of-00003.safetensors: missing") {
            _ = try ModelFile.open(path: folder.path)
        }
    }

    @Test func `shards of two series are not mixed`() throws {
        let folder = try Self.folder([
            "model-00001-of-00001.safetensors", "model-00001-of-00002.safetensors",
        ])
        try expectOneLineError(mentions: "different sets") {
            _ = try ModelFile.open(path: folder.path)
        }
    }

    @Test func `an index that names a missing shard is an error though others are there`() throws {
        let folder = try Self.folder(["weights.safetensors"])
        try folder.write(
            "{\"weight_map\":{\"model.norm.weight\":\"model-00001-of-00002.safetensors\"}}",
            to: "model.safetensors.index.json")
        try expectOneLineError(mentions: "model-00001-of-00002.safetensors") {
            _ = try ModelFile.open(path: folder.path)
        }
    }

    @Test func `Mistral's own shards beside the others are not read twice`() throws {
        let folder = try Self.folder([
            "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
        ])
        try folder.write("{}", to: "params.json")
        try folder.write("not read", to: "consolidated-00001-of-00001.safetensors")
        let model = try ModelFile.open(path: folder.path)
        #expect(model.configuration.architecture == "MixtralForCausalLM")
    }

    @Test(arguments: [
        ["consolidated-00001-of-00002.safetensors", "consolidated-00002-of-00002.safetensors"],
        ["consolidated.safetensors"], ["consolidated.00.safetensors"],
    ])
    func `Mistral's own shards are found by their names`(names: [String]) throws {
        let folder = try Self.folder(names, of: .mistral(), config: "params.json")
        // A config.json without weights of its own changes nothing, nor does what is no weights.
        try folder.write("{}", to: "config.json")
        try folder.write("not read", to: "optimizer.safetensors")
        let model = try ModelFile.open(path: folder.path)
        #expect(model.configuration.architecture == "mixtral")
    }

    @Test func `a folder without weights says which names are looked for`() throws {
        let folder = try TemporaryFolder()
        try folder.write(
            JSONValue.object(RawDirectory.model().config).serializedBytes(), to: "config.json")
        try expectOneLineError(mentions: "model-00001-of-0000N.safetensors") {
            _ = try ModelFile.open(path: folder.path)
        }
        try folder.write("", to: "pytorch_model.bin")
        try expectOneLineError(mentions: "PyTorch's own files are not read") {
            _ = try ModelFile.open(path: folder.path)
        }
    }

    @Test func `what a shard has beyond the index does no harm`() throws {
        var raw = RawDirectory.model()
        var map = JSONObject()
        for tensor in raw.tensors { map[tensor.name] = "a.safetensors" }
        // The model needs the head, and nothing needs the other.
        map["lm_head.weight"] = nil
        raw.add("model.rotary_emb.inv_freq", [2])
        raw.files["a.safetensors"] = raw.safetensors()
        raw.files["model.safetensors.index.json"] =
            JSONValue.object(["weight_map": .object(map)]).serializedBytes()
        #expect(try raw.open().warnings.isEmpty)
    }
}
