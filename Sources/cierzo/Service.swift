// SPDX-License-Identifier: Apache-2.0

import APIs
import Access
import AnswerParsing
import Computation
import Console
import Foundation
import Generation
import HTTP
import Inference
import Jobs
import Logging
import Metrics
import ModelFiles
import Page
import Serving
import Storage
import Synchronization
import Telemetry

/// The running server: listens at once, answers 503 while the model loads, then serves it until a
/// signal asks it to stop.
struct Service: Sendable {
    let configuration: ServiceConfiguration

    init(_ configuration: ServiceConfiguration) {
        self.configuration = configuration
    }

    func run() async throws {
        let entries = try configuration.validatedModels()
        let reader = LogReader.of(
            STDERR_FILENO, stream: ProcessInfo.processInfo.environment["JOURNAL_STREAM"])
        LoggingSystem.bootstrap { [format = configuration.logFormat] label in
            LineLogHandler(label: label, format: format, for: reader)
        }
        var logger = Logger(label: "cierzo")
        logger.logLevel = configuration.logLevel
        if !configuration.http.isLocal, !configuration.needsKey {
            logger.warning(
                "insecure: everybody who can reach this address may use the server; set key-file",
                metadata: ["address": "\(configuration.address)"])
        }
        let registry = MetricsRegistry()
        MetricsSystem.bootstrap(registry)

        var apiConfiguration = configuration.api
        apiConfiguration.keys = configuration.keys
        apiConfiguration.page =
            configuration.hasPage ? PagePolicy(toolServers: configuration.toolServers) : nil
        apiConfiguration.examine = { try HostExamination(measures: $0).told }
        apiConfiguration.keyFile = configuration.keyFile.map { PrivateFile($0) }
        apiConfiguration.requestCapacity =
            configuration.engine.maxSequences + configuration.engine.maxQueue
        apiConfiguration.browsers = configuration.browsers(
            hostName: ProcessInfo.processInfo.hostName)
        let access = try configuration.openAccess(logger)
        let exporter = try configuration.makeSpanExporter(registry, logger)
        let storage = try configuration.openStorage(logger)
        let files = try configuration.openFiles(logger)
        let notice = try configuration.makeBatchNotifier(logger)
        let batches = configuration.makeBatches(on: files, tellsEnds: notice != nil)
        let prefixStore = try configuration.openPrefixStore(logger)
        let residency = ModelResidency(
            configuration.residency(modelCount: entries.count), logger: logger)
        let models = ModelRegistry(residency: residency)
        let slots = entries.map { _ in models.announce() }
        let api = APIServer(
            models: models, configuration: apiConfiguration, access: access?.control,
            storage: storage, files: files, batches: batches, registry: registry,
            tracer: exporter.map { CollectorTracer($0) },
            unixTime: { Int(Date().timeIntervalSince1970) }, logger: logger)
        let http = HTTPServer(
            configuration: configuration.http,
            errorResponse: { api.refusal($0, $1, $2) }, admission: { api.admit($0) },
            intake: { await api.intake($0) }, handler: { await api.handle($0) })
        let runner = batches.map { [logger] batches in
            let lineCount = configuration.linesAtOnce
            return BatchRunner(
                batches, lineCount: { lineCount }, judge: { api.judge($0, $1) }, notifier: notice,
                report: { reason in logger.error("batches", metadata: ["reason": "\(reason)"]) },
                answer: { await api.answer($0) })
        }
        let notifier = ServiceNotifier(
            environment: ProcessInfo.processInfo.environment, logger: logger)
        let stop = StopRequest(logger: logger) { [logger] in
            notifier.reload {
                Self.reload(http, logger)
                access?.reload(always: true)
            }
        }
        // Where somebody else listens as well, clients wait for a server that can answer.
        let waits = !configuration.http.inherited.isEmpty
        let port = try await http.start(accepts: !waits)
        if let daysLeft = http.certificateDaysLeft {
            Self.note(certificateDaysLeft: daysLeft, logger)
        }
        let maxConnections = await http.maxConnectionCount
        if let wanted = configuration.http.maxConnections, maxConnections < wanted {
            logger.warning(
                "max-connections is more than the limit of open files allows; raise that (ulimit -n)",
                metadata: ["connections": "\(maxConnections)"])
        }
        access?.watch()
        let addresses = await http.addresses.joined(separator: " ")
        logger.info(
            "listening, loading the model",
            metadata: [
                "port": "\(port)", "address": "\(addresses)", "model": "\(entries[0].path)",
            ])

        let loading = ModelService(
            configuration: configuration, port: port, residency: residency,
            registry: models, prefixStore: prefixStore, stop: stop, logger: logger,
            whenReady: { status in
                await http.beginAccepting()
                runner?.start()
                notifier.ready(status)
            })
        Task { await notifier.watch(models) }
        let pairs = zip(entries, slots).map { (entry: $0, slot: $1) }
        let failure = Mutex<(any Error)?>(nil)
        // Beside it, a signal ends the service while a further model is being loaded.
        Task {
            do {
                try await loading.load(pairs)
            } catch {
                if stop.ask() { failure.withLock { $0 = error } }
            }
        }
        await stop.wait()
        api.endWatching()
        logger.info("draining; a second signal ends at once")
        notifier.stopping(grace: configuration.shutdownGrace)
        let deadline = ContinuousClock.now + configuration.shutdownGrace
        // Where somebody goes on listening, nobody need be refused: new clients wait for the next
        // server, and this one answers those that it has.
        if waits {
            await http.finish(within: configuration.shutdownGrace)
        }
        // They go on where they stand when there is a server again.
        await runner?.stop()
        models.stop()
        // The engines first: what they cut off still tells its client so.
        await residency.end(grace: max(.zero, deadline - .now))
        // Uploads, downloads and slow readers need no engine and have the same time as answers.
        await http.shutdown(grace: max(.seconds(2), deadline - .now))
        storage?.flush()
        access?.control.flush()
        exporter?.flush(within: .seconds(2))
        if let failed = failure.withLock({ $0 }) { throw failed }
        logger.info("stopped")
        // Nothing would end the thread of a model that is just being loaded.
        if residency.isLoading { stop.end(code: 0) }
    }
}

extension Service {
    /// Reads again what may change while the server runs; what is not good stays as it was.
    private static func reload(_ http: HTTPServer, _ logger: Logger) {
        do throws(HTTPServerError) {
            guard let daysLeft = try http.reloadCertificate() else { return }
            logger.info("new connections get the certificate as it is now")
            note(certificateDaysLeft: daysLeft, logger)
        } catch {
            logger.error("the certificate stays as it was", metadata: ["reason": "\(error)"])
        }
    }

    /// Warns of a certificate that is about to end.
    private static func note(certificateDaysLeft days: Int, _ logger: Logger) {
        if days < 14 {
            logger.warning(
                days < 0 ? "the certificate is not valid any more" : "the certificate ends soon",
                metadata: ["days": "\(days)"])
        }
    }
}

extension ServiceConfiguration {
    /// Opens the folder of responses, if there is to be one.
    fileprivate func openStorage(_ logger: Logger) throws(SettingsError) -> RecordStore? {
        guard let storage else { return nil }
        do throws(StorageError) {
            let store = try RecordStore(
                folder: storage, limits: storageLimits,
                report: { error in
                    logger.error("a response was not stored", metadata: ["reason": "\(error)"])
                })
            logger.info(
                "storage", metadata: ["folder": "\(storage)", "responses": "\(store.count)"])
            return store
        } catch {
            throw .invalid(
                key: "storage", source: "configuration", expected: "a folder that can be written",
                found: "\(error)")
        }
    }
}

extension ServiceConfiguration {
    /// Opens the folder of files and jobs, if there is to be one.
    fileprivate func openFiles(_ logger: Logger) throws(SettingsError) -> FileStore? {
        guard let jobsDirectory else {
            guard let jobsKey else { return nil }
            throw .invalid(
                key: "jobs-key", source: "configuration",
                expected: "a folder (jobs-directory) whose files it encrypts", found: jobsKey)
        }
        var key: StorageKey?
        do throws(AccessError) {
            key = try jobsKey.map { path throws(AccessError) in try StorageKey(path: path) }
        } catch {
            throw .invalid(
                key: "jobs-key", source: "configuration", expected: "a key of 32 bytes",
                found: "\(error)")
        }
        do throws(JobsError) {
            let store = try FileStore(
                try JobDatabase(folder: jobsDirectory), limits: fileLimits, key: key,
                unixTime: { Int(Date().timeIntervalSince1970) },
                report: { reason in logger.error("files", metadata: ["reason": "\(reason)"]) })
            logger.info(
                "files",
                metadata: [
                    "folder": "\(jobsDirectory)", "encryption": "\(key == nil ? "none" : "on")",
                ])
            return store
        } catch {
            throw .invalid(
                key: "jobs-directory", source: "configuration",
                expected: "a folder that can be written", found: "\(error)")
        }
    }
}

extension ServiceConfiguration {
    /// The lines of batches that are under way at the same time: as many as an engine computes, and
    /// some that are read meanwhile.
    fileprivate var linesAtOnce: Int { engine.maxSequences + (engine.maxSequences + 1) / 2 }

    /// The batches on some files.
    fileprivate func makeBatches(on files: FileStore?, tellsEnds: Bool) -> BatchStore? {
        guard let files else { return nil }
        var limits = batchLimits
        // A line is a request.
        limits.maxLineByteCount = http.limits.maxBodyBytes
        return BatchStore(
            files, limits: limits, tellsEnds: tellsEnds,
            unixTime: { Int(Date().timeIntervalSince1970) })
    }

    /// What tells of the ends of batches, if somebody is to be told.
    fileprivate func makeBatchNotifier(
        _ logger: Logger
    ) throws(SettingsError) -> BatchNotifier? {
        guard let batchWebhook else { return nil }
        guard let batchWebhookSecret, jobsDirectory != nil else {
            throw .invalid(
                key: "batch-webhook", source: "configuration",
                expected: "a jobs-directory and a batch-webhook-secret beside it",
                found: batchWebhook)
        }
        let secret: WebhookSecret
        do throws(AccessError) {
            secret = try WebhookSecret(path: batchWebhookSecret)
        } catch {
            throw .invalid(
                key: "batch-webhook-secret", source: "configuration",
                expected: "a file with a secret", found: "\(error)")
        }
        let notifier = BatchNotifier(
            batchWebhook, secret: secret,
            report: { reason in logger.warning("webhook", metadata: ["reason": "\(reason)"]) })
        guard let notifier else {
            throw .invalid(
                key: "batch-webhook", source: "configuration",
                expected: "an address of HTTP or HTTPS such as https://hooks.example/{id}",
                found: batchWebhook)
        }
        return notifier
    }
}

extension ServiceConfiguration {
    /// What sends traces to a collector, if there is to be one.
    fileprivate func makeSpanExporter(
        _ registry: MetricsRegistry, _ logger: Logger
    ) throws(SettingsError) -> SpanExporter? {
        guard let traceEndpoint else { return nil }
        guard let address = CollectorAddress(traceEndpoint) else {
            throw .invalid(
                key: "otlp-endpoint", source: "configuration",
                expected: "an address of HTTP or HTTPS such as http://127.0.0.1:4318",
                found: traceEndpoint)
        }
        logger.info("traces", metadata: ["collector": "\(address.text)"])
        return SpanExporter(
            resource: ["service.name": "cierzo", "service.version": Build.version],
            factory: registry,
            report: { reason in
                logger.warning("traces are not taken", metadata: ["reason": "\(reason)"])
            },
            connect: {
                let connection = CollectorConnection(to: address)
                return { connection.send($0) }
            })
    }
}

extension ServiceConfiguration {
    /// How clients are parted, which is in the names of KV blocks on disk.
    package var prefixSharing: String {
        needsKey ? api.sharesPrefixes ? "all keys" : "each key" : "no keys"
    }

    /// Opens the folder of KV blocks, if there is to be one.
    fileprivate func openPrefixStore(_ logger: Logger) throws(SettingsError) -> PrefixStore? {
        guard let cacheDirectory else { return nil }
        do throws(PrefixStore.Failure) {
            var folder = PrefixStore.Configuration(
                directory: cacheDirectory, maxBytes: cacheDiskByteCount)
            folder.sharing = prefixSharing
            let store = try PrefixStore(folder, logger: logger)
            let found = store.statistics
            logger.info(
                "disk cache",
                metadata: [
                    "folder": "\(cacheDirectory)", "blocks": "\(found.blockCount)",
                    "bytes": "\(byteText(found.byteCount))",
                ])
            return store
        } catch {
            throw .invalid(
                key: "cache-directory", source: "configuration",
                expected: "a folder that can be written", found: "\(error)")
        }
    }
}

/// Loads the models that must be there at the start, and lets requests reach all.
private struct ModelService: Sendable {
    let configuration: ServiceConfiguration
    let port: Int
    let residency: ModelResidency
    let registry: ModelRegistry
    let prefixStore: PrefixStore?
    let stop: StopRequest
    let logger: Logger
    /// Is told what is served once that can be asked.
    let whenReady: @Sendable (String) async -> Void

    /// Opens all models, loads those that are needed at the start, and opens the gate.
    ///
    /// The others are loaded when they are asked for; but a file that is not sound, or that could
    /// never be in memory, is told at once.
    func load(_ models: [(entry: ModelEntry, slot: ModelSlot)]) async throws {
        let began = ContinuousClock.now
        let opened = try await WorkThread.run("cierzo-loading") { try open(models) }
        // What must be there at the start.
        for (model, slot) in zip(opened, models.map { $0.slot }) where slot.isEssential {
            if model.model.description.generates {
                model.model.constraints.prepareInBackground()
            }
            try await load(model)
            stop.drains()
            slot.serve(model.model)
        }
        for (model, slot) in zip(opened, models.map { $0.slot }) where !slot.isEssential {
            slot.serve(model.model)
        }
        keepLooking(opened.map(\.engine))
        let seconds = (ContinuousClock.now - began) / .seconds(1)
        logger.info(
            "ready",
            metadata: [
                "model": "\(opened[0].model.description.name)",
                "seconds": "\((seconds * 10).rounded() / 10)",
            ])
        await whenReady(
            "Serving " + opened.map(\.model.description.name).joined(separator: ", "))
        greet()
    }

    private func open(_ models: [(entry: ModelEntry, slot: ModelSlot)]) throws -> [OpenedModel] {
        // One team of threads for all: what it does not do at the same time, it does by turns.
        let pool = try configuration.engine.makePool()
        let gate = ForegroundGate()
        let program = prefixStore == nil ? Build.version : Build.identity()
        var opened: [OpenedModel] = []
        var names: Set<String> = []
        for (index, (entry, slot)) in models.enumerated() {
            var entry = entry
            entry.assembly.sharedPool = pool
            entry.assembly.gate = gate
            entry.assembly.prefixStore = prefixStore
            entry.assembly.build = program
            let isEssential = index == 0 || entry.isPinned
            let model = try entry.open(
                in: residency, build: Build.version, keepsFile: isEssential, logger: logger)
            let description = model.model.description
            guard names.insert(description.name).inserted else {
                throw SettingsError.invalid(
                    key: "models", source: "configuration", expected: "a name for each model",
                    found: "\(description.name) twice")
            }
            slot.announce(description, in: model.engine.resident, isEssential: isEssential)
            if description.generates {
                slot.announce(
                    ModelAdapters(
                        of: AdapterBase(model.loaded.file), in: residency,
                        hash: configuration.audit == nil ? nil : WeightsHash.ofFile))
            }
            describe(model, entry.assembly)
            opened.append(model)
        }
        // When all models are known, for each must fit beside the adapters.
        for (entry, slot) in models {
            for (name, path) in entry.adapters { try load(name, path, for: slot) }
        }
        if configuration.audit != nil {
            let hashes = WeightsHash.beginning(opened.map(\.loaded.file)) { [logger] error in
                logger.error("records will have no hash of a model's weights: \(error)")
            }
            for (index, hash) in hashes.enumerated() {
                opened[index].model.weightsHash = { hash.value }
            }
        }
        return opened
    }

    private func load(_ name: String, _ path: String, for slot: ModelSlot) throws {
        let model = slot.description?.name ?? ModelRegistry.defaultName
        do throws(AdapterFailure) {
            try registry.loadAdapter(path, named: name, for: model)
        } catch {
            throw SettingsError.invalid(
                key: "models.adapters", source: "configuration",
                expected: "an adapter of the model '\(model)' under a name of its own",
                found: "\(name): \(error)")
        }
        guard let loaded = slot.adapters?.adapter(named: name) else { return }
        logger.info(
            "adapter",
            metadata: [
                "name": "\(name)", "model": "\(model)", "rank": "\(loaded.adapter.rank)",
                "matrices": "\(loaded.adapter.matrixCount)",
                "memory": "\(byteText(loaded.adapter.byteCount))",
            ])
    }

    private func describe(_ model: OpenedModel, _ assembly: EngineAssembly) {
        let (loaded, plan) = (model.loaded, model.plan.memory)
        for warning in loaded.warnings { logger.warning("\(warning)") }
        logger.info(
            "prompts",
            metadata: [
                "format": "\(loaded.promptFormatName)", "because": "\(loaded.promptReason)",
                "answers": "\(loaded.answerFormat.name): \(loaded.answerReason)",
            ])
        var memory: Logger.Metadata = [
            "model": "\(model.model.description.name)",
            "weights": "\(byteText(plan.weightByteCount))",
            "kv": "\(byteText(plan.kvByteCount)) for \(plan.kvPositionCount) positions",
            "scratch": "\(byteText(plan.activationByteCount))",
            "context": "\(model.model.description.contextLength) tokens",
        ]
        if plan.stateByteCount > 0 {
            memory["states"] =
                "\(byteText(plan.stateByteCount)) for \(plan.stateCount), half of them of sequences"
        }
        logger.info("memory", metadata: memory)
        if let advice = assembly.contextAdvice(for: loaded.file) { logger.notice("\(advice)") }
    }

    /// Loads a model, with a line of progress on a terminal.
    private func load(_ model: OpenedModel) async throws {
        let file = model.loaded.file
        let isForPeople = configuration.logFormat == .text
        let line = ProgressLine(
            file.preparation, "of " + byteText(file.tensors.byteCount),
            write: { if isForPeople { DiagnosticWriter.standardError.write($0) } })
        let showing = Task {
            while true {
                try await Task.sleep(for: .milliseconds(100))
                if case .loading(let progress?) = model.engine.resident.status {
                    line.update(progress.share)
                }
            }
        }
        defer {
            showing.cancel()
            line.finish()
        }
        try await model.engine.resident.loaded()
    }

    /// Looks at the models' files every second, on a thread that may wait for a slow disk.
    private func keepLooking(_ engines: [ResidentEngine]) {
        let thread = Thread { [logger] in
            var lost: Set<String> = []
            while true {
                sleep(1)
                for engine in engines {
                    engine.lookAtWeights()
                    guard let problem = engine.problem, lost.insert(problem).inserted else {
                        continue
                    }
                    logger.critical("\(problem)")
                }
            }
        }
        thread.name = "cierzo-watch"
        thread.stackSize = 1 << 18
        thread.start()
    }

    /// Prints a line to paste, unless programs read what is printed.
    private func greet() {
        guard configuration.logFormat == .text else { return }
        let host = ListeningHost(configuration.http.host)
        let scheme = configuration.http.tls.isWanted ? "https" : "http"
        let url = scheme + "://" + (port == 0 ? "localhost" : "\(host.urlHost):\(port)")
        let socket = configuration.socketPath.map { path in
            path.hasPrefix("@")
                ? "--abstract-unix-socket '\(path.dropFirst())' " : "--unix-socket '\(path)' "
        }
        note(
            """

            Ask it something:

            curl \(socket ?? "")\(url)/v1/chat/completions -H 'Content-Type: application/json' \
            -d '{"model": "default", "messages": [{"role": "user", "content": "What is the capital of France?"}], "max_tokens": 60}'

            """)
    }
}
