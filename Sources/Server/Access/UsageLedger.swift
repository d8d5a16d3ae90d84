// SPDX-License-Identifier: Apache-2.0

import Dispatch
import GRDB
import Glibc
import Synchronization

/// What everybody has consumed, in a file that outlives the process: a row for each key, model, family
/// and hour.
///
/// What is counted is added up in memory and written in one transaction by a queue of its own, while
/// the next is added up: a request waits for one of them, and many share it. The file is SQLite's in
/// its mode WAL. A process that is killed loses nothing that was written; a machine that loses power
/// may lose the last moments (`synchronous = NORMAL`), never the file.
package final class UsageLedger: Sendable {
    /// What a row is about.
    package struct Subject: Hashable, Sendable {
        /// The key's id.
        package let key: String

        /// What people call the key.
        package let name: String

        /// The model.
        package let model: String

        /// The family of the API.
        package let family: String

        /// A subject.
        package init(key: String, name: String, model: String, family: String) {
            self.key = key
            self.name = name
            self.model = model
            self.family = family
        }
    }

    /// What is counted.
    package struct Counts: Hashable, Sendable {
        /// Requests that were answered, or begun to be.
        package var requests = 0

        /// Those of them whose client did not wait for the end.
        package var abandoned = 0

        /// Tokens of prompts.
        package var promptTokens = 0

        /// Those of them that were found in the cache.
        package var cachedTokens = 0

        /// Tokens of answers.
        package var completionTokens = 0

        /// Nothing.
        package init() {}

        /// Adds what else there was.
        package static func += (left: inout Counts, right: Counts) {
            for count in fields { left[keyPath: count.path] += right[keyPath: count.path] }
        }

        /// Takes away what was counted already.
        package static func - (left: Counts, right: Counts) -> Counts {
            var result = left
            for count in fields { result[keyPath: count.path] -= right[keyPath: count.path] }
            return result
        }

        /// Every count by its name, which is the column's and the member's.
        package static let fields:
            [(name: String, path: any WritableKeyPath<Counts, Int> & Sendable)] = [
                ("requests", \.requests), ("abandoned", \.abandoned),
                ("prompt_tokens", \.promptTokens), ("cached_tokens", \.cachedTokens),
                ("completion_tokens", \.completionTokens),
            ]
    }

    private struct Place: Hashable {
        let subject: Subject
        let hour: Int
    }

    private struct State {
        var pending: [Place: Counts] = [:]
        var waiting: [CheckedContinuation<Void, Never>] = []
        var isScheduled = false
    }

    private let pool: DatabasePool
    private let unixTime: @Sendable () -> Int
    private let report: @Sendable (String) -> Void
    private let queue = DispatchQueue(label: "cierzo-usage")
    private let reading = DispatchQueue(label: "cierzo-usage-reading")
    private let state = Mutex(State())

    /// Opens a file, or makes one that only its owner may read.
    ///
    /// - Parameters:
    ///   - path: where it is.
    ///   - unixTime: the seconds since 1970.
    ///   - report: is told of what could not be written, which is tried again.
    /// - Throws: ``AccessError`` where it cannot be used.
    package init(
        path: String, unixTime: @escaping @Sendable () -> Int,
        report: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(AccessError) {
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .file(path: path, reason: unsafe String(cString: strerror(errno)))
        }
        close(descriptor)
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        configuration.maximumReaderCount = 2
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA synchronous = NORMAL")
        }
        do {
            pool = try DatabasePool(path: path, configuration: configuration)
            try pool.write { try UsageTable.make(in: $0) }
        } catch {
            throw .file(path: path, reason: "no file of usage: \(error)")
        }
        self.unixTime = unixTime
        self.report = report
    }

    /// Counts, and returns when that is in the file; where it could not be written, at once.
    package func add(_ counts: Counts, of subject: Subject) async {
        await withCheckedContinuation { continuation in
            add(counts, of: subject, continuation)
        }
    }

    /// Counts; nobody waits for it.
    package func note(_ counts: Counts, of subject: Subject) { add(counts, of: subject, nil) }

    private func add(
        _ counts: Counts, of subject: Subject, _ continuation: CheckedContinuation<Void, Never>?
    ) {
        let place = Place(subject: subject, hour: unixTime() / 3600)
        let isFirst = state.withLock { state in
            state.pending[place, default: Counts()] += counts
            if let continuation { state.waiting.append(continuation) }
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        if isFirst { queue.async { [self] in write() } }
    }

    /// Waits until all is in the file that was counted before.
    package func flush() { queue.sync { write() } }

    private func write() {
        let (pending, waiting) = state.withLock { state in
            defer {
                state.pending = [:]
                state.waiting = []
                state.isScheduled = false
            }
            return (state.pending, state.waiting)
        }
        do {
            if !pending.isEmpty {
                try pool.write { database in
                    for (place, counts) in pending {
                        try UsageTable.add(counts, place.subject, hour: place.hour, in: database)
                    }
                }
            }
        } catch {
            report("usage is not written, and will be tried again: \(error)")
            let isFirst = state.withLock { state in
                for (place, counts) in pending { state.pending[place, default: Counts()] += counts }
                defer { state.isScheduled = true }
                return !state.isScheduled
            }
            if isFirst { queue.asyncAfter(deadline: .now() + 1) { [self] in write() } }
        }
        for continuation in waiting { continuation.resume() }
    }

    /// What was counted, from the file alone.
    package func rows(_ selection: UsageSelection) async throws(AccessError) -> [UsageRow] {
        let result: Result<[UsageRow], AccessError> = await withCheckedContinuation {
            continuation in
            reading.async { [pool] in
                do {
                    let rows = try pool.read { try UsageTable.rows(selection, in: $0) }
                    continuation.resume(returning: .success(rows))
                } catch {
                    continuation.resume(
                        returning: .failure(.file(path: pool.path, reason: "\(error)")))
                }
            }
        }
        return try result.get()
    }

    /// What was counted in a file that another process may write.
    package static func rows(
        _ selection: UsageSelection, inFile path: String
    ) throws(AccessError) -> [UsageRow] {
        guard unsafe access(path, R_OK) == 0 else {
            throw .file(path: path, reason: unsafe String(cString: strerror(errno)))
        }
        do {
            var configuration = Configuration()
            configuration.readonly = true
            configuration.busyMode = .timeout(10)
            return try DatabaseQueue(path: path, configuration: configuration).read {
                try UsageTable.rows(selection, in: $0)
            }
        } catch {
            throw .file(path: path, reason: "no file of usage: \(error)")
        }
    }

    /// What each key has consumed since a time: its requests and its tokens.
    package func totals(
        since time: Int
    ) throws(AccessError) -> [(key: String, requests: Int, tokens: Int)] {
        var selection = UsageSelection()
        selection.start = time
        selection.grouping = .total
        selection.limit = .max
        do {
            let rows = try pool.read { try UsageTable.rows(selection, in: $0) }
            return rows.map {
                (
                    $0.subject.key, $0.counts.requests,
                    $0.counts.promptTokens + $0.counts.completionTokens
                )
            }
        } catch {
            throw .file(path: pool.path, reason: "\(error)")
        }
    }
}

/// The table, as SQL has it.
private enum UsageTable {
    private static let columns = UsageLedger.Counts.fields.map(\.name)

    static func make(in database: Database) throws {
        try database.execute(
            sql: """
                CREATE TABLE IF NOT EXISTS usage (
                    key TEXT NOT NULL, name TEXT NOT NULL, model TEXT NOT NULL,
                    family TEXT NOT NULL, hour INTEGER NOT NULL,
                    \(columns.map { "\($0) INTEGER NOT NULL" }.joined(separator: ", ")),
                    PRIMARY KEY (key, model, family, hour)
                ) WITHOUT ROWID
                """)
        try database.execute(sql: "CREATE INDEX IF NOT EXISTS usage_hour ON usage (hour)")
    }

    static func add(
        _ counts: UsageLedger.Counts, _ subject: UsageLedger.Subject, hour: Int,
        in database: Database
    ) throws {
        let marks = Array(repeating: "?", count: 5 + columns.count).joined(separator: ", ")
        let sums = columns.map { "\($0) = \($0) + excluded.\($0)" }.joined(separator: ", ")
        let numbers = UsageLedger.Counts.fields.map { counts[keyPath: $0.path] }
        var arguments: StatementArguments = [
            subject.key, subject.name, subject.model, subject.family, hour,
        ]
        arguments += StatementArguments(numbers)
        try database.execute(
            sql: """
                INSERT INTO usage (key, name, model, family, hour, \
                \(columns.joined(separator: ", "))) VALUES (\(marks)) \
                ON CONFLICT DO UPDATE SET name = excluded.name, \(sums)
                """,
            arguments: arguments)
    }

    static func rows(
        _ selection: UsageSelection, in database: Database
    ) throws -> [UsageRow] {
        let start = selection.grouping.start
        var conditions = ["hour * 3600 >= ?", "hour * 3600 < ?"]
        var arguments: StatementArguments = [selection.start, selection.end]
        if let key = selection.key {
            conditions.append("(key = ? OR name = ?)")
            arguments += [key, key]
        }
        if let model = selection.model {
            conditions.append("model = ?")
            arguments += [model]
        }
        let sums = columns.map { "SUM(\($0)) AS \($0)" }.joined(separator: ", ")
        arguments += [selection.limit]
        return try Row.fetchAll(
            database,
            sql: """
                SELECT key, MAX(name) AS name, model, family, \(start) AS start, \(sums) FROM usage \
                WHERE \(conditions.joined(separator: " AND ")) \
                GROUP BY start, key, model, family ORDER BY start, key, model, family LIMIT ?
                """,
            arguments: arguments
        ).map { row in
            var counts = UsageLedger.Counts()
            for field in UsageLedger.Counts.fields { counts[keyPath: field.path] = row[field.name] }
            return UsageRow(
                subject: UsageLedger.Subject(
                    key: row["key"], name: row["name"], model: row["model"],
                    family: row["family"]),
                start: row["start"], counts: counts)
        }
    }
}
