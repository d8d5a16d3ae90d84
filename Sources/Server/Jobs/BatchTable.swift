// SPDX-License-Identifier: Apache-2.0

import GRDB
import JSON

/// The rows of batches and of their lines, as SQL has them.
enum BatchTable {
    static func addMigrations(to migrator: inout DatabaseMigrator) {
        migrator.registerMigration("batches 1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE batches (
                        serial INTEGER PRIMARY KEY AUTOINCREMENT,
                        id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, key TEXT NOT NULL,
                        dialect TEXT NOT NULL, is_mistral INTEGER NOT NULL,
                        endpoint TEXT NOT NULL, model TEXT, input_files TEXT NOT NULL,
                        window TEXT NOT NULL, window_seconds INTEGER NOT NULL, metadata TEXT,
                        output_seconds INTEGER, status TEXT NOT NULL, ending TEXT,
                        faults TEXT NOT NULL, total INTEGER NOT NULL, completed INTEGER NOT NULL,
                        failed INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL,
                        cached_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
                        thinking_tokens INTEGER NOT NULL, created_at INTEGER NOT NULL,
                        expires_at INTEGER NOT NULL, times TEXT NOT NULL, output_file TEXT,
                        error_file TEXT, work_bytes INTEGER NOT NULL,
                        notice_at INTEGER, notice_tries INTEGER NOT NULL DEFAULT 0
                    );
                    CREATE INDEX batches_owner ON batches (owner, serial);
                    CREATE INDEX batches_status ON batches (status);
                    CREATE INDEX batches_notice ON batches (notice_at) WHERE notice_at IS NOT NULL;
                    CREATE TABLE batch_lines (
                        batch INTEGER NOT NULL, line INTEGER NOT NULL, file INTEGER NOT NULL,
                        number INTEGER NOT NULL, start INTEGER NOT NULL, length INTEGER NOT NULL,
                        rank INTEGER NOT NULL, place INTEGER, is_failed INTEGER,
                        PRIMARY KEY (batch, line)
                    ) WITHOUT ROWID;
                    """)
        }
    }

    // MARK: Batches

    static func add(_ batch: StoredBatch, in database: Database) throws {
        let order = batch.order
        try database.execute(
            sql: """
                INSERT INTO batches (id, owner, key, dialect, is_mistral, endpoint, model, \
                input_files, window, window_seconds, metadata, output_seconds, status, faults, \
                total, completed, failed, prompt_tokens, cached_tokens, completion_tokens, \
                thinking_tokens, created_at, expires_at, times, work_bytes) VALUES \
                (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '[]', 0, 0, 0, 0, 0, 0, 0, ?, ?, '{}', 0)
                """,
            arguments: [
                batch.id, order.owner, order.keyID, order.dialect, order.isMistral,
                order.endpoint, order.model,
                JSONValue.array(order.inputFiles.map { .string($0) }).serialized(), order.window,
                order.windowSeconds, order.metadata.map { JSONValue.object($0).serialized() },
                order.outputSeconds, batch.status.rawValue, batch.createdAt, batch.expiresAt,
            ])
    }

    /// Keeps how far a batch is.
    static func update(_ batch: StoredBatch, in database: Database) throws {
        let times = JSONObject(batch.times.map { ($0.rawValue, .integer($1)) })
        try database.execute(
            sql: """
                UPDATE batches SET status = ?, model = ?, ending = ?, faults = ?, total = ?, \
                completed = ?, failed = ?, prompt_tokens = ?, cached_tokens = ?, completion_tokens = ?, \
                thinking_tokens = ?, times = ?, output_file = ?, error_file = ?, work_bytes = ? \
                WHERE id = ?
                """,
            arguments: [
                batch.status.rawValue, batch.order.model, batch.ending?.rawValue,
                JSONValue.array(batch.faults.map(\.json)).serialized(), batch.totalCount,
                batch.completedCount, batch.failedCount, batch.usage.promptTokens,
                batch.usage.cachedTokens, batch.usage.completionTokens,
                batch.usage.thinkingTokens, JSONValue.object(times).serialized(),
                batch.outputFile, batch.errorFile, batch.workByteCount, batch.id,
            ])
    }

    /// The batch of that id; of that owner, if one is given.
    static func batch(
        _ id: String, of owner: String? = nil, in database: Database
    ) throws -> StoredBatch? {
        try Row.fetchOne(
            database,
            sql: "SELECT * FROM batches WHERE id = :id AND owner = coalesce(:owner, owner)",
            arguments: ["id": id, "owner": owner]
        ).flatMap(batch)
    }

    /// All that have not ended, the oldest first.
    static func unfinished(in database: Database) throws -> [StoredBatch] {
        let names = BatchStatus.allCases.filter { !$0.isFinal }.map { "'\($0.rawValue)'" }
        return try Row.fetchAll(
            database,
            sql: "SELECT * FROM batches WHERE status IN (\(names.joined(separator: ", "))) "
                + "ORDER BY serial"
        ).compactMap(batch)
    }

    /// How many of an owner's have not ended.
    static func unfinishedCount(of owner: String, in database: Database) throws -> Int {
        let names = BatchStatus.allCases.filter { !$0.isFinal }.map { "'\($0.rawValue)'" }
        return try Int.fetchOne(
            database,
            sql: "SELECT COUNT(*) FROM batches WHERE owner = ? AND status IN "
                + "(\(names.joined(separator: ", ")))", arguments: [owner]) ?? 0
    }

    static func remove(_ id: String, in database: Database) throws {
        try removeLines(of: id, in: database)
        try database.execute(sql: "DELETE FROM batches WHERE id = ?", arguments: [id])
    }

    /// How many there are of each status.
    static func counts(in database: Database) throws -> [BatchStatus: Int] {
        let rows = try Row.fetchAll(
            database, sql: "SELECT status, COUNT(*) AS n FROM batches GROUP BY status")
        return Dictionary(
            rows.compactMap { row in
                BatchStatus(rawValue: row["status"]).map { ($0, row["n"]) }
            }, uniquingKeysWith: +)
    }

    /// Some of an owner's batches; nil where there is none to begin after.
    static func page(
        _ selection: BatchSelection, of owner: String, in database: Database
    ) throws -> BatchPage? {
        var conditions = ["owner = :owner"]
        var arguments: StatementArguments = ["owner": owner]
        if let statuses = selection.statuses {
            // Raw values are the program's own words.
            let names = statuses.map { "'\($0.rawValue)'" }.joined(separator: ", ")
            conditions.append("status IN (\(names))")
        }
        if let model = selection.model {
            conditions.append("model = :model")
            arguments += ["model": model]
        }
        if let time = selection.createdAfter {
            conditions.append("created_at >= :time")
            arguments += ["time": time]
        }
        let total =
            try Int.fetchOne(
                database,
                sql: "SELECT COUNT(*) FROM batches WHERE \(conditions.joined(separator: " AND "))",
                arguments: arguments) ?? 0
        if let after = selection.after {
            guard
                let serial = try Int.fetchOne(
                    database, sql: "SELECT serial FROM batches WHERE id = ? AND owner = ?",
                    arguments: [after, owner])
            else { return nil }
            conditions.append("serial \(selection.newestFirst ? "<" : ">") :serial")
            arguments += ["serial": serial]
        }
        arguments += ["limit": selection.limit + 1, "offset": selection.offset]
        let batches = try Row.fetchAll(
            database,
            sql: """
                SELECT * FROM batches WHERE \(conditions.joined(separator: " AND ")) \
                ORDER BY serial \(selection.newestFirst ? "DESC" : "ASC") \
                LIMIT :limit OFFSET :offset
                """,
            arguments: arguments
        ).compactMap(batch)
        return BatchPage(
            batches: Array(batches.prefix(selection.limit)),
            hasMore: batches.count > selection.limit, total: total)
    }

    private static func batch(_ row: Row) -> StoredBatch? {
        func json(_ name: String) -> JSONValue? {
            (row[name] as String?).flatMap { try? JSONParser.parse($0) }
        }
        guard let status = BatchStatus(rawValue: row["status"]) else { return nil }
        let files = json("input_files")?.arrayValue ?? []
        var batch = StoredBatch(
            id: row["id"],
            order: BatchOrder(
                owner: row["owner"], keyID: row["key"], dialect: row["dialect"],
                isMistral: row["is_mistral"], endpoint: row["endpoint"], model: row["model"],
                inputFiles: files.compactMap(\.stringValue), window: row["window"],
                windowSeconds: row["window_seconds"], metadata: json("metadata")?.objectValue,
                outputSeconds: row["output_seconds"]),
            createdAt: row["created_at"], expiresAt: row["expires_at"])
        batch.status = status
        batch.ending = (row["ending"] as String?).flatMap(BatchStatus.init)
        batch.faults = json("faults")?.arrayValue?.compactMap(BatchFault.init) ?? []
        batch.totalCount = row["total"]
        batch.completedCount = row["completed"]
        batch.failedCount = row["failed"]
        batch.usage.promptTokens = row["prompt_tokens"]
        batch.usage.cachedTokens = row["cached_tokens"]
        batch.usage.completionTokens = row["completion_tokens"]
        batch.usage.thinkingTokens = row["thinking_tokens"]
        for (name, time) in json("times")?.objectValue ?? [:] {
            if let status = BatchStatus(rawValue: name) { batch.times[status] = time.intValue }
        }
        batch.outputFile = row["output_file"]
        batch.errorFile = row["error_file"]
        batch.workByteCount = row["work_bytes"]
        return batch
    }

    // MARK: Lines

    /// A line of the input, and where its result is.
    struct Line: Hashable, Sendable {
        /// Its place among all lines, from 0.
        var index: Int
        /// Which of the input files it is in, the number that it has there, and its bytes.
        var file: Int
        var number: Int
        var start: Int
        var length: Int
        /// When its turn is.
        var rank: Int
        /// Where its result is in the work file; nil where it has none.
        var place: Int?
        var isFailed = false
    }

    private static func serial(of id: String, in database: Database) throws -> Int {
        try Int.fetchOne(
            database, sql: "SELECT serial FROM batches WHERE id = ?", arguments: [id]) ?? -1
    }

    static func add(_ lines: [Line], of id: String, in database: Database) throws {
        let serial = try serial(of: id, in: database)
        let statement = try database.makeStatement(
            sql: """
                INSERT INTO batch_lines (batch, line, file, number, start, length, rank) \
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """)
        for line in lines {
            try statement.execute(arguments: [
                serial, line.index, line.file, line.number, line.start, line.length, line.rank,
            ])
        }
    }

    static func removeLines(of id: String, in database: Database) throws {
        try database.execute(
            sql: "DELETE FROM batch_lines WHERE batch = ?",
            arguments: [try serial(of: id, in: database)])
    }

    /// The lines without a result, in the order of their turns.
    static func undone(of id: String, in database: Database) throws -> [Line] {
        try lines(
            "place IS NULL ORDER BY rank", [try serial(of: id, in: database)], in: database)
    }

    /// Some lines from one on, in the order of the input.
    static func lines(
        of id: String, from index: Int, limit: Int, in database: Database
    ) throws -> [Line] {
        try lines(
            "line >= ? ORDER BY line LIMIT ?", [try serial(of: id, in: database), index, limit],
            in: database)
    }

    private static func lines(
        _ condition: String, _ arguments: StatementArguments, in database: Database
    ) throws -> [Line] {
        try Row.fetchAll(
            database, sql: "SELECT * FROM batch_lines WHERE batch = ? AND " + condition,
            arguments: arguments
        ).map { row in
            Line(
                index: row["line"], file: row["file"], number: row["number"], start: row["start"],
                length: row["length"], rank: row["rank"], place: row["place"],
                isFailed: row["is_failed"] ?? false)
        }
    }

    /// Keeps where the results of lines are.
    static func setPlaces(_ lines: [Line], of id: String, in database: Database) throws {
        let serial = try serial(of: id, in: database)
        let statement = try database.makeStatement(
            sql: """
                UPDATE batch_lines SET place = ?, is_failed = ? \
                WHERE batch = ? AND line = ? AND place IS NULL
                """)
        for line in lines {
            try statement.execute(arguments: [line.place, line.isFailed, serial, line.index])
        }
    }

    // MARK: Notices

    /// Has whoever wants to know told that a batch has ended.
    static func notice(_ id: String, at time: Int, in database: Database) throws {
        try database.execute(
            sql: "UPDATE batches SET notice_at = ? WHERE id = ?", arguments: [time, id])
    }

    /// The batches whose end is to be told now, and how often that was tried.
    static func notices(
        at now: Int, in database: Database
    ) throws -> [(batch: StoredBatch, tries: Int)] {
        try Row.fetchAll(
            database, sql: "SELECT * FROM batches WHERE notice_at <= ? ORDER BY notice_at LIMIT 16",
            arguments: [now]
        ).compactMap { row in batch(row).map { ($0, row["notice_tries"]) } }
    }

    /// When the next end is to be told; nil for never.
    static func nextNotice(in database: Database) throws -> Int? {
        try Int.fetchOne(database, sql: "SELECT MIN(notice_at) FROM batches")
    }

    /// Keeps when it is to be tried again; nil where it was told, or is given up.
    static func noticeTried(_ id: String, next: Int?, in database: Database) throws {
        try database.execute(
            sql: "UPDATE batches SET notice_at = ?, notice_tries = notice_tries + 1 WHERE id = ?",
            arguments: [next, id])
    }
}
