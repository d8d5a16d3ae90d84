// SPDX-License-Identifier: Apache-2.0

import Access
import Dispatch
import Foundation
import Glibc
import JSON
import Synchronization
import TestSupport
import Testing

@Suite struct AuditLogTests {
    private let folder: TemporaryFolder
    private let clock = TestClock(Int(Date().timeIntervalSince1970))

    init() throws { folder = try TemporaryFolder() }

    private func open(
        maxFileByteCount: Int = 1 << 20, maxAge: Int? = nil, _ name: String = "audit"
    ) throws -> AuditLog {
        var limits = AuditLog.Limits()
        limits.maxFileByteCount = maxFileByteCount
        limits.maxAge = maxAge
        return try AuditLog(
            folder: "\(folder.path)/\(name)", limits: limits, unixTime: { [clock] in clock.now })
    }

    private var files: [String] {
        get throws {
            try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/audit")
                .filter { $0.hasSuffix(".jsonl") }.sorted()
        }
    }

    private func path(_ number: Int = 1) -> String {
        "\(folder.path)/audit/audit-0000000\(number).jsonl"
    }

    private func verify(_ expected: String? = nil) throws -> AuditVerification {
        try AuditVerification(folder: "\(folder.path)/audit", expecting: expected)
    }

    /// Writes lines, each of its number.
    private func write(_ count: Int, maxFileByteCount: Int = 1 << 20) async throws {
        let log = try open(maxFileByteCount: maxFileByteCount)
        for index in 0..<count {
            await log.append(.init(["request": .integer(index), "text": "é\n"]))
        }
        log.close()
    }

    @Test func `lines hang together across processes`() async throws {
        for _ in 0..<3 { try await write(4) }
        let found = try verify()
        #expect(found.problem == nil)
        #expect(found.lineCount == 12)
        #expect(found.firstSequence == 1)
        let lines = String(decoding: try contents(path()), as: UTF8.self).split(separator: "\n")
        let last = try JSONParser.parse(String(lines[11]))
        #expect(last["sequence"] == 12)
        #expect(last["request"] == 3)
        #expect(last["hash"]?.stringValue == found.lastHash)
        let seventh = try #require(try JSONParser.parse(String(lines[6]))["hash"]?.stringValue)
        #expect(try verify(seventh).hasExpected)
        #expect(try !verify(String(repeating: "0", count: 64)).hasExpected)
    }

    /// Each way to change line 3 of 5, and the line that shows it.
    @Test(
        arguments: [
            ("a byte", 3), ("removed", 3), ("twice", 4), ("exchanged", 3), ("made up", 3),
            ("half", 3), ("nothing", 3), ("hash", 3),
        ])
    func `the first line that was changed is named`(change: String, line: Int) async throws {
        try await write(5)
        var lines = String(decoding: try contents(path()), as: UTF8.self)
            .split(separator: "\n").map(String.init)
        switch change {
        case "a byte": lines[2] = lines[2].replacing("\"request\":2", with: "\"request\":7")
        case "removed": lines.remove(at: 2)
        case "twice": lines.insert(lines[2], at: 3)
        case "exchanged": lines.swapAt(2, 3)
        case "made up": lines[2] = #"{"sequence":3,"previous":"0","hash":"0"}"#
        case "half": lines[2] = String(lines[2].dropLast(9))
        case "hash":
            lines[2] =
                String(lines[2].dropLast(3)) + (lines[2].hasSuffix("0\"}") ? "1" : "0") + "\"}"
        default: lines[2] = ""
        }
        try folder.write(lines.map { $0 + "\n" }.joined(), to: "audit/audit-00000001.jsonl")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path())
        let problem = try #require(try verify().problem)
        #expect(problem.hasPrefix("\(path()):\(line): "), "\(problem)")
        #expect(try verify().lineCount == line - 1)
    }

    @Test func `a change in another file is found as well`() async throws {
        try await write(12, maxFileByteCount: 700)
        #expect(try files.count > 2)
        #expect(try verify().lineCount == 12)
        try FileManager.default.removeItem(atPath: path(2))
        #expect(try #require(try verify().problem).hasPrefix("\(path(3)):1: it has the number"))
    }

    @Test func `a log goes on in the file after the last, and old files go`() async throws {
        try await write(12, maxFileByteCount: 700)
        let before = try files
        try await write(1, maxFileByteCount: 700)
        #expect(try verify().lineCount == 13)
        // Nothing is old yet.
        try open(maxFileByteCount: 700, maxAge: 1000).close()
        #expect(try files.count >= before.count)
        // Files have the time of the machine, which may have been slow to come here.
        clock.pass(1_000_000)
        try open(maxFileByteCount: 700, maxAge: 1000).close()
        #expect(try files.count == 1)
        let rest = try verify()
        #expect(rest.problem == nil)
        #expect(try #require(rest.firstSequence) > 1)
    }

    @Test func `what a process that was killed has not finished is cut off`() async throws {
        try await write(3)
        let whole = try contents(path())
        for cut in [1, 20, 100] {
            let bytes = Array(whole.dropLast(cut))
            try folder.write(bytes, to: "audit/audit-00000001.jsonl")
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o600], ofItemAtPath: path())
            #expect(try verify().problem?.contains(":3: it is not finished") == true)
            try await write(1)
            let found = try verify()
            #expect(found.problem == nil)
            #expect(found.lineCount == 3)
        }
    }

    @Test func `a log whose last line is broken is not gone on with`() async throws {
        try await write(3)
        var bytes = try contents(path())
        bytes[bytes.count - 20] ^= 1
        try folder.write(bytes, to: "audit/audit-00000001.jsonl")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path())
        #expect(throws: AccessError.self) { try open() }
    }

    @Test func `two processes do not write one log`() async throws {
        let log = try open()
        #expect(throws: AccessError.self) { try open() }
        try open("other").close()
        await log.append(.init(["a": 1]))
        log.close()
        try open().close()
        #expect(try verify().lineCount == 1)
    }

    @Test func `many at once are all there, each once`() async throws {
        let log = try open(maxFileByteCount: 5000)
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<300 {
                group.addTask { await log.append(.init(["request": .integer(index)])) }
            }
        }
        log.note(.init(["request": 300]))
        log.close()
        #expect(try verify().lineCount == 301)
        let numbers = try files.flatMap { file in
            String(decoding: try contents("\(folder.path)/audit/\(file)"), as: UTF8.self)
                .split(separator: "\n").compactMap {
                    try? JSONParser.parse(String($0))["request"]?.intValue
                }
        }
        #expect(Set(numbers.compactMap { $0 }) == Set(0...300))
    }

    @Test func `while nothing can be written, lines nobody waits for are limited and counted`()
        async throws
    {
        // The log asks for the time where it looks for old files, on the thread that writes.
        let (isHeld, isStopped) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let reports = Mutex<[String]>([])
        let stops = Mutex(false)
        var limits = AuditLog.Limits()
        (limits.maxFileByteCount, limits.maxAge, limits.maxWaitingCount) = (1, 1000, 3)
        let log = try AuditLog(
            folder: "\(folder.path)/audit", limits: limits,
            unixTime: { [clock] in
                if stops.withLock({ $0 }) {
                    isStopped.signal()
                    isHeld.wait()
                }
                return clock.now
            },
            report: { text in reports.withLock { $0.append(text) } })
        await log.append(.init(["request": 0]))
        stops.withLock { $0 = true }
        log.note(.init(["request": 1]))
        func waitUntilStopped() { isStopped.wait() }
        waitUntilStopped()
        stops.withLock { $0 = false }
        for index in 2..<8 { log.note(.init(["request": .integer(index)])) }
        async let waited: Void = log.append(.init(["request": 8]))
        isHeld.signal()
        await waited
        log.close()
        // The line that says so is one of them.
        #expect(try verify().lineCount == 7)
        #expect(try verify().lostCount == 3)
        #expect(
            reports.withLock { $0 } == [
                "3 audit records are lost: too many waited for the disk"
            ])
    }

    @Test func `records that could not be written are told of by the next line`() async throws {
        let log = try open(maxFileByteCount: 1)
        await log.append(.init(["request": 0]))
        // A folder in the place of the next file.
        try FileManager.default.createDirectory(
            atPath: path(2), withIntermediateDirectories: false)
        let start = clock.now
        await log.append(.init(["request": 1]))
        clock.pass(60)
        await log.append(.init(["request": 2]))
        try FileManager.default.removeItem(atPath: path(2))
        clock.pass(60)
        await log.append(.init(["request": 3]))
        log.close()
        let found = try verify()
        #expect(found.problem == nil)
        #expect(found.lineCount == 3)
        #expect(found.lostCount == 2)
        let lines = try String(decoding: contents(path(2)), as: UTF8.self)
            .split(separator: "\n").map { try JSONParser.parse(String($0)) }
        try #require(lines.count == 2)
        let style = Date.ISO8601FormatStyle()
        #expect(lines[0]["lost"] == 2)
        #expect(
            lines[0]["since"]?.stringValue
                == Date(timeIntervalSince1970: TimeInterval(start)).formatted(style))
        #expect(lines[1]["request"] == 3)
    }

    @Test func `what locks its folder is a file in it, for others lock the folder`() throws {
        let log = try open()
        defer { log.close() }
        let other = unsafe Glibc.open("\(folder.path)/audit", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { Glibc.close(other) }
        #expect(flock(other, LOCK_EX | LOCK_NB) == 0)
    }
}
