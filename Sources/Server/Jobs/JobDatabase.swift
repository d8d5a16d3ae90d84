// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import Glibc

/// The folder of files and jobs: a database of SQLite, and the bytes of files beside it.
///
/// One process uses a folder at a time; a lock that ends with the process keeps others out. What the
/// database has taken is on the disk (`synchronous = FULL`).
package final class JobDatabase: Sendable {
    /// Where it is.
    package let folder: String

    let pool: DatabasePool
    private let lock: FolderLock

    /// Opens a folder, or makes one that only its owner may read.
    ///
    /// - Throws: ``JobsError`` where it cannot be used, or another process uses it.
    package init(folder: String) throws(JobsError) {
        self.folder = folder
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
        } catch {
            throw .folder(path: folder, reason: error.localizedDescription)
        }
        lock = try FolderLock(folder)
        let path = folder + "/jobs.sqlite"
        // SQLite's other files get the modes of this one.
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw .folder(path: folder, reason: unsafe String(cString: strerror(errno)))
        }
        Glibc.close(descriptor)
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        configuration.maximumReaderCount = 4
        configuration.prepareDatabase { database in
            // What is deleted is not left in the pages of the file.
            try database.execute(sql: "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON")
        }
        do {
            pool = try DatabasePool(path: path, configuration: configuration)
            var migrator = DatabaseMigrator()
            FileTable.addMigrations(to: &migrator)
            BatchTable.addMigrations(to: &migrator)
            try migrator.migrate(pool)
            if try pool.read(migrator.hasBeenSuperseded) {
                throw JobsError.folder(
                    path: folder, reason: "a newer version of the program has written it")
            }
        } catch {
            throw error as? JobsError ?? .folder(path: folder, reason: "\(error)")
        }
    }

    /// Changes something, in one transaction.
    func write<Value>(_ body: (Database) throws -> Value) throws(JobsError) -> Value {
        do { return try pool.write(body) } catch { throw Self.failure(error) }
    }

    /// Looks something up.
    func read<Value>(_ body: (Database) throws -> Value) throws(JobsError) -> Value {
        do { return try pool.read(body) } catch { throw Self.failure(error) }
    }

    static func failure(_ error: any Error) -> JobsError {
        if let error = error as? JobsError { return error }
        if let error = error as? DatabaseError, error.resultCode == .SQLITE_FULL {
            return .diskFull
        }
        return .disk(reason: "\(error)")
    }
}

/// Keeps other processes out of a folder, for as long as it is there.
private final class FolderLock: Sendable {
    private let descriptor: Int32

    /// How often it is tried again, ten times a second.
    private static let patience = 20

    init(_ folder: String) throws(JobsError) {
        let descriptor = unsafe open(
            folder + "/jobs.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw .folder(path: folder, reason: unsafe String(cString: strerror(errno)))
        }
        var patience = Self.patience
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let number = errno
            if number == EINTR { continue }
            // A process that is just ending, whose place this one takes.
            if number == EWOULDBLOCK, patience > 0 {
                patience -= 1
                usleep(100_000)
                continue
            }
            close(descriptor)
            throw .folder(
                path: folder,
                reason: number == EWOULDBLOCK
                    ? "another process uses it" : unsafe String(cString: strerror(number)))
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }
}
