// SPDX-License-Identifier: Apache-2.0

import Architectures
import Computation
import JSON
import ModelFiles
import ModelTools
import Parallelism
import Quantization
import TestSupport
import Testing

/// Weights of eight and four bits in safetensors; that answers are right is shown by the fixtures
/// `fp8-…` and `nvfp4-…` of GoldenTests.
struct QuantizedWeightsTests {
    private static let name = "model.layers.0.mlp.down_proj.weight"
    private static let fp8: JSONValue = ["quant_method": "fp8"]

    /// A dense model whose last matrix, of 8 rows and columns, is of codes with a scale.
    private static func raw(
        codes: [UInt8] = (0..<64).map { UInt8(0x20 + $0) }, scale: (name: String, shape: [Int]),
        value: Float = 0.5, saying quantization: JSONValue = fp8
    ) -> RawDirectory {
        var raw = RawDirectory.dense("LlamaForCausalLM")
        raw.config["quantization_config"] = quantization
        raw.tensors.removeLast()
        raw.add(name, "F8_E4M3", [8, 8], byteCount: 64)
        raw.tensors[raw.tensors.count - 1].bytes = codes
        raw.add(scale.name, scale.shape, value: value)
        return raw
    }

    private static func matrix(of model: ModelFile) -> WeightMatrix {
        let matrix = model.tensors.layers[0].experts[0].w2
        matrix.storage.bringIn(matrix.byteOffset..<matrix.byteOffset + matrix.byteCount)
        return matrix
    }

    private static let stem = "model.layers.0.mlp.down_proj"

    @Test(arguments: [
        ("weight_scale_inv", []), ("weight_scale_inv", [1, 1]), ("weight_scale", [1]),
        ("weight_scale", [8, 1]), ("weight_scale", [8]), ("qscale_weight", []),
    ])
    func `a scale may be of all, of rows or of blocks`(ending: String, shape: [Int]) throws {
        var raw = Self.raw(scale: ("\(Self.stem).\(ending)", shape))
        raw.add("\(Self.stem).input_scale", [], value: 7)
        raw.add("\(Self.stem).activation_scale", [], value: 7)
        let model = try raw.open()
        #expect(model.warnings.isEmpty)
        let matrix = Self.matrix(of: model)
        #expect(matrix.type == .bf16)
        // 0x38 is one.
        #expect(decodedRow(3, of: matrix)[0] == 0.5)
    }

    @Test func `blocks are as large as the configuration says`() throws {
        let said: JSONValue = ["quant_method": "fp8", "weight_block_size": [3, 8]]
        let scale = (name: Self.name + "_scale_inv", shape: [3, 1])
        var raw = Self.raw(
            codes: [UInt8](repeating: 0x38, count: 64), scale: scale, saying: said)
        raw.tensors[raw.tensors.count - 1].bytes =
            Float(1).bitPattern.bytes + Float(2).bitPattern.bytes + Float(3).bitPattern.bytes
        let matrix = Self.matrix(of: try raw.open())
        #expect((0..<8).map { decodedRow($0, of: matrix)[7] } == [1, 1, 1, 2, 2, 2, 3, 3])
    }

    @Test func `such a model is packed and quantised`() throws {
        let folder = try TemporaryFolder()
        let raw = Self.raw(scale: (Self.name + "_scale_inv", []))
        let source = try TemporaryFolder()
        try source.write(JSONValue.object(raw.config).serializedBytes(), to: "config.json")
        try source.write(raw.safetensors(), to: "model.safetensors")
        let model = try ModelFile.open(path: source.path)
        try model.verify()
        let rows = (0..<8).map { decodedRow($0, of: Self.matrix(of: model)) }
        #expect(model.elementTypes.contains { $0.type == .bf16 && $0.parameterCount == 64 })
        let packed = "\(folder.path)/packed"
        try Packing(model, using: ThreadPool(threadCount: 1)).run(to: packed)
        let opened = try ModelFile.open(path: packed)
        try opened.verify()
        #expect(opened.tensors.layers[0].experts[0].w2.byteCount >= 128)
        let written = "\(folder.path)/model.gguf"
        _ = try Quantizing(mix: .bf16, threadCount: 1).run(model, to: written)
        let again = Self.matrix(of: try ModelFile.open(path: written))
        #expect((0..<8).map { decodedRow($0, of: again) } == rows)
    }

    @Test func `a code that is no number is found`() throws {
        var codes = [UInt8](repeating: 0x38, count: 64)
        codes[20] = 0xFF
        try expectOneLineError(mentions: "down_proj.weight: element 20") {
            try Self.raw(codes: codes, scale: (Self.name + "_scale_inv", [])).open()
        }
    }

    @Test func `scales of another shape or that are no numbers are refused by name`() throws {
        for shape in [[2], [8, 8], [1, 8], [2, 1]] {
            try expectOneLineError(mentions: "down_proj.weight_scale_inv: expected shape [1, 1]") {
                try Self.raw(scale: (Self.name + "_scale_inv", shape)).open()
            }
        }
        try expectOneLineError(mentions: "down_proj.weight_scale: element 0 is nan") {
            try Self.raw(scale: (Self.name + "_scale", []), value: .nan).open()
        }
        try expectOneLineError(mentions: "down_proj.weight: element type F8_E4M3") {
            try Self.raw(scale: ("other.scale", [])).open()
        }
    }

    private static func packed(
        _ shape: [Int], scales: [Int], factor: Float
    ) -> RawDirectory {
        var raw = RawDirectory.dense("LlamaForCausalLM")
        raw.config["quantization_config"] = [
            "quant_method": "compressed-tensors", "format": "nvfp4-pack-quantized",
        ]
        raw.tensors.removeLast()
        raw.add(name + "_packed", "U8", shape, byteCount: shape.reduce(1, *))
        raw.add(name + "_scale", "F8_E4M3", scales, byteCount: scales.reduce(1, *))
        raw.add(name + "_global_scale", [1], value: factor)
        return raw
    }

    @Test(
        arguments: [
            ([8, 4], [8, 1], 1, "weight_packed: rows of 2 · 4 numbers"),
            ([8, 8], [8, 2], 1, "weight_scale: expected shape [8, 1], found [8, 2]"),
            ([8, 8], [8, 1], 0, "weight_global_scale: expected one number above 0"),
            ([8, 8], [8, 1], .infinity, "weight_global_scale: element 0"),
            ([8], [8], 1, "weight_packed: quantised, but no matrix"),
            ([8, 8], [8, 1], 1, "weight: expected shape [8, 8], found [8, 16]"),
        ] as [([Int], [Int], Float, String)])
    func `codes of four bits that do not fit together are refused by name`(
        shape: [Int], scales: [Int], factor: Float, mentions: String
    ) throws {
        try expectOneLineError(mentions: mentions) {
            try Self.packed(shape, scales: scales, factor: factor).open()
        }
    }

    @Test(
        arguments: [
            (["quant_method": "fp8", "fmt": "e5m2"], "(fp8) are not supported"),
            (
                ["quant_method": "fp8", "weight_block_size": [128]],
                "quantization_config.weight_block_size"
            ),
            (["quant_method": "fp8", "weight_block_size": [0, 1]], "expected two sizes"),
            (
                ["quant_method": "compressed-tensors", "format": "pack-quantized"],
                "(compressed-tensors, pack-quantized) are not supported"
            ),
            (["quant_method": "modelopt", "quant_algo": "W4A8"], "(modelopt, W4A8)"),
            ([:], "(unknown method)"),
        ] as [(JSONValue, String)])
    func `other ways to quantise are refused by name`(
        said: JSONValue, mentions: String
    ) throws {
        var raw = RawDirectory.model()
        raw.config["quantization_config"] = said
        try expectOneLineError(mentions: mentions) { try raw.open() }
    }
}
