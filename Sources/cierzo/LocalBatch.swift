// SPDX-License-Identifier: Apache-2.0

import APIs
import Access
import Console
import Foundation
import Generation
import JSON
import Jobs
import Logging
import ModelFiles
import Serving
import Synchronization

/// A batch that is worked on without a server: its state in a folder, its answers by the code that a
/// server has for them.
struct LocalBatch {
    /// Its files.
    let files: FileStore

    private let store: BatchStore
    /// The batch as it was found.
    let batch: StoredBatch

    /// Has the server's work logged only where something is wrong: each request would be a line.
    static func quietenLog() {
        LoggingSystem.bootstrap { label in
            var handler = LineLogHandler(label: label)
            handler.logLevel = .warning
            return handler
        }
    }

    /// The batch of a file: the one that was begun in a folder, or a new one.
    ///
    /// - Parameters:
    ///   - input: the file.
    ///   - folder: where its state is, or is to be.
    ///   - setup: what else decides the answers: where the model is, and how it is set up.
    /// - Throws: `BatchProblem.other` where the folder has a batch of something else, and what the disk
    ///   does not let be done.
    init(of input: BatchInput, in folder: String, setup: JSONObject = [:]) throws {
        files = try FileStore(
            try JobDatabase(folder: folder), limits: Self.limits,
            unixTime: { Int(Date().timeIntervalSince1970) })
        var batchLimits = BatchLimits()
        batchLimits.maxLineCount = 10_000_000
        store = BatchStore(
            files, limits: batchLimits, unixTime: { Int(Date().timeIntervalSince1970) })
        batch = try Self.batch(of: input, in: store, setup: setup)
    }

    /// What became of it.
    struct Outcome {
        /// The batch as it is then.
        let batch: StoredBatch
        /// The signal that has stopped it before its end; nil where none has.
        let signal: Int32?
        /// How long the model took to load, and the lines to be answered, in seconds.
        let loadSeconds: Double
        let seconds: Double
    }

    /// Loads a model and answers all lines, and shows how far it is.
    ///
    /// A signal stops it at the next point from which it can be taken up, a second one at once.
    ///
    /// - Parameters:
    ///   - model: where it is.
    ///   - assembly: the engine.
    ///   - acceptsStale: whether a packed file may be older than what it was packed from.
    /// - Returns: the batch and how long it took.
    /// - Throws: why the model cannot be loaded, and what the disk does not let be done.
    func answer(
        by model: String, on assembly: EngineAssembly, acceptsStale: Bool
    ) async throws -> Outcome {
        let began = ContinuousClock.now
        let loaded = try LoadedModel(path: model, acceptsStale: acceptsStale)
        let running = try ProgressLine.preparing(loaded.file) { progress in
            try assembly.start(loaded, build: Build.version, progress: progress)
        }
        let interruption = Mutex<Int32?>(nil)
        SignalWatch.shared.take { number in
            // Whoever asks twice does not want to wait.
            if interruption.withLock({ known in
                defer { known = number }
                return known != nil
            }) {
                SignalWatch.end(number)
            }
        }
        let start = ContinuousClock.now
        let batch = try await answer(with: running, maxSequences: assembly.maxSequences) {
            interruption.withLock { $0 } != nil
        }
        return Outcome(
            batch: batch, signal: batch.status.isFinal ? nil : interruption.withLock { $0 },
            loadSeconds: began.duration(to: start) / .seconds(1),
            seconds: start.duration(to: .now) / .seconds(1))
    }

    private func answer(
        with running: RunningModel, maxSequences: Int, isStopped: () -> Bool
    ) async throws -> StoredBatch {
        let models = ModelRegistry()
        models.announce(running.model.description).serve(running.model)
        let server = APIServer(
            models: models, configuration: APIServer.Configuration(),
            unixTime: { Int(Date().timeIntervalSince1970) })
        // Some wait already when others end.
        let lineCount = maxSequences + (maxSequences + 1) / 2
        let runner = BatchRunner(
            store, lineCount: { lineCount }, judge: { server.judge($0, $1) },
            report: { note("cierzo: \($0)") }, answer: { await server.answer($0) })
        runner.start()
        let line = ProgressLine("Answering", "")
        var last = batch
        while !last.status.isFinal, !isStopped() {
            try await Task.sleep(for: .milliseconds(last.doneCount < last.totalCount ? 200 : 10))
            guard let now = try store.batch(batch.id, of: batch.order.owner) else { break }
            last = now
            guard now.totalCount > 0 else { continue }
            var detail = "(\(now.doneCount) of \(now.totalCount)"
            if let seconds = store.progress(of: batch.id)?.secondsLeft {
                detail += ", \(Self.text(ofSeconds: seconds)) left"
            }
            line.update(Double(now.doneCount) / Double(now.totalCount), detail + ")")
        }
        line.finish()
        await runner.stop()
        await running.engine.shutdown()
        return last
    }

    /// A file may be as large as the disk holds, and twice for a while.
    private static var limits: FileLimits {
        var limits = FileLimits()
        limits.maxFileByteCount = .max / 4
        limits.maxByteCountPerOwner = .max / 4
        limits.maxByteCount = .max / 4
        return limits
    }

    /// The batch that was begun before, or a new one.
    private static func batch(
        of input: BatchInput, in store: BatchStore, setup: JSONObject
    ) throws -> StoredBatch {
        let owner = Caller.anybody.owner
        if let known = try store.page(BatchSelection(), of: owner)?.batches.first {
            guard known.id == input.id else { throw BatchProblem.other(input.path) }
            if let told = known.order.metadata, told != setup {
                throw BatchProblem.otherSetup(JSONValue.object(told).serialized())
            }
            return known
        }
        let id = try input.store(in: store.files, for: owner)
        return try store.make(
            BatchOrder(
                owner: owner, keyID: Caller.anybody.id, dialect: Dialect.openAI.rawValue,
                isMistral: true, endpoint: input.endpoint, model: ModelRegistry.defaultName,
                inputFiles: [id], window: "10y",
                windowSeconds: 10 * 365 * 86_400, metadata: setup),
            id: input.id, at: input.modificationTime)
    }

    private static func text(ofSeconds seconds: Int) -> String {
        seconds < 120
            ? "\(seconds) s" : seconds < 7_200 ? "\(seconds / 60) min" : "\(seconds / 3_600) h"
    }
}
