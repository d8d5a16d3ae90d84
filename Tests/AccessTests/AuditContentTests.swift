// SPDX-License-Identifier: Apache-2.0

import Access
import Dispatch
import Foundation
import JSON
import Synchronization
import TestSupport
import Testing

/// Content of records, and records that somebody looks for.
@Suite struct AuditContentTests {
    private let folder: TemporaryFolder
    private let key: ContentKey.Private

    init() throws {
        folder = try TemporaryFolder()
        key = try ContentKey.Private()
    }

    private var path: String { "\(folder.path)/audit" }

    private func open(_ policy: AuditContent.Policy = .all) throws -> AuditLog {
        try AuditLog(
            folder: path, content: AuditContent(policy, for: key.publicKey), unixTime: { 7 })
    }

    private func write(_ entries: [AuditLog.Entry]) async throws {
        let log = try open()
        for entry in entries { await log.append(entry) }
        log.close()
    }

    private static func entry(_ id: String, _ content: String? = nil) -> AuditLog.Entry {
        // Numbers and texts that must be the same bytes when they are read and written again.
        let parameters: JSONValue = [
            "a": 0.1, "b": 1e300, "c": .number(-0.0), "d": .string("é\n\u{1}"),
        ]
        let record: JSONObject = ["request": .string(id), "parameters": parameters]
        guard let content else { return AuditLog.Entry(record) }
        return AuditLog.Entry(record) { Array(content.utf8) }
    }

    /// Writes lines anew, with another text in one of them, as whoever owns the machine could.
    private func rewrite(_ change: (inout [JSONObject]) throws -> Void) async throws {
        let file = "\(path)/audit-00000001.jsonl"
        var records = try String(decoding: contents(file), as: UTF8.self).split(separator: "\n")
            .map { try #require(try JSONParser.parse(String($0)).objectValue) }
        try change(&records)
        try FileManager.default.removeItem(atPath: path)
        try await write(records.map { AuditLog.Entry($0) })
    }

    @Test func `content is sealed in its record, and opens for the key's owner`() async throws {
        try await write([
            Self.entry("one"), Self.entry("two", "a secret word"), Self.entry("three"),
        ])
        let text = String(
            decoding: try contents("\(path)/audit-00000001.jsonl"), as: UTF8.self)
        #expect(!text.contains("secret"))
        #expect(try AuditVerification(folder: path).lineCount == 3)
        let record = try AuditRecord(of: "two", in: path)
        #expect(record.sequence == 2)
        #expect(record.place == "\(path)/audit-00000001.jsonl:2")
        #expect(record.members["hash"] == nil)
        #expect(try record.content(with: key) == Array("a secret word".utf8))
        let other = try ContentKey.Private()
        let error = #expect(throws: AccessError.self) { try record.content(with: other) }
        let message = "\(try #require(error))"
        #expect(message.contains(other.publicKey.id) && message.contains(key.publicKey.id))
        #expect(throws: AccessError.self) {
            try AuditRecord(of: "one", in: path).content(with: key)
        }
    }

    @Test func `content in another record, or of a record that was changed, does not open`()
        async throws
    {
        try await write([Self.entry("one", "1"), Self.entry("two", "2")])
        try await rewrite { records in
            let first = records[0]["content"]
            records[0]["content"] = records[1]["content"]
            records[1]["content"] = first
        }
        #expect(try AuditVerification(folder: path).problem == nil)
        #expect(throws: AccessError.self) {
            try AuditRecord(of: "one", in: path).content(with: key)
        }
        try await rewrite { records in
            let first = records[0]["content"]
            records[0]["content"] = records[1]["content"]
            records[1]["content"] = first
            records[1]["parameters"] = [:]
        }
        #expect(try AuditRecord(of: "one", in: path).content(with: key) == Array("1".utf8))
        #expect(throws: AccessError.self) {
            try AuditRecord(of: "two", in: path).content(with: key)
        }
    }

    @Test(
        arguments: [
            #"{"key":"0123456789abcdef"}"#, #"{"key":"x\ny","box":"AA=="}"#, "[]", #""box""#,
            #"{"key":"0123456789abcdef","box":"%"}"#, #"{"key":7,"box":""}"#,
        ])
    func `content that is none is refused by its place`(content: String) async throws {
        try await write([Self.entry("one", "1")])
        try await rewrite { $0[0]["content"] = try JSONParser.parse(content) }
        let record = try AuditRecord(of: "one", in: path)
        let error = #expect(throws: AccessError.self) { try record.content(with: key) }
        let message = "\(try #require(error))"
        #expect(message.contains("audit-00000001.jsonl:1: content: expected"))
        #expect(!message.contains("\n"))
    }

    @Test func `no record waits for the content of another to be sealed`() async throws {
        let log = try open()
        let isWritten = DispatchSemaphore(value: 0)
        let waited = Mutex(false)
        log.note(
            AuditLog.Entry(["request": "slow"]) {
                let hasWaited = isWritten.wait(timeout: .now() + 3_600) == .success
                waited.withLock { $0 = hasWaited }
                return [1]
            })
        await log.append(Self.entry("plain"))
        isWritten.signal()
        log.close()
        #expect(waited.withLock { $0 })
        #expect(try AuditRecord(of: "plain", in: path).sequence == 1)
        #expect(try AuditRecord(of: "slow", in: path).content(with: key) == [1])
    }

    @Test func `a line is found by its request alone, and named where several are`() async throws {
        try await write([Self.entry("one"), Self.entry("one"), Self.entry("\"request\":\"x\"")])
        let error = #expect(throws: AccessError.self) { try AuditRecord(of: "one", in: path) }
        #expect("\(try #require(error))".contains("lines 1, 2"))
        #expect(try AuditRecord(of: "one", sequence: 2, in: path).sequence == 2)
        #expect(throws: AccessError.self) { try AuditRecord(of: "one", sequence: 3, in: path) }
        #expect(throws: AccessError.self) { try AuditRecord(of: "x", in: path) }
        #expect(try AuditRecord(of: "\"request\":\"x\"", in: path).sequence == 3)
        #expect(throws: AccessError.self) {
            try AuditRecord(of: "one", in: "\(folder.path)/nowhere")
        }
    }

    @Test func `a line that was changed is not looked at`() async throws {
        try await write([Self.entry("one", "1")])
        let file = "\(path)/audit-00000001.jsonl"
        let text = String(decoding: try contents(file), as: UTF8.self)
        try folder.write(text.replacing("0.1", with: "0.2"), to: "audit/audit-00000001.jsonl")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
        let error = #expect(throws: AccessError.self) { try AuditRecord(of: "one", in: path) }
        #expect("\(try #require(error))".contains("its bytes are not those"))
    }

    @Test func `content is kept of whom the policy says`() throws {
        var limits = AccessLimits()
        func caller() -> Caller {
            Caller(number: 1, id: "a", name: "a", owner: "a", limits: limits)
        }
        for (policy, plain, marked) in [
            (AuditContent.Policy.none, false, false), (.keys, false, true), (.all, true, true),
        ] {
            let log = try open(policy)
            limits.keepsContent = false
            #expect(log.keepsContent(of: caller()) == plain)
            limits.keepsContent = true
            #expect(log.keepsContent(of: caller()) == marked)
            log.close()
        }
        let log = try AuditLog(folder: "\(folder.path)/other", unixTime: { 7 })
        #expect(!log.keepsContent(of: caller()))
    }

    // MARK: Refusals

    @Test func `a flood of refusals is a line for each kind of them`() async throws {
        let log = try open()
        let clock = TestClock(0)
        let control = try AccessControl(
            audit: log, clock: AccessClock(milliseconds: { 0 }, unixTime: { clock.now }))
        let tally = try #require(control.refusals)
        let caller = Caller(number: 1, id: "a", name: "team", owner: "a")
        for index in 0..<5000 {
            tally.count(.unknownKey, of: nil, from: "192.0.2.\(index % 20)")
            if index % 2 == 0 { tally.count(.limited, of: caller, from: "192.0.2.1") }
            if index == 2500 { clock.pass(59) }
        }
        control.flush()
        tally.count(.invalidToken, of: nil, from: "192.0.2.3")
        control.flush()
        control.flush()
        let records = try String(
            decoding: contents("\(path)/audit-00000001.jsonl"), as: UTF8.self
        ).split(separator: "\n").map { try JSONParser.parse(String($0)) }
        #expect(records.map { $0["refused"] } == ["unknown_key", "limited", "invalid_token"])
        #expect(records.map { $0["requests"] } == [5000, 2500, 1])
        #expect(records[0]["from"]?.arrayValue?.count == 8)
        #expect(records[0]["since"] == "1970-01-01T00:00:00Z")
        #expect(records[0]["time"] == "1970-01-01T00:00:59Z")
        #expect(records[1]["key"] == "a" && records[1]["name"] == "team")
        #expect(records[0]["key"] == nil)
        #expect(try AuditVerification(folder: path).problem == nil)
    }

    @Test func `refusals of any number of keys are a bounded number of lines`() async throws {
        let log = try open()
        let control = try AccessControl(
            audit: log, clock: AccessClock(milliseconds: { 0 }, unixTime: { 0 }))
        let tally = try #require(control.refusals)
        for index in 0..<1000 {
            let caller = Caller(number: index, id: "\(index)", name: "n", owner: "o")
            tally.count(.limited, of: caller, from: "192.0.2.1")
        }
        control.flush()
        let records = try String(
            decoding: contents("\(path)/audit-00000001.jsonl"), as: UTF8.self
        ).split(separator: "\n").map { try JSONParser.parse(String($0)) }
        #expect(records.count == 257)
        #expect(records.compactMap { $0["requests"]?.intValue }.reduce(0, +) == 1000)
    }
}
