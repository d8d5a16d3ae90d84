// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Computation
import Console
import Foundation
import ModelFiles
import ModelTools
import Parallelism
import Serving

struct Pack: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Pack a model into one file that starts in seconds.",
        discussion: """
            The weights are stored as the kernels read them, so that later starts map the file as it \
            is: nothing is packed again, and processes that serve it share its memory. Vocabulary, \
            chat template and manifest go along; the file can be served from anywhere.

            A packed file is refused once the model that it was made from has changed, and by a \
            Cierzo whose kernels read another layout; pack again then. `cierzo inspect` checks it.

              cierzo pack FILE.gguf
              cierzo pack models/NAME.json --output /srv/NAME.cierzo
            """)

    @Argument(help: "The model: a manifest, a GGUF file or a directory.") var model: String
    @Option(
        name: .shortAndLong, help: "The file to write. Default: beside the weights, as *.cierzo.")
    var output: String?
    @Flag(help: "Replace the file if it exists.") var force = false
    @Option(help: "Threads. Default: what affinity and the cgroup quota allow.") var threads: Int?

    func run() throws {
        let line = ProgressLine("packing")
        do {
            let began = ContinuousClock.now
            let (file, manifest) = try LoadedModel.open(path: model)
            let output = output ?? defaultOutput(for: file)
            var assembly = EngineAssembly()
            assembly.threads = threads
            assembly.pinning = .never
            let compute = try assembly.makeCompute()
            let packing = try Packing(file, manifest: manifest?.bytes, using: compute.pool)
            let byteCount = try packing.run(
                to: output, replaces: force, otherSources: [model]
            ) { line.update($0, $1) }
            line.finish()
            let seconds = (ContinuousClock.now - began) / .seconds(1)
            note(
                "wrote \(output): \(byteText(byteCount)) for \(byteText(file.byteCount)) of weights, in "
                    + String(format: "%.1f s", seconds))
        } catch {
            line.finish()
            throw failure(error)
        }
    }

    private func defaultOutput(for file: ModelFile) -> String {
        var url = URL(fileURLWithPath: file.path)
        if url.pathExtension == "gguf" { url = url.deletingPathExtension() }
        return url.path + ".cierzo"
    }
}
