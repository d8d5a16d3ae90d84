// SPDX-License-Identifier: Apache-2.0

import Architectures
import Foundation
import Generation
import Inference
import ModelFiles
import Serving
import Testing

@Suite struct EngineAssemblyTests {
    private func file() throws -> ModelFile { try ModelFile.open(path: tinyModel("linear.gguf")) }

    private func assembly(_ change: (inout EngineAssembly) -> Void = { _ in }) -> EngineAssembly {
        var assembly = EngineAssembly()
        assembly.threads = 1
        assembly.kernels = "scalar"
        change(&assembly)
        return assembly
    }

    @Test func `the context is the model's own unless a shorter one is asked for`() throws {
        let file = try file()
        let own = file.configuration.contextLength
        #expect(assembly().contextLength(for: file) == min(own, EngineAssembly.defaultContext))
        #expect(assembly { $0.context = 16 }.contextLength(for: file) == 16)
        #expect(assembly { $0.context = own + 1 }.contextLength(for: file) == own)
    }

    @Test(arguments: [ContextScaling.linear, .yarn])
    func `a longer context than the model's own is stretched where that is wanted`(
        scaling: ContextScaling
    ) throws {
        let file = try ModelFile.open(path: tinyModel("nemo.gguf"))
        let own = file.configuration.contextLength
        let longer = assembly {
            $0.context = 4 * own
            $0.ropeScaling = scaling
        }
        #expect(longer.contextLength(for: file) == 4 * own)
        #expect(longer.contextAdvice(for: file)?.contains("coding agents") == true)
        let stretched = try longer.makeTransformer(for: file).configuration
        #expect(stretched.contextLength == 4 * own)
        switch (scaling, stretched.ropeScaling) {
        case (.linear, .linear(let factor)): #expect(factor == 4)
        case (.yarn, .yarn(let yarn)):
            #expect(yarn.factor == 4 && yarn.originalContextLength == own)
            #expect(abs(yarn.attentionFactor - 1.138629) < 1e-6)
        default: Issue.record("\(stretched.ropeScaling)")
        }
        // Nothing is stretched without need.
        let shorter = assembly {
            $0.context = own
            $0.ropeScaling = scaling
        }
        #expect(try shorter.makeTransformer(for: file).configuration == file.configuration)
    }

    @Test func `a model that is stretched already is not stretched again`() throws {
        let file = try file()
        let own = file.configuration.contextLength
        let failure = EngineAssembly.Failure.stretchedAlready(context: own + 1, own: own)
        #expect(throws: failure) {
            _ = try assembly {
                $0.context = own + 1
                $0.ropeScaling = .yarn
            }.plan(for: file)
        }
    }

    @Test func `a context that is cut or small is told with what to do`() throws {
        let file = try ModelFile.open(path: tinyModel("nemo.gguf"))
        let own = file.configuration.contextLength
        let cut = assembly { $0.context = own + 1 }.contextAdvice(for: file)
        #expect(cut?.contains("not \(own + 1)") == true)
        let small = assembly().contextAdvice(for: file)
        #expect(small?.contains("context: 16384 and rope-scaling: yarn") == true)
        let lowered = assembly { $0.context = 16 }.contextAdvice(for: file)
        #expect(lowered?.contains("the model has \(own)") == true)
        // Its makers have stretched it.
        let stretched = assembly().contextAdvice(for: try self.file())
        #expect(stretched?.hasSuffix("serve a model with more") == true)
    }

    @Test func `the KV cache holds four contexts, or what its memory allows`() throws {
        let file = try file()
        let open = try assembly { $0.context = 32 }.makeTransformer(for: file)
        #expect(open.blockCount == 4 * 32 / 16)
        let perBlock = open.memoryPlan.kvByteCount / open.blockCount
        let tight = try assembly {
            $0.context = 32
            $0.kvByteCount = 3 * perBlock
        }.makeTransformer(for: file)
        #expect(tight.blockCount == 3)
    }

    @Test func `a KV cache smaller than one context is refused`() throws {
        let file = try file()
        #expect(throws: EngineAssembly.Failure.context(kvPositions: 16, key: "kv-memory")) {
            _ = try assembly {
                $0.context = 32
                $0.kvByteCount = 1
            }.makeTransformer(for: file)
        }
    }

    @Test func `more than the machine's memory is refused before it is allocated`() throws {
        let file = try file()
        do {
            _ = try assembly { $0.kvByteCount = 11 << 40 }.makeTransformer(for: file)
            Issue.record("a KV cache of eleven tebibytes was allocated")
        } catch EngineAssembly.Failure.memory(let needed, let available) {
            #expect(needed > available)
        }
    }

    @Test func `threads and kernels that the processor lacks are named`() {
        #expect(throws: EngineAssembly.Failure.threads(0)) {
            _ = try assembly { $0.threads = 0 }.makeCompute()
        }
        #expect(throws: EngineAssembly.Failure.unknownKernels("gpu")) {
            _ = try assembly { $0.kernels = "gpu" }.makeCompute()
        }
    }

    @Test func `the engine keeps the limits of the assembly`() throws {
        let file = try file()
        let configuration = assembly {
            $0.context = 32
            $0.maxSequences = 3
            $0.maxQueue = 5
            $0.prefillChunk = 8
        }.engineConfiguration(for: file)
        #expect(configuration.maxSequences == 3)
        #expect(configuration.maxQueuedSequences == 5)
        #expect(configuration.contextLength == 32)
        #expect(configuration.prefillChunkTokens == 8)
        #expect(configuration.prefillChunkTokensWhileDecoding == 8)
    }

    @Test func `a loaded model answers with the engine that was assembled for it`() async throws {
        let loaded = try LoadedModel(path: tinyModel("linear.gguf"))
        let running = try assembly { $0.context = 64 }.start(
            loaded, named: "tiny", build: "1.2.3")
        #expect(running.model.description.name == "tiny")
        #expect(running.model.description.aliases == ["linear"])
        #expect(running.model.fingerprint.hasPrefix("cierzo-1.2.3-"))
        var question = Question(.tokens([1, 2, 3]))
        question.temperature = 0
        question.generation.maxTokens = 4
        let answer = try running.model.submit(
            running.model.requests(for: question), for: Client())
        #expect(try await answer.collected().parts[0].usage?.promptTokens == 3)
        await running.engine.shutdown()
    }
}

/// The path of a tiny model that transformers has computed goldens for.
private func tinyModel(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "InferenceTests/Goldens/tiny-models/\(name)").path
}
