// SPDX-License-Identifier: Apache-2.0

import APIs
import AnswerParsing
import Computation
import Console
import Foundation
import Generation
import HTTP
import Inference
import Logging
import Metrics
import ModelFiles
import Serving
import Telemetry

/// The running server: listens at once, answers 503 while the model loads, then serves it until a
/// signal asks it to stop.
struct Service: Sendable {
    let configuration: ServiceConfiguration

    init(_ configuration: ServiceConfiguration) {
        self.configuration = configuration
    }

    func run() async throws {
        let model = try configuration.validatedModel()
        LoggingSystem.bootstrap { LineLogHandler(label: $0) }
        var logger = Logger(label: "cierzo")
        logger.logLevel = configuration.logLevel
        if !ListeningHost(configuration.http.host).isLoopback, configuration.apiKeys.isEmpty {
            logger.warning(
                "insecure: everybody who can reach this address may use the server; set api-keys",
                metadata: ["host": "\(configuration.http.host)"])
        }
        let registry = MetricsRegistry()
        MetricsSystem.bootstrap(registry)

        var apiConfiguration = configuration.api
        apiConfiguration.keys = configuration.keys
        apiConfiguration.requestCapacity =
            configuration.engine.maxSequences + configuration.engine.maxQueue
        apiConfiguration.browsers = configuration.browsers(
            hostName: ProcessInfo.processInfo.hostName)
        let models = ModelRegistry()
        let slot = models.announce()
        let api = APIServer(
            models: models, configuration: apiConfiguration, registry: registry,
            unixTime: { Int(Date().timeIntervalSince1970) }, logger: logger)
        let http = HTTPServer(
            configuration: configuration.http,
            errorResponse: { api.refusal($0, $1, $2) }, admission: { api.admit($0) },
            handler: { await api.handle($0) })
        let stop = StopRequest(logger: logger)
        let port = try await http.start()
        let maxConnections = await http.maxConnectionCount
        if maxConnections < configuration.http.maxConnections {
            logger.warning(
                "max-connections is more than the limit of open files allows; raise that (ulimit -n)",
                metadata: ["connections": "\(maxConnections)"])
        }
        logger.info(
            "listening, loading the model", metadata: ["port": "\(port)", "model": "\(model)"])

        let loading = ModelService(
            configuration: configuration, model: model, port: port, slot: slot, stop: stop,
            logger: logger)
        let engine = try await Self.onThread("cierzo-loading") { try loading.load() }
        await stop.wait()
        logger.info("draining; a second signal ends at once")
        models.stop()
        // The engine first: what it cuts off still tells its client so.
        await engine.shutdown(grace: configuration.shutdownGrace)
        await http.shutdown(grace: .seconds(2))
        logger.info("stopped")
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
}

/// Loads the model and lets requests reach it.
private struct ModelService: Sendable {
    let configuration: ServiceConfiguration
    let model: String
    let port: Int
    let slot: ModelSlot
    let stop: StopRequest
    let logger: Logger

    /// Loads the model and opens the gate.
    func load() throws -> GenerationEngine {
        let began = ContinuousClock.now
        let loaded = try LoadedModel(
            path: model, acceptsStale: configuration.acceptsStale)
        if configuration.verifiesWeights {
            slot.report("verifying the weights", 0)
            try loaded.file.verify()
        }
        for warning in loaded.warnings { logger.warning("\(warning)") }
        logger.info(
            "prompts",
            metadata: [
                "format": "\(loaded.promptFormatName)", "because": "\(loaded.promptReason)",
                "answers": "\(loaded.answerFormat.name): \(loaded.answerReason)",
            ])
        let running = try ProgressLine.preparing(loaded.file) { show in
            try configuration.engine.start(
                loaded, named: configuration.servedName, build: Build.version, logger: logger
            ) { share in
                show(share)
                slot.report(loaded.file.preparation, share)
            }
        }
        let plan = running.memoryPlan
        logger.info(
            "memory",
            metadata: [
                "weights": "\(byteText(plan.weightByteCount))",
                "kv": "\(byteText(plan.kvByteCount)) for \(plan.kvPositionCount) positions",
                "scratch": "\(byteText(plan.activationByteCount))",
            ])
        // From here on there are requests, and a signal lets them end first.
        stop.drains()
        slot.serve(running.model)
        keepLooking(running.watch)
        let seconds = (ContinuousClock.now - began) / .seconds(1)
        logger.info(
            "ready",
            metadata: [
                "model": "\(loaded.names[0])", "seconds": "\((seconds * 10).rounded() / 10)",
            ])
        greet()
        return running.engine
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

    /// Prints a line to paste.
    private func greet() {
        let address = ListeningHost(configuration.http.host).urlHost
        note(
            """

            Ask it something:

            curl http://\(address):\(port)/v1/chat/completions -H 'Content-Type: application/json' \
            -d '{"model": "default", "messages": [{"role": "user", "content": "What is the capital of France?"}], "max_tokens": 60}'

            """)
    }
}
