// SPDX-License-Identifier: Apache-2.0

import APIServer
import APITypes
import Foundation
import Generation
import HTTP
import Inference
import Logging
import Metrics
import ModelFiles
import ServiceLifecycle
import Telemetry
import Tensors
import UnixSignals

/// The running server: listens at once, answers 503 while the model loads, then serves it until a
/// signal asks it to stop.
struct Service: Sendable {
    let settings: Settings

    func run() async throws {
        guard let model = settings.string("model") else {
            throw SettingsError.missing(
                key: "model", hint: "give --model FILE, or model: in the configuration file")
        }
        let host = settings.string("host") ?? "127.0.0.1"
        guard
            isLoopback(host) || !settings.strings("api-keys").isEmpty
                || settings.boolean("insecure")
        else {
            throw SettingsError.invalid(
                key: "host", source: "configuration",
                expected: "a loopback address, or api-keys, or insecure: true", found: host)
        }
        let weightCount = settings.integers("key-weights").count
        guard weightCount == 0 || weightCount == settings.strings("api-keys").count else {
            throw SettingsError.invalid(
                key: "key-weights", source: "configuration",
                expected: "as many weights as there are api-keys", found: "\(weightCount)")
        }
        for origin in settings.strings("allowed-origins") where !BrowserPolicy.isOrigin(origin) {
            throw SettingsError.invalid(
                key: "allowed-origins", source: "configuration",
                expected: "origins such as https://app.example or http://localhost:3000, or *",
                found: origin)
        }
        let logger = makeLogger()
        let registry = MetricsRegistry()
        MetricsSystem.bootstrap(registry)

        let slot = ModelSlot()
        let api = APIServer(
            slot: slot, configuration: apiConfiguration(host: host), registry: registry,
            unixTime: { Int(Date().timeIntervalSince1970) }, logger: logger)
        let http = HTTPServer(
            configuration: httpConfiguration(host: host),
            errorResponse: { api.refusal($0, $1, $2) }, admission: { api.admit($0) },
            handler: { await api.handle($0) })
        let port = try await http.start()
        let maxConnections = await http.maxConnectionCount
        if maxConnections < settings.integer("max-connections", default: 1024) {
            logger.warning(
                "max-connections is more than the limit of open files allows; raise that (ulimit -n)",
                metadata: ["connections": "\(maxConnections)"])
        }
        logger.info(
            "listening, loading the model", metadata: ["port": "\(port)", "model": "\(model)"])

        let group = ServiceGroup(
            configuration: .init(
                services: [
                    .init(
                        service: ModelService(
                            settings: settings, model: model, host: host, port: port, slot: slot,
                            http: http, logger: logger),
                        successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .cancelGroup)
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
        logger.info("stopped")
    }

    private func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }

    private func makeLogger() -> Logger {
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        var logger = Logger(label: "cierzo")
        logger.logLevel =
            settings.string("log-level").flatMap { Logger.Level(rawValue: $0) } ?? .info
        return logger
    }

    private func apiConfiguration(host: String) -> APIServer.Configuration {
        // Names that somebody has given to this machine are as good as its addresses.
        // The address "*" is no name, and must not allow them all.
        let ownHosts = [host, ProcessInfo.processInfo.hostName].filter { $0 != "*" }
        return APIServer.Configuration(
            defaultDialect: settings.string("dialect") == "mistral" ? .mistral : .openAI,
            keys: APIKeys(
                settings.strings("api-keys"), weights: settings.integers("key-weights")),
            browsers: BrowserPolicy(
                allowedOrigins: settings.strings("allowed-origins"),
                allowedHosts: settings.strings("allowed-hosts") + ownHosts),
            limits: RequestLimits(
                stopsOnRepetition: !settings.boolean("allow-repetition"),
                isStrictMistral: settings.boolean("strict-mistral")),
            keepAliveInterval: .seconds(settings.integer("keep-alive-interval", default: 10)),
            sendsHeartbeats: settings.boolean("heartbeats"),
            sharesPrefixes: settings.boolean("share-prefix-cache"), version: Build.version)
    }

    private func httpConfiguration(host: String) -> HTTPServer.Configuration {
        func seconds(_ key: String, _ fallback: Int) -> Duration {
            .seconds(settings.integer(key, default: fallback))
        }
        var limits = RequestParser.Limits()
        limits.maxBodyBytes = settings.integer("max-body-bytes", default: limits.maxBodyBytes)
        limits.maxHeaderBytes = settings.integer("max-header-bytes", default: limits.maxHeaderBytes)
        return HTTPServer.Configuration(
            host: host, port: settings.integer("port", default: 8080), limits: limits,
            timeouts: .init(
                header: seconds("header-timeout", 10), body: seconds("body-timeout", 60),
                idle: seconds("idle-timeout", 75)),
            maxConnections: settings.integer("max-connections", default: 1024),
            maxBodyMemoryBytes: settings.integer("max-body-memory").map { $0 << 20 })
    }
}

/// Loads the model, opens the gate, and drains when the group shuts down.
private struct ModelService: ServiceLifecycle.Service {
    let settings: Settings
    let model: String
    let host: String
    let port: Int
    let slot: ModelSlot
    let http: HTTPServer
    let logger: Logger

    func run() async throws {
        let began = ContinuousClock.now
        let loaded = try LoadedModel(
            path: model, acceptsStale: settings.boolean("accept-stale"))
        if settings.boolean("verify") {
            slot.report("verifying the weights", 0)
            try loaded.file.verify()
        }
        for warning in loaded.warnings { logger.warning("\(warning)") }
        logger.info(
            "prompts",
            metadata: [
                "format": "\(loaded.promptFormatName)", "because": "\(loaded.promptReason)",
            ])
        let assembly = assembly()
        let transformer = try assembly.makeTransformer(for: loaded.file) { slot.report($0, $1) }
        let plan = transformer.memoryPlan
        logger.info(
            "memory",
            metadata: [
                "weights": "\(byteText(plan.weightByteCount))",
                "kv": "\(byteText(plan.kvByteCount)) for \(plan.kvPositionCount) positions",
                "scratch": "\(byteText(plan.activationByteCount))",
            ])
        let engine = GenerationEngine(
            model: transformer, tokenizer: loaded.tokenizer,
            configuration: assembly.engineConfiguration(for: loaded.file), logger: logger)
        slot.serve(loaded.served(by: engine, named: settings.string("served-name")))
        let seconds = (ContinuousClock.now - began) / .seconds(1)
        logger.info(
            "ready",
            metadata: [
                "model": "\(loaded.names[0])", "seconds": "\((seconds * 10).rounded() / 10)",
            ])
        greet()

        try? await gracefulShutdown()
        logger.info("draining")
        slot.stop()
        let grace = Duration.seconds(settings.integer("shutdown-grace", default: 30))
        // The engine first: what it cuts off still tells its client so.
        await engine.shutdown(grace: grace)
        await http.shutdown(grace: .seconds(2))
    }

    private func assembly() -> EngineAssembly {
        EngineAssembly(
            threads: settings.integer("threads"),
            kernels: settings.string("kernels") ?? "automatic",
            pinning: settings.string("pin").flatMap { .init(rawValue: $0) } ?? .automatic,
            context: settings.integer("context"),
            blockSize: settings.integer("block-size", default: 16),
            kvType: settings.string("kv-type").flatMap { KVElementType(rawValue: $0) }
                ?? EngineAssembly.defaultKVType,
            kvByteCount: settings.integer("kv-memory").map { $0 << 20 },
            maxSequences: settings.integer("max-sequences", default: 64),
            maxQueue: settings.integer("max-queue", default: 256),
            maxBatchTokens: settings.integer("max-batch-tokens", default: 512),
            prefillChunk: settings.integer("prefill-chunk", default: 256))
    }

    /// Prints a line to paste.
    private func greet() {
        let address = host.contains(":") ? "[\(host)]" : host
        note(
            """

            Ask it something:

            curl http://\(address):\(port)/v1/chat/completions -H 'Content-Type: application/json' \
            -d '{"model": "default", "messages": [{"role": "user", "content": "What is the capital of France?"}], "max_tokens": 60}'

            """)
    }
}
