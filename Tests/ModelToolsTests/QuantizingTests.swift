// SPDX-License-Identifier: Apache-2.0

import Architectures
import Computation
import Foundation
import ModelFiles
import ModelTools
import Quantization
import TestSupport
import Testing

struct QuantizingTests {
    /// Writes a random model, most of whose rows K-quants take: D 256, H 4, K 2, Dh 8, F 32, two
    /// layers.
    private static func source(
        in folder: TemporaryFolder, experts: Int? = nil, edit: (inout [Float]) -> Void = { _ in }
    ) throws -> String {
        var metadata: GGUFMetadata = [
            "general.architecture": .string("llama"), "general.name": .string("tiny"),
            "llama.embedding_length": .uint32(256), "llama.block_count": .uint32(2),
            "llama.attention.head_count": .uint32(4), "llama.attention.head_count_kv": .uint32(2),
            "llama.attention.key_length": .uint32(8), "llama.attention.value_length": .uint32(8),
            "llama.feed_forward_length": .uint32(32), "llama.context_length": .uint32(64),
            "llama.attention.layer_norm_rms_epsilon": .float32(1e-5),
            "tokenizer.ggml.tokens": .array(.string(["a", "b"])),
            "tokenizer.chat_template": .string("{{ messages }}"), "split.count": .uint16(1),
        ]
        if let experts {
            metadata["llama.expert_count"] = .uint32(UInt32(experts))
            metadata["llama.expert_used_count"] = .uint32(2)
        }
        var tensors: [GGUFWriter.Tensor] = []
        func add(_ name: String, _ dimensions: [Int]) {
            tensors.append(.init(name: name + ".weight", type: .f32, dimensions: dimensions))
        }
        add("token_embd", [256, 2])
        for layer in 0..<2 {
            for norm in ["attn_norm", "ffn_norm"] { add("blk.\(layer).\(norm)", [256]) }
            for (part, rows) in [("q", 32), ("k", 16), ("v", 16)] {
                add("blk.\(layer).attn_\(part)", [256, rows])
            }
            add("blk.\(layer).attn_output", [32, 256])
            if let experts { add("blk.\(layer).ffn_gate_inp", [256, experts]) }
            for (part, sizes) in [("gate", [256, 32]), ("down", [32, 256]), ("up", [256, 32])] {
                let name = "blk.\(layer).ffn_\(part)"
                if let experts { add(name + "_exps", sizes + [experts]) } else { add(name, sizes) }
            }
        }
        add("output_norm", [256])
        add("output", [256, 2])
        let path = "\(folder.path)/source.gguf"
        var writer = try GGUFWriter(
            OutputPath(path, replaces: true), metadata: metadata, tensors: tensors)
        var random = SplitMix64(seed: 5, stream: 0)
        for tensor in tensors {
            var values = (0..<tensor.dimensions.reduce(1, *)).map { _ in random.nextGaussian() }
            if tensor.name == "blk.1.attn_k.weight" { edit(&values) }
            try writer.write(ElementType.f32.encoded(values))
        }
        try writer.finish()
        return path
    }

    private static func quantized(
        _ source: String, _ mix: QuantizationMix, in folder: TemporaryFolder, threads: Int = 2,
        as name: String = "out.gguf"
    ) throws -> (path: String, report: QuantizationReport) {
        let path = "\(folder.path)/\(name)"
        let report = try Quantizing(mix: mix, threadCount: threads)
            .run(ModelFile.open(path: source), to: path)
        return (path, report)
    }

    @Test func `a quantised file is a sound model with the types of its mix`() throws {
        let folder = try TemporaryFolder()
        let source = try Self.source(in: folder)
        let (path, report) = try Self.quantized(source, .q4_K_M, in: folder)
        let model = try ModelFile.open(path: path)
        try model.verify()
        #expect(model.warnings.isEmpty)
        #expect(model.metadata["general.file_type"] == .uint32(15))
        #expect(model.metadata["general.quantization_version"] == .uint32(2))
        #expect(model.metadata["split.count"] == nil)
        #expect(model.chatTemplate == "{{ messages }}")
        let layers = model.tensors.layers
        #expect(model.tensors.output.type == .q6_K)
        #expect(model.tensors.tokenEmbedding.type == .q4_K)
        #expect(layers.map(\.wv.type) == [.q4_K, .q6_K])
        #expect(layers.map { $0.experts[0].w2.type } == [.q5_0, .q8_0])
        #expect(layers.map { $0.experts[0].w1.type } == [.q4_K, .q4_K])
        #expect(layers.map(\.wq.type) == [.q4_K, .q4_K])
        #expect(
            layers[0].attentionNorm
                == (try ModelFile.open(path: source)).tensors.layers[0].attentionNorm)
        #expect(report.rows.map(\.type) == [.q4_K, .q5_0, .q8_0, .f32, .q6_K])
        let row = try #require(report.rows.first)
        #expect(row.bitsPerWeight == 4.5)
        // What EncodingTests finds of such weights.
        #expect((0.065...0.075).contains(row.difference.relativeError))
        #expect(abs(1 - row.difference.cosine) < 0.004)
        #expect(row.worst.relativeError >= row.difference.relativeError)
        #expect(report.rows[3].difference.relativeError == 0)
    }

    @Test func `every mix makes a file that can be opened`() throws {
        let folder = try TemporaryFolder()
        let file = try RawGGUF.model().open()
        for mix in QuantizationMix.allCases {
            // Rows of 8 fit no block: F16 takes their place.
            let path = "\(folder.path)/\(mix.rawValue)"
            _ = try Quantizing(mix: mix, threadCount: 1).run(file, to: path)
            let model = try ModelFile.open(path: path)
            #expect(model.tensors.layers[0].wq.type.elementsPerBlock == 1, "\(mix)")
            #expect(QuantizationMix(name: mix.rawValue.lowercased()) == mix)
        }
        #expect(QuantizationMix(name: "Q5_K") == .q5_K_M)
        #expect(QuantizationMix(name: "Q9") == nil)
    }

    @Test func `a mixture keeps its router, and its experts stay in order`() throws {
        let folder = try TemporaryFolder()
        let source = try ModelFile.open(path: Self.source(in: folder, experts: 3))
        let (path, _) = try Self.quantized(source.path, .q8_0, in: folder)
        let model = try ModelFile.open(path: path)
        for (before, after) in zip(source.tensors.layers, model.tensors.layers) {
            #expect(after.router?.type == .f32)
            for (old, new) in zip(before.experts, after.experts) {
                let expected = Self.values(old.w2)
                let found = Self.values(new.w2)
                #expect(zip(expected, found).allSatisfy { abs($0.0 - $0.1) < 0.03 })
            }
        }
    }

    private static func values(_ matrix: WeightMatrix) -> [Float] {
        let bytes = matrix.storage.bytes
        return matrix.type.decoded(
            (matrix.byteOffset..<matrix.byteOffset + matrix.byteCount).map {
                unsafe bytes.unsafeLoad(fromByteOffset: $0, as: UInt8.self)
            })
    }

    @Test func `the number of threads does not show in the file`() throws {
        let folder = try TemporaryFolder()
        let source = try Self.source(in: folder)
        let one = try Self.quantized(source, .q5_0, in: folder, threads: 1, as: "1")
        let three = try Self.quantized(source, .q5_0, in: folder, threads: 3, as: "3")
        #expect(try contents(one.path) == contents(three.path))
    }

    @Test(arguments: ["mixtral", "mistral"])
    func `a folder becomes a file with the same weights in GGUF's order`(name: String) throws {
        let folder = try TemporaryFolder()
        let model = try ModelFile.open(path: golden(name))
        let path = "\(folder.path)/out.gguf"
        _ = try Quantizing(mix: .f32, threadCount: 1).run(
            model, to: path,
            vocabulary: ["tokenizer.ggml.model": .string("none")])
        let written = try ModelFile.open(path: path)
        try written.verify()
        #expect(written.warnings.isEmpty)
        var expected = model.configuration
        expected.architecture = "llama"
        expected.ropePairing = .adjacent
        #expect(written.configuration == expected)
        #expect(written.metadata["tokenizer.ggml.model"]?.stringValue == "none")
        let dimension = expected.headDimension
        for (before, after) in zip(model.tensors.layers, written.tensors.layers) {
            #expect(Self.values(before.wv) == Self.values(after.wv))
            #expect(
                Self.values(before.experts[1 % before.experts.count].w3)
                    == Self.values(after.experts[1 % after.experts.count].w3))
            let (halves, pairs) = (Self.values(before.wk), Self.values(after.wk))
            for row in 0..<before.wk.rowCount {
                let place = row % dimension
                let pair =
                    model.configuration.ropePairing == .adjacent
                    ? place
                    : place < dimension / 2 ? 2 * place : 2 * (place - dimension / 2) + 1
                let target = (row - place + pair) * expected.hiddenSize
                let start = row * expected.hiddenSize
                #expect(
                    halves[start..<start + expected.hiddenSize]
                        == pairs[target..<target + expected.hiddenSize])
            }
        }
    }

    @Test func `what cannot be quantised is one clear line, and nothing is left behind`() throws {
        let folder = try TemporaryFolder()
        let source = try Self.source(in: folder)
        func quantize(_ source: String, to name: String, _ mix: QuantizationMix = .q8_0) throws {
            _ = try Quantizing(mix: mix, threadCount: 1)
                .run(ModelFile.open(path: source), to: name)
        }
        try expectOneLineError(mentions: "to be read") { try quantize(source, to: source) }
        try expectOneLineError(mentions: "folder") { try quantize(source, to: folder.path) }
        try expectOneLineError(mentions: "cannot create") {
            try quantize(source, to: "\(folder.path)/none/out.gguf")
        }
        let q8 = "\(folder.path)/q8.gguf"
        try quantize(source, to: q8)
        try expectOneLineError(mentions: "it exists") { try quantize(source, to: q8) }
        try expectOneLineError(mentions: "quantised already (Q8_0)") {
            try quantize(q8, to: "\(folder.path)/x.gguf")
        }
        for (value, words) in [(Float.nan, "nan"), (-.infinity, "-inf")] {
            let broken = try Self.source(in: folder) { $0[1000] = value }
            try expectOneLineError(mentions: "blk.1.attn_k.weight: element 1000 is \(words)") {
                try quantize(broken, to: "\(folder.path)/x.gguf")
            }
        }
        let large = try Self.source(in: folder) { $0[7] = 1e6 }
        try expectOneLineError(mentions: "too large for F16") {
            try quantize(large, to: "\(folder.path)/x.gguf", .f16)
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(names.sorted() == ["q8.gguf", "source.gguf"])
    }

    @Test(arguments: [
        // Eight experts: attention in better types.
        (QuantizationMix.q4_K_M, TensorRole.key, 3, 4096, 8, ElementType.q8_0),
        (.q4_K_M, .value, 3, 4096, 8, .q8_0), (.q4_K_M, .attentionOutput, 3, 4096, 8, .q5_K),
        (.q4_K_M, .query, 3, 4096, 8, .q4_K), (.q4_K_M, .down, 3, 4096, 8, .q6_K),
        (.q4_K_M, .down, 4, 4096, 8, .q4_K), (.q4_K_M, .down, 6, 4096, 8, .q6_K),
        (.q4_K_M, .down, 28, 4096, 8, .q6_K), (.q4_K_M, .output, 0, 4096, 8, .q6_K),
        // Rows that are no whole number of 256.
        (.q4_K_M, .down, 4, 1440, 8, .q5_0), (.q4_K_M, .down, 0, 1440, 8, .q8_0),
        (.q5_K_S, .gate, 4, 1440, 8, .q5_1), (.q2_K, .up, 4, 1440, 8, .q4_0),
        (.iq4_XS, .up, 4, 1440, 8, .iq4_nl), (.q4_K_M, .output, 0, 1440, 8, .q8_0),
        (.q4_K_M, .up, 0, 1000, 8, .f16),
        // Dense models.
        (.q3_K_M, .value, 1, 4096, 0, .q5_K), (.q3_K_M, .down, 2, 4096, 0, .q4_K),
        (.q3_K_L, .attentionOutput, 2, 4096, 0, .q5_K), (.q2_K, .value, 9, 4096, 0, .q4_K),
        (.q8_0, .output, 0, 4096, 0, .q8_0), (.q4_0, .output, 0, 4096, 0, .q6_K),
        (.bf16, .output, 0, 4096, 0, .bf16),
        // Queries, keys and values of delta nets in one matrix.
        (.q4_K_M, TensorRole("delta wqkv"), 9, 2048, 256, .q6_K),
        (.q4_K_M, TensorRole("delta wqkv"), 10, 2048, 256, .q4_K),
        (.q3_K_M, TensorRole("delta wqkv"), 9, 2048, 256, .q4_K),
        (.q4_K_S, TensorRole("delta wqkv"), 3, 2048, 256, .q5_K),
        (.q4_K_M, TensorRole("delta wo"), 9, 4096, 256, .q4_K),
        // Experts only.
        (.mxfp4_MoE, .gate, 0, 4096, 8, .mxfp4), (.mxfp4_MoE, .down, 9, 2880, 32, .mxfp4),
        (.mxfp4_MoE, .query, 0, 4096, 8, .q8_0), (.mxfp4_MoE, .down, 0, 4096, 0, .q8_0),
        (.mxfp4_MoE, .output, 0, 4096, 8, .q8_0), (.mxfp4_MoE, .up, 0, 1000, 8, .f16),
    ])
    func `tensors have the types that people expect of a mix`(
        mix: QuantizationMix, role: TensorRole, layer: Int, columns: Int, experts: Int,
        expected: ElementType
    ) {
        let configuration = ModelConfiguration(
            architecture: "llama", hiddenSize: 4096, intermediateSize: 14336, layerCount: 32,
            headCount: 32, kvHeadCount: 8, headDimension: 128, vocabularySize: 32000,
            expertCount: experts == 0 ? nil : experts, expertsPerToken: experts == 0 ? nil : 2,
            contextLength: 4096, ropeTheta: 1e6, ropePairing: .adjacent, ropeDimensionCount: 128,
            rmsNormEpsilon: 1e-5)
        #expect(mix.type(of: role, layer: layer, columns: columns, in: configuration) == expected)
    }
}
