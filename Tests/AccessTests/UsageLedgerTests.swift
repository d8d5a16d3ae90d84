// SPDX-License-Identifier: Apache-2.0

import Access
import Foundation
import TestSupport
import Testing

@Suite struct UsageLedgerTests {
    private let folder: TemporaryFolder
    private let path: String
    /// 2027-01-15, at the eighth hour.
    private let clock = TestClock(1_800_000_000)

    init() throws {
        folder = try TemporaryFolder()
        path = "\(folder.path)/usage.sqlite"
    }

    private func open() throws -> UsageLedger {
        try UsageLedger(path: path, unixTime: { [clock] in clock.now })
    }

    private func subject(
        _ key: String, model: String = "m", name: String? = nil
    ) -> UsageLedger.Subject {
        UsageLedger.Subject(key: key, name: name ?? key, model: model, family: "chat")
    }

    private func counts(_ prompt: Int, _ completion: Int) -> UsageLedger.Counts {
        var counts = UsageLedger.Counts()
        counts.requests = 1
        counts.promptTokens = prompt
        counts.completionTokens = completion
        return counts
    }

    private func selection(
        _ set: (inout UsageSelection) -> Void = { _ in }
    ) -> UsageSelection {
        var selection = UsageSelection()
        set(&selection)
        return selection
    }

    @Test func `what was counted is in the file before anybody goes on`() async throws {
        let ledger = try open()
        await ledger.add(counts(10, 5), of: subject("a"))
        // Another reader, as another process would be.
        let rows = try UsageLedger.rows(selection(), inFile: path)
        #expect(rows.map(\.subject) == [subject("a")])
        #expect(rows[0].counts == counts(10, 5))
        #expect(rows[0].start == 1_799_971_200)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
        #expect(mode as? Int == 0o600)
    }

    @Test func `there is a row for each key, model and hour, under the key's last name`()
        async throws
    {
        let ledger = try open()
        await ledger.add(counts(1, 2), of: subject("a", name: "old"))
        await ledger.add(counts(3, 4), of: subject("a", name: "new"))
        await ledger.add(counts(5, 6), of: subject("a", model: "other"))
        await ledger.add(counts(7, 8), of: subject("b"))
        clock.pass(3600)
        await ledger.add(counts(9, 10), of: subject("a"))
        let rows = try await ledger.rows(selection { $0.grouping = .hour })
        #expect(rows.map(\.start) == [1_800_000_000, 1_800_000_000, 1_800_000_000, 1_800_003_600])
        #expect(rows.map(\.counts.promptTokens) == [4, 5, 7, 9])
        #expect(rows[0].subject.name == "new")
        #expect(rows[0].counts.requests == 2)
    }

    @Test(
        arguments: [
            (UsageSelection.Grouping.hour, 4), (.day, 3), (.month, 2), (.total, 1),
        ])
    func `rows are put together`(grouping: UsageSelection.Grouping, count: Int) async throws {
        let ledger = try open()
        // Two hours of a day, another day, another month.
        for seconds in [0, 3600, 86_400, 40 * 86_400] {
            let later = TestClock(1_800_000_000 + seconds)
            let other = try UsageLedger(path: path, unixTime: { later.now })
            await other.add(counts(1, 1), of: subject("a"))
        }
        let rows = try await ledger.rows(selection { $0.grouping = grouping })
        #expect(rows.count == count)
        #expect(rows.reduce(0) { $0 + $1.counts.requests } == 4)
        if grouping == .month { #expect(rows.map(\.start) == [1_798_761_600, 1_801_440_000]) }
    }

    @Test func `rows are chosen by time, key and model`() async throws {
        let ledger = try open()
        await ledger.add(counts(1, 0), of: subject("a", name: "team"))
        await ledger.add(counts(2, 0), of: subject("b", model: "x"))
        clock.pass(86_400)
        await ledger.add(counts(4, 0), of: subject("b"))
        func sum(_ set: (inout UsageSelection) -> Void) async throws -> Int {
            try await ledger.rows(selection(set)).reduce(0) { $0 + $1.counts.promptTokens }
        }
        #expect(try await sum { $0.key = "team" } == 1)
        #expect(try await sum { $0.key = "b" } == 6)
        #expect(try await sum { $0.model = "x" } == 2)
        #expect(try await sum { $0.start = 1_800_010_000 } == 4)
        #expect(try await sum { $0.end = 1_800_010_000 } == 3)
        #expect(try await sum { $0.limit = 1 } < 4)
        #expect(try await sum { $0.key = "b' OR 1=1" } == 0)
    }

    @Test func `many at once are all counted`() async throws {
        let ledger = try open()
        let (one, subjects) = (counts(1, 1), (0..<3).map { subject("k\($0)") })
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<200 {
                group.addTask { await ledger.add(one, of: subjects[index % 3]) }
            }
        }
        ledger.note(counts(1, 1), of: subject("k0"))
        ledger.flush()
        let rows = try UsageLedger.rows(selection { $0.grouping = .total }, inFile: path)
        #expect(rows.count == 3)
        #expect(rows.reduce(0) { $0 + $1.counts.requests } == 201)
    }

    @Test func `another process goes on where one has ended`() async throws {
        do {
            let ledger = try open()
            await ledger.add(counts(1, 2), of: subject("a"))
        }
        let ledger = try open()
        await ledger.add(counts(3, 4), of: subject("a"))
        let totals = try ledger.totals(since: 0)
        #expect(totals.count == 1)
        #expect(totals[0].requests == 2 && totals[0].tokens == 10)
        #expect(try ledger.totals(since: 1_800_003_600).isEmpty)
    }

    @Test func `what is no file of usage is an error`() throws {
        try folder.write("keys: values\n" + String(repeating: "x", count: 5000), to: "usage.sqlite")
        #expect(throws: AccessError.self) { try open() }
        #expect(throws: AccessError.self) {
            try UsageLedger.rows(selection(), inFile: path)
        }
        #expect(throws: AccessError.self) {
            try UsageLedger.rows(selection(), inFile: path + ".none")
        }
        #expect(throws: AccessError.self) {
            try UsageLedger(path: "\(folder.path)/none/usage", unixTime: { 0 })
        }
    }

    @Test func `texts with signs are quoted in CSV`() {
        let row = UsageRow(
            subject: subject("a,b", model: "the \"best\""), start: 7, counts: counts(1, 2))
        #expect(
            UsageRow.csv([row])
                == "key,name,model,family,start,requests,abandoned,prompt_tokens,cached_tokens,"
                + "completion_tokens\r\n\"a,b\",\"a,b\",\"the \"\"best\"\"\",chat,7,1,0,1,0,2\r\n")
    }
}
