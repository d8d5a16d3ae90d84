// SPDX-License-Identifier: Apache-2.0

import Architectures
import Computation
import ModelFiles
import ModelTools
import Parallelism
import TestSupport
import Testing

/// Models in several GGUF files.
struct SplitGGUFTests {
    /// A model in three parts as llama-gguf-split writes them, the later ones with no other keys;
    /// the first has `firstCount` tensors.
    private static func parts(experts: Int? = 2, firstCount: Int = 5) -> [RawGGUF] {
        let whole = RawGGUF.model(experts: experts)
        var parts = [whole, RawGGUF(), RawGGUF()]
        parts[0].tensors = Array(whole.tensors[..<firstCount])
        parts[1].tensors = Array(whole.tensors[firstCount..<firstCount + 2])
        parts[2].tensors = Array(whole.tensors[(firstCount + 2)...])
        for index in parts.indices {
            parts[index].set("split.no", .uint16(UInt16(index)))
            parts[index].set("split.count", .uint16(3))
            parts[index].set("split.tensors.count", .int32(Int32(whole.tensors.count)))
        }
        return parts
    }

    private static func path(_ number: Int, in folder: TemporaryFolder) -> String {
        "\(folder.path)/m-0000\(number)-of-00003.gguf"
    }

    private static func write(_ parts: [RawGGUF]) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for (index, part) in parts.enumerated() {
            try folder.write(part.bytes(), to: "m-0000\(index + 1)-of-00003.gguf")
        }
        return folder
    }

    @Test(arguments: [0, 5])
    func `a split model is the whole model`(firstCount: Int) throws {
        let folder = try Self.write(Self.parts(firstCount: firstCount))
        let model = try ModelFile.open(path: Self.path(1, in: folder))
        try model.verify()
        let whole = try RawGGUF.model(experts: 2).open()
        #expect(model.configuration == whole.configuration)
        #expect(model.parameterCount == whole.parameterCount)
        #expect(model.byteCount == whole.byteCount)
        #expect(model.warnings.isEmpty)
    }

    @Test(arguments: [2, 3])
    func `a later part names the first`(number: Int) throws {
        let folder = try Self.write(Self.parts())
        try expectOneLineError(mentions: "give the first part, \(Self.path(1, in: folder))") {
            _ = try ModelFile.open(path: Self.path(number, in: folder))
        }
    }

    @Test func `a missing part is named`() throws {
        let folder = try Self.write(Array(Self.parts().prefix(2)))
        try expectOneLineError(mentions: "m-00003-of-00003.gguf: no such file") {
            _ = try ModelFile.open(path: Self.path(1, in: folder))
        }
    }

    @Test func `the first part has the name of a first part`() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(Self.parts()[0].bytes(), to: "renamed.gguf")
        try expectOneLineError(mentions: "-00001-of-00003.gguf") {
            _ = try ModelFile.open(path: path)
        }
    }

    @Test(arguments: [
        DamagedGGUFTests.Damage("another count", mentions: "split.count") {
            $0.set("split.count", .uint16(4))
        },
        DamagedGGUFTests.Damage("another number", mentions: "split.no") {
            $0.set("split.no", .uint16(2))
        },
        DamagedGGUFTests.Damage("no number", mentions: "split.no") { $0.remove("split.no") },
        DamagedGGUFTests.Damage("another sum", mentions: "split.tensors.count") {
            $0.set("split.tensors.count", .int32(7))
        },
        DamagedGGUFTests.Damage("a tensor too few", mentions: "split.tensors.count") {
            $0.tensors.removeLast()
        },
        DamagedGGUFTests.Damage("a tensor of the first part", mentions: "twice") {
            $0.tensors[0].name = Array("token_embd.weight".utf8)
        },
        DamagedGGUFTests.Damage("not a GGUF file", mentions: "m-00002-of-00003.gguf") {
            $0.magic = [0, 0, 0, 0]
        },
        DamagedGGUFTests.Damage("a tensor past the end", mentions: "past the end") {
            $0.tensors[0].offset = 1 << 30
        },
    ])
    func `a damaged part is one clear line`(damage: DamagedGGUFTests.Damage) throws {
        var parts = Self.parts()
        damage.inflict(&parts[1])
        let folder = try Self.write(parts)
        try expectOneLineError(mentions: damage.mentions) {
            _ = try ModelFile.open(path: Self.path(1, in: folder))
        }
    }

    @Test func `a split model can be packed, quantised and upcycled`() throws {
        let folder = try Self.write(Self.parts(experts: nil, firstCount: 3))
        let first = Self.path(1, in: folder)
        let whole = try RawGGUF.model(experts: nil).open()

        let packed = "\(folder.path)/packed"
        try Packing(try ModelFile.open(path: first), using: ThreadPool(threadCount: 1))
            .run(to: packed)
        let opened = try ModelFile.open(path: packed)
        try opened.verify()
        #expect(opened.parameterCount == whole.parameterCount)

        let quantised = "\(folder.path)/f16.gguf"
        _ = try Quantizing(mix: .f16, threadCount: 1)
            .run(try ModelFile.open(path: first), to: quantised)
        #expect(try ModelFile.open(path: quantised).metadata["split.count"] == nil)

        let upcycled = "\(folder.path)/upcycled.gguf"
        try Upcycling(expertCount: 2).run(from: first, to: upcycled)
        let mixture = try ModelFile.open(path: upcycled)
        try mixture.verify()
        #expect(mixture.configuration.expertCount == 2)
        #expect(mixture.metadata["split.count"] == nil)
    }
    @Test func `no part of a split model is replaced by what is made of it`() throws {
        var parts = Self.parts(experts: nil, firstCount: 3)
        // The second part has nothing that the model uses.
        let count = parts.reduce(1) { $0 + $1.tensors.count }
        parts[2].tensors += parts[1].tensors
        parts[1].tensors = []
        parts[1].addTensor("v.buffer", [4])
        for index in parts.indices {
            parts[index].set("split.tensors.count", .int32(Int32(count)))
        }
        let folder = try Self.write(parts)
        let first = Self.path(1, in: folder)
        for path in [Self.path(2, in: folder), Self.path(3, in: folder)] {
            let before = try contents(path)
            try expectOneLineError(mentions: "to be read") {
                _ = try Packing(try ModelFile.open(path: first), using: ThreadPool(threadCount: 1))
                    .run(to: path, replaces: true)
            }
            try expectOneLineError(mentions: "to be read") {
                _ = try Quantizing(mix: .f16, threadCount: 1)
                    .run(try ModelFile.open(path: first), to: path, replaces: true)
            }
            try expectOneLineError(mentions: "to be read") {
                try Upcycling(expertCount: 2).run(from: first, to: path, replaces: true)
            }
            #expect(try contents(path) == before)
        }
    }
}
