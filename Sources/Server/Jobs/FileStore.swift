// SPDX-License-Identifier: Apache-2.0

package import Access
import Dispatch
import Foundation
import Glibc
import Synchronization

/// Files that clients and batches have stored: rows in a database, bytes in a folder beside it.
///
/// A file is there as a whole or not at all, and only its owner finds it. Its bytes are named by its
/// id, never by anything that a client sent. Where there is a key, what is stored from then on is
/// encrypted (AES-256-GCM, in blocks); names, sizes and times are not. All of it blocks on the disk,
/// so it is called where that holds nobody up.
package final class FileStore: Sendable {
    /// What an owner's files come to, with those being written.
    private struct Usage {
        var count = 0
        var byteCount = 0
    }

    private struct Account {
        var owners: [String: Usage] = [:]
        var byteCount = 0
    }

    /// How often it is looked for what has expired.
    private static let expiryInterval = DispatchTimeInterval.seconds(30)

    /// The database, which has the rows of jobs, too.
    package let database: JobDatabase

    /// How much is kept.
    package let limits: FileLimits

    private let key: StorageKey?
    private let unixTime: @Sendable () -> Int
    private let report: @Sendable (String) -> Void
    private let files: String
    private let work: String
    private let account: Mutex<Account>
    private let expiring = DispatchQueue(label: "cierzo-files")

    /// The store of a database's folder; what a killed process left of unfinished files is removed.
    ///
    /// - Parameters:
    ///   - database: where rows are, and beside it bytes.
    ///   - limits: how much is kept.
    ///   - key: encrypts what is stored; nil for nothing.
    ///   - unixTime: the seconds since 1970.
    ///   - report: is told of what nobody waits for and went wrong.
    /// - Throws: ``JobsError`` where the folder cannot be used.
    package init(
        _ database: JobDatabase, limits: FileLimits = FileLimits(), key: StorageKey? = nil,
        unixTime: @escaping @Sendable () -> Int,
        report: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(JobsError) {
        self.database = database
        self.limits = limits
        self.key = key
        self.unixTime = unixTime
        self.report = report
        files = database.folder + "/files"
        work = database.folder + "/work"
        for folder in [files, work] {
            guard unsafe mkdir(folder, 0o700) == 0 || errno == EEXIST else {
                throw DiskFile.failure(errno, folder)
            }
        }
        var account = Account()
        let totals = try database.read { try FileTable.totals(in: $0) }
        for (owner, count, byteCount) in totals {
            account.owners[owner] = Usage(count: count, byteCount: byteCount)
            account.byteCount += byteCount
        }
        self.account = Mutex(account)
        try removeLeftovers()
        lookForExpired(after: .seconds(0))
    }

    // MARK: Making files

    /// Begins a file, of which nobody knows until it is finished.
    ///
    /// - Parameters:
    ///   - owner: whose it will be.
    ///   - id: its id, which no file has or had; a new one if there is none.
    ///   - isLimited: whether it is refused where it is too large or its owner has too much; what
    ///     the server makes itself is not, but counts.
    /// - Returns: what takes its bytes.
    /// - Throws: ``JobsError`` where there is no room for another.
    package func make(
        for owner: String, id: String = FileStore.newID(), isLimited: Bool = true
    ) throws(JobsError) -> FileWriter {
        precondition(Self.isName(id), "\(id) is no name of a file")
        try reserveFile(of: owner, isLimited: isLimited)
        do {
            return FileWriter(
                store: self, id: id, owner: owner, isLimited: isLimited,
                file: try DiskFile.make(path(of: id) + Self.partialSuffix),
                cipher: try cipher(of: id, sealedBy: key?.id), keyID: key?.id)
        } catch {
            giveBack(1, 0, of: owner)
            throw error
        }
    }

    /// Puts a finished file in its place and tells its owner of it.
    func publish(
        _ writer: FileWriter, name: String, purpose: FilePurpose, byteCount: Int, lineCount: Int,
        lifetime: Duration?
    ) throws(JobsError) -> StoredFile {
        let now = unixTime()
        let lifetime = lifetime ?? limits.maxAge
        let file = StoredFile(
            id: writer.id, owner: writer.owner, name: name, purpose: purpose, byteCount: byteCount,
            lineCount: lineCount, createdAt: now,
            expiresAt: lifetime.map { now + Int($0.components.seconds) }, keyID: writer.keyID)
        let path = path(of: writer.id)
        guard unsafe rename(path + Self.partialSuffix, path) == 0 else {
            throw DiskFile.failure(errno, path)
        }
        do throws(JobsError) {
            try Self.syncFolder(files)
            try database.write { try FileTable.add(file, in: $0) }
        } catch {
            unsafe unlink(path)
            throw error
        }
        return file
    }

    /// Forgets what was written of a file that is not finished.
    func abandon(_ writer: FileWriter, byteCount: Int) {
        unsafe unlink(path(of: writer.id) + Self.partialSuffix)
        giveBack(1, byteCount, of: writer.owner)
    }

    /// How many files there are, those being uploaded included, and how many bytes they have.
    package var totals: (count: Int, byteCount: Int) {
        account.withLock { account in
            (account.owners.values.reduce(0) { $0 + $1.count }, account.byteCount)
        }
    }

    // MARK: Finding, reading, deleting

    /// The file of that id, if its owner has one.
    package func file(_ id: String, of owner: String) throws(JobsError) -> StoredFile? {
        guard Self.isName(id) else { return nil }
        let now = unixTime()
        return try database.read { try FileTable.file(id, of: owner, at: now, in: $0) }
    }

    /// Some of an owner's files.
    ///
    /// - Returns: nil where it has no file to begin after.
    package func page(
        _ selection: FileSelection, of owner: String
    ) throws(JobsError) -> FilePage? {
        if let after = selection.after, !Self.isName(after) { return nil }
        let now = unixTime()
        return try database.read { try FileTable.page(selection, of: owner, at: now, in: $0) }
    }

    /// Opens a file; who has it open reads it to its end, even if it is deleted meanwhile.
    ///
    /// - Throws: ``JobsError`` where its bytes are not there, or encrypted with another key.
    package func open(_ file: StoredFile) throws(JobsError) -> FileReader {
        FileReader(
            file, try DiskFile.open(path(of: file.id)),
            cipher: try cipher(of: file.id, sealedBy: file.keyID))
    }

    /// Holds a file against deletion and expiry, also when the process is another one.
    ///
    /// - Parameters:
    ///   - id: the file.
    ///   - owner: whose it must be.
    ///   - holder: what its owner is told who wants to delete it, such as the id of a batch.
    /// - Returns: the file; nil where there is none.
    /// - Throws: ``JobsError`` where the database cannot be changed.
    package func hold(
        _ id: String, of owner: String, by holder: String
    ) throws(JobsError) -> StoredFile? {
        guard Self.isName(id) else { return nil }
        let now = unixTime()
        return try database.write {
            try FileTable.hold(id, of: owner, by: holder, at: now, in: $0)
        }
    }

    /// Lets go of all files that somebody holds.
    package func release(allOf holder: String) throws(JobsError) {
        try database.write { try FileTable.release(allOf: holder, in: $0) }
    }

    /// Deletes a file: its row and its bytes are gone when this returns.
    ///
    /// - Returns: whether there was one.
    /// - Throws: ``JobsError/held(file:holder:)`` while something reads it for a job.
    package func remove(_ id: String, of owner: String) throws(JobsError) -> Bool {
        guard Self.isName(id) else { return false }
        let now = unixTime()
        let file = try database.write { database in
            let file = try FileTable.file(id, of: owner, at: now, in: database)
            if file != nil { try FileTable.remove(id, in: database) }
            return file
        }
        guard let file else { return false }
        try removeBytes(of: file)
        return true
    }

    /// Deletes all files whose time is over and that nothing holds.
    package func removeExpired() {
        let now = unixTime()
        var failure: JobsError?
        do throws(JobsError) {
            while true {
                let expired = try database.write { database in
                    let expired = try FileTable.expired(at: now, in: database)
                    for file in expired { try FileTable.remove(file.id, in: database) }
                    return expired
                }
                if expired.isEmpty { break }
                for file in expired {
                    // The others can be deleted all the same.
                    do throws(JobsError) { try removeBytes(of: file) } catch { failure = error }
                }
            }
        } catch {
            failure = error
        }
        if let failure {
            report("files that have expired are not deleted, and will be later: \(failure)")
        }
    }

    private func lookForExpired(after delay: DispatchTimeInterval) {
        expiring.asyncAfter(deadline: .now() + delay) { [weak self] in
            self?.removeExpired()
            self?.lookForExpired(after: Self.expiryInterval)
        }
    }

    /// An identity that no file has.
    package static func newID() -> String { UUID().uuidString.lowercased() }

    // MARK: Work of jobs

    /// What a job writes as it goes on: opened as it was left, or made.
    package func workFile(_ id: String) throws(JobsError) -> WorkFile {
        precondition(Self.isName(id), "\(id) is no name of a file")
        let file = try DiskFile.goOn(work + "/" + id)
        try Self.syncFolder(work)
        return try WorkFile(name: id, file: file, key: key)
    }

    /// Deletes what a job wrote, if there is something.
    package func removeWorkFile(_ id: String) throws(JobsError) {
        precondition(Self.isName(id), "\(id) is no name of a file")
        guard unsafe unlink(work + "/" + id) == 0 || errno == ENOENT else {
            throw DiskFile.failure(errno, work + "/" + id)
        }
    }

    /// All that jobs have written, for whoever knows which of them there still are.
    package func workFileIDs() throws(JobsError) -> [String] { try Self.names(in: work) }

    // MARK: Quotas

    private func reserveFile(of owner: String, isLimited: Bool) throws(JobsError) {
        let isGranted = account.withLock { account in
            let count = account.owners[owner]?.count ?? 0
            if isLimited, count >= limits.maxCountPerOwner { return false }
            account.owners[owner, default: Usage()].count += 1
            return true
        }
        guard isGranted else { throw .noRoom(.files, limit: limits.maxCountPerOwner, left: 0) }
    }

    /// Takes what some more bytes of a file need.
    func reserve(_ count: Int, of owner: String, isLimited: Bool) throws(JobsError) {
        let refusal: JobsError? = account.withLock { account in
            let own = account.owners[owner]?.byteCount ?? 0
            let left = max(0, limits.maxByteCountPerOwner - own)
            if isLimited, count > left {
                return .noRoom(.bytes, limit: limits.maxByteCountPerOwner, left: left)
            }
            let allLeft = max(0, limits.maxByteCount - account.byteCount)
            if isLimited, count > allLeft {
                return .noRoom(.allBytes, limit: limits.maxByteCount, left: allLeft)
            }
            account.owners[owner, default: Usage()].byteCount += count
            account.byteCount += count
            return nil
        }
        if let refusal { throw refusal }
    }

    private func giveBack(_ count: Int, _ byteCount: Int, of owner: String) {
        account.withLock { account in
            account.owners[owner]?.count -= count
            account.owners[owner]?.byteCount -= byteCount
            if account.owners[owner]?.count == 0 { account.owners[owner] = nil }
            account.byteCount -= byteCount
        }
    }

    /// Leaves room on the disk for whatever else is there.
    func requireFreeDisk() throws(JobsError) {
        var status = statvfs()
        guard unsafe statvfs(files, &status) == 0 else { throw DiskFile.failure(errno, files) }
        guard Int(status.f_bavail) * Int(status.f_frsize) > limits.freeByteCount else {
            throw .diskFull
        }
    }

    // MARK: Bytes

    private static let partialSuffix = ".partial"

    private func path(of id: String) -> String { files + "/" + id }

    private func cipher(of name: String, sealedBy id: String?) throws(JobsError) -> StorageCipher? {
        guard let id else { return nil }
        guard let key, key.id == id else { throw .otherKey(name) }
        do throws(AccessError) {
            return try key.cipher(for: "file " + name)
        } catch {
            throw .disk(reason: "\(error)")
        }
    }

    private func removeBytes(of file: StoredFile) throws(JobsError) {
        giveBack(1, file.byteCount, of: file.owner)
        let path = path(of: file.id)
        guard unsafe unlink(path) == 0 || errno == ENOENT else {
            throw DiskFile.failure(errno, path)
        }
        try Self.syncFolder(files)
    }

    /// Removes bytes without a row: of uploads that a kill has cut off, and of files that were being
    /// deleted.
    private func removeLeftovers() throws(JobsError) {
        let known = try database.read { try FileTable.ids(in: $0) }
        for name in try Self.names(in: files) where !known.contains(name) {
            unsafe unlink(path(of: name))
        }
    }

    private static func names(in folder: String) throws(JobsError) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        } catch {
            throw .folder(path: folder, reason: error.localizedDescription)
        }
    }

    private static func syncFolder(_ folder: String) throws(JobsError) {
        let descriptor = unsafe Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw DiskFile.failure(errno, folder) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw DiskFile.failure(errno, folder) }
    }

    /// Whether a text can name a file of ours.
    private static func isName(_ text: String) -> Bool {
        (1...100).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
