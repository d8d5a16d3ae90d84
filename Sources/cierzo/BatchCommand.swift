// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Console
import Foundation
import JSON
import Jobs
import Serving

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
        LocalBatch.quietenLog()
        let outputPath = output ?? Self.path(file, with: "output")
        let errorPath = Self.path(outputPath, with: "errors")
        let workPath = outputPath + ".work"
        let isNew = !FileManager.default.fileExists(atPath: workPath)
        if isNew { try refusePresent([outputPath, errorPath]) }
        let input = try BatchInput(path: file, endpoint: endpoint)
        var setup: JSONObject = ["model": .string(try Self.identity(of: model))]
        if let context { setup["context"] = .integer(context) }
        let batch = try LocalBatch(of: input, in: workPath, setup: setup)
        // What is there now was put there just before a kill.
        if batch.batch.status.isFinal {
            return try end(batch.batch, batch.files, outputPath, errorPath, workPath)
        }
        if !isNew { try refusePresent([outputPath, errorPath]) }

        var assembly = compute.assembly
        assembly.context = context
        if let maxSequences { assembly.maxSequences = maxSequences }
        let outcome = try await batch.answer(
            by: model, on: assembly, acceptsStale: compute.acceptsStale)
        if let signal = outcome.signal {
            note("interrupted; the same command goes on with what is left")
            SignalWatch.end(signal)
        }
        try end(outcome.batch, batch.files, outputPath, errorPath, workPath)
    }

    private func refusePresent(_ paths: [String]) throws {
        for path in paths where FileManager.default.fileExists(atPath: path) {
            throw BatchProblem.present(path)
        }
    }

    /// A model's path, with the length and the time of its file: another one has other answers.
    private static func identity(of model: String) throws -> String {
        let path = URL(fileURLWithPath: model).resolvingSymlinksInPath().path
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: path) else {
            return path
        }
        let date = attributes[.modificationDate] as? Date ?? Date(timeIntervalSince1970: 0)
        let size = attributes[.size] as? Int ?? 0
        return "\(path) (\(size) bytes, \(Int(date.timeIntervalSince1970)))"
    }

    /// Puts the answers where they are wanted, and says what became of the batch.
    private func end(
        _ last: StoredBatch, _ files: FileStore, _ outputPath: String, _ errorPath: String,
        _ workPath: String
    ) throws {
        try Self.deliver(last, files, to: outputPath, errors: errorPath)
        try FileManager.default.removeItem(atPath: workPath)
        for fault in last.faults {
            note("\(BatchProblem.fault(file, line: fault.line, fault.message))")
        }
        if last.status == .completed {
            note(
                "\(last.completedCount) answers in \(outputPath)"
                    + (last.failedCount > 0 ? ", \(last.failedCount) errors in \(errorPath)" : ""))
        }
        if last.status != .completed || last.failedCount > 0 { throw ExitCode(1) }
    }

    /// Puts the files of a batch where they are wanted, in place of what a kill has left there; each
    /// is there as a whole.
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
            guard unsafe rename(partial, path) == 0 else { throw BatchProblem.unwritable(path) }
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
}
