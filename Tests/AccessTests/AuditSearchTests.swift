// SPDX-License-Identifier: Apache-2.0

import Access
import Foundation
import JSON
import TestSupport
import Testing

/// Lines of an audit log that somebody looks for.
@Suite struct AuditSearchTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func open(maxFileByteCount: Int = 1 << 20) throws -> AuditLog {
        var limits = AuditLog.Limits()
        limits.maxFileByteCount = maxFileByteCount
        return try AuditLog(folder: "\(folder.path)/audit", limits: limits, unixTime: { 7 })
    }

    /// The record of a request, a second after the one before.
    private static func record(_ index: Int, more: JSONObject = [:]) -> JSONObject {
        let time = Date(timeIntervalSince1970: Double(1_800_000_000 + index))
        var record: JSONObject = [
            "time": .string(time.formatted(Date.ISO8601FormatStyle())),
            "request": .string("r\(index)"), "key": .string("id\(index % 2)"),
            "name": .string(index % 2 == 0 ? "even" : "odd"),
            "model": .string(index % 3 == 0 ? "third" : "other"),
        ]
        for (name, value) in more { record[name] = value }
        return record
    }

    private func write(_ count: Int, in log: AuditLog) async {
        for index in 0..<count { await log.append(.init(Self.record(index))) }
    }

    private static func found(
        _ log: AuditLog, _ set: (inout AuditSelection) -> Void = { _ in }
    ) throws -> [Int] {
        var selection = AuditSelection()
        set(&selection)
        return try log.search(selection).records.map(\.record.sequence)
    }

    @Test func `the newest come first, and each search goes on where the last one ended`()
        async throws
    {
        let log = try open(maxFileByteCount: 1000)
        await write(23, in: log)
        var found: [Int] = []
        var selection = AuditSelection()
        selection.limit = 5
        var searches = 0
        repeat {
            let page = try log.search(selection)
            #expect(page.records.count <= 5)
            found += page.records.map(\.record.sequence)
            selection.before = page.next.flatMap { AuditPlace("\($0)") }
            searches += 1
        } while selection.before != nil
        #expect(found == Array((1...23).reversed()))
        #expect(searches == 5)
        for (place, record) in try log.search(AuditSelection()).records {
            #expect(try log.record(at: place).members == record.members)
        }
    }

    @Test func `lines are found by key, model, request and time`() async throws {
        let log = try open()
        await write(12, in: log)
        #expect(try Self.found(log) { $0.key = "even" } == [11, 9, 7, 5, 3, 1])
        #expect(try Self.found(log) { $0.key = "id0" } == [11, 9, 7, 5, 3, 1])
        #expect(try Self.found(log) { $0.model = "third" } == [10, 7, 4, 1])
        #expect(try Self.found(log) { $0.request = "r4" } == [5])
        #expect(
            try Self.found(log) {
                $0.start = 1_800_000_002
                $0.end = 1_800_000_005
            } == [5, 4, 3])
        #expect(
            try Self.found(log) {
                $0.key = "odd"
                $0.model = "third"
            } == [10, 4])
        // A part of a text, or one that stands in another member, is none.
        #expect(try Self.found(log) { $0.request = "r" } == [])
        #expect(try Self.found(log) { $0.key = "third" } == [])
        #expect(try Self.found(log) { $0.key = #"","x":""# } == [])
    }

    @Test func `a line that has what is looked for in another member is not given`() async throws {
        let log = try open()
        await log.append(.init(Self.record(0, more: ["text": #""request":"r9""#])))
        await log.append(.init(Self.record(1, more: ["inner": ["request": "r9"]])))
        #expect(try Self.found(log) { $0.request = "r9" } == [])
    }

    @Test func `a long line is read, and one that was changed is told of and left out`()
        async throws
    {
        let log = try open()
        let long = String(repeating: "x", count: 700_000)
        await log.append(
            .init(Self.record(0, more: ["content": ["key": "k", "box": .string(long)]])))
        await write(3, in: log)
        let path = "\(folder.path)/audit/audit-00000001.jsonl"
        log.flush()
        var bytes = try contents(path)
        let place = try #require(bytes.firstRange(of: Array(#""request":"r1""#.utf8)))
        bytes[place.upperBound - 2] = UInt8(ascii: "7")
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let found = try log.search(AuditSelection())
        #expect(found.records.map(\.record.sequence) == [4, 2, 1])
        #expect(found.problems.count == 1)
        #expect(found.records.last?.record.sealed?.box == long)
        #expect(found.records.last?.record.open["content"] == nil)
    }

    @Test func `what a line is sealed with opens with what it is bound to`() async throws {
        let key = try ContentKey.Private()
        let log = try AuditLog(
            folder: "\(folder.path)/sealed", content: AuditContent(.all, for: key.publicKey),
            unixTime: { 7 })
        await log.append(.init(Self.record(0)) { Array("asked".utf8) })
        let record = try #require(try log.search(AuditSelection()).records.first).record
        let sealed = try #require(record.sealed)
        #expect(sealed.key == key.publicKey.id)
        let box = try #require(Data(base64Encoded: sealed.box))
        #expect(try key.open(Array(box), boundTo: Array(sealed.bound.utf8)) == Array("asked".utf8))
        #expect(try record.content(with: key) == Array("asked".utf8))
    }

    @Test func `a line that is being written is none yet`() async throws {
        let log = try open()
        await write(2, in: log)
        log.flush()
        let path = "\(folder.path)/audit/audit-00000001.jsonl"
        let file = try #require(FileHandle(forWritingAtPath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data(#"{"sequence":3"#.utf8))
        try file.close()
        let found = try log.search(AuditSelection())
        #expect(found.records.map(\.record.sequence) == [2, 1])
        #expect(found.problems.isEmpty)
    }

    @Test(arguments: [
        "", "1", "1-", "-1", "a-1", "1-1-1", "1-\(String(repeating: "9", count: 19))", "１-1",
    ])
    func `what is no place is none`(text: String) {
        #expect(AuditPlace(text) == nil)
    }

    @Test func `a place where no line begins has no record`() async throws {
        let log = try open()
        await write(2, in: log)
        for text in ["1-1", "1-999999", "7-0"] {
            let place = try #require(AuditPlace(text))
            #expect(throws: AccessError.self) { try log.record(at: place) }
        }
        #expect(try log.record(at: #require(AuditPlace("1-0"))).sequence == 1)
    }
}
