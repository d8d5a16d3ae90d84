// SPDX-License-Identifier: Apache-2.0

import Architectures
import Computation
import Foundation
import Inference
import ModelFiles
import Parallelism
import Testing

/// Tiny BERTs from files, against transformers in float32; made by
/// scripts/goldens/make-bert-goldens.py.
@Suite struct EncoderTests {
    private struct Expectation: Decodable {
        struct Text: Decodable {
            let tokens: [Int32]
            let first: [Double]?
            let last: [Double]?
            let mean: [Double]?
            let secondStart: Int?
            let score: Double?
        }

        let texts: [Text]
    }

    private static let folder = Bundle.module.bundleURL.appending(path: "Goldens/tiny-bert")

    private func expectation(_ name: String) throws -> Expectation {
        let data = try Data(contentsOf: Self.folder.appending(path: name + ".json"))
        return try JSONDecoder().decode(Expectation.self, from: data)
    }

    private func encoder(_ file: String, threads: Int = 2) throws -> Encoder {
        let model = try ModelFile.open(path: Self.folder.appending(path: file).path)
        return try Encoder(
            configuration: model.configuration, tensors: model.tensors,
            pool: ThreadPool(threadCount: threads), maxTokenCount: 70)
    }

    @Test(arguments: ["plain", "plain.gguf", "odd", "wide-heads", "wide-heads.gguf"])
    func `states are those of transformers`(file: String) throws {
        let encoder = try encoder(file)
        let expected = try expectation(String(file.prefix { $0 != "." }))
        let methods: [(Pooling.Method, KeyPath<Expectation.Text, [Double]?>)] = [
            (.first, \.first), (.last, \.last), (.mean, \.mean),
        ]
        for (method, path) in methods {
            let output = EmbeddingOutput.vector(Pooling(method, normalizes: false))
            let vectors = encoder.encode(
                expected.texts.map { EncoderText($0.tokens) }, expected.texts.map { _ in output })
            for (text, vector) in zip(expected.texts, vectors) {
                let reference = try #require(text[keyPath: path])
                #expect(reference.count == vector.count)
                for (number, own) in zip(reference, vector) {
                    #expect(abs(number - Double(own)) < 2e-5)
                }
            }
        }
    }

    @Test func `an epsilon that a GGUF file rounds to less than BERT's is taken`() throws {
        let path = Self.folder.appending(path: "plain.gguf").path
        let key = try #require(GGUFFile(path: path).metadata["bert.attention.layer_norm_epsilon"])
        #expect(key == .float32(1e-12) && Double(Float(1e-12)) < 1e-12)
        #expect(try ModelFile.open(path: path).configuration.rmsNormEpsilon == Float(1e-12))
    }

    @Test func `scores of pairs are those of transformers`() throws {
        let encoder = try encoder("reranker")
        #expect(encoder.hasScore)
        let texts = try expectation("reranker").texts
        let scores = encoder.encode(
            texts.map { EncoderText($0.tokens, secondStart: $0.secondStart) },
            texts.map { _ in .score })
        for (text, score) in zip(texts, scores) {
            let reference = try #require(text.score)
            #expect(score.count == 1 && abs(reference - Double(score[0])) < 2e-5)
        }
    }

    @Test func `a text has the same bits alone and in any batch`() throws {
        let texts = try expectation("plain").texts.map { EncoderText($0.tokens) }
        let output = EmbeddingOutput.vector(Pooling(.mean))
        let alone = try encoder("plain", threads: 1)
        let single = texts.map { alone.encode([$0], [output])[0] }
        for threads in [1, 3] {
            let encoder = try encoder("plain", threads: threads)
            let many = Array(repeating: texts, count: 9).flatMap(\.self).reversed()
            let vectors = encoder.encode(Array(many), many.map { _ in output })
            let expected = Array(repeating: single, count: 9).flatMap(\.self).reversed()
            #expect(vectors == Array(expected))
        }
    }

    @Test func `normalised vectors have length 1, and zeros stay zeros`() {
        let vector = Pooling.normalized([3, 0, -4])
        #expect(vector == [0.6, 0, -0.8])
        #expect(Pooling.normalized([0, 0]) == [0, 0])
    }
}
