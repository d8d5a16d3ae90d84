// SPDX-License-Identifier: Apache-2.0

import Computation
import Foundation
import JSON

/// The safetensors files of a Hugging Face or Mistral model folder.
struct SafetensorsDirectory: Sendable {
    /// All tensors of all files.
    let tensors: [StoredTensor]
    /// Those that products cannot read.
    let unreadable: [UnreadableTensor]

    /// The most files of a model.
    private static let maxFileCount = 4096

    /// Finds, opens and checks the files of a folder: `<stem>.safetensors`, those listed in
    /// `<stem>.safetensors.index.json`, or without an index those that `fileNames` finds.
    init(_ folder: ModelFolder, stem: String) throws(ModelFileError) {
        let index = "\(stem).safetensors.index.json"
        if folder.contains(index) {
            self = try Self(folder, index: index)
            return
        }
        var tensors: [StoredTensor] = []
        var unreadable: [UnreadableTensor] = []
        for name in try Self.fileNames(in: folder, stem: stem) {
            let file = try SafetensorsFile(mapping: openRegularFile(folder.path(of: name)))
            tensors += file.tensors
            unreadable += file.unreadable
        }
        self.tensors = tensors
        self.unreadable = unreadable
    }

    /// The files that hold a model's weights, by their names alone, as vLLM takes them:
    /// `<stem>.safetensors`, or the series `<stem>-0000N-of-0000M.safetensors`, or any others.
    private static func fileNames(
        in folder: ModelFolder, stem: String
    ) throws(ModelFileError) -> [String] {
        let single = "\(stem).safetensors"
        let names = weightNames(in: folder, stem: stem)
        if names.contains(single) { return [single] }
        let shards = names.map { (name: $0, shard: ShardName($0)) }
        let own = shards.filter { $0.shard?.stem == stem }
        let chosen = own.isEmpty ? shards : own
        guard !chosen.isEmpty else {
            let hasPyTorch = folder.names.contains {
                $0.hasSuffix(".bin") || $0.hasSuffix(".pth") || $0.hasSuffix(".pt")
            }
            throw .unrecognised(
                path: folder.path,
                reason: "holds neither \(single), \(stem)-00001-of-0000N.safetensors nor \(single)"
                    + ".index.json" + (hasPyTorch ? "; PyTorch's own files are not read" : ""))
        }
        guard chosen.count <= maxFileCount else {
            throw .unrecognised(
                path: folder.path, reason: "holds more than \(maxFileCount) safetensors files")
        }
        var firsts: [String: (name: String, count: Int)] = [:]
        for (name, shard) in chosen {
            guard let shard else { continue }
            let first = firsts[shard.stem] ?? (name: name, count: shard.count)
            guard first.count == shard.count else {
                throw .unrecognised(
                    path: folder.path,
                    reason: "\(printable(first.name)) and \(printable(name)) belong to different "
                        + "sets")
            }
            firsts[shard.stem] = first
        }
        // A folder may hold thousands of files, so each series is looked for once.
        let present = Set(names)
        var checked: Set<ShardName> = []
        for (name, shard) in chosen {
            guard let shard, checked.insert(shard).inserted else { continue }
            if let missing = shard.series.first(where: { !present.contains($0) }) {
                throw .unreadable(
                    path: folder.path(of: missing),
                    reason: "missing, while \(printable(name)) is there")
            }
        }
        return chosen.map(\.name)
    }

    /// The safetensors files of a folder that belong to `consolidated`, Mistral's own, or not.
    static func weightNames(in folder: ModelFolder, stem: String) -> [String] {
        folder.names.filter {
            $0.hasSuffix(".safetensors") && !$0.hasPrefix(".") && !$0.hasPrefix("adapter")
                && $0.hasPrefix("consolidated") == (stem == "consolidated")
        }
    }

    /// What names such as `model-00001-of-00003.safetensors` of one series have in common.
    private struct ShardName: Hashable {
        var stem: String
        var count: Int
        private var width: Int

        init?(_ name: String) {
            guard let match = name.wholeMatch(of: /(.+)-([0-9]{1,9})-of-([0-9]{1,9})\.safetensors/),
                let number = Int(match.2), let count = Int(match.3),
                (1...SafetensorsDirectory.maxFileCount).contains(count),
                (1...count).contains(number)
            else { return nil }
            stem = String(match.1)
            self.count = count
            width = match.3.count
        }

        /// The names of all shards.
        var series: [String] {
            (1...count).map {
                "\(stem)-\(padded($0))-of-\(padded(count)).safetensors"
            }
        }

        private func padded(_ number: Int) -> String {
            let digits = "\(number)"
            return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
        }
    }

    // MARK: With an index

    private init(_ folder: ModelFolder, index name: String) throws(ModelFileError) {
        let path = folder.path(of: name)
        let index = try folder.jsonObject(name, maxBytes: SafetensorsFile.maxHeaderByteCount)
        guard let map = index["weight_map"]?.objectValue else {
            throw .metadata(path: path, key: "weight_map", problem: "missing, or not an object")
        }
        var shards: [String] = []
        var seen: Set<String> = []
        var shardOf: [String: String] = [:]
        for (name, value) in map {
            guard let shard = value.stringValue, Self.isPlainShardName(shard) else {
                throw .metadata(
                    path: path, key: "weight_map.\(name)",
                    problem: "expected the name of a .safetensors file in the same folder")
            }
            if seen.insert(shard).inserted { shards.append(shard) }
            guard shards.count <= Self.maxFileCount else {
                throw .metadata(
                    path: path, key: "weight_map", problem: "more than \(Self.maxFileCount) files")
            }
            shardOf[name] = shard
        }
        var tensors: [StoredTensor] = []
        var unreadable: [UnreadableTensor] = []
        var found: Set<String> = []
        // What the index does not list is taken once, for what the model may need of it.
        func takes(_ name: String, of shard: String) throws(ModelFileError) -> Bool {
            if let listed = shardOf[name], listed != shard {
                throw .tensor(
                    path: folder.path(of: shard), name: name,
                    problem: "the index does not list it in this file, but in \(printable(listed))")
            }
            return found.insert(name).inserted
        }
        for shard in shards {
            let file = try SafetensorsFile(mapping: openRegularFile(folder.path(of: shard)))
            for tensor in file.tensors where try takes(tensor.name, of: shard) {
                tensors.append(tensor)
            }
            for tensor in file.unreadable where try takes(tensor.name, of: shard) {
                unreadable.append(tensor)
            }
        }
        if let (name, shard) = shardOf.filter({ !found.contains($0.key) })
            .min(by: { $0.key < $1.key })
        {
            throw .tensor(
                path: path, name: name, problem: "listed in \(printable(shard)), but not there")
        }
        self.tensors = tensors
        self.unreadable = unreadable
    }

    /// A shard is a file beside its index: nothing that walks to another folder.
    private static func isPlainShardName(_ name: String) -> Bool {
        name.hasSuffix(".safetensors") && name.utf8.count <= 255 && !name.contains("/")
            && !name.contains("\\") && !name.contains("\0") && !name.hasPrefix(".")
    }
}
