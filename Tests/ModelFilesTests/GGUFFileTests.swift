// SPDX-License-Identifier: Apache-2.0

import Computation
import ModelFiles
import Quantization
import TestSupport
import Testing

struct GGUFFileTests {
    @Test func `metadata of every type is read as the reference writer wrote it`() throws {
        let metadata = try GGUFFile(path: golden("moe.gguf")).metadata
        let expected: KeyValuePairs<String, GGUFValue> = [
            "test.uint8": .uint8(200), "test.int8": .int8(-100), "test.uint16": .uint16(60_000),
            "test.int16": .int16(-30_000), "test.uint32": .uint32(4_000_000_000),
            "test.int32": .int32(-2_000_000_000), "test.uint64": .uint64(1 << 63 + 5),
            "test.int64": .int64(-(1 << 62)), "test.float32": .float32(1.5),
            "test.float64": .float64(-2.25), "test.bool": .bool(true),
            "test.string": .string("naïve 🌬"), "test.strings": .array(.string(["a", "", "ß"])),
            "test.ints": .array(.int32([1, -2, 3])), "test.floats": .array(.float32([0.5, -1])),
            "test.bools": .array(.bool([true, false])),
        ]
        for (key, value) in expected {
            #expect(metadata[key] == value, "\(key)")
        }
        #expect(metadata.keys.first == "general.architecture")
        #expect(metadata["absent"] == nil)
    }

    @Test func `nested arrays are read`() throws {
        var raw = RawGGUF()
        raw.set("x", .nested(depth: 4))
        let file = try GGUFFile(mapping: AnonymousMemory(bytes: raw.bytes()))
        let innermost = GGUFArray.array([.array([.array([.uint8([7])])])])
        #expect(file.metadata["x"] == .array(innermost))
    }

    @Test func `version 2 reads as version 3`() throws {
        var raw = RawGGUF.model()
        raw.version = 2
        let file = try GGUFFile(mapping: AnonymousMemory(bytes: raw.bytes()))
        #expect(file.version == 2)
        #expect(file.tensors.count == raw.tensors.count)
    }

    @Test(arguments: [8, 64, 4096])
    func `alignment other than 32 is honoured`(alignment: Int) throws {
        var raw = RawGGUF.model()
        raw.alignment = alignment
        raw.set("general.alignment", .uint32(UInt32(alignment)))
        let model = try raw.open()
        try model.verify()
        #expect(model.tensors.outputNorm == [Float](repeating: 0.5, count: 8))
    }

    @Test func `a vocabulary of 128k tokens is read whole`() throws {
        var raw = RawGGUF()
        raw.set("tokenizer.ggml.tokens", .strings((0..<128_000).map { "token \($0)" }))
        let bytes = raw.bytes()
        let file = try GGUFFile(mapping: AnonymousMemory(bytes: bytes))
        #expect(file.metadata["tokenizer.ggml.tokens"]?.arrayValue?.count == 128_000)
    }
}
