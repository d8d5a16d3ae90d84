// SPDX-License-Identifier: Apache-2.0

import Architectures
import Computation
import Foundation
import ModelFiles
import ModelTools
import Parallelism
import TestSupport
import Testing

@Suite struct WeightsWatchTests {
    private let folder: TemporaryFolder
    private let path: String

    init() throws {
        folder = try TemporaryFolder()
        path = try folder.write(RawGGUF.model(experts: 2).bytes(), to: "model.gguf")
    }

    /// Writes into a file as `cp` does, which keeps the file itself.
    private func overwrite(_ bytes: [UInt8]) throws {
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.truncate(atOffset: 0)
        try handle.write(contentsOf: bytes)
        try handle.close()
    }

    private func touch() throws {
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 1)], ofItemAtPath: path)
    }

    @Test func `a file that is whole, touched, copied over itself or renamed is not lost`() throws {
        let bytes = try contents(path)
        let model = try ModelFile.open(path: path)
        let watch = WeightsWatch(model, files: model.tensors.files)
        watch.look()
        try touch()
        watch.look()
        try overwrite(bytes)
        watch.look()
        try Data([1]).write(to: URL(fileURLWithPath: path), options: .atomic)
        watch.look()
        #expect(watch.lost == nil)
        try model.checkIntact()
        try model.verify()
    }

    @Test func `a file that is cut short is lost before anybody reads it`() throws {
        let model = try ModelFile.open(path: path)
        let watch = WeightsWatch(model, files: model.tensors.files)
        try overwrite([1, 2, 3])
        watch.look()
        #expect(watch.lost?.path == path)
        try expectOneLineError(mentions: "cut short") { try model.checkIntact() }
    }

    @Test func `another model of the same size that is copied over it is noticed`() throws {
        let bytes = try contents(path)
        let model = try ModelFile.open(path: path)
        let watch = WeightsWatch(model, files: model.tensors.files)
        // The last bytes are a weight's.
        try overwrite(bytes.dropLast(64) + bytes.suffix(64).map { $0 ^ 1 })
        try touch()
        watch.look()
        #expect(watch.lost?.path == path)
    }

    @Test func `a check of all weights is an error where the file has become too short`() throws {
        let model = try ModelFile.open(path: path)
        try overwrite([])
        try expectOneLineError(mentions: "cut short") { try model.verify() }
    }

    @Test func `weights have a digest of their own, which packing keeps`() throws {
        let model = try ModelFile.open(path: path)
        let digest = model.weightsDigest()
        #expect(try ModelFile.open(path: path).weightsDigest() == digest)
        let packed = "\(folder.path)/model.cierzo"
        try Packing(model, using: ThreadPool(threadCount: 1)).run(to: packed)
        #expect(try ModelFile.open(path: packed).weightsDigest() == digest)

        let changed = try contents(path)
        try folder.write(
            changed.dropLast(64) + changed.suffix(64).map { $0 ^ 1 }, to: "changed.gguf")
        let other = try ModelFile.open(path: "\(folder.path)/changed.gguf")
        #expect(other.weightsDigest() != digest)
    }

    @Test(arguments: [QuantizationMix.f16, .bf16])
    func `two types of the same weights have two digests`(mix: QuantizationMix) throws {
        let model = try ModelFile.open(path: path)
        let output = "\(folder.path)/other.gguf"
        _ = try Quantizing(mix: mix, threadCount: 1).run(model, to: output)
        let other = try ModelFile.open(path: output)
        #expect(other.tensors.outputNorm == model.tensors.outputNorm)
        #expect(other.weightsDigest() != model.weightsDigest())
    }
}
