// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ModelFiles
import ModelTools

struct Upcycle: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a mixture of experts from a dense model.",
        discussion: """
            Sparse upcycling (Komatsuzaki et al. 2022, arXiv:2212.05055): every layer's feed-forward \
            network is copied into N experts, each perturbed by relative noise so that experts \
            differ (in a quantised file its block scales are), and a random router is added. The \
            result is a GGUF file with the same vocabulary and chat template.

            At 5 % noise SmolLM2-135M-Instruct still answers sensibly; at 20 % it no longer does.

              cierzo upcycle --model dense.gguf --output experts.gguf --experts 8 --top-k 2
            """)

    @Option(help: "The dense model: a GGUF file.") var model: String
    @Option(help: "The GGUF file to write.") var output: String
    @Option(help: "The number of experts, 2 to 1024.") var experts = 8
    @Option(help: "The experts that each token uses.") var topK = 2
    @Option(help: "The standard deviation of the relative noise, 0 to 1.") var noise: Float = 0.05
    @Option(help: "The seed of noise and router.") var seed: UInt64 = 1
    @Flag(help: "Replace the output if it exists.") var force = false

    func run() throws {
        let progress = ProgressLine("upcycling")
        do {
            try Upcycling(
                expertCount: experts, expertsPerToken: topK, noise: noise, seed: seed
            ).run(from: model, to: output, replaces: force) { progress.update($0) }
        } catch {
            progress.finish()
            throw failure(error)
        }
        progress.finish()
        note("wrote \(output)")
    }
}
