// SPDX-License-Identifier: Apache-2.0

import APIs
import Access
import ArgumentParser
import Console
import Foundation
import Generation
import JSON
import Jobs
import ModelFiles
import Serving
import Synchronization

/// `cierzo batch`: answers the lines of a file without a server, by the code that a server has for it.
struct BatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "batch",
        abstract: "Answer the requests of a file, without a server.",
        discussion: """
            Each line of the file is a request, as OpenAI's or Mistral's batch API has it:

              {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {…}}
              {"custom_id": "1", "body": {…}}

            The answers go to OUTPUT, in the order of the file, and errors to OUTPUT with .errors \
            before its ending. What is interrupted, even by a power failure, is taken up where it \
            stood by the same command; until the end, it is in OUTPUT.work. The same file and model \
            give the same bytes.
            """)

    @Argument(help: "The file of requests, one for each line.") var file: String
    @Option(help: "The model: a manifest, a GGUF or packed file, or a directory.") var model: String
    @Option(
        help: ArgumentHelp(
            "Where the answers go. Default: FILE with .output before its ending.",
            valueName: "file"))
    var output: String?
    @Option(
        help: ArgumentHelp(
            "What lines ask that do not say it. Default: what the first line says, or "
                + "/v1/chat/completions.", valueName: "path"))
    var endpoint: String?
    @Option(help: "Context window in tokens.") var context: Int?
    @Option(
        help: ArgumentHelp("Requests that are computed at the same time.", valueName: "count"))
    var maxSequences: Int?
    @OptionGroup var compute: ComputeOptions

    func run() async throws {
        do {
            try await answer()
        } catch let error as ExitCode {
            throw error
        } catch {
            throw failure(error)
        }
    }

    private func answer() async throws {
        let outputPath = output ?? Self.path(file, with: "output")
        let errorPath = Self.path(outputPath, with: "errors")
        for path in [outputPath, errorPath] where FileManager.default.fileExists(atPath: path) {
            throw BatchProblem.present(path)
        }
        let input = try BatchInput(path: file, endpoint: endpoint)
        let workPath = outputPath + ".work"
        let files = try FileStore(
            try JobDatabase(folder: workPath), limits: Self.limits,
            unixTime: { Int(Date().timeIntervalSince1970) })
        var batchLimits = BatchLimits()
        batchLimits.maxLineCount = 10_000_000
        let store = BatchStore(
            files, limits: batchLimits, unixTime: { Int(Date().timeIntervalSince1970) })
        let batch = try Self.batch(of: input, in: store)

        let loaded = try LoadedModel(path: model, acceptsStale: compute.acceptsStale)
        var assembly = compute.assembly
        assembly.context = context
        if let maxSequences { assembly.maxSequences = maxSequences }
        let running = try ProgressLine.preparing(loaded.file) { [assembly] progress in
            try assembly.start(loaded, build: Build.version, progress: progress)
        }
        let models = ModelRegistry()
        models.announce(running.model.description).serve(running.model)
        let server = APIServer(
            models: models, configuration: APIServer.Configuration(),
            unixTime: { Int(Date().timeIntervalSince1970) })
        let lineCount = assembly.maxSequences + (assembly.maxSequences + 1) / 2
        let runner = BatchRunner(
            store, lineCount: { lineCount }, judge: { server.judge($0, $1) },
            report: { note("cierzo: \($0)") }, answer: { await server.answer($0) })
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
        runner.start()
        let line = ProgressLine("Answering", "")
        var last = batch
        while !last.status.isFinal, interruption.withLock({ $0 }) == nil {
            try await Task.sleep(for: .milliseconds(200))
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
        if let number = interruption.withLock({ $0 }), !last.status.isFinal {
            note("interrupted; the same command goes on with what is left")
            SignalWatch.end(number)
        }
        try Self.deliver(last, files, to: outputPath, errors: errorPath)
        try FileManager.default.removeItem(atPath: workPath)
        for fault in last.faults {
            note("\(file): " + (fault.line.map { "line \($0): " } ?? "") + fault.message)
        }
        if last.status == .completed {
            note(
                "\(last.completedCount) answers in \(outputPath)"
                    + (last.failedCount > 0 ? ", \(last.failedCount) errors in \(errorPath)" : ""))
        }
        if last.status != .completed || last.failedCount > 0 { throw ExitCode(1) }
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
    private static func batch(of input: BatchInput, in store: BatchStore) throws -> StoredBatch {
        let owner = Caller.anybody.owner
        if let known = try store.page(BatchSelection(), of: owner)?.batches.first {
            guard known.id == input.id else { throw BatchProblem.other(input.path) }
            return known
        }
        let id = try input.store(in: store.files, for: owner)
        return try store.make(
            BatchOrder(
                owner: owner, keyID: Caller.anybody.id, dialect: Dialect.openAI.rawValue,
                isMistral: true, endpoint: input.endpoint, model: ModelRegistry.defaultName,
                inputFiles: [id], window: "10y",
                windowSeconds: 10 * 365 * 86_400),
            id: input.id, at: input.modificationTime)
    }

    /// Puts the files of a batch where they are wanted; each is there as a whole.
    private static func deliver(
        _ batch: StoredBatch, _ files: FileStore, to path: String, errors: String
    ) throws {
        for (id, path) in [(batch.errorFile, errors), (batch.outputFile, path)] {
            guard let id, let file = try files.file(id, of: batch.order.owner) else { continue }
            let reader = try files.open(file)
            let partial = path + ".partial"
            guard FileManager.default.createFile(atPath: partial, contents: nil),
                let handle = FileHandle(forWritingAtPath: partial)
            else { throw BatchProblem.unwritable(partial) }
            var offset = 0
            while offset < file.byteCount {
                let bytes = try reader.read(1 << 20, at: offset)
                try handle.write(contentsOf: bytes)
                offset += bytes.count
            }
            try handle.synchronize()
            try handle.close()
            try FileManager.default.moveItem(atPath: partial, toPath: path)
        }
    }

    /// A path with a word before its ending.
    private static func path(_ path: String, with word: String) -> String {
        let name = path.split(separator: "/").last ?? ""
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex else {
            return path + "." + word
        }
        let ending = name[dot...]
        return path.dropLast(ending.count) + "." + word + ending
    }

    private static func text(ofSeconds seconds: Int) -> String {
        seconds < 120
            ? "\(seconds) s" : seconds < 7_200 ? "\(seconds / 60) min" : "\(seconds / 3_600) h"
    }
}

/// The file of a batch without a server.
private struct BatchInput {
    let path: String
    let endpoint: String
    /// A UUID that the bytes and the endpoint decide.
    let id: String
    /// In seconds since 1970; answers tell it as their time.
    let modificationTime: Int

    init(path: String, endpoint: String?) throws {
        self.path = path
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw BatchProblem.unreadable(path)
        }
        defer { try? handle.close() }
        let digest = try RunningDigest()
        var first: [UInt8] = []
        while let bytes = try handle.read(upToCount: 1 << 20), !bytes.isEmpty {
            let bytes = Array(bytes)
            digest.add(bytes)
            if first.isEmpty { first = bytes }
        }
        let line = first.split(separator: UInt8(ascii: "\n"), maxSplits: 1).first.map(Array.init)
        let told = (try? JSONParser.parse(line ?? []))?["url"]?.stringValue
        self.endpoint = endpoint ?? told ?? "/v1/chat/completions"
        digest.add(Array(self.endpoint.utf8))
        let digits = Cryptography.hexadecimal(digest.finish().prefix(16))
        var text = ""
        for (index, digit) in digits.enumerated() {
            if [8, 12, 16, 20].contains(index) { text.append("-") }
            text.append(digit)
        }
        id = text
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        let date = attributes[.modificationDate] as? Date ?? Date(timeIntervalSince1970: 0)
        modificationTime = Int(date.timeIntervalSince1970)
    }

    /// Copies it to a store, so that it cannot change while it is worked on.
    func store(in files: FileStore, for owner: String) throws -> String {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw BatchProblem.unreadable(path)
        }
        defer { try? handle.close() }
        let writer = try files.make(for: owner)
        while let bytes = try handle.read(upToCount: 1 << 20), !bytes.isEmpty {
            try writer.append(Array(bytes))
        }
        return try writer.finish(name: "input.jsonl", purpose: .batch).id
    }
}

/// Why a batch cannot be answered.
private enum BatchProblem: Error, CustomStringConvertible {
    case present(String)
    case other(String)
    case unreadable(String)
    case unwritable(String)

    var description: String {
        switch self {
        case .present(let path): "\(path) is there already; nothing is written over it"
        case .other(let path):
            "what was begun for this output was another file than \(path), or that has changed; "
                + "delete the folder OUTPUT.work to begin anew"
        case .unreadable(let path): "\(path) cannot be read"
        case .unwritable(let path): "\(path) cannot be written"
        }
    }
}
