// SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON
import Tensors

/// The safetensors files of a Hugging Face or Mistral model folder.
struct SafetensorsDirectory: Sendable {
    /// All tensors of all files.
    let tensors: [StoredTensor]

    /// Finds, opens and checks the files of `directory` named `<stem>.safetensors` or listed in
    /// `<stem>.safetensors.index.json`.
    init(directory: String, stem: String) throws(ModelFileError) {
        let single = "\(directory)/\(stem).safetensors"
        let index = "\(directory)/\(stem).safetensors.index.json"
        if FileManager.default.fileExists(atPath: index) {
            tensors = try Self.readShards(directory: directory, index: index)
        } else if FileManager.default.fileExists(atPath: single) {
            tensors = try SafetensorsFile(mapping: openRegularFile(single)).tensors
        } else {
            throw .unrecognised(
                path: directory,
                reason: "holds neither \(stem).safetensors nor \(stem).safetensors.index.json")
        }
    }

    private static func readShards(
        directory: String, index path: String
    ) throws(ModelFileError) -> [StoredTensor] {
        let index = try readJSONObject(path, maxBytes: SafetensorsFile.maxHeaderByteCount)
        guard let map = index["weight_map"]?.objectValue else {
            throw .metadata(path: path, key: "weight_map", problem: "missing, or not an object")
        }
        var shards: [String] = []
        var seen: Set<String> = []
        var shardOf: [String: String] = [:]
        for (name, value) in map {
            guard let shard = value.stringValue, isPlainShardName(shard) else {
                throw .metadata(
                    path: path, key: "weight_map.\(name)",
                    problem: "expected the name of a .safetensors file in the same folder")
            }
            if seen.insert(shard).inserted { shards.append(shard) }
            guard shards.count <= 4096 else {
                throw .metadata(path: path, key: "weight_map", problem: "more than 4096 files")
            }
            shardOf[name] = shard
        }
        var tensors: [StoredTensor] = []
        for shard in shards {
            let file = try openRegularFile("\(directory)/\(shard)")
            for tensor in try SafetensorsFile(mapping: file).tensors {
                guard shardOf.removeValue(forKey: tensor.name) == shard else {
                    throw .tensor(
                        path: file.path, name: tensor.name,
                        problem: "the index does not list it in this file")
                }
                tensors.append(tensor)
            }
        }
        if let (name, shard) = shardOf.min(by: { $0.key < $1.key }) {
            throw .tensor(
                path: path, name: name, problem: "listed in \(printable(shard)), but not there")
        }
        return tensors
    }

    /// A shard is a file beside its index: nothing that walks to another folder.
    private static func isPlainShardName(_ name: String) -> Bool {
        name.hasSuffix(".safetensors") && name.utf8.count <= 255 && !name.contains("/")
            && !name.contains("\\") && !name.contains("\0") && !name.hasPrefix(".")
    }
}
