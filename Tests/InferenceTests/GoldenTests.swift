// SPDX-License-Identifier: Apache-2.0

import Architectures
import Computation
import Foundation
import Inference
import ModelFiles
import Parallelism
import Testing

/// Tiny models from files, against transformers in float32.
///
/// The fixtures are those of scripts/goldens/make-tiny-models.py; another folder of its making may
/// be named by the environment variable CIERZO_TINY_MODELS.
@Suite struct GoldenTests {
    /// What make-tiny-models.py writes about a model.
    private struct Expectation: Decodable {
        let prompt: [Int32]
        let promptLogprobs: [Double]
        let greedy: [Int32]
    }

    private static let folder: URL =
        ProcessInfo.processInfo.environment["CIERZO_TINY_MODELS"].map { URL(filePath: $0) }
        ?? Bundle.module.bundleURL.appending(path: "Goldens/tiny-models")

    private static let names: [String] = {
        let files = try? FileManager.default.contentsOfDirectory(atPath: folder.path)
        return (files ?? []).filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }
            .sorted()
    }()

    /// Each model as a folder of Hugging Face's and as a GGUF file, and where there is one, as a
    /// folder of Mistral's own.
    private static let files: [(name: String, suffix: String)] = names.flatMap { name in
        let own = FileManager.default.fileExists(
            atPath: folder.appending(path: name + ".mistral").path)
        return (["", ".gguf"] + (own ? [".mistral"] : [])).map { (name, $0) }
    }

    @Test func `there are fixtures`() {
        #expect(!Self.names.isEmpty)
    }

    @Test(arguments: files)
    func `logprobs and greedy tokens are those of transformers`(
        name: String, suffix: String
    ) throws {
        let expected = try expectation(of: name)
        let file = try ModelFile.open(path: Self.folder.appending(path: name + suffix).path)
        let transformer = try Transformer(
            configuration: file.configuration, tensors: file.tensors,
            compute: Compute(pool: ThreadPool(threadCount: 2)),
            limits: TransformerLimits(
                maxBatchTokens: 256, blockCount: 32, positionsPerBlock: 32, maxLogitsRows: 256,
                kvElementType: .f32))

        let (logprobs, first) = try promptLogprobs(of: expected.prompt, by: transformer)
        let greedy = try greedyTokens(
            expected.greedy.count, from: first, after: expected.prompt.count, by: transformer)

        let largest = zip(logprobs, expected.promptLogprobs).reduce(0) { max($0, abs($1.0 - $1.1)) }
        #expect(logprobs.count == expected.promptLogprobs.count)
        #expect(largest < 1e-4)
        #expect(greedy == expected.greedy)
        if ProcessInfo.processInfo.environment["CIERZO_TINY_MODELS"] != nil {
            print("golden \(name)\(suffix): largest logprob difference \(largest)")
        }
    }

    private func expectation(of name: String) throws -> Expectation {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(
            Expectation.self, from: Data(contentsOf: Self.folder.appending(path: name + ".json")))
    }

    private static let blockTable = (0..<32).map { Int32(31 - $0) }

    /// The logarithm of the probability of each token but the first, in chunks of 256, and the best
    /// token after the last.
    private func promptLogprobs(
        of prompt: [Int32], by transformer: Transformer
    ) throws -> ([Double], next: Int32) {
        var logprobs: [Double] = []
        var next: Int32 = 0
        for start in stride(from: 0, to: prompt.count, by: 256) {
            let tokens = Array(prompt[start..<min(start + 256, prompt.count)])
            let logits = try forward(tokens, at: start, .all, by: transformer)
            next = best(of: logits, row: tokens.count - 1)
            for row in tokens.indices where start + row + 1 < prompt.count {
                let values = logits.values(row: row).map { Double($0) }
                let top = values.max() ?? 0
                let sum = values.reduce(0) { $0 + exp($1 - top) }
                logprobs.append(values[Int(prompt[start + row + 1])] - top - log(sum))
            }
        }
        return (logprobs, next)
    }

    /// The best token, again and again, of which the first is known.
    private func greedyTokens(
        _ count: Int, from first: Int32, after promptCount: Int, by transformer: Transformer
    ) throws -> [Int32] {
        var tokens = [first]
        for position in promptCount..<promptCount + count - 1 {
            let token = tokens[position - promptCount]
            let logits = try forward([token], at: position, .last, by: transformer)
            tokens.append(best(of: logits, row: 0))
        }
        return tokens
    }

    private func best(of logits: FloatBuffer, row: Int) -> Int32 {
        let values = logits.values(row: row)
        return Int32(values.indices.reduce(0) { values[$1] > values[$0] ? $1 : $0 })
    }

    private func forward(
        _ tokens: [Int32], at position: Int, _ rows: LogitsRows, by transformer: Transformer
    ) throws -> FloatBuffer {
        let batch = ForwardBatch(
            tokens: tokens,
            slices: [
                SequenceSlice(
                    firstToken: 0, tokenCount: tokens.count, startPosition: position,
                    blockTable: Self.blockTable, logitsRows: rows)
            ])
        try transformer.validate(batch)
        return transformer.forward(batch)
    }
}
