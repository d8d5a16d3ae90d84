// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Logging

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve a model over the OpenAI and Mistral HTTP APIs.",
        discussion: """
            Every option is also a key of the configuration file and an environment variable: \
            --max-queue, max-queue:, CIERZO_MAX_QUEUE. A flag wins over the environment, the \
            environment over the file, the file over the default. config/cierzo.yaml documents every \
            key with its unit.

              cierzo serve --model FILE.gguf
              cierzo serve --config /etc/cierzo/cierzo.yaml --print-config
            """)

    @Option(help: "The model: a manifest, a GGUF or packed file, or a directory.") var model:
        String?
    @Flag(help: "Serve a packed file though the model it was packed from has changed since.")
    var acceptStale = false
    @Flag(help: "Check every weight before serving: reads the whole model.") var verify = false
    @Option(help: "The name under which the model is served.") var servedName: String?
    @Option(help: "The address to listen on; not loopback: needs --api-keys or --insecure.")
    var host: String?
    @Option(help: "The port to listen on; 0 picks a free one.") var port: Int?
    @Option(
        parsing: .upToNextOption,
        help:
            "Keys that clients must send, separated by commas or spaces; better kept in the file or environment."
    )
    var apiKeys: [String] = []
    @Option(
        parsing: .upToNextOption,
        help: "How much of the machine each key gets beside the others, in their order.")
    var keyWeights: [Int] = []
    @Flag(help: "Allow a public address without keys.") var insecure = false
    @Option(
        parsing: .upToNextOption,
        help: "Origins of web pages that may use the server (CORS), or '*' for all.")
    var allowedOrigins: [String] = []
    @Option(
        parsing: .upToNextOption,
        help: "Host names that a server without keys answers to, besides local ones.")
    var allowedHosts: [String] = []
    @Option(help: "Compute threads. Default: what affinity and the cgroup quota allow.")
    var threads: Int?
    @Option(help: "Pin threads to cores: automatic (where they fill the cores), always or never.")
    var pin: String?
    @Option(help: "Kernels: automatic, scalar, avx2, avxvnni, avx512, exact or blas.")
    var kernels: String?
    @Option(help: "Context window in tokens. Default: the model's, at most 32768.")
    var context: Int?
    @Option(help: "Positions per KV block: 16 or 32.") var blockSize: Int?
    @Option(help: "How keys and values are stored: f32, f16, bf16 or q8.") var kvType: String?
    @Option(help: "Memory for the KV cache in MiB.") var kvMemory: Int?
    @Option(help: "Requests that generate at the same time.") var maxSequences: Int?
    @Option(help: "Requests that may wait.") var maxQueue: Int?
    @Option(help: "Tokens of one step.") var maxBatchTokens: Int?
    @Option(help: "Prompt tokens of one step.") var prefillChunk: Int?
    @Option(help: "The dialect of requests that do not show theirs: openai or mistral.")
    var dialect: String?
    @Flag(help: "Refuse fields that Mistral's own API does not have.") var strictMistral = false
    @Flag(help: "Let different keys find each other's cached prompts.") var sharePrefixCache = false
    @Option(help: "The longest silence of a stream in seconds; a comment breaks it.")
    var keepAliveInterval: Int?
    @Flag(help: "Send white space while an answer that is not streamed is computed.")
    var heartbeats = false
    @Flag(
        name: .customLong("allow-repetition"),
        help: "Let answers without max_tokens repeat themselves to the end of the context.")
    var allowsRepetition = false
    @Option(help: "The largest request body in bytes.") var maxBodyBytes: Int?
    @Option(help: "Memory for the bodies of all requests being received in MiB.")
    var maxBodyMemory: Int?
    @Option(help: "The largest request header in bytes.") var maxHeaderBytes: Int?
    @Option(help: "The most connections at a time; idle ones give way to new ones.")
    var maxConnections: Int?
    @Option(help: "Seconds for a request's header to arrive.") var headerTimeout: Int?
    @Option(help: "Seconds for a request's body to arrive.") var bodyTimeout: Int?
    @Option(help: "Seconds that an idle connection is kept.") var idleTimeout: Int?
    @Option(help: "Seconds that running requests have on SIGTERM.") var shutdownGrace: Int?
    @Option(help: "trace, debug, info, notice, warning, error or critical.") var logLevel: String?
    @Option(help: "A YAML file with any of these keys.") var config: String?
    @Flag(help: "Print every key, its value and where it came from, and stop.")
    var printConfig = false

    func run() async throws {
        do {
            let settings = try Settings(flags: flags, file: config)
            if printConfig {
                try printLine(settings.listing())
                return
            }
            try await Service(settings: settings).run()
        } catch {
            throw failure(error)
        }
    }

    /// What the command line sets, by key.
    private var flags: [String: SettingValue] {
        var flags: [String: SettingValue] = [:]
        let texts = [
            "model": model, "served-name": servedName, "host": host, "pin": pin, "kernels": kernels,
            "kv-type": kvType, "dialect": dialect, "log-level": logLevel,
        ]
        for (key, value) in texts { flags[key] = value.map { .string($0) } }
        let numbers = [
            "port": port, "threads": threads, "context": context, "block-size": blockSize,
            "kv-memory": kvMemory, "max-sequences": maxSequences, "max-queue": maxQueue,
            "max-batch-tokens": maxBatchTokens, "prefill-chunk": prefillChunk,
            "max-body-bytes": maxBodyBytes, "max-body-memory": maxBodyMemory,
            "max-header-bytes": maxHeaderBytes,
            "max-connections": maxConnections, "header-timeout": headerTimeout,
            "body-timeout": bodyTimeout, "idle-timeout": idleTimeout,
            "shutdown-grace": shutdownGrace, "keep-alive-interval": keepAliveInterval,
        ]
        for (key, value) in numbers { flags[key] = value.map { .integer($0) } }
        let switches = [
            "accept-stale": acceptStale, "verify": verify, "insecure": insecure,
            "strict-mistral": strictMistral, "share-prefix-cache": sharePrefixCache,
            "heartbeats": heartbeats,
            "allow-repetition": allowsRepetition,
        ]
        for (key, isOn) in switches where isOn { flags[key] = .boolean(true) }
        if !apiKeys.isEmpty { flags["api-keys"] = .strings(apiKeys) }
        for (key, values) in ["allowed-origins": allowedOrigins, "allowed-hosts": allowedHosts]
        where !values.isEmpty {
            // Neither has commas in it; in the environment they stand between the values.
            flags[key] = .strings(values.flatMap { $0.split(separator: ",").map(String.init) })
        }
        if !keyWeights.isEmpty { flags["key-weights"] = .integers(keyWeights) }
        return flags
    }
}
