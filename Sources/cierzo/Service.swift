// SPDX-License-Identifier: Apache-2.0

import APIs
import Computation
import Console
import Foundation
import Generation
import HTTP
import Inference
import Logging
import Metrics
import ModelFiles
import Parallelism
import Serving
import Telemetry

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
        let isLoopback = ListeningHost(host).isLoopback
        guard
            isLoopback || !settings.strings("api-keys").isEmpty || settings.boolean("insecure")
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
        if !isLoopback, settings.strings("api-keys").isEmpty {
            logger.warning(
                "insecure: everybody who can reach this address may use the server; set api-keys",
                metadata: ["host": "\(host)"])
        }
        let registry = MetricsRegistry()
        MetricsSystem.bootstrap(registry)

        let models = ModelRegistry()
        let slot = models.announce()
        let api = APIServer(
            models: models, configuration: apiConfiguration(host: host), registry: registry,
            unixTime: { Int(Date().timeIntervalSince1970) }, logger: logger)
        let http = HTTPServer(
            configuration: httpConfiguration(host: host),
            errorResponse: { api.refusal($0, $1, $2) }, admission: { api.admit($0) },
            handler: { await api.handle($0) })
        let stop = StopRequest(logger: logger)
        let port = try await http.start()
        let maxConnections = await http.maxConnectionCount
        if maxConnections < settings.integer("max-connections", default: 1024) {
            logger.warning(
                "max-connections is more than the limit of open files allows; raise that (ulimit -n)",
                metadata: ["connections": "\(maxConnections)"])
        }
        logger.info(
            "listening, loading the model", metadata: ["port": "\(port)", "model": "\(model)"])

        try await ModelService(
            settings: settings, model: model, host: host, port: port, slot: slot, http: http,
            stop: stop, logger: logger
        ).run()
        logger.info("stopped")
    }

    private func makeLogger() -> Logger {
        LoggingSystem.bootstrap { LineLogHandler(label: $0) }
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

/// Loads the model, opens the gate, and drains when the service is asked to stop.
private struct ModelService: Sendable {
    let settings: Settings
    let model: String
    let host: String
    let port: Int
    let slot: ModelSlot
    let http: HTTPServer
    let stop: StopRequest
    let logger: Logger

    func run() async throws {
        let engine = try await Self.onThread("cierzo-loading") { try load() }
        await stop.wait()
        logger.info("draining; a second signal ends at once")
        slot.stop()
        let grace = Duration.seconds(settings.integer("shutdown-grace", default: 30))
        // The engine first: what it cuts off still tells its client so.
        await engine.shutdown(grace: grace)
        await http.shutdown(grace: .seconds(2))
    }

    /// Does long work on a thread of its own, so that none of those which serve sockets waits.
    private static func onThread<Result: Sendable>(
        _ name: String, _ work: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread {
                continuation.resume(with: Swift.Result { try work() })
            }
            thread.name = name
            thread.stackSize = 8 << 20
            thread.start()
        }
    }

    /// Loads the model and lets requests reach it.
    private func load() throws -> GenerationEngine {
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
        let line = ProgressLine(preparing: loaded.file)
        defer { line.finish() }
        let transformer = try assembly.makeTransformer(for: loaded.file) { share in
            line.update(share)
            slot.report(loaded.file.preparation, share)
        }
        line.finish()
        let plan = transformer.memoryPlan
        logger.info(
            "memory",
            metadata: [
                "weights": "\(byteText(plan.weightByteCount))",
                "kv": "\(byteText(plan.kvByteCount)) for \(plan.kvPositionCount) positions",
                "scratch": "\(byteText(plan.activationByteCount))",
            ])
        let watch = WeightsWatch(loaded.file, files: transformer.weights.files)
        let engine = GenerationEngine(
            model: transformer, tokenizer: loaded.tokenizer,
            configuration: assembly.engineConfiguration(for: loaded.file), logger: logger)
        // From here on there are requests, and a signal lets them end first.
        stop.drains()
        slot.serve(
            loaded.served(
                by: engine, build: Build.version, named: settings.string("served-name"),
                watchedBy: watch))
        keepLooking(watch)
        let seconds = (ContinuousClock.now - began) / .seconds(1)
        logger.info(
            "ready",
            metadata: [
                "model": "\(loaded.names[0])", "seconds": "\((seconds * 10).rounded() / 10)",
            ])
        greet()
        return engine
    }

    /// Looks at the model's files every second, on a thread that may wait for a slow disk.
    private func keepLooking(_ watch: WeightsWatch) {
        let thread = Thread { [logger] in
            while watch.lost == nil {
                sleep(1)
                watch.look()
            }
            guard let file = watch.lost else { return }
            logger.critical(
                "a file of weights was cut short or overwritten: restart with a whole file",
                metadata: ["file": "\(file.path)"])
        }
        thread.name = "cierzo-watch"
        thread.stackSize = 1 << 18
        thread.start()
    }

    private func assembly() -> EngineAssembly {
        var assembly = EngineAssembly()
        assembly.threads = settings.integer("threads")
        assembly.kernels = settings.string("kernels") ?? assembly.kernels
        assembly.pinning =
            settings.string("pin").flatMap { .init(rawValue: $0) } ?? assembly.pinning
        assembly.context = settings.integer("context")
        assembly.blockSize = settings.integer("block-size", default: assembly.blockSize)
        assembly.kvType =
            settings.string("kv-type").flatMap { KVElementType(rawValue: $0) } ?? assembly.kvType
        assembly.kvByteCount = settings.integer("kv-memory").map { $0 << 20 }
        assembly.maxSequences = settings.integer("max-sequences", default: assembly.maxSequences)
        assembly.maxQueue = settings.integer("max-queue", default: assembly.maxQueue)
        assembly.maxBatchTokens = settings.integer(
            "max-batch-tokens", default: assembly.maxBatchTokens)
        assembly.prefillChunk = settings.integer("prefill-chunk", default: assembly.prefillChunk)
        return assembly
    }

    /// Prints a line to paste.
    private func greet() {
        let address = ListeningHost(host).urlHost
        note(
            """

            Ask it something:

            curl http://\(address):\(port)/v1/chat/completions -H 'Content-Type: application/json' \
            -d '{"model": "default", "messages": [{"role": "user", "content": "What is the capital of France?"}], "max_tokens": 60}'

            """)
    }
}
