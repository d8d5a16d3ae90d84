// SPDX-License-Identifier: Apache-2.0

import Access
import Foundation
import JSON
import Jobs
import Synchronization
import TestSupport
import Testing

@Suite struct BatchTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func names(_ lines: [String]) throws -> [String] {
        try lines.map { try #require(try JSONParser.parse($0)["custom_id"]?.stringValue) }
    }

    @Test func `every line is answered once, in the order of the input`() async throws {
        let harness = try BatchHarness(in: folder)
        let wanted = (0..<100).map { "line-\($0)" }
        let made = try harness.make(wanted.map { BatchHarness.line($0, "\($0.utf8.count)") })
        #expect(made.status == .validating)
        let asked = Mutex<[Int]>([])
        let runner = harness.runner { task in
            asked.withLock { $0.append(task.index) }
            if task.index % 3 == 0 { await Task.yield() }
            if task.index % 10 == 9 {
                return .answered(
                    status: 400, id: "r", body: Array("{\n\"error\": 1}".utf8), usage: BatchUsage())
            }
            return await BatchHarness.echo(task)
        }
        runner.start()
        let batch = try await harness.wait(for: made.id)
        await runner.stop()
        #expect(batch.status == .completed)
        #expect((batch.totalCount, batch.completedCount, batch.failedCount) == (100, 90, 10))
        #expect((batch.usage.promptTokens, batch.usage.completionTokens) == (180, 90))
        #expect(asked.withLock { $0.sorted() } == Array(0..<100))
        let output = try harness.lines(of: batch.outputFile)
        let errors = try harness.lines(of: batch.errorFile)
        #expect(try names(output) == wanted.filter { !$0.hasSuffix("9") })
        #expect(try names(errors) == wanted.filter { $0.hasSuffix("9") })
        let first = try JSONParser.parse(output[1])
        #expect(first["response"]?["status_code"] == 200)
        #expect(first["response"]?["request_id"] == "request-1")
        #expect(first["response"]?["body"]?["line"] == 1)
        #expect(first["error"] == .null)
        #expect(try harness.store.outputs(of: batch, maxByteCount: 1 << 20)?.count == 100)
        #expect(try harness.store.outputs(of: batch, maxByteCount: 100) == nil)
        // Its files may go now.
        #expect(try harness.files.remove(made.order.inputFiles[0], of: "one"))
    }

    @Test(arguments: [
        ("not JSON", "invalid_json_line"), ("[1]", "invalid_json_line"),
        ("{\"a\": 1, \"a\": 2", "invalid_json_line"),
        ("{\"method\": \"POST\"}", "missing_required_parameter"),
        ("{\"custom_id\": 7}", "invalid_custom_id"),
        (
            BatchHarness.line("x").replacing("\"POST\"", with: "\"GET\""), "invalid_method"
        ),
        (
            BatchHarness.line("x").replacing("chat/completions", with: "embeddings"),
            "mismatched_endpoint"
        ),
        (
            "{\"custom_id\": \"x\", \"method\": \"POST\", \"url\": \"/v1/chat/completions\"}",
            "missing_required_parameter"
        ),
        (
            BatchHarness.line("x").replacing("\"model\": \"m\"", with: "\"model\": 3"),
            "invalid_type"
        ),
        (
            BatchHarness.line("x").replacing("\"model\"", with: "\"stream\": true, \"model\""),
            "unsupported_parameter"
        ),
        (BatchHarness.line("first"), "duplicate_custom_id"),
        (BatchHarness.line("x").replacing("\"m\"", with: "\"unknown\""), "model_not_found"),
        (BatchHarness.line("x", String(repeating: "y", count: 3_000)), "line_too_long"),
        (BatchHarness.line("x", "\u{0}"), "invalid_json_line"),
    ])
    func `a wrong line is named by its number`(line: String, code: String) async throws {
        var limits = BatchLimits()
        limits.maxLineByteCount = 2_000
        let harness = try BatchHarness(in: folder, limits: limits)
        let made = try harness.make([BatchHarness.line("first"), "", line, BatchHarness.line("z")])
        let runner = harness.runner(
            answer: { _ in .stopped },
            judge: { _, model in
                model == "unknown" ? BatchFault("model_not_found", "no such model") : nil
            })
        runner.start()
        let batch = try await harness.wait(for: made.id)
        await runner.stop()
        #expect(batch.status == .failed)
        #expect(batch.faults.map(\.code) == [code])
        #expect(batch.faults.map(\.line) == [3])
        #expect(batch.outputFile == nil)
    }

    @Test func `a file of nothing, or of too much, is refused as a whole`() async throws {
        var limits = BatchLimits()
        limits.maxLineCount = 3
        let harness = try BatchHarness(in: folder, limits: limits)
        let empty = try harness.make(["", "  "])
        let long = try harness.make((0..<4).map { BatchHarness.line("\($0)") })
        let wrong = try harness.make((0..<500).map { _ in "?" })
        let runner = harness.runner()
        runner.start()
        #expect(try await harness.wait(for: empty.id).faults.map(\.code) == ["empty_file"])
        #expect(try await harness.wait(for: long.id).faults.map(\.code) == ["too_many_requests"])
        #expect(try await harness.wait(for: wrong.id).faults.count == 4 + 1)
        await runner.stop()
    }

    @Test(arguments: [(["m", "m"], "m"), (["m", "n"], nil)] as [([String], String?)])
    func `a batch has the model of its lines, where it is one`(
        models: [String], model: String?
    ) async throws {
        let harness = try BatchHarness(in: folder)
        let made = try harness.make(
            models.enumerated().map { index, name in
                BatchHarness.line("\(index)").replacing("\"m\"", with: "\"\(name)\"")
            })
        #expect(made.order.model == nil)
        let runner = harness.runner()
        runner.start()
        #expect(try await harness.wait(for: made.id).order.model == model)
        await runner.stop()
    }

    @Test func `Mistral's lines may leave out what the batch says`() async throws {
        let harness = try BatchHarness(in: folder)
        let made = try harness.make(
            ["{\"body\": {}}", "{\"custom_id\": \"a\", \"body\": {\"model\": \"n\"}}"],
            isMistral: true)
        let runner = harness.runner()
        runner.start()
        let batch = try await harness.wait(for: made.id)
        await runner.stop()
        #expect(try names(harness.lines(of: batch.outputFile)) == ["0", "a"])
    }

    @Test func `a batch that is taken up again has the bytes of one that was not disturbed`()
        async throws
    {
        let wanted = (0..<200).map { "line-\($0)" }
        let made = try {
            try BatchHarness(in: folder).make(wanted.map { BatchHarness.line($0) })
        }()
        try FileManager.default.copyItem(
            atPath: folder.path + "/jobs", toPath: folder.path + "/copy")
        let asked = Mutex<[Int: Int]>([:])
        var disturbed: [String]?
        for round in 1... {
            let harness = try BatchHarness(in: folder)
            // What a kill leaves behind the last result that counts.
            let work = try harness.files.workFile(made.id)
            _ = try work.append(Array("{\"a result that does not count\"}".utf8))
            let stop = AsyncStream.makeStream(of: Void.self)
            let runner = harness.runner { task in
                let count = asked.withLock { asked in
                    asked[task.index, default: 0] += 1
                    return asked.values.reduce(0, +)
                }
                if count % 23 == 0 { stop.continuation.finish() }
                return await BatchHarness.echo(task)
            }
            runner.start()
            if round < 5 {
                for await _ in stop.stream {}
                await runner.stop()
                continue
            }
            let batch = try await harness.wait(for: made.id)
            await runner.stop()
            #expect((batch.totalCount, batch.completedCount) == (200, 200))
            #expect(batch.usage.completionTokens == 200)
            disturbed = try harness.lines(of: batch.outputFile)
            break
        }
        let harness = try BatchHarness(in: folder, "copy")
        let runner = harness.runner()
        runner.start()
        let batch = try await harness.wait(for: made.id)
        await runner.stop()
        #expect(try harness.lines(of: batch.outputFile) == disturbed)
        #expect(asked.withLock { $0.count } == 200)
    }

    @Test func `who cancels keeps what was answered`() async throws {
        let harness = try BatchHarness(in: folder)
        let made = try harness.make((0..<20).map { BatchHarness.line("\($0)") })
        let runner = harness.runner(lineCount: 1) { task in
            guard task.index >= 5 else { return await BatchHarness.echo(task) }
            while !Task.isCancelled { await Task.yield() }
            return .stopped
        }
        runner.start()
        _ = try await harness.wait(for: made.id) { $0.doneCount == 5 }
        #expect(throws: BatchRefusal.isRunning(.inProgress)) {
            try harness.store.remove(made.id, of: "one")
        }
        #expect(throws: JobsError.self) {
            try harness.files.remove(made.order.inputFiles[0], of: "one")
        }
        #expect(try harness.store.cancel(made.id, of: "another") == nil)
        #expect(try harness.store.cancel(made.id, of: "one")?.status == .cancelling)
        let batch = try await harness.wait(for: made.id)
        #expect(batch.status == .cancelled)
        #expect(batch.completedCount == 5)
        #expect(try harness.lines(of: batch.outputFile).count == 5)
        let errorFile = try #require(batch.errorFile)
        #expect(try harness.files.file(errorFile, of: "one")?.purpose == .batchErrors)
        let errors = try harness.lines(of: batch.errorFile)
        #expect(try names(errors) == (5..<20).map { "\($0)" })
        #expect(
            try JSONParser.parse(errors[0])["error"]?["code"] == "batch_cancelled")
        #expect(throws: BatchRefusal.hasEnded(.cancelled)) {
            try harness.store.cancel(made.id, of: "one")
        }
        #expect(try harness.store.remove(made.id, of: "one"))
        #expect(try harness.store.batch(made.id, of: "one") == nil)
        await runner.stop()
    }

    @Test func `a batch that has not begun ends while others have all the places`() async throws {
        var limits = BatchLimits()
        limits.maxRunning = 1
        let harness = try BatchHarness(in: folder, limits: limits)
        let first = try harness.make([BatchHarness.line("a")])
        let runner = harness.runner { _ in
            while !Task.isCancelled { await Task.yield() }
            return .stopped
        }
        runner.start()
        _ = try await harness.wait(for: first.id) { $0.status == .inProgress }
        let cancelled = try harness.make([BatchHarness.line("b")])
        let late = try harness.make([BatchHarness.line("c")], seconds: 60)
        _ = try harness.store.cancel(cancelled.id, of: "one")
        #expect(try await harness.wait(for: cancelled.id).status == .cancelled)
        harness.now.withLock { $0 += 61 }
        let next = try harness.make([BatchHarness.line("d")])
        #expect(try await harness.wait(for: late.id).status == .expired)
        #expect(try harness.store.batch(first.id, of: "one")?.status == .inProgress)
        #expect(try harness.store.batch(next.id, of: "one")?.status == .validating)
        await runner.stop()
    }

    @Test func `what is not answered in time is not`() async throws {
        let harness = try BatchHarness(in: folder)
        let made = try harness.make(
            (0..<3).map { BatchHarness.line("\($0)") }, seconds: 60)
        // Nobody works on it until its time is over.
        harness.now.withLock { $0 += 61 }
        let runner = harness.runner()
        runner.start()
        let batch = try await harness.wait(for: made.id)
        await runner.stop()
        #expect(batch.status == .expired)
        #expect(batch.times[.expired] == 1_000_061)
    }

    @Test func `a key that opens nothing any more ends its batch`() async throws {
        let harness = try BatchHarness(in: folder)
        let made = try harness.make((0..<3).map { BatchHarness.line("\($0)") })
        let runner = harness.runner(lineCount: 1) { task in
            task.index == 0 ? await BatchHarness.echo(task) : .refused(reason: "no key")
        }
        runner.start()
        let batch = try await harness.wait(for: made.id)
        await runner.stop()
        #expect(batch.status == .failed)
        #expect(batch.faults.map(\.message) == ["no key"])
        #expect(try names(harness.lines(of: batch.outputFile)) == ["0"])
        #expect(try names(harness.lines(of: batch.errorFile)) == ["1", "2"])
    }

    @Test func `what there is no room for is tried again`() async throws {
        let harness = try BatchHarness(in: folder)
        let made = try harness.make((0..<3).map { BatchHarness.line("\($0)") })
        let tries = Mutex(0)
        let runner = harness.runner(lineCount: 1) { task in
            let count = tries.withLock { tries in
                tries += 1
                return tries
            }
            return count % 2 == 1 ? .later(.zero) : await BatchHarness.echo(task)
        }
        runner.start()
        #expect(try await harness.wait(for: made.id).completedCount == 3)
        await runner.stop()
        #expect(tries.withLock { $0 } == 6)
    }

    @Test func `who has several batches under way makes room for who has none`() async throws {
        var limits = BatchLimits()
        limits.maxRunning = 2
        let harness = try BatchHarness(in: folder, limits: limits)
        let mine = try (0..<3).map { _ in try harness.make([BatchHarness.line("mine")]) }
        let isOver = Mutex(false)
        let runner = harness.runner { task in
            while task.batch.order.owner == "one", !isOver.withLock({ $0 }) {
                if Task.isCancelled { return .stopped }
                await Task.yield()
            }
            return await BatchHarness.echo(task)
        }
        runner.start()
        for batch in mine[..<2] {
            _ = try await harness.wait(for: batch.id) { $0.status == .inProgress }
        }
        let other = try harness.make([BatchHarness.line("other")], owner: "another")
        #expect(try await harness.wait(for: other.id, of: "another").completedCount == 1)
        isOver.withLock { $0 = true }
        for batch in mine {
            #expect(try await harness.wait(for: batch.id).completedCount == 1)
        }
        await runner.stop()
    }

    @Test func `a batch whose key has to wait for long leaves its place to others`() async throws {
        var limits = BatchLimits()
        limits.maxRunning = 1
        let harness = try BatchHarness(in: folder, limits: limits)
        let made = try harness.make((0..<3).map { BatchHarness.line("\($0)") })
        let runner = harness.runner(lineCount: 1) { task in
            task.batch.order.owner == "one" && task.index > 0
                ? .later(.seconds(3_600)) : await BatchHarness.echo(task)
        }
        runner.start()
        _ = try await harness.wait(for: made.id) { $0.doneCount == 1 }
        let other = try harness.make([BatchHarness.line("other")], owner: "another")
        #expect(try await harness.wait(for: other.id, of: "another").status == .completed)
        _ = try harness.store.cancel(made.id, of: "one")
        let batch = try await harness.wait(for: made.id)
        #expect(batch.status == .cancelled)
        #expect(batch.completedCount == 1)
        await runner.stop()
    }

    @Test func `who cancels while lines are read has it cancelled`() async throws {
        let harness = try BatchHarness(in: folder)
        let made = try harness.make([BatchHarness.line("a"), BatchHarness.line("b")])
        let runner = harness.runner(judge: { batch, _ in
            _ = try? harness.store.cancel(batch.id, of: "one")
            return nil
        })
        runner.start()
        #expect(try await harness.wait(for: made.id).status == .cancelled)
        await runner.stop()
    }

    @Test func `lines without anything are read no further than wanted`() async throws {
        let harness = try BatchHarness(in: folder)
        let writer = try harness.files.make(for: "one")
        for _ in 0..<64 {
            try writer.append([UInt8](repeating: UInt8(ascii: "\n"), count: 1 << 20))
        }
        let file = try writer.finish(name: "blank.jsonl", purpose: .batch)
        let made = try harness.store.make(
            BatchOrder(
                owner: "one", keyID: "key", dialect: "openai", isMistral: false,
                endpoint: "/v1/chat/completions",
                inputFiles: [String](repeating: file.id, count: 10_000), window: "1h",
                windowSeconds: 3_600))
        let runner = harness.runner()
        runner.start()
        try await Task.sleep(for: .milliseconds(10))
        _ = try harness.store.cancel(made.id, of: "one")
        #expect(try await harness.wait(for: made.id).status == .cancelled)
        await runner.stop()
    }

    @Test func `a batch whose lines are gone has failed, and lets go of the rest`() async throws {
        let harness = try BatchHarness(in: folder)
        let made = try harness.make((0..<3).map { BatchHarness.line("\($0)") })
        let input = made.order.inputFiles[0]
        let path = harness.path + "/files/" + input
        let runner = harness.runner(lineCount: 1) { task in
            if task.index == 0 { try? FileManager.default.removeItem(atPath: path) }
            return task.index < 2 ? await BatchHarness.echo(task) : .later(.seconds(3_600))
        }
        runner.start()
        _ = try await harness.wait(for: made.id) { $0.doneCount == 2 }
        await runner.stop()
        // The next process finds nothing to go on with.
        let next = harness.runner()
        next.start()
        let batch = try await harness.wait(for: made.id)
        await next.stop()
        #expect(batch.status == .failed)
        #expect(batch.faults.map(\.code).first == "batch_unreadable")
        // What was answered is not lost with the rest.
        #expect(try harness.lines(of: batch.outputFile).count == 2)
        #expect(try harness.files.remove(input, of: "one"))
        #expect(try harness.store.remove(made.id, of: "one"))
    }

    @Test func `lines that cannot be read are told, not read again and again`() async throws {
        let harness = try BatchHarness(in: folder)
        let made = try harness.make([BatchHarness.line("a")])
        try FileManager.default.removeItem(
            atPath: harness.path + "/files/" + made.order.inputFiles[0])
        let runner = harness.runner()
        runner.start()
        let batch = try await harness.wait(for: made.id)
        await runner.stop()
        #expect(batch.status == .failed)
        #expect(batch.faults.map(\.code).first == "batch_unreadable")
    }

    @Test func `answers that are gone are not told for other lines`() async throws {
        let harness = try BatchHarness(in: folder)
        let made = try harness.make((0..<4).map { BatchHarness.line("\($0)") })
        let runner = harness.runner(lineCount: 1) { task in
            task.index < 2 ? await BatchHarness.echo(task) : .later(.seconds(1))
        }
        runner.start()
        _ = try await harness.wait(for: made.id) { $0.doneCount == 2 }
        await runner.stop()
        // As a disk may be after the power was gone.
        try harness.files.removeWorkFile(made.id)
        let next = harness.runner()
        next.start()
        let batch = try await harness.wait(for: made.id)
        await next.stop()
        #expect(batch.status == .failed)
        #expect(batch.faults.map(\.code).first == "batch_unreadable")
        #expect(batch.outputFile == nil)
        // The others are told as what they are: not answered.
        #expect(try harness.lines(of: batch.errorFile).count == 2)
    }

    @Test func `a line whose key has to wait is tried again when others have ended`() async throws {
        let harness = try BatchHarness(in: folder)
        let made = try harness.make((0..<4).map { BatchHarness.line("\($0)") })
        let asked = Mutex(Set<Int>())
        let hasEnded = Mutex(false)
        let runner = harness.runner(lineCount: 4) { task in
            asked.withLock { _ = $0.insert(task.index) }
            if task.index == 0 {
                // What is kept for it leaves nothing to the others.
                while asked.withLock({ $0.count < 4 }), !Task.isCancelled { await Task.yield() }
                hasEnded.withLock { $0 = true }
                return await BatchHarness.echo(task)
            }
            return hasEnded.withLock { $0 }
                ? await BatchHarness.echo(task) : .later(.seconds(3_600))
        }
        runner.start()
        #expect(try await harness.wait(for: made.id).completedCount == 4)
        await runner.stop()
    }

    @Test func `lines that are given up by a restart come again, those of who cancels do not`()
        async throws
    {
        let harness = try BatchHarness(in: folder)
        for isCancelled in [false, true] {
            let made = try harness.make([BatchHarness.line("a")])
            let comesAgain = Mutex<Bool?>(nil)
            let runner = harness.runner { task in
                while !Task.isCancelled { await Task.yield() }
                comesAgain.withLock { $0 = task.comesAgain() }
                return .stopped
            }
            runner.start()
            _ = try await harness.wait(for: made.id) { $0.status == .inProgress }
            if isCancelled {
                _ = try harness.store.cancel(made.id, of: "one")
                _ = try await harness.wait(for: made.id)
            }
            await runner.stop()
            // It may not have been asked yet when it was stopped.
            #expect(comesAgain.withLock { $0 } != isCancelled)
            if !isCancelled { _ = try harness.store.cancel(made.id, of: "one") }
        }
    }

    @Test func `work of a batch that has ended does not outlast the next start`() async throws {
        let harness = try BatchHarness(in: folder)
        let ended = try harness.make([BatchHarness.line("a")])
        let runner = harness.runner()
        runner.start()
        _ = try await harness.wait(for: ended.id)
        await runner.stop()
        // As if a kill had come before it was removed.
        _ = try harness.files.workFile(ended.id).append([1])
        #expect(try harness.files.workFileIDs() == [ended.id])
        let next = harness.runner()
        next.start()
        let made = try harness.make([BatchHarness.line("b")])
        _ = try await harness.wait(for: made.id)
        await next.stop()
        #expect(try harness.files.workFileIDs().isEmpty)
    }

    @Test func `batches are listed by status and in pages`() async throws {
        var limits = BatchLimits()
        limits.maxUnfinishedPerOwner = 4
        let harness = try BatchHarness(in: folder, limits: limits)
        let ids = try (0..<4).map { try harness.make([BatchHarness.line("\($0)")]).id }
        #expect(throws: BatchRefusal.tooMany(limit: 4)) {
            try harness.make([BatchHarness.line("5")])
        }
        _ = try harness.make([BatchHarness.line("6")], owner: "another")
        _ = try harness.store.cancel(ids[1], of: "one")
        var selection = BatchSelection()
        selection.limit = 2
        let first = try #require(try harness.store.page(selection, of: "one"))
        #expect(first.batches.map(\.id) == [ids[3], ids[2]])
        #expect((first.hasMore, first.total) == (true, 4))
        selection.after = ids[2]
        let second = try #require(try harness.store.page(selection, of: "one"))
        #expect(second.batches.map(\.id) == [ids[1], ids[0]])
        #expect(!second.hasMore)
        selection = BatchSelection()
        selection.statuses = [.cancelling]
        #expect(try harness.store.page(selection, of: "one")?.batches.map(\.id) == [ids[1]])
        selection.after = "nothing"
        #expect(try harness.store.page(selection, of: "one") == nil)
    }

    @Test func `the end of a batch is told, signed, until somebody takes it`() async throws {
        let harness = try BatchHarness(in: folder, tellsEnds: true)
        let batch = try harness.make([BatchHarness.line("0")])
        let secret = try #require(
            WebhookSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"))
        let messages = Mutex<[BatchNotifier.Message]>([])
        let (stream, told) = AsyncStream.makeStream(of: Void.self)
        let made = BatchNotifier(
            "http://localhost/{status}?id={id}", secret: secret,
            send: { message in
                let count = messages.withLock { messages in
                    messages.append(message)
                    return messages.count
                }
                told.yield()
                return count < 2 ? "not now" : nil
            })
        let notifier = try #require(made)
        let runner = harness.runner(notifier: notifier)
        runner.start()
        var iterator = stream.makeAsyncIterator()
        await iterator.next()
        await runner.stop()
        harness.now.withLock { $0 += BatchNotifier.waits[0] }
        let next = harness.runner(notifier: notifier)
        next.start()
        await iterator.next()
        await next.stop()
        let found = messages.withLock { $0 }
        #expect(found.count == 2)
        let message = try #require(found.last)
        #expect(message.url == "http://localhost/completed?id=\(batch.id)")
        let body = try JSONParser.parse(message.body)
        #expect(body["type"] == "batch.completed")
        #expect(body["data"]?["id"] == .string(batch.id))
        let fields = Dictionary(uniqueKeysWithValues: message.fields.map { ($0.name, $0.value) })
        let signed =
            "\(fields["webhook-id"] ?? "").\(fields["webhook-timestamp"] ?? "")."
            + String(decoding: message.body, as: UTF8.self)
        let tag = try Cryptography.tag(of: Array(signed.utf8), key: secret.bytes)
        #expect(
            fields["webhook-signature"] == "v1," + Data(tag).base64EncodedString())
    }

    @Test(arguments: ["", "ftp://host/", "http://user@host/", "host", "http:// host/"])
    func `what is no address is no webhook`(text: String) throws {
        let secret = try #require(WebhookSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
        #expect(BatchNotifier(text, secret: secret) == nil)
    }
}
