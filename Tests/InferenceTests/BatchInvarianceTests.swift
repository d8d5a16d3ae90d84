// SPDX-License-Identifier: Apache-2.0

import Architectures
import Computation
import Inference
import ModelFiles
import Quantization
import Testing

/// The law: logits depend on the weights and the sequence alone, bit for bit.
@Suite struct BatchInvarianceTests {
    private static let neighbours = [120, 7, 33].map { count in
        TinyShape.dense.model.tokens(count, seed: UInt64(count))
    }

    /// Those that differ in products of f32.
    private static let kernels = [KernelChoice.scalar, .avx2, .avx512, .blas].filter(\.isAvailable)

    /// Ways to compute that may not matter, for each kind of kernels.
    private static let runnings: [Running] = [
        Running(chunks: [1]),
        Running(chunks: [2, 31, 5]),
        Running(chunks: [16]),
        Running(threadCount: 2),
        Running(threadCount: 3, chunks: [7, 64]),
        Running(positionsPerBlock: 32),
        Running(chunks: [11], blockStep: 13),
        Running(threadCount: 2, chunks: [9, 1, 40], blockStep: 5, neighbours: neighbours),
        Running(threadCount: 2, chunks: [9, 1, 40], givesUp: true, neighbours: neighbours),
        Running(positionsPerBlock: 48, chunks: [1], neighbours: [neighbours[0]]),
    ]

    @Test func `every decoder is among the shapes`() {
        let names = TinyShape.allCases.map { Architecture.of($0.configuration).schema.name }

        let decoders = Architecture.all.map(\.schema).filter { !$0.isEncoder }
        #expect(Set(names) == Set(decoders.map(\.name)))
    }

    @Test(arguments: kernels, TinyShape.allCases)
    func `chunks, neighbours, blocks and threads change no bit`(
        kernels: KernelChoice, shape: TinyShape
    ) throws {
        let model = shape.model
        let tokens = model.tokens(100, seed: 11)
        let expected = try Running(kernels: kernels).logits(
            model.configuration, model.tensors, tokens)

        for var running in Self.runnings {
            running.kernels = kernels
            let found = try running.logits(model.configuration, model.tensors, tokens)
            #expect(found == expected, "\(running.testDescription)")
        }
    }

    /// Queries grow at every seventh position.
    @Test(arguments: 1...15)
    func `chunks may end anywhere between the steps of the scale of queries`(
        chunk: Int
    ) throws {
        let model = TinyShape.ministral3.model
        let tokens = model.tokens(60, seed: 11)
        let expected = try Running().logits(model.configuration, model.tensors, tokens)

        let found = try Running(chunks: [chunk], neighbours: Self.neighbours).logits(
            model.configuration, model.tensors, tokens)

        #expect(found == expected)
    }

    @Test(arguments: [ElementType.bf16, .q8_0, .q4_0, .q4_1, .mxfp4])
    func `packed weights obey the law too`(type: ElementType) throws {
        try expectSameBits(of: TinyShape.quantisable(type))
    }

    @Test(arguments: [KernelChoice.scalar, .avx2, .avx512].filter(\.isAvailable))
    func `every instruction set gives the same bits`(kernels: KernelChoice) throws {
        for shape in TinyShape.allCases {
            let model = shape.model
            let tokens = model.tokens(60, seed: 3)
            let expected = try Running(kernels: .scalar).logits(
                model.configuration, model.tensors, tokens)

            let found = try Running(kernels: kernels).logits(
                model.configuration, model.tensors, tokens)

            #expect(found == expected, "\(shape)")
        }
    }

    /// The matrices of heads too, of which a token passes all.
    @Test(arguments: [ElementType.bf16, .f16, .q8_0, .q4_0, .q5_0])
    func `packed weights of latent attention obey the law`(type: ElementType) throws {
        try expectSameBits(of: TinyShape.quantisableLatent(type))
    }

    private func expectSameBits(of model: TinyModel) throws {
        let tokens = model.tokens(70, seed: 11)
        let expected = try Running(kernels: .scalar).logits(
            model.configuration, model.tensors, tokens)

        for running in [
            Running(), Running(kernels: .avx2, chunks: [1]), Running(kernels: .avxvnni),
            Running(threadCount: 3, chunks: [3, 17], neighbours: Self.neighbours),
            Running(kernels: .scalar, chunks: [33, 2]),
        ] where running.kernels.isAvailable {
            let found = try running.logits(model.configuration, model.tensors, tokens)
            #expect(found == expected, "\(running.testDescription)")
        }
    }

    @Test(arguments: [KVElementType.f32, .f16, .q8])
    func `long sequences of latents change no bit either`(kv: KVElementType) throws {
        let model = TinyShape.deepSeekV2.model
        let tokens = model.tokens(1100, seed: 11)
        let expected = try Running(kvElementType: kv, chunks: [2000]).logits(
            model.configuration, model.tensors, tokens)

        for running in [
            Running(threadCount: 8, kvElementType: kv, chunks: [1000, 1]),
            Running(threadCount: 2, kvElementType: kv, chunks: [510, 4], blockStep: 7),
            Running(kernels: .scalar, kvElementType: kv, chunks: [1090, 3]),
        ] {
            let found = try running.logits(model.configuration, model.tensors, tokens)
            #expect(found == expected, "\(running.testDescription)")
        }
    }

    /// Beyond 512 positions attention is merged from spans, by one task or by several.
    @Test(arguments: [nil, 600], [KVElementType.f32, .q8])
    func `long sequences change no bit either`(window: Int?, kv: KVElementType) throws {
        var configuration = TinyShape.mixtral.configuration
        configuration.slidingWindow = window
        let model = TinyModel(configuration, seed: 5)
        let tokens = model.tokens(1300, seed: 11)
        let expected = try Running(kvElementType: kv, chunks: [2000]).logits(
            configuration, model.tensors, tokens)

        for running in [
            Running(threadCount: 8, kvElementType: kv, chunks: [1200, 1]),
            Running(threadCount: 2, kvElementType: kv, chunks: [510, 4], blockStep: 7),
            Running(kernels: .scalar, kvElementType: kv, chunks: [1290, 3]),
        ] {
            let found = try running.logits(configuration, model.tensors, tokens)
            #expect(found == expected, "\(running.testDescription)")
        }
    }
}
