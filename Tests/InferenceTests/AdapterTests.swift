// SPDX-License-Identifier: Apache-2.0

import Architectures
import Computation
import Foundation
import Inference
import ModelFiles
import Parallelism
import TestSupport
import Testing

/// LoRA adapters of tiny models.
///
/// The fixtures are those of scripts/goldens/make-adapter-goldens.py.
@Suite struct AdapterTests {
    /// What make-adapter-goldens.py writes about an adapter.
    private struct Expectation: Decodable {
        let model: String
        let prompt: [Int32]
        let promptLogprobs: [Double]
        let greedy: [Int32]
    }

    private static let goldens = Bundle.module.bundleURL.appending(path: "Goldens")
    private static let folder = goldens.appending(path: "tiny-adapters")

    private static let names: [String] = {
        let files = try? FileManager.default.contentsOfDirectory(atPath: folder.path)
        return (files ?? []).filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }
            .sorted()
    }()

    @Test func `there are fixtures`() {
        #expect(Self.names.count >= 7)
    }

    /// Of either format, for a model of either: rows of queries and keys stand in another order in
    /// GGUF files of Llama's.
    @Test(arguments: names, [("", ""), ("", ".gguf"), (".gguf", ""), (".gguf", ".gguf")])
    func `logprobs and greedy tokens are those of PEFT`(
        name: String, suffixes: (model: String, adapter: String)
    ) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let expected = try decoder.decode(
            Expectation.self, from: Data(contentsOf: Self.folder.appending(path: name + ".json")))
        let file = try ModelFile.open(
            path: Self.goldens.appending(path: "tiny-models/\(expected.model)\(suffixes.model)")
                .path)
        let adapter = AppliedAdapter(
            try AdapterFile.open(
                path: Self.folder.appending(path: name + suffixes.adapter).path,
                for: AdapterBase(file)))
        let transformer = try Transformer(
            configuration: file.configuration, tensors: file.tensors,
            compute: Compute(pool: ThreadPool(threadCount: 2)),
            limits: TransformerLimits(
                maxBatchTokens: 64, blockCount: 8, positionsPerBlock: 32, maxLogitsRows: 64,
                kvElementType: .f32))
        func forward(_ tokens: ArraySlice<Int32>, _ rows: LogitsRows) throws -> FloatBuffer {
            let batch = ForwardBatch(
                tokens: Array(tokens),
                slices: [
                    SequenceSlice(
                        firstToken: 0, tokenCount: tokens.count,
                        startPosition: tokens.startIndex, blockTable: (0..<8).map { $0 },
                        logitsRows: rows, adapter: adapter)
                ])
            try transformer.validate(batch)
            return transformer.forward(batch)
        }

        var tokens = expected.prompt
        var differences: [Double] = []
        for start in stride(from: 0, to: tokens.count, by: 40) {
            let chunk = tokens[start..<min(start + 40, tokens.count)]
            let logits = try forward(chunk, .all)
            for row in 0..<chunk.count where start + row + 1 < tokens.count {
                let values = logits.values(row: row).map { Double($0) }
                let top = values.max() ?? 0
                let sum = values.reduce(0) { $0 + exp($1 - top) }
                let logprob = values[Int(tokens[start + row + 1])] - top - log(sum)
                differences.append(abs(logprob - expected.promptLogprobs[start + row]))
            }
        }
        for _ in expected.greedy {
            let values = try forward(tokens.suffix(1), .last).values(row: 0)
            tokens.append(Int32(values.indices.reduce(0) { values[$1] > values[$0] ? $1 : $0 }))
        }

        #expect(differences.count == expected.promptLogprobs.count)
        #expect(differences.max() ?? 1 < 1e-4)
        #expect(Array(tokens[expected.prompt.count...]) == expected.greedy)
    }

    /// What a block declares is what it asks of a step: an adapter of anything else is refused when
    /// it is read, and one of what is declared is added.
    @Test(arguments: TinyShape.allCases)
    func `adapters may add to what the forward pass asks for`(shape: TinyShape) throws {
        let model = shape.model
        let transformer = try Transformer(
            configuration: model.configuration, tensors: model.tensors,
            compute: Compute(pool: ThreadPool(threadCount: 1)),
            limits: TransformerLimits(
                maxBatchTokens: 1, blockCount: 1, positionsPerBlock: 16, maxLogitsRows: 1))
        let schema = Architecture.of(model.configuration).schema

        for (tensor, layer, _) in schema.tensors(of: model.configuration) {
            #expect(
                transformer.isAdaptable(tensor.role, layer: layer) == tensor.isAdaptable,
                "\(tensor.role), layer \(layer ?? -1)")
        }
    }

    // MARK: Several at once

    private static let kernels = [KernelChoice.scalar, .avx2, .avx512, .blas, .exact].filter(
        \.isAvailable)

    /// Sequences of two adapters, of one of them with another factor, and of none, in one batch.
    @Test(arguments: kernels, TinyShape.allCases)
    func `adapters mixed in one batch equal adapters alone, bit for bit`(
        kernels: KernelChoice, shape: TinyShape
    ) throws {
        let model = shape.model
        let tokens = model.tokens(60, seed: 11)
        let neighbours = [50, 7, 33, 20].map { model.tokens($0, seed: UInt64($0)) }
        let one = AppliedAdapter(try RandomAdapter.make(for: model.configuration, seed: 1))
        let other = AppliedAdapter(
            try RandomAdapter.make(
                for: model.configuration, rank: 17, seed: 2,
                roles: [.query, .value, .down, .attentionOutput]))
        let weaker = AppliedAdapter(one.adapter, scale: 0.5)
        let all = [nil, one, other, weaker]
        func logits(_ running: Running) throws -> [[Float]] {
            try running.logits(model.configuration, model.tensors, tokens)
        }
        let alone = try all.map { adapter in
            try logits(Running(kernels: kernels, adapters: [adapter]))
        }
        #expect(Set(alone.map { $0.flatMap { $0 } }).count == 4)
        let plain = try logits(Running(kernels: kernels))
        #expect(alone[0] == plain)

        for (index, adapter) in all.enumerated() {
            for var running in [
                Running(chunks: [1], neighbours: neighbours),
                Running(threadCount: 2, chunks: [9, 1, 40], blockStep: 5, neighbours: neighbours),
                Running(
                    threadCount: 3, positionsPerBlock: 32, chunks: [60], neighbours: neighbours),
            ] {
                running.kernels = kernels
                running.adapters = [adapter, one, other, nil, weaker]
                #expect(try logits(running) == alone[index], "\(running.testDescription)")
            }
        }
    }

    @Test(arguments: [KernelChoice.avx2, .avx512].filter(\.isAvailable))
    func `every instruction set adds the same bits`(kernels: KernelChoice) throws {
        for shape in TinyShape.allCases {
            let model = shape.model
            let tokens = model.tokens(40, seed: 3)
            let adapter = AppliedAdapter(
                try RandomAdapter.make(for: model.configuration, rank: 5, seed: 9))
            func logits(_ kernels: KernelChoice) throws -> [[Float]] {
                try Running(kernels: kernels, adapters: [adapter]).logits(
                    model.configuration, model.tensors, tokens)
            }

            #expect(try logits(kernels) == logits(.scalar), "\(shape)")
        }
    }

    @Test func `an adapter of factor 0 changes nothing`() throws {
        let model = TinyShape.mixtral.model
        let tokens = model.tokens(40, seed: 3)
        let adapter = AppliedAdapter(
            try RandomAdapter.make(for: model.configuration, seed: 9), scale: 0)
        let expected = try Running().logits(model.configuration, model.tensors, tokens)

        let found = try Running(adapters: [adapter]).logits(
            model.configuration, model.tensors, tokens)

        #expect(found == expected)
    }
}
