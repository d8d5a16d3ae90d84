// SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON
import Jobs
import Synchronization
import TestSupport
import Testing

/// A folder of jobs, and what works on them by a test's rules.
final class BatchHarness: Sendable {
    let path: String
    let files: FileStore
    let store: BatchStore
    let now: Mutex<Int>

    /// Goes on with the folder of another one, or makes one.
    init(
        in folder: TemporaryFolder, _ name: String = "jobs", limits: BatchLimits = BatchLimits(),
        tellsEnds: Bool = false, at time: Int = 1_000_000
    ) throws {
        path = folder.path + "/" + name
        now = Mutex(time)
        let clock = Clock()
        files = try FileStore(
            try JobDatabase(folder: path), unixTime: { clock.owner?.now.withLock { $0 } ?? 0 })
        store = BatchStore(
            files, limits: limits, tellsEnds: tellsEnds,
            unixTime: { clock.owner?.now.withLock { $0 } ?? 0 })
        clock.state.withLock { $0 = Weak(owner: self) }
    }

    private struct Weak: Sendable { weak let owner: BatchHarness? }

    private final class Clock: Sendable {
        let state = Mutex(Weak(owner: nil))
        var owner: BatchHarness? { state.withLock { $0.owner } }
    }

    /// A batch of lines.
    func make(
        _ lines: [String], owner: String = "one", isMistral: Bool = false, seconds: Int = 3_600
    ) throws -> StoredBatch {
        let writer = try files.make(for: owner)
        try writer.append(Array(lines.map { $0 + "\n" }.joined().utf8))
        let file = try writer.finish(name: "input.jsonl", purpose: .batch)
        return try store.make(
            BatchOrder(
                owner: owner, keyID: "key", dialect: "openai", isMistral: isMistral,
                endpoint: "/v1/chat/completions", inputFiles: [file.id], window: "1h",
                windowSeconds: seconds))
    }

    /// A line of OpenAI's form.
    static func line(_ name: String, _ text: String = "hello") -> String {
        "{\"custom_id\": \"\(name)\", \"method\": \"POST\", \"url\": \"/v1/chat/completions\", "
            + "\"body\": {\"model\": \"m\", \"messages\": [{\"role\": \"user\", "
            + "\"content\": \"\(text)\"}]}}"
    }

    /// A runner that answers as told.
    func runner(
        lineCount: Int = 4, notifier: BatchNotifier? = nil,
        answer: @escaping BatchRunner.Answering = BatchHarness.echo,
        judge: @escaping @Sendable (StoredBatch, String?) -> BatchFault? = { _, _ in nil }
    ) -> BatchRunner {
        BatchRunner(
            store, lineCount: { lineCount }, judge: judge, notifier: notifier,
            report: { Issue.record("\($0)") }, answer: answer)
    }

    /// The answer is the request.
    static let echo: BatchRunner.Answering = { task in
        var usage = BatchUsage()
        usage.promptTokens = 2
        usage.completionTokens = 1
        let body = JSONValue.object(["line": .integer(task.index), "body": .object(task.body)])
        return .answered(
            status: 200, id: "request-\(task.index)", body: body.serializedBytes(), usage: usage)
    }

    /// Waits until a batch is as wanted.
    func wait(
        for id: String, of owner: String = "one",
        until isDone: (StoredBatch) -> Bool = \.status.isFinal
    ) async throws -> StoredBatch {
        while true {
            let batch = try #require(try store.batch(id, of: owner))
            if isDone(batch) { return batch }
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    /// The lines of a file.
    func lines(of id: String?, owner: String = "one") throws -> [String] {
        guard let id else { return [] }
        let file = try #require(try files.file(id, of: owner))
        let bytes = try files.open(file).read(file.byteCount, at: 0)
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
