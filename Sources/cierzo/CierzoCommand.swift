// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
import Computation
import Console
import Foundation

@main
enum Program {
    /// Runs the command line.
    ///
    /// Not asynchronous itself, since an asynchronous `main` begins after the runtime has opened
    /// descriptors and started threads.
    static func main() {
        StandardDescriptors.prepare()
        SignalWatch.shared.start()
        atexit { DiagnosticWriter.standardError.flush(within: .seconds(1)) }
        // Detached: what is inherited from here would wait for this thread.
        Task.detached {
            await CierzoCommand.main(nil)
            exit(0)
        }
        while true { pause() }
    }
}

/// The command line, of which each command is a type.
package struct CierzoCommand: AsyncParsableCommand {
    /// What there is, and how to begin.
    package static let configuration = CommandConfiguration(
        commandName: "cierzo",
        abstract: "An inference server for mixture-of-experts language models, on CPUs.",
        discussion: """
            Start with a model and ask it something:

              cierzo serve --model models/smollm2-135m-instruct-8x.json
              curl http://127.0.0.1:8080/v1/chat/completions -H 'Content-Type: application/json' \\
                -d '{"model": "default", "messages": [{"role": "user", "content": "Hello"}]}'

            A model is a GGUF file, a directory with config.json and safetensors, a file that \
            `cierzo pack` made of one of these, or a manifest (models/*.json), as `cierzo pull` \
            writes one.
            """,
        version: Build.version,
        subcommands: [
            Serve.self, Generate.self, Inspect.self, Pack.self, Quantize.self, Upcycle.self,
            Bench.self, BatchCommand.self, Grammar.self, Logits.self, Pull.self, Doctor.self,
            Plan.self, Keys.self,
            UsageCommand.self, Audit.self,
        ])

    /// A command line without a command.
    package init() {}
}

/// What this build is.
enum Build {
    static let version = "0.1.0"

    /// Tells this program from every other one, of the same version, too: what was computed by one
    /// may differ from what another computes in its last bits.
    static func identity() -> String {
        guard let program = try? Data(contentsOf: URL(fileURLWithPath: "/proc/self/exe")) else {
            // Then nothing else is like it.
            return "\(version) \(UInt64.random(in: 0...UInt64.max))"
        }
        return "\(version) \(XXH64.of(Array(program)))"
    }
}
