// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB

/// The rows of files, as SQL has them.
///
/// What takes a database runs in whatever transaction it belongs to. A file that has expired is there
/// only as long as something holds it.
enum FileTable {
    static func addMigrations(to migrator: inout DatabaseMigrator) {
        migrator.registerMigration("files 1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE files (
                        serial INTEGER PRIMARY KEY AUTOINCREMENT,
                        id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, name BLOB NOT NULL,
                        purpose TEXT NOT NULL, byte_count INTEGER NOT NULL,
                        line_count INTEGER NOT NULL, created_at INTEGER NOT NULL,
                        expires_at INTEGER, key_id TEXT
                    );
                    CREATE INDEX files_owner ON files (owner, serial);
                    CREATE INDEX files_expiry ON files (expires_at) WHERE expires_at IS NOT NULL;
                    CREATE TABLE file_holds (
                        file TEXT NOT NULL, holder TEXT NOT NULL, PRIMARY KEY (file, holder)
                    ) WITHOUT ROWID;
                    CREATE INDEX file_holds_holder ON file_holds (holder);
                    """)
        }
    }

    private static let isHeld = "EXISTS (SELECT 1 FROM file_holds WHERE file = files.id)"
    private static let isThere = "(expires_at IS NULL OR expires_at > :now OR \(isHeld))"

    static func add(_ file: StoredFile, in database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO files (id, owner, name, purpose, byte_count, line_count, created_at, \
                expires_at, key_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                // As bytes: a text would end at its first zero.
                file.id, file.owner, Data(file.name.utf8), file.purpose.rawValue, file.byteCount,
                file.lineCount, file.createdAt, file.expiresAt, file.keyID,
            ])
    }

    /// The file of that id and owner.
    static func file(
        _ id: String, of owner: String, at now: Int, in database: Database
    ) throws -> StoredFile? {
        try Row.fetchOne(
            database, sql: "SELECT * FROM files WHERE id = :id AND owner = :owner AND \(isThere)",
            arguments: ["id": id, "owner": owner, "now": now]
        ).flatMap(file)
    }

    /// Holds a file against deletion and expiry.
    ///
    /// - Returns: the file; nil where there is none.
    static func hold(
        _ id: String, of owner: String, by holder: String, at now: Int, in database: Database
    ) throws -> StoredFile? {
        guard let file = try file(id, of: owner, at: now, in: database) else { return nil }
        try database.execute(
            sql: "INSERT OR IGNORE INTO file_holds (file, holder) VALUES (?, ?)",
            arguments: [id, holder])
        return file
    }

    /// Lets go of all that somebody holds.
    static func release(allOf holder: String, in database: Database) throws {
        try database.execute(sql: "DELETE FROM file_holds WHERE holder = ?", arguments: [holder])
    }

    /// Removes the row of a file that is there.
    ///
    /// - Throws: ``JobsError/held(file:holder:)``.
    static func remove(_ id: String, in database: Database) throws {
        if let holder = try String.fetchOne(
            database, sql: "SELECT holder FROM file_holds WHERE file = ? LIMIT 1", arguments: [id])
        {
            throw JobsError.held(file: id, holder: holder)
        }
        try database.execute(sql: "DELETE FROM files WHERE id = ?", arguments: [id])
    }

    /// The files whose time is over and that nothing holds.
    static func expired(at now: Int, in database: Database) throws -> [StoredFile] {
        try Row.fetchAll(
            database, sql: "SELECT * FROM files WHERE expires_at <= ? AND NOT \(isHeld) LIMIT 1000",
            arguments: [now]
        ).compactMap(file)
    }

    static func ids(in database: Database) throws -> Set<String> {
        try String.fetchSet(database, sql: "SELECT id FROM files")
    }

    /// What each owner has.
    static func totals(
        in database: Database
    ) throws -> [(owner: String, count: Int, byteCount: Int)] {
        try Row.fetchAll(
            database,
            sql: "SELECT owner, COUNT(*) AS n, SUM(byte_count) AS bytes FROM files GROUP BY owner"
        ).map { ($0["owner"], $0["n"], $0["bytes"]) }
    }

    /// Some of an owner's files; nil where there is none to begin after.
    static func page(
        _ selection: FileSelection, of owner: String, at now: Int, in database: Database
    ) throws -> FilePage? {
        var conditions = ["owner = :owner", isThere]
        var arguments: StatementArguments = ["owner": owner, "now": now]
        if let purposes = selection.purposes {
            // Raw values are the program's own words.
            let names = purposes.map { "'\($0.rawValue)'" }.joined(separator: ", ")
            conditions.append("purpose IN (\(names))")
        }
        if let search = selection.search, !search.isEmpty {
            conditions.append("instr(lower(name), lower(:search)) > 0")
            arguments += ["search": search]
        }
        let total =
            try Int.fetchOne(
                database,
                sql: "SELECT COUNT(*) FROM files WHERE \(conditions.joined(separator: " AND "))",
                arguments: arguments) ?? 0
        if let after = selection.after {
            guard
                let serial = try Int.fetchOne(
                    database, sql: "SELECT serial FROM files WHERE id = ? AND owner = ?",
                    arguments: [after, owner])
            else { return nil }
            conditions.append("serial \(selection.newestFirst ? "<" : ">") :serial")
            arguments += ["serial": serial]
        }
        arguments += ["limit": selection.limit + 1, "offset": selection.offset]
        let files = try Row.fetchAll(
            database,
            sql: """
                SELECT * FROM files WHERE \(conditions.joined(separator: " AND ")) \
                ORDER BY serial \(selection.newestFirst ? "DESC" : "ASC") \
                LIMIT :limit OFFSET :offset
                """,
            arguments: arguments
        ).compactMap(file)
        return FilePage(
            files: Array(files.prefix(selection.limit)), hasMore: files.count > selection.limit,
            total: total)
    }

    private static func file(_ row: Row) -> StoredFile? {
        guard let purpose = FilePurpose(rawValue: row["purpose"]) else { return nil }
        let name: Data = row["name"]
        return StoredFile(
            id: row["id"], owner: row["owner"],
            name: String(decoding: name, as: UTF8.self), purpose: purpose,
            byteCount: row["byte_count"], lineCount: row["line_count"],
            createdAt: row["created_at"], expiresAt: row["expires_at"], keyID: row["key_id"])
    }
}
