// SPDX-License-Identifier: Apache-2.0

import GRDB
import Synchronization

/// How much batches may be.
package struct BatchLimits: Hashable, Sendable {
    /// The lines of a batch.
    package var maxLineCount = 50_000

    /// The bytes of a line.
    package var maxLineByteCount = 16 << 20

    /// The batches of an owner that have not ended.
    package var maxUnfinishedPerOwner = 100

    /// The batches that are worked on at the same time, each of another owner where there are several.
    package var maxRunning = 4

    /// The limits of a server whose operator says nothing.
    package init() {}
}

/// Why a batch is not taken, or not changed.
package enum BatchRefusal: Error, Equatable, Sendable {
    /// Its owner has no such file.
    case noFile(String)

    /// The file is for something else.
    case otherPurpose(String)

    /// Its owner has too many that have not ended.
    case tooMany(limit: Int)

    /// It has ended, or nearly, and cannot be cancelled.
    case hasEnded(BatchStatus)

    /// It has not ended, and so cannot be deleted.
    case isRunning(BatchStatus)

    /// The store does not do as it should.
    case store(JobsError)
}

/// The batches that somebody wants to be done, or that were done: rows in a database.
///
/// What is in them is answered by a ``BatchRunner``. All of it blocks on the disk, so it is called where
/// that holds nobody up.
package final class BatchStore: Sendable {
    /// The files that batches read and write.
    package let files: FileStore

    /// How much batches may be.
    package let limits: BatchLimits

    /// Whether somebody is told that a batch has ended.
    let tellsEnds: Bool

    /// The seconds since 1970.
    let unixTime: @Sendable () -> Int

    private struct Listening {
        var listener: (@Sendable () -> Void)?
        /// What is known of batches that are being worked on.
        var progress: [String: BatchProgress] = [:]
        var completedCount = 0
        var failedCount = 0
    }

    /// What has been done since the process began, and is being done.
    package struct Activity: Sendable {
        /// The lines that are being answered.
        package let runningCount: Int

        /// The lines that have got an answer, and those that have got an error.
        package let completedCount: Int
        package let failedCount: Int
    }

    private let listening = Mutex(Listening())

    private var database: JobDatabase { files.database }

    /// The batches of a store of files.
    ///
    /// - Parameters:
    ///   - files: the store.
    ///   - limits: how much batches may be.
    ///   - tellsEnds: whether somebody is to be told that a batch has ended.
    ///   - unixTime: the seconds since 1970.
    package init(
        _ files: FileStore, limits: BatchLimits = BatchLimits(), tellsEnds: Bool = false,
        unixTime: @escaping @Sendable () -> Int
    ) {
        self.files = files
        self.limits = limits
        self.tellsEnds = tellsEnds
        self.unixTime = unixTime
    }

    // MARK: What owners do

    /// Takes an order, and holds its files until it has ended.
    ///
    /// - Parameters:
    ///   - order: what is to be done.
    ///   - id: its identity, which no batch has.
    ///   - time: the time that its answers tell, in seconds since 1970; nil for now.
    /// - Returns: the batch.
    /// - Throws: ``BatchRefusal``.
    package func make(
        _ order: BatchOrder, id: String = FileStore.newID(), at time: Int? = nil
    ) throws(BatchRefusal) -> StoredBatch {
        precondition(!order.inputFiles.isEmpty, "a batch of no files")
        let now = unixTime()
        let batch = StoredBatch(
            id: id, order: order, createdAt: time ?? now, expiresAt: now + order.windowSeconds)
        let limit = limits.maxUnfinishedPerOwner
        try write { database in
            guard
                try BatchTable.unfinishedCount(of: order.owner, in: database) < limit
            else { throw BatchRefusal.tooMany(limit: limit) }
            for id in order.inputFiles {
                guard
                    let file = try FileTable.hold(
                        id, of: order.owner, by: "the batch \(batch.id)", at: now, in: database)
                else { throw BatchRefusal.noFile(id) }
                guard file.purpose == .batch else { throw BatchRefusal.otherPurpose(id) }
            }
            try BatchTable.add(batch, in: database)
        }
        wake()
        return batch
    }

    /// The batch of that id, if its owner has one.
    package func batch(_ id: String, of owner: String) throws(BatchRefusal) -> StoredBatch? {
        try read { try BatchTable.batch(id, of: owner, in: $0) }
    }

    /// Some of an owner's batches.
    ///
    /// - Returns: nil where it has no batch to begin after.
    package func page(
        _ selection: BatchSelection, of owner: String
    ) throws(BatchRefusal) -> BatchPage? {
        try read { try BatchTable.page(selection, of: owner, in: $0) }
    }

    /// Has a batch end as soon as it can; what was answered is kept.
    ///
    /// - Returns: the batch; nil where there is none.
    /// - Throws: `hasEnded`.
    package func cancel(_ id: String, of owner: String) throws(BatchRefusal) -> StoredBatch? {
        let now = unixTime()
        let batch = try write { database -> StoredBatch? in
            guard var batch = try BatchTable.batch(id, of: owner, in: database) else { return nil }
            switch batch.status {
            case .validating, .inProgress:
                batch.status = .cancelling
                batch.times[.cancelling] = now
                try BatchTable.update(batch, in: database)
            case .cancelling: break
            case .finalizing, .completed, .failed, .expired, .cancelled:
                throw BatchRefusal.hasEnded(batch.status)
            }
            return batch
        }
        wake()
        return batch
    }

    /// Forgets a batch that has ended; its files stay.
    ///
    /// - Returns: whether there was one.
    /// - Throws: `isRunning`.
    package func remove(_ id: String, of owner: String) throws(BatchRefusal) -> Bool {
        try write { database in
            guard let batch = try BatchTable.batch(id, of: owner, in: database) else {
                return false
            }
            guard batch.status.isFinal else { throw BatchRefusal.isRunning(batch.status) }
            try BatchTable.remove(id, in: database)
            return true
        }
    }

    /// The lines of both files of a batch that has ended, in the order of the input.
    ///
    /// - Parameters:
    ///   - batch: the batch.
    ///   - maxByteCount: the most that they may have together.
    /// - Returns: the lines without their ends; nil where they are longer, or have been deleted.
    /// - Throws: ``BatchRefusal`` where they cannot be read.
    package func outputs(
        of batch: StoredBatch, maxByteCount: Int
    ) throws(BatchRefusal) -> [[UInt8]]? {
        var lines: [(id: [UInt8], line: [UInt8])] = []
        do throws(JobsError) {
            var left = maxByteCount
            for id in [batch.outputFile, batch.errorFile] {
                guard let id else { continue }
                guard let file = try files.file(id, of: batch.order.owner) else { return nil }
                left -= file.byteCount
                guard left >= 0 else { return nil }
                let bytes = try files.open(file).read(file.byteCount, at: 0)
                for line in bytes.split(separator: UInt8(ascii: "\n")) {
                    lines.append((BatchOutput.id(of: line), Array(line)))
                }
            }
        } catch {
            throw .store(error)
        }
        lines.sort { $0.id.lexicographicallyPrecedes($1.id) }
        return lines.map(\.line)
    }

    /// What is known of how a batch is getting on; nil while nobody works on it.
    package func progress(of id: String) -> BatchProgress? {
        listening.withLock { $0.progress[id] }
    }

    /// How many batches there are of each status.
    package func counts() throws(BatchRefusal) -> [BatchStatus: Int] {
        try read { try BatchTable.counts(in: $0) }
    }

    /// What has been done since the process began, and is being done.
    package var activity: Activity {
        listening.withLock { state in
            Activity(
                runningCount: state.progress.values.reduce(0) { $0 + $1.runningCount },
                completedCount: state.completedCount, failedCount: state.failedCount)
        }
    }

    // MARK: What the runner does

    /// Counts lines that are done.
    func count(completed: Int, failed: Int) {
        listening.withLock { state in
            state.completedCount += completed
            state.failedCount += failed
        }
    }

    /// Has somebody told whenever there may be something to do.
    func listen(_ listener: (@Sendable () -> Void)?) {
        listening.withLock { $0.listener = listener }
    }

    private func wake() { listening.withLock { $0.listener }?() }

    /// Keeps how a batch is getting on; nil where nobody works on it any more.
    func note(_ progress: BatchProgress?, of id: String) {
        listening.withLock { $0.progress[id] = progress }
    }

    /// All that have not ended, the oldest first.
    func unfinished() throws(BatchRefusal) -> [StoredBatch] {
        try read { try BatchTable.unfinished(in: $0) }
    }

    /// Removes what batches wrote that have ended, where a kill has left it.
    func removeOldWork(_ report: (String) -> Void) {
        do {
            let unfinished = Set(try unfinished().map(\.id))
            for id in try files.workFileIDs() where !unfinished.contains(id) {
                try files.removeWorkFile(id)
            }
        } catch {
            report("the work of batches that have ended is still there: \(error)")
        }
    }

    /// A batch, whoever owns it.
    func batch(_ id: String) throws(BatchRefusal) -> StoredBatch? {
        try read { try BatchTable.batch(id, in: $0) }
    }

    /// Changes a batch that there is, in a transaction of its own with what else belongs to it.
    ///
    /// - Returns: the batch as it is then; nil where there is none.
    func change(
        _ id: String, _ body: (inout StoredBatch, Database) throws -> Void
    ) throws(BatchRefusal) -> StoredBatch? {
        try write { database in
            guard var batch = try BatchTable.batch(id, in: database) else { return nil }
            try body(&batch, database)
            try BatchTable.update(batch, in: database)
            return batch
        }
    }

    func write<Value>(_ body: (Database) throws -> Value) throws(BatchRefusal) -> Value {
        do {
            return try database.pool.write(body)
        } catch {
            throw Self.refusal(error)
        }
    }

    func read<Value>(_ body: (Database) throws -> Value) throws(BatchRefusal) -> Value {
        do {
            return try database.pool.read(body)
        } catch {
            throw Self.refusal(error)
        }
    }

    private static func refusal(_ error: any Error) -> BatchRefusal {
        error as? BatchRefusal ?? .store(JobDatabase.failure(error))
    }
}

/// How a batch is getting on.
package struct BatchProgress: Hashable, Sendable {
    /// The lines that were answered since somebody works on it, and for how long that has been.
    package var doneCount = 0
    package var duration = Duration.zero

    /// The lines that are left.
    package var leftCount = 0

    /// The lines that are being answered.
    package var runningCount = 0

    /// The seconds until all is answered, if it goes on like this; nil where nobody can say.
    package var secondsLeft: Int? {
        guard doneCount > 0 else { return nil }
        return Int((duration * leftCount / doneCount) / .seconds(1))
    }
}
