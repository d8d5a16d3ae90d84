// SPDX-License-Identifier: Apache-2.0

import Architectures
import Computation
import Foundation
import JSON
import ModelFiles
import ModelTools
import Parallelism
import Quantization
import TestSupport
import Testing

struct PackedFileTests {
    private let folder: TemporaryFolder
    private let pool = ThreadPool(threadCount: 2)

    init() throws { folder = try TemporaryFolder() }

    private var path: String { "\(folder.path)/packed" }

    @Test(arguments: ["moe.gguf", "mixtral", "mistral"])
    func `a packed model is the model that was packed`(name: String) throws {
        let source = try ModelFile.open(path: golden(name))
        let byteCount = try Packing(source, using: pool).run(to: path)
        let packed = try ModelFile.open(path: path)
        try packed.verify()
        #expect(try contents(path).count == byteCount)
        #expect(packed.name == source.name)
        #expect(packed.configuration == source.configuration)
        #expect(packed.chatTemplates == source.chatTemplates)
        #expect(packed.endTokenIDs == source.endTokenIDs)
        #expect(packed.parameterCount == source.parameterCount)
        #expect(packed.metadata.keys == source.metadata.keys)
        #expect(packed.warnings.isEmpty)
        let bytes = try contents(path)
        for (new, old) in zip(Self.matrices(packed), Self.matrices(source)) {
            #expect(new.type == old.type)
            #expect(new.byteOffset % 64 == 0)
            let oldBytes =
                new.layout == .panels
                ? old.panelBytes(as: old.type, using: pool)
                : Array(
                    try contents(old.storage.path)[
                        old.byteOffset..<old.byteOffset + old.byteCount])
            #expect(Array(bytes[new.byteOffset..<new.byteOffset + new.byteCount]) == oldBytes)
        }
        let canPack = source.tensors.layers[0].wq.packedType != nil
        #expect(packed.tensors.layers[0].wq.layout == (canPack ? .panels : .rows))
    }

    @Test func `a tied output is stored once`() throws {
        try Packing(ModelFile.open(path: golden("mistral")), using: pool).run(to: path)
        let packed = try ModelFile.open(path: path)
        #expect(packed.tensors.output.byteOffset == packed.tensors.tokenEmbedding.byteOffset)
        #expect(try PackedFile(path: path).header.tensors.allSatisfy { $0.name != "output.weight" })
    }

    @Test func `scaling factors of rotary frequencies come along`() throws {
        var raw = RawGGUF.model()
        raw.addTensor("rope_freqs.weight", [2], value: 2)
        let source = try raw.open(savedIn: folder)
        try Packing(source, using: pool).run(to: path)
        #expect(try ModelFile.open(path: path).configuration == source.configuration)
    }

    @Test func `a manifest comes along`() throws {
        let model = try ModelFile.open(path: golden("moe.gguf"))
        try Packing(model, manifest: Array("{}".utf8), using: pool).run(to: path)
        #expect(try ModelFile.open(path: path).embeddedManifest == Array("{}".utf8))
    }

    @Test func `a packed file is not packed again, nor another replaced unasked`() throws {
        let packing = try Packing(ModelFile.open(path: golden("mistral")), using: pool)
        try packing.run(to: path)
        try expectOneLineError(mentions: "packed file already") {
            _ = try Packing(ModelFile.open(path: path), using: pool)
        }
        try expectOneLineError(mentions: "it exists") { try packing.run(to: path) }
        try packing.run(to: path, replaces: true)
        let manifest = try folder.write("{}", to: "manifest.json")
        try expectOneLineError(mentions: "to be read") {
            try packing.run(to: manifest, replaces: true, otherSources: [manifest])
        }
        try expectOneLineError(mentions: "folder") {
            try packing.run(to: folder.path, replaces: true)
        }
    }

    @Test func `weights that are not finite are not packed`() throws {
        var raw = RawGGUF.model()
        raw.removeTensor("blk.0.attn_k.weight")
        raw.addTensor("blk.0.attn_k.weight", [8, 4], value: .nan)
        let packing = try Packing(raw.open(savedIn: folder), using: pool)
        try expectOneLineError(mentions: "layers.0.attention.wk.weight: row 0") {
            try packing.run(to: path)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["model.gguf"])
    }

    @Test func `progress runs from the first tensor to the last`() throws {
        var shares: [Double] = []
        let packing = try Packing(ModelFile.open(path: golden("moe.gguf")), using: pool)
        try packing.run(to: path) { share, _ in shares.append(share) }
        #expect(shares.last == 1)
        #expect(shares == shares.sorted())
    }

    // MARK: Staleness

    @Test func `a source that changed since is named`() throws {
        let model = try RawGGUF.model().open(savedIn: folder)
        try Packing(model, using: pool).run(to: path)
        _ = try ModelFile.open(path: path)
        var raw = RawGGUF.model()
        raw.set("general.name", .string("tinY"))
        try folder.write(raw.bytes(), to: "model.gguf")
        try expectOneLineError(mentions: "\(folder.path)/model.gguf has other contents now") {
            _ = try ModelFile.open(path: path)
        }
        #expect(try ModelFile.open(path: path, acceptsStale: true).name == "tiny")
    }

    @Test func `a source that was touched is named, one that is gone is not missed`() throws {
        let model = try RawGGUF.model().open(savedIn: folder)
        try Packing(model, using: pool).run(to: path)
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 0)], ofItemAtPath: model.path)
        try expectOneLineError(mentions: "has been written since") {
            _ = try ModelFile.open(path: path)
        }
        try FileManager.default.removeItem(atPath: model.path)
        _ = try ModelFile.open(path: path)
    }

    // MARK: Content

    /// All matrices of a model.
    private static func matrices(_ model: ModelFile) -> [WeightMatrix] {
        [model.tensors.tokenEmbedding, model.tensors.output]
            + model.tensors.layers.flatMap { layer in
                [layer.wq, layer.wk, layer.wv, layer.wo] + [layer.router].compactMap(\.self)
                    + layer.experts.flatMap { [$0.w1, $0.w2, $0.w3] }
            }
    }
}
