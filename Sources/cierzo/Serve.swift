// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
import Console
import Foundation
import HTTP

/// `cierzo serve`.
package struct Serve: AsyncParsableCommand {
    /// What the command line knows of it.
    package static let configuration = CommandConfiguration(
        abstract: "Serve a model over the OpenAI and Mistral HTTP APIs.",
        discussion: """
            Every option is also a key of the configuration file and an environment variable: \
            --max-queue, max-queue:, CIERZO_MAX_QUEUE. A flag wins over the environment, the \
            environment over the file, the file over the default. config/cierzo.yaml documents every \
            key at length.

              cierzo serve --model FILE.gguf
              cierzo serve --model FILE.gguf --host '*' --api-keys KEY-ONE KEY-TWO
              CIERZO_MAX_QUEUE=64 cierzo serve --model FILE.gguf --context 8192
              cierzo serve --print-default-config > cierzo.yaml
              cierzo serve --config cierzo.yaml --print-config
            """)

    /// The flags of the table of settings.
    @OptionGroup package var flags: SettingFlags
    @Option(help: ArgumentHelp("A YAML file with any of these keys.", valueName: "file"))
    var config: String?
    @Flag(help: "Print every key, its value and where it came from, and stop.")
    var printConfig = false
    @Flag(
        help: "Print a configuration file with every key, its default and what it does, and stop.")
    var printDefaultConfig = false

    /// A command without arguments.
    package init() {}

    /// Serves until a signal ends it.
    package func run() async throws {
        do {
            if printDefaultConfig { return try StandardOutput.write(ConfigurationFile.text) }
            let settings = try Settings(flags: flags.values, file: config)
            if printConfig { return try printLine(settings.listing()) }
            var configuration = settings.configuration
            configuration.http.inherited = try SocketActivation.sockets(
                environment: ProcessInfo.processInfo.environment)
            try await Service(configuration).run()
        } catch {
            throw failure(error)
        }
    }
}
