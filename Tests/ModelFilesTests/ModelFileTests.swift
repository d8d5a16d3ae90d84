// SPDX-License-Identifier: Apache-2.0

import Architectures
import Computation
import Foundation
import JSON
import ModelFiles
import ModelTools
import Parallelism
import Quantization
import Synchronization
import TestSupport
import Testing

struct ModelFileTests {
    @Test func `a GGUF mixture opens as the reference writer wrote it`() throws {
        let model = try ModelFile.open(path: golden("moe.gguf"))
        try model.verify()
        #expect(
            model.configuration
                == ModelConfiguration(
                    architecture: "llama", hiddenSize: 32, intermediateSize: 32, layerCount: 2,
                    headCount: 2, kvHeadCount: 1, headDimension: 16, vocabularySize: 24,
                    expertCount: 3, expertsPerToken: 2, contextLength: 64, ropeTheta: 10_000,
                    ropePairing: .adjacent, ropeDimensionCount: 16, rmsNormEpsilon: 1e-5,
                    slidingWindow: 32))
        #expect(model.name == "tiny mixture")
        #expect(model.chatTemplate == "{{ messages[0].content }}")
        #expect(model.endTokenIDs == [2])
        #expect(model.warnings.isEmpty)
        let layer = model.tensors.layers[1]
        #expect(layer.wq.type == .q4_0)
        #expect(layer.experts.map(\.w1.type) == [.q4_1, .q4_1, .q4_1])
        #expect(model.tensors.output.type == .f32)
        // Counted by hand: 2·24·32 + 32 + 2·(2·32 + 3·32 + 2·32·32 + 2·16·32 + 9·32·32).
        #expect(model.parameterCount == 26_464)
    }

    @Test(arguments: [
        ("mixtral", ElementType.bf16, RopePairing.halves, 3 as Int?, nil as Int?),
        ("mistral", .f32, .halves, nil, 16),
    ])
    func `a folder written by transformers opens`(
        name: String, type: ElementType, pairing: RopePairing, experts: Int?, window: Int?
    ) throws {
        let model = try ModelFile.open(path: golden(name))
        try model.verify()
        let configuration = model.configuration
        #expect(configuration.hiddenSize == 16)
        #expect(configuration.headDimension == 8)
        #expect(configuration.expertCount == experts)
        #expect(configuration.slidingWindow == window)
        #expect(configuration.ropePairing == pairing)
        #expect(configuration.ropeTheta == (experts == nil ? 10_000 : 500_000))
        #expect(configuration.rmsNormEpsilon == (experts == nil ? 1e-6 : 1e-5))
        #expect(model.tensors.layers.count == 2)
        #expect(model.tensors.layers[0].wq.type == type)
        #expect(model.tensors.layers[0].experts.count == experts ?? 1)
        #expect(model.endTokenIDs == [2])
        #expect(model.name == name)
        #expect(model.warnings.isEmpty)
        // Mistral's head is tied: the same bytes.
        let isTied = model.tensors.output.byteOffset == model.tensors.tokenEmbedding.byteOffset
        #expect(isTied == (name == "mistral"))
    }

    @Test(arguments: ["moe.gguf", "mixtral", "mistral"])
    func `every tensor has the bytes that its writer gave it`(name: String) throws {
        let text = try contents(golden("expected.json"))
        let all = try #require(JSONParser.parse(text)[name]?.objectValue)
        let matrices = Self.matrices(of: try ModelFile.open(path: golden(name)), name: name)
        for (tensor, matrix) in matrices {
            let entry = try #require(all[tensor])
            let shape = try #require(entry["shape"]?.arrayValue).compactMap(\.intValue)
            let type = try #require(entry["type"]?.stringValue)
            #expect(matrix.columnCount == shape.last)
            #expect(matrix.type.name.hasPrefix(Self.typeNames[type] ?? type))
            let end = matrix.byteOffset + matrix.byteCount
            let row = try contents(matrix.storage.path)[end - matrix.bytesPerRow..<end]
            #expect(entry["last"]?.stringValue == hexadecimal(row), "\(tensor)")
        }
    }

    private static let typeNames = ["float32": "F32", "bfloat16": "BF16"]

    private func hexadecimal(_ bytes: ArraySlice<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// The last matrix of each of some tensors.
    private static func matrices(
        of model: ModelFile, name: String
    ) -> [(String, WeightMatrix)] {
        let layer = model.tensors.layers[1]
        let last = layer.experts[layer.experts.count - 1]
        switch name {
        case "moe.gguf":
            return [
                ("token_embd.weight", model.tensors.tokenEmbedding),
                ("output.weight", model.tensors.output), ("blk.1.attn_q.weight", layer.wq),
                ("blk.1.attn_k.weight", layer.wk), ("blk.1.attn_v.weight", layer.wv),
                ("blk.1.attn_output.weight", layer.wo), ("blk.1.ffn_gate_exps.weight", last.w1),
                ("blk.1.ffn_down_exps.weight", last.w2), ("blk.1.ffn_up_exps.weight", last.w3),
            ]
        case "mixtral":
            let stem = "model.layers.1.block_sparse_moe.experts.2."
            return [
                ("lm_head.weight", model.tensors.output),
                ("model.layers.1.self_attn.q_proj.weight", layer.wq),
                (stem + "w1.weight", last.w1), (stem + "w2.weight", last.w2),
                (stem + "w3.weight", last.w3),
            ]
        default:
            return [
                ("model.embed_tokens.weight", model.tensors.output),
                ("model.layers.1.self_attn.o_proj.weight", layer.wo),
                ("model.layers.1.mlp.gate_proj.weight", last.w1),
                ("model.layers.1.mlp.down_proj.weight", last.w2),
                ("model.layers.1.mlp.up_proj.weight", last.w3),
            ]
        }
    }

    @Test func `experts come in their order, stacked or one by one`() throws {
        let model = try RawGGUF.model(experts: 3, stacked: false).open()
        let experts = model.tensors.layers[0].experts
        #expect(experts.map { decodedRow(0, of: $0.w2)[0] } == [0, 1, 2])
        let stacked = try RawGGUF.model(experts: 3).open().tensors.layers[0].experts
        #expect(stacked[1].w1.byteOffset - stacked[0].w1.byteOffset == 256)
    }

    @Test func `a tensor that nothing uses is a warning`() throws {
        var raw = RawGGUF.model()
        raw.addTensor("v.patch_embd", [8])
        raw.addTensor("w.patch_embd", [8])
        #expect(
            try raw.open().warnings == [
                "tensor v.patch_embd and 1 others not used by this architecture"
            ])
    }

    @Test func `infinite scales of blocks are found`() throws {
        let folder = try TemporaryFolder()
        var bytes = try contents(golden("moe.gguf"))
        let embedding = try #require(
            GGUFFile(path: golden("moe.gguf")).tensors.first { $0.name == "token_embd.weight" })
        #expect(embedding.type == .q8_0)
        bytes[embedding.byteOffset + 3 * 34 + 1] = 0x7C
        let path = try folder.write(bytes, to: "model.gguf")
        let model = try ModelFile.open(path: path)
        try expectOneLineError(mentions: "token_embd.weight: the scale of block 3") {
            try model.verify()
        }
    }

    @Test(arguments: [false, true])
    func `a check of all weights tells its share as it goes`(isPacked: Bool) throws {
        let folder = try TemporaryFolder()
        var model = try ModelFile.open(path: golden("moe.gguf"))
        if isPacked {
            let packed = "\(folder.path)/model.cierzo"
            try Packing(model, using: ThreadPool(threadCount: 1)).run(to: packed)
            model = try ModelFile.open(path: packed)
        }
        let shares = Mutex<Set<Double>>([])
        try model.verify { share in shares.withLock { _ = $0.insert(share) } }
        let told = shares.withLock { $0.sorted() }
        #expect(told.count > 10)
        #expect(told.first ?? 0 > 0)
        #expect(told.last == 1)
    }

    @Test(arguments: [
        ("no such file", "/nonexistent/model.gguf"), ("not a path", ""),
        ("not a regular file", "/dev/null"), ("no such file", "/nonexistent/\n\u{1B}[31m"),
    ])
    func `a path that is no model is one clear line`(mentions: String, path: String) throws {
        try expectOneLineError(mentions: mentions) { _ = try ModelFile.open(path: path) }
    }

    @Test(arguments: [
        ("empty", "a.gguf", ""),
        ("git-lfs", "a.gguf", "version https://git-lfs.github.com/spec/v1"),
        ("GGUF", "a.gguf", "not a model"), ("PyTorch", "a.bin", "PK\u{3}\u{4}"),
        ("folder", "a.safetensors", "x"), ("left", "a.gguf", "GGUF"),
    ])
    func `a file that is no model is one clear line`(
        mentions: String, name: String, content: String
    ) throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(content, to: name)
        try expectOneLineError(mentions: mentions) { _ = try ModelFile.open(path: path) }
    }

    @Test func `a folder with a GGUF file says so`() throws {
        let folder = try TemporaryFolder()
        try expectOneLineError(mentions: "config.json") {
            _ = try ModelFile.open(path: folder.path)
        }
        try folder.write("", to: "model.gguf")
        try expectOneLineError(mentions: "did you mean") {
            _ = try ModelFile.open(path: folder.path)
        }
    }

    @Test func `chat templates come from wherever the folder has them`() throws {
        var raw = RawDirectory.model()
        #expect(try raw.open().chatTemplate == nil)
        raw.files["tokenizer_config.json"] = Array("{\"chat_template\":\"one\"}".utf8)
        #expect(try raw.open().chatTemplate == "one")
        raw.files["tokenizer_config.json"] = Array(
            """
            {"chat_template":[{"name":"default","template":"two"},
            {"name":"tool_use","template":"tools"}]}
            """.utf8)
        #expect(try raw.open().chatTemplates == ["default": "two", "tool_use": "tools"])
        #expect(try raw.open().chatTemplateSource == "tokenizer_config.json")
        raw.files["chat_template.json"] = Array(#"{"chat_template":"2½"}"#.utf8)
        #expect(try raw.open().chatTemplates == ["default": "2½"])
        #expect(try raw.open().chatTemplateSource == "chat_template.json")
        raw.files["chat_template.jinja"] = Array("three".utf8)
        #expect(try raw.open().chatTemplates == ["default": "three"])
        #expect(try raw.open().chatTemplateSource == "chat_template.jinja")
    }

    @Test func `additional_chat_templates are named after their files`() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/model"
        try FileManager.default.copyItem(atPath: golden("mixtral"), toPath: path)
        try FileManager.default.createDirectory(
            atPath: path + "/additional_chat_templates", withIntermediateDirectories: true)
        try folder.write("one", to: "model/chat_template.jinja")
        try folder.write("tools", to: "model/additional_chat_templates/tool_use.jinja")
        try folder.write("no", to: "model/additional_chat_templates/README")
        let model = try ModelFile.open(path: path)
        #expect(model.chatTemplates == ["default": "one", "tool_use": "tools"])
        let packed = folder.path + "/packed.cierzo"
        try Packing(model, using: ThreadPool(threadCount: 1)).run(to: packed)
        #expect(try ModelFile.open(path: packed).chatTemplates == model.chatTemplates)
    }

    @Test func `ends of generation come from generation_config, then config`() throws {
        var raw = RawDirectory.model()
        raw.config["eos_token_id"] = 3
        #expect(try raw.open().endTokenIDs == [3])
        raw.files["generation_config.json"] = Array("{\"eos_token_id\":[1,2]}".utf8)
        #expect(try raw.open().endTokenIDs == [1, 2])
    }

    @Test(arguments: [6, 32_000, -1])
    func `an end beyond the vocabulary is a warning that names the file`(id: Int) throws {
        var raw = RawDirectory.model()
        raw.config["eos_token_id"] = .array([.integer(id), 2])
        let model = try raw.open()
        #expect(model.endTokenIDs == [2])
        #expect(model.warnings.count == 1 && model.warnings[0].contains("eos_token_id \(id)"))
        raw.files["generation_config.json"] = Array("{\"eos_token_id\":\(id)}".utf8)
        #expect(try raw.open().warnings.first?.contains("generation_config.json") == true)
    }

    @Test func `an end beyond a GGUF's vocabulary is a warning`() throws {
        var raw = RawGGUF.model()
        raw.set("tokenizer.ggml.eos_token_id", .uint32(6))
        let model = try raw.open()
        #expect(model.endTokenIDs == [])
        #expect(model.warnings.contains { $0.contains("eos_token_id 6") })
    }

    @Test func `tokens that were added to a GGUF without rows do no harm`() throws {
        var raw = RawGGUF.model()
        raw.set("tokenizer.ggml.tokens", .strings((0..<8).map { "\($0)" }))
        raw.set("tokenizer.ggml.token_type", .int32s([1, 1, 1, 1, 1, 1, 4, 3]))
        #expect(try raw.open().configuration.vocabularySize == 6)
        raw.set("tokenizer.ggml.token_type", .int32s([1, 1, 1, 1, 1, 1, 4, 1]))
        #expect(throws: ModelFileError.self) { try raw.open() }
    }

    @Test func `a model split into parts opens by its first`() throws {
        let folder = try TemporaryFolder()
        var first = RawGGUF.model()
        var second = RawGGUF()
        second.tensors = Array(first.tensors[5...])
        first.tensors.removeLast(first.tensors.count - 5)
        for (index, raw) in [first, second].enumerated() {
            var part = raw
            part.set("split.no", .uint32(UInt32(index)))
            part.set("split.count", .uint32(2))
            try folder.write(part.bytes(), to: "m-0000\(index + 1)-of-00002.gguf")
        }
        let model = try ModelFile.open(path: "\(folder.path)/m-00001-of-00002.gguf")
        #expect(model.tensors.layers.count == 1)
    }

    @Test func `Mistral's own folders open`() throws {
        let folder = try TemporaryFolder()
        let raw = RawDirectory.mistral()
        try folder.write(JSONValue.object(raw.config).serializedBytes(), to: "params.json")
        try folder.write(raw.safetensors(), to: "consolidated.safetensors")
        let configuration = try ModelFile.open(path: folder.path).configuration
        #expect(configuration.architecture == "mixtral")
        #expect(configuration.ropePairing == .adjacent)
        #expect(configuration.ropeTheta == 1e6)
        #expect(configuration.expertsPerToken == 2)
    }
}

/// A row of a matrix as floats.
func decodedRow(_ index: Int, of matrix: WeightMatrix) -> [Float] {
    let buffer = FloatBuffer(rowCount: 1, columnCount: matrix.columnCount)
    let compute = Compute(pool: ThreadPool(threadCount: 1), kernels: .scalar)
    compute.embed([Int32(index)].span, matrix, into: buffer)
    let row = buffer.row(0)
    return row.indices.map { row[$0] }
}
