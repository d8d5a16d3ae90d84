// SPDX-License-Identifier: Apache-2.0

import Architectures
import Computation
import ModelFiles
import ModelTools
import Parallelism
import Quantization
import TestSupport
import Testing

/// Element types that are read but never written.
struct ReadOnlyTypeTests {
    static let types = ElementType.allCases.filter { !$0.isEncodable }

    /// A dense model whose feed-forward matrices are of `type`, all their bytes the same.
    private static func write(
        _ type: ElementType, filledWith byte: UInt8, factors: [Float] = [],
        in folder: TemporaryFolder
    ) throws -> String {
        let path = "\(folder.path)/model.gguf"
        let width = 256
        let names = ["attn_q", "attn_k", "attn_v", "attn_output", "attn_norm", "ffn_norm"]
        var tensors = ["token_embd", "output", "output_norm"].map {
            GGUFWriter.Tensor(
                name: "\($0).weight", type: .f32,
                dimensions: $0 == "output_norm" ? [width] : [width, 4])
        }
        tensors += names.map {
            GGUFWriter.Tensor(
                name: "blk.0.\($0).weight", type: .f32,
                dimensions: $0.hasSuffix("norm") ? [width] : [width, width])
        }
        tensors += ["ffn_gate", "ffn_up", "ffn_down"].map {
            GGUFWriter.Tensor(
                name: "blk.0.\($0).weight", type: type, dimensions: [width, width])
        }
        if !factors.isEmpty {
            tensors.append(
                GGUFWriter.Tensor(
                    name: "blk.0.ffn_gate.scale", type: .f32, dimensions: [factors.count]))
        }
        var writer = try GGUFWriter(
            OutputPath(path, replaces: true),
            metadata: [
                "general.architecture": .string("llama"), "llama.embedding_length": .uint32(256),
                "llama.block_count": .uint32(1), "llama.feed_forward_length": .uint32(256),
                "llama.context_length": .uint32(64), "llama.attention.head_count": .uint32(2),
                "llama.attention.layer_norm_rms_epsilon": .float32(1e-5),
            ], tensors: tensors)
        for tensor in tensors {
            if tensor.name.hasSuffix(".scale") {
                try writer.write(ElementType.f32.encoded(factors))
                continue
            }
            let count = tensor.type.byteCount(elements: tensor.dimensions.reduce(1, *)) ?? 0
            try writer.write(
                [UInt8](repeating: tensor.type == type ? byte : 0, count: count))
        }
        try writer.finish()
        return path
    }

    @Test(arguments: types)
    func `a model of such a type opens, is sound and can be packed`(type: ElementType) throws {
        let folder = try TemporaryFolder()
        let model = try ModelFile.open(path: Self.write(type, filledWith: 0x21, in: folder))
        try model.verify()
        let matrix = model.tensors.layers[0].experts[0].w1
        #expect(matrix.type == type)
        #expect(model.elementTypes.contains { $0.type == type && $0.parameterCount == 196_608 })
        let packed = "\(folder.path)/packed"
        try Packing(model, using: ThreadPool(threadCount: 1)).run(to: packed)
        let opened = try ModelFile.open(path: packed)
        try opened.verify()
        let found = opened.tensors.layers[0].experts[0].w1
        #expect(found.type == matrix.packedType ?? type)
        #expect(found.byteCount == matrix.packedByteCount(as: matrix.packedType))
    }

    @discardableResult
    private static func gate(_ path: String) throws -> WeightMatrix {
        let matrix = try ModelFile.open(path: path).tensors.layers[0].experts[0].w1
        matrix.storage.bringIn(matrix.byteOffset..<matrix.byteOffset + matrix.byteCount)
        return matrix
    }

    @Test func `the factor of a matrix of NVFP4 is multiplied into it`() throws {
        let folder = try TemporaryFolder()
        let plain = try Self.gate(Self.write(.nvfp4, filledWith: 0x35, in: folder))
        #expect(plain.type == .nvfp4)
        let values = decodedRow(200, of: plain)
        let same = try Self.gate(Self.write(.nvfp4, filledWith: 0x35, factors: [1], in: folder))
        #expect(same.type == .nvfp4 && decodedRow(200, of: same) == values)
        let scaled = try Self.gate(Self.write(.nvfp4, filledWith: 0x35, factors: [0.3], in: folder))
        #expect(scaled.type == .bf16)
        let expected = ElementType.bf16.encoded(values.map { $0 * 0.3 })
        #expect(decodedRow(200, of: scaled) == ElementType.bf16.decoded(expected))
        #expect(values[0] != 0)
        try expectOneLineError(mentions: "blk.0.ffn_gate.scale: 2 factors") {
            try Self.gate(Self.write(.nvfp4, filledWith: 0x35, factors: [1, 2], in: folder))
        }
        try expectOneLineError(mentions: "blk.0.ffn_gate.scale: element 0") {
            try Self.gate(Self.write(.nvfp4, filledWith: 0x35, factors: [.nan], in: folder))
        }
    }

    @Test(arguments: types.filter { $0 != .nvfp4 })
    func `scales that are not finite are found`(type: ElementType) throws {
        let folder = try TemporaryFolder()
        let model = try ModelFile.open(path: Self.write(type, filledWith: 0xFF, in: folder))
        try expectOneLineError(mentions: "ffn_gate.weight: the scale of block 0") {
            try model.verify()
        }
    }

    @Test(arguments: [ElementType.iq1_m, .nvfp4])
    func `experts whose scales cannot be perturbed are not made`(type: ElementType) throws {
        let folder = try TemporaryFolder()
        let source = try Self.write(type, filledWith: 0x21, in: folder)
        try expectOneLineError(mentions: "cannot be perturbed") {
            try Upcycling().run(from: source, to: "\(folder.path)/upcycled.gguf")
        }
    }
}
