// SPDX-License-Identifier: Apache-2.0

import Architectures
import Computation
import Foundation
import ModelFiles
import ModelTools
import Parallelism
import Quantization
import TestSupport
import Testing

struct UpcyclingTests {
    private static func upcycled(
        _ upcycling: Upcycling, in folder: TemporaryFolder, as name: String = "moe.gguf"
    ) throws -> String {
        let source = try folder.write(RawGGUF.model().bytes(), to: "dense.gguf")
        let path = "\(folder.path)/\(name)"
        try upcycling.run(from: source, to: path)
        return path
    }

    @Test func `a dense model becomes a mixture`() throws {
        let folder = try TemporaryFolder()
        var shares: [Double] = []
        let source = try folder.write(RawGGUF.model().bytes(), to: "dense.gguf")
        let path = "\(folder.path)/moe.gguf"
        try Upcycling(expertCount: 4, expertsPerToken: 3).run(from: source, to: path) {
            shares.append($0)
        }
        let model = try ModelFile.open(path: path)
        try model.verify()
        #expect(model.configuration.expertCount == 4)
        #expect(model.configuration.expertsPerToken == 3)
        #expect(model.tensors.layers[0].experts.count == 4)
        #expect(model.tensors.layers[0].router?.rowCount == 4)
        #expect(model.name == "tiny 4x upcycled")
        #expect(model.warnings.isEmpty)
        #expect(shares.last == 1)
        #expect(shares == shares.sorted())
    }

    @Test func `the same seed gives the same bytes, another seed others`() throws {
        let folder = try TemporaryFolder()
        let first = try contents(Self.upcycled(Upcycling(seed: 7), in: folder, as: "a"))
        let second = try contents(Self.upcycled(Upcycling(seed: 7), in: folder, as: "b"))
        let third = try contents(Self.upcycled(Upcycling(seed: 8), in: folder, as: "c"))
        #expect(first == second)
        #expect(first != third)
    }

    @Test func `without noise every expert is the dense feed-forward`() throws {
        let folder = try TemporaryFolder()
        let path = try Self.upcycled(Upcycling(expertCount: 2, noise: 0), in: folder)
        let file = try GGUFFile(path: path)
        let bytes = try contents(path)
        for tensor in file.tensors where tensor.name.contains("_exps") {
            let end = tensor.byteOffset + tensor.byteCount
            let half = tensor.byteOffset + tensor.byteCount / 2
            #expect(bytes[tensor.byteOffset..<half] == bytes[half..<end], "\(tensor.name)")
        }
    }

    @Test func `noise is relative and of the given size`() throws {
        let folder = try TemporaryFolder()
        let path = try Self.upcycled(Upcycling(expertCount: 64, noise: 0.1), in: folder)
        let bytes = try contents(path)
        var values: [Double] = []
        for tensor in try GGUFFile(path: path).tensors where tensor.name.contains("_exps") {
            for place in stride(
                from: tensor.byteOffset, to: tensor.byteOffset + tensor.byteCount, by: 4)
            {
                let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[place + $1]) << ($1 * 8) }
                values.append(Double(Float(bitPattern: bits)) / 0.5)
            }
        }
        let mean = values.reduce(0, +) / Double(values.count)
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
        #expect(values.count == 3 * 64 * 64)
        #expect(abs(mean - 1) < 0.005)
        #expect(abs(variance.squareRoot() - 0.1) < 0.005)
    }

    @Test func `the random numbers are the same in every version`() {
        var random = SplitMix64(seed: 1, stream: 2)
        // Worked out by a few lines of Python with whole numbers.
        #expect(random.next() == 12_017_601_128_915_079_454)
        #expect(random.nextGaussian() == -51_050.0 / 65_536)
    }

    @Test func `what cannot be upcycled is one clear line`() throws {
        let folder = try TemporaryFolder()
        let moe = try folder.write(RawGGUF.model(experts: 2).bytes(), to: "moe.gguf")
        try expectOneLineError(mentions: "already") {
            try Upcycling().run(from: moe, to: "\(folder.path)/x.gguf")
        }
        try expectOneLineError(mentions: "only GGUF") {
            try Upcycling().run(from: golden("mistral"), to: "\(folder.path)/x.gguf")
        }
        let dense = try folder.write(RawGGUF.model().bytes(), to: "dense.gguf")
        let packed = "\(folder.path)/packed"
        try Packing(try ModelFile.open(path: dense), using: ThreadPool(threadCount: 1))
            .run(to: packed)
        try expectOneLineError(mentions: "packed file") {
            try Upcycling().run(from: packed, to: "\(folder.path)/x.gguf")
        }
        for replaces in [false, true] {
            try expectOneLineError(mentions: "to be read") {
                try Upcycling().run(from: moe, to: moe, replaces: replaces)
            }
        }
        let other = try folder.write("other", to: "other")
        try expectOneLineError(mentions: "it exists") { try Upcycling().run(from: moe, to: other) }
        try expectOneLineError(mentions: "folder") {
            try Upcycling().run(from: moe, to: folder.path, replaces: true)
        }
        try expectOneLineError(mentions: "experts") { _ = try Upcycling(expertCount: 1) }
        try expectOneLineError(mentions: "top-k") { _ = try Upcycling(expertsPerToken: 9) }
        try expectOneLineError(mentions: "noise") { _ = try Upcycling(noise: .nan) }
        #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/x.gguf"))
    }
}
