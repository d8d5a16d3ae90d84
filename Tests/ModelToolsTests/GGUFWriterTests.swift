// SPDX-License-Identifier: Apache-2.0

import Foundation
import ModelFiles
import ModelTools
import Quantization
import TestSupport
import Testing

struct GGUFWriterTests {
    @Test(arguments: [32, 128])
    func `what is written is read back`(alignment: Int) throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/model.gguf"
        let metadata: GGUFMetadata = [
            "general.alignment": .uint32(UInt32(alignment)), "a": .uint8(1), "b": .int8(-1),
            "c": .uint16(2), "d": .int16(-2), "e": .uint32(3), "f": .int32(-3),
            "g": .uint64(.max), "h": .int64(.min), "i": .float32(0.1), "j": .float64(0.1),
            "k": .bool(true), "l": .string("naïve 🌬"),
            "m": .array(.array([.int16([1, -1]), .string(["x", ""]), .array([])])),
            "n": .array(.bool([true, false])), "o": .array(.float64([1, 2])),
            "p": .array(.uint64([1])), "q": .array(.int64([-1])), "r": .array(.uint8([1, 2])),
            "s": .array(.int8([-1])), "t": .array(.uint16([9])), "u": .array(.uint32([9])),
            "v": .array(.float32([0.5])), "w": .array(.int32([])),
        ]
        let first = [UInt8](0..<68)
        let second = [UInt8](100..<112)
        var writer = try GGUFWriter(
            OutputPath(path), metadata: metadata,
            tensors: [
                .init(name: "first", type: .q8_0, dimensions: [32, 2]),
                .init(name: "second", type: .f32, dimensions: [1, 1, 3]),
            ])
        try writer.write(Array(first[..<5]))
        try writer.write(Array(first[5...]))
        try writer.write(second)
        try writer.finish()

        let file = try GGUFFile(path: path)
        #expect(file.version == 3)
        #expect(file.alignment == alignment)
        #expect(file.metadata == metadata)
        #expect(file.tensors.map(\.name) == ["first", "second"])
        #expect(file.tensors.map(\.type) == [.q8_0, .f32])
        #expect(file.tensors.map(\.dimensions) == [[32, 2], [1, 1, 3]])
        let bytes = try contents(path)
        let ranges = file.tensors.map { $0.byteOffset..<$0.byteOffset + $0.byteCount }
        #expect(Array(bytes[ranges[0]]) == first)
        #expect(Array(bytes[ranges[1]]) == second)
        #expect(ranges.allSatisfy { $0.lowerBound % alignment == 0 })
    }

    @Test func `an unfinished file leaves nothing behind`() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/model.gguf"
        do {
            var writer = try GGUFWriter(
                OutputPath(path), metadata: [:],
                tensors: [.init(name: "x", type: .f32, dimensions: [2])])
            try writer.write([1, 2, 3])
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    @Test func `a file that cannot be created is one clear line`() throws {
        let folder = try TemporaryFolder()
        try expectOneLineError(mentions: "cannot create") {
            _ = try GGUFWriter(
                OutputPath("\(folder.path)/no/model.gguf"), metadata: [:], tensors: [])
        }
    }
}
