// SPDX-License-Identifier: Apache-2.0

import JSON
import ModelFiles
import TestSupport
import Testing

/// Tensors that no product can read.
struct UnreadableTensorTests {
    @Test(
        arguments: [
            ("I64", [2], 16), ("BOOL", [2, 2], 4), ("F64", [1], 8), ("U8", [3], 3), ("I32", [1], 4),
            ("F8_E4M3", [5], 5), ("F8_E5M2", [5], 5), ("F4", [2, 4], 4), ("F32", [0], 0),
            ("BF16", [4, 0], 0), ("F32", [1, 1, 1, 1, 2], 8), ("Q1_X", [7], 3), ("C64", [], 8),
        ] as [(String, [Int], Int)])
    func `a tensor that the model does not need may have any type and shape`(
        dtype: String, shape: [Int], byteCount: Int
    ) throws {
        var raw = RawDirectory.model()
        raw.add("model.buffer", dtype, shape, byteCount: byteCount)
        #expect(
            try raw.open().warnings == ["tensor model.buffer not used by this architecture"])
    }

    @Test func `masks and positions within a layer do no harm`() throws {
        var raw = RawDirectory.model()
        raw.add("model.layers.0.self_attn.bias", "BOOL", [2, 2], byteCount: 4)
        raw.add("model.layers.0.self_attn.rotary_emb.inv_freq", "F64", [2], byteCount: 16)
        raw.add("model.layers.0.self_attn.k_scale", "F32", [], byteCount: 4)
        raw.add("model.layers.0.self_attn.attn.kv_scale", "F8_E4M3", [1], byteCount: 1)
        raw.add("model.layers.0.self_attn.rotary_emb.cos_cached", "F32", [4, 2], byteCount: 32)
        #expect(try raw.open().warnings.count == 1)
    }

    @Test(
        arguments: [
            ("I64", [2], 15, "do not hold"), ("BOOL", [2, 2], 5, "do not hold"),
            ("F4", [3], 2, "do not hold"), ("F8_E4M3", [1 << 62, 4], 4, "do not hold"),
            ("F64", [0], 8, "do not hold"),
        ] as [(String, [Int], Int, String)])
    func `its bytes are checked all the same`(
        dtype: String, shape: [Int], byteCount: Int, mentions: String
    ) throws {
        var raw = RawDirectory.model()
        raw.add("model.buffer", dtype, shape, byteCount: byteCount)
        try expectOneLineError(mentions: mentions) { try raw.open() }
    }

    @Test func `a bias of an unknown type would change the model`() throws {
        var raw = RawDirectory.model()
        raw.add("model.layers.0.self_attn.q_proj.bias", "F8_E4M3", [8], byteCount: 8)
        try expectOneLineError(mentions: "q_proj.bias") { try raw.open() }
    }

    @Test func `a tensor that the model needs names its type`() throws {
        var raw = RawDirectory.model()
        raw.tensors.removeLast()
        raw.add("lm_head.weight", "F8_E4M3", [6, 8], byteCount: 48)
        try expectOneLineError(mentions: "lm_head.weight: element type F8_E4M3") { try raw.open() }
    }

    @Test(
        arguments: [
            (27, [4], 32), (28, [4], 32), (24, [32], 32), (26, [2, 2], 16), (15, [256], 292),
            (9, [32], 36), (77, [32], 32), (31, [32], 18), (0, [8, 0], 0),
        ] as [(UInt32, [UInt64], Int)])
    func `a GGUF tensor that the model does not need may have any type`(
        type: UInt32, dimensions: [UInt64], byteCount: Int
    ) throws {
        var raw = RawGGUF.model()
        raw.tensors.insert(
            RawGGUF.Tensor(
                name: Array("v.buffer".utf8), dimensions: dimensions, type: type,
                bytes: [UInt8](repeating: 0, count: byteCount)), at: 2)
        #expect(try raw.open().warnings == ["tensor v.buffer not used by this architecture"])
    }

    @Test func `angles in a GGUF file of old do no harm`() throws {
        var raw = RawGGUF.model()
        raw.addTensor("blk.0.attn_rot_embd.weight", [4])
        #expect(try raw.open().warnings.isEmpty)
    }

    @Test func `a single number in a GGUF file has no dimensions`() throws {
        var raw = RawGGUF.model()
        raw.tensors.append(
            RawGGUF.Tensor(name: Array("v.scale".utf8), dimensions: [], bytes: [0, 0, 0, 0]))
        #expect(try raw.open().warnings == ["tensor v.scale not used by this architecture"])
    }

    @Test(arguments: ["output", "blk.0.attn_q", "token_embd"])
    func `a factor of a matrix is refused unless it is one`(matrix: String) throws {
        var raw = RawGGUF.model()
        raw.addTensor("\(matrix).scale", [1], value: 1)
        #expect(try raw.open().warnings.isEmpty)
        raw.removeTensor("\(matrix).scale")
        raw.addTensor("\(matrix).scale", [1], value: 0.5)
        try expectOneLineError(mentions: "\(matrix).scale") { _ = try raw.open() }
    }

    @Test func `factors of rope of another type are not passed over`() throws {
        var raw = RawGGUF.model()
        raw.tensors.append(
            RawGGUF.Tensor(
                name: Array("rope_freqs.weight".utf8), dimensions: [2], type: 28,
                bytes: [UInt8](repeating: 0, count: 16)))
        try expectOneLineError(mentions: "rope_freqs.weight: element type F64") {
            _ = try raw.open()
        }
    }
}
