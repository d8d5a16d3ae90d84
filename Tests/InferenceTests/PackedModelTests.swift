// SPDX-License-Identifier: Apache-2.0

import Architectures
import Computation
import Foundation
import Inference
import ModelFiles
import ModelTools
import Parallelism
import Quantization
import TestSupport
import Testing

/// A packed file computes what the model computes that it was packed from.
struct PackedModelTests {
    @Test(
        arguments: [
            "mixtral-top2", "mixtral-top2.gguf", "llama3-tied", "llama3-tied.gguf", "qwen2-window",
            "qwen2-yarn.gguf", "qwen3-tied", "qwen3-tied.gguf", "qwen3moe-tied", "olmoe.gguf",
            "qwen2moe-dense-layers", "glm4moe.gguf", "minimax-m2", "ernie4moe-tied.gguf",
            "mellum", "mellum-yarn-tied.gguf", "deepseek-v3", "deepseek-v3.gguf",
            "deepseek-v2-old.gguf", "glm4moelite-groups", "mistral4", "mistral4.mistral",
            "mistral4-images", "gemma4", "gemma4.gguf", "gemma4-moe.gguf", "gemma4-borrowing",
            "gemma4-borrowing.gguf", "gemma4-apart.gguf",
        ])
    func `logits from a packed file are those of its source, bit for bit`(name: String) throws {
        try withFolder { folder in
            try expectSameLogits(try ModelFile.open(path: golden(name)), folder)
        }
    }

    @Test(arguments: [ElementType.q8_0, .bf16, .f16], ["mixtral-top2.gguf", "llama3-tied.gguf"])
    func `logits from panels in a file are those from panels in memory, bit for bit`(
        type: ElementType, name: String
    ) throws {
        try withFolder { folder in
            let path = "\(folder)/quantized.gguf"
            try quantize(golden(name), to: path, type)
            let source = try ModelFile.open(path: path)
            let packed = try expectSameLogits(source, folder)
            #expect(packed.tensors.layers[0].wo.layout == .panels)
        }
    }

    /// Llama's rows are reordered for GGUF, Qwen's are not.
    @Test(
        arguments: [
            "llama3-tied", "qwen2-yarn", "qwen2-yarn.gguf", "qwen3-tied", "qwen3moe-dense-layers",
            "qwen3moe-yarn", "olmoe-normalised", "qwen2moe", "qwen2moe-dense-layers", "glm4moe",
            "glm4moe.gguf", "glm4moe-groups", "glm4moe-unnormalised", "minimax-m2",
            "ernie4moe-tied", "ernie4moe-interval", "mellum", "mellum-yarn-tied", "deepseek-v3",
            "deepseek-v3-tied", "deepseek-v2", "deepseek-v2-old.gguf", "glm4moelite",
            "glm4moelite-groups", "mistral4", "mistral4-images", "mistral4-groups.mistral",
            "gemma4", "gemma4-moe", "gemma4-borrowing", "gemma4-apart", "gemma4-borrowing.gguf",
        ])
    func `logits from a GGUF file of f32 are those of its source`(name: String) throws {
        try withFolder { folder in
            let path = "\(folder)/written.gguf"
            let source = try ModelFile.open(path: golden(name))
            _ = try Quantizing(mix: .f32, threadCount: 1).run(
                source, to: path, vocabulary: ["tokenizer.ggml.model": .string("none")])
            let written = try ModelFile.open(path: path)
            let tokens: [Int32] = [1, 5, 9, 2, 7, 7, 3]
            let expected = try Running().logits(source.configuration, source.tensors, tokens)

            let found = try Running().logits(written.configuration, written.tensors, tokens)

            for (row, other) in zip(found, expected) {
                #expect(zip(row, other).allSatisfy { abs($0 - $1) < 1e-4 })
            }
        }
    }

    /// Packs `source` and compares; returns the packed model.
    @discardableResult
    private func expectSameLogits(_ source: ModelFile, _ folder: String) throws -> ModelFile {
        let path = "\(folder)/packed"
        try Packing(source, using: ThreadPool(threadCount: 2)).run(to: path)
        let packed = try ModelFile.open(path: path)
        #expect(packed.configuration == source.configuration)
        let tokens: [Int32] = [1, 5, 9, 2, 7, 7, 3]
        let running = Running(threadCount: 2)
        let expected = try running.logits(source.configuration, source.tensors, tokens)
        #expect(try running.logits(packed.configuration, packed.tensors, tokens) == expected)
        return packed
    }

    private func golden(_ name: String) throws -> String {
        let resources = try #require(Bundle.module.resourceURL)
        return resources.appending(path: "Goldens/tiny-models/\(name)").path
    }

    private func withFolder(_ body: (String) throws -> Void) throws {
        let url = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: url) }
        try body(url.path)
    }

    /// Writes an f32 GGUF model again, its matrices in `type` where their rows are whole blocks.
    private func quantize(_ source: String, to destination: String, _ type: ElementType) throws {
        let file = try GGUFFile(path: source)
        let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: source)))
        let tensors = file.tensors.map { tensor in
            let isMatrix =
                tensor.dimensions.count > 1 && !tensor.name.contains("gate_inp")
                && tensor.dimensions[0] % type.elementsPerBlock == 0
            return GGUFWriter.Tensor(
                name: tensor.name, type: isMatrix ? type : tensor.type,
                dimensions: tensor.dimensions)
        }
        var writer = try GGUFWriter(
            OutputPath(destination), metadata: file.metadata, tensors: tensors)
        for (old, new) in zip(file.tensors, tensors) {
            let content = Array(bytes[old.byteOffset..<old.byteOffset + old.byteCount])
            try writer.write(
                old.type == new.type ? content : new.type.encoded(old.type.decoded(content)))
        }
        try writer.finish()
    }
}
