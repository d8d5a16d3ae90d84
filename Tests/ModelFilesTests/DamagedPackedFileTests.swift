// SPDX-License-Identifier: Apache-2.0

import Architectures
import Computation
import Foundation
import ModelFiles
import ModelTools
import Parallelism
import TestSupport
import Testing

/// Damaged packed files: each must be one clear line, never a trap.
struct DamagedPackedFileTests {
    /// A sound packed file of a mixture.
    private let sound: [UInt8]

    init() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/packed"
        let model = try RawGGUF.model(experts: 2).open(savedIn: folder)
        try Packing(model, using: ThreadPool(threadCount: 1)).run(to: path)
        sound = try contents(path)
        // The source goes with the folder, so these tests are about damage alone.
    }

    @Test func `the undamaged file opens`() throws {
        try openAndVerifyPacked(sound)
    }

    @Test func `a file cut short anywhere is one clear line`() throws {
        let headEnd = try #require(metadataEnd(sound))
        let lengths = Array(0..<200) + stride(from: 200, to: headEnd, by: 7)
        for length in lengths + [headEnd, headEnd + 1, sound.count - 4097] {
            try expectOneLineError { try openAndVerifyPacked(Array(sound[..<length])) }
        }
        try expectOneLineError(mentions: "truncated") {
            try openAndVerifyPacked(Array(sound[..<(sound.count - 1)]))
        }
        try expectOneLineError(mentions: "should have") { try openAndVerifyPacked(sound + [0]) }
        var short = Array(sound[..<(sound.count - 1)])
        short.replaceSubrange(16..<24, with: UInt64(short.count).bytes)
        sign(&short, metadataEnd: headEnd)
        try expectOneLineError(mentions: "norm.weight: its 32 bytes") {
            try openAndVerifyPacked(short)
        }
    }

    @Test func `every flipped byte of the header is found at open`() throws {
        let headEnd = try #require(metadataEnd(sound))
        var bytes = sound
        for place in stride(from: 0, to: headEnd, by: 3) {
            bytes[place] ^= 0x11
            try expectOneLineError { _ = try PackedFile(mapping: AnonymousMemory(bytes: bytes)) }
            bytes[place] ^= 0x11
        }
    }

    @Test func `a flipped byte of a tensor is found by verifying`() throws {
        let file = try PackedFile(mapping: AnonymousMemory(bytes: sound))
        var place = (try #require(metadataEnd(sound)) + 4095) / 4096 * 4096
        place += file.header.tensors[2].byteOffset + 5
        var bytes = sound
        bytes[place] ^= 1
        try expectOneLineError(mentions: "\(file.header.tensors[2].name): its bytes are damaged") {
            try openAndVerifyPacked(bytes)
        }
    }

    @Test(arguments: [
        ("\"rows\":6", "\"rows\":5", "do not hold 5 × 8"),
        ("\"rows\":6", "\"rows\":0", "tensors[0].rows"),
        ("\"rows\":6", "\"rows\":9223372036854775807", "tensors[0].rows"),
        ("\"rows\":6", "\"rows\":4294967296", "do not hold"),
        ("\"columns\":8", "\"columns\":-8", "tensors[0].columns"),
        ("\"offset\":4096", "\"offset\":64", "overlap"),
        ("\"offset\":0", "\"offset\":1", "multiple of 64"),
        ("\"offset\":0", "\"offset\":9223372036854775744", "past the end"),
        ("\"offset\":0", "\"offset\":-64", "tensors[0].offset"),
        ("\"type\":\"F32\"", "\"type\":\"F16\"", "do not hold"),
        ("\"type\":\"F32\"", "\"type\":\"F33\"", "F33"),
        ("\"layout\":\"rows\"", "\"layout\":\"tiles\"", "tiles"),
        ("\"layout\":\"rows\"", "\"layout\":\"panels\"", "as panels"),
        ("\"layout\":\"rows\",", "", "layout: missing"),
        ("tok_embeddings.weight", "tok_embedding.weights", "tok_embeddings.weight: missing"),
        ("layers.0.ffn_norm.weight", "layers.0.attention_norm.weight", "occurs twice"),
        ("\"name\":\"layers.0.ffn_norm.weight\"", "\"name\":\"\"", "0 bytes"),
        ("\"format\":\"gguf\"", "\"format\":\"zip\"", "zip"),
        ("\"format\":\"gguf\"", "\"format\":\"hugging-face\"", "config.json"),
        ("\"tied\":true", "\"tied\":1", "tied"),
        ("\"tied\":true", "\"tied\":false", "output.weight: missing"),
        ("\"name\":\"model.gguf\"", "\"name\":\"model.ggue\"", "model.gguf missing"),
        ("\"checksum\":\"", "\"checksum\":\"z", "checksum"),
        ("\"tensors\":[", "\"tensors\":[7,", "tensors[0]"),
        ("\"tensors\":[", "\"sensors\":[", "tensors: missing"),
        ("\"source\":{", "\"sauce\":{", "source: missing"),
        ("\"digest\":\"", "\"digest\":\"+", "digest"),
        ("{\"name\"", "[\"name\"", "not valid JSON"),
    ])
    func `a header with a right checksum and a wrong value is named`(
        old: String, new: String, mentions: String
    ) throws {
        let bytes = try #require(signed(sound, replacing: old, by: new))
        try expectOneLineError(mentions: mentions) { try openAndVerifyPacked(bytes) }
    }

    @Test(arguments: [
        (8, UInt64(2), 4, "reads 1"), (12, 99, 4, "layout 99"), (16, 1 << 40, 8, "truncated"),
        (24, .max, 8, "do not fit"), (24, 1 << 62, 8, "do not fit"), (32, .max, 8, "do not fit"),
        (32, 0, 8, "checksum"), (24, 0, 8, "checksum"), (48, 1, 8, "damaged"),
    ])
    func `a preamble with a right checksum and a wrong value is named`(
        offset: Int, value: UInt64, count: Int, mentions: String
    ) throws {
        var bytes = sound
        bytes.replaceSubrange(offset..<offset + count, with: value.bytes.prefix(count))
        bytes.replaceSubrange(56..<64, with: XXH64.of(Array(bytes[..<56])).bytes)
        try expectOneLineError(mentions: mentions) { try openAndVerifyPacked(bytes) }
    }

    @Test(arguments: 0..<4)
    func `random damage under right checksums never traps`(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        let headEnd = try #require(metadataEnd(sound))
        for _ in 0..<200 {
            var bytes = sound
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                bytes[Int.random(in: 64..<headEnd, using: &random)] =
                    Array("0919[]{}\",:-eE.\\u\u{7F}".utf8).randomElement(using: &random) ?? 0
            }
            sign(&bytes, metadataEnd: headEnd)
            do {
                try openAndVerifyPacked(bytes)
            } catch let error as ModelFileError {
                #expect(isOneLine(error))
            }
        }
    }
}

/// Opens `bytes` as a packed model and reads all of it.
private func openAndVerifyPacked(_ bytes: [UInt8]) throws {
    try ModelFile.open(packed: PackedFile(mapping: AnonymousMemory(bytes: bytes))).verify()
}

private func word(_ bytes: [UInt8], _ offset: Int) -> Int {
    bytes[offset..<offset + 8].reversed().reduce(0) { $0 << 8 | Int($1) }
}

/// Where the embedded files of a sound packed file end.
private func metadataEnd(_ bytes: [UInt8]) -> Int? {
    bytes.count < 64 ? nil : 64 + word(bytes, 24) + word(bytes, 32)
}

/// Puts right the checksums of header and preamble.
private func sign(_ bytes: inout [UInt8], metadataEnd: Int) {
    bytes.replaceSubrange(40..<48, with: XXH64.of(Array(bytes[64..<metadataEnd])).bytes)
    bytes.replaceSubrange(56..<64, with: XXH64.of(Array(bytes[..<56])).bytes)
}

/// A packed file with the first `old` of its header replaced, and sizes and checksums that fit; nil:
/// there is no such text.
private func signed(_ sound: [UInt8], replacing old: String, by new: String) -> [UInt8]? {
    guard let end = metadataEnd(sound) else { return nil }
    let headerEnd = 64 + word(sound, 24)
    let text = String(decoding: sound[64..<headerEnd], as: UTF8.self)
    guard let range = text.range(of: old) else { return nil }
    let header = Array(text.replacingCharacters(in: range, with: new).utf8)
    let metadata = header + sound[headerEnd..<end]
    let dataStart = (end + 4095) / 4096 * 4096
    let newStart = (64 + metadata.count + 4095) / 4096 * 4096
    var bytes = Array(sound[..<64]) + metadata
    bytes += [UInt8](repeating: 0, count: newStart - bytes.count) + sound[dataStart...]
    bytes.replaceSubrange(16..<24, with: UInt64(bytes.count).bytes)
    bytes.replaceSubrange(24..<32, with: UInt64(header.count).bytes)
    sign(&bytes, metadataEnd: 64 + metadata.count)
    return bytes
}
