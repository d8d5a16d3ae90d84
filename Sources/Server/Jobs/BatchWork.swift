// SPDX-License-Identifier: Apache-2.0

import GRDB
package import JSON

/// A line of a batch that is to be answered.
package struct BatchTask: Sendable {
    /// The batch.
    package let batch: StoredBatch

    /// Its place among the batch's lines, from 0: with the batch's id it tells the request apart from
    /// all others, whenever it is answered.
    package let index: Int

    /// The request.
    package let body: JSONObject

    /// Whether it will be answered again, where it is given up now.
    package let comesAgain: @Sendable () -> Bool

    /// A line.
    package init(
        batch: StoredBatch, index: Int, body: JSONObject,
        comesAgain: @escaping @Sendable () -> Bool = { false }
    ) {
        self.batch = batch
        self.index = index
        self.body = body
        self.comesAgain = comesAgain
    }
}

/// What became of a line.
package enum BatchAnswer: Sendable {
    /// An answer, or an error that will not go away.
    ///
    /// The same line has the same id and body whenever it is answered.
    case answered(status: Int, id: String, body: [UInt8], usage: BatchUsage)

    /// There is no room for it now.
    case later(Duration)

    /// Nothing more of this batch may be answered: why.
    case refused(reason: String)

    /// It was given up, since the batch stops.
    case stopped

    /// Whether it is to be asked again.
    var isLate: Bool { if case .later = self { true } else { false } }
}

/// What a batch reads and writes on the disk: its lines, their results one by one, and its files at the
/// end.
///
/// A result is appended to the work file and synchronized before the transaction that counts it, and
/// what stands behind the last counted one is cut off when work goes on. So a line counts once, whenever
/// the process is killed. A queue of its own does it all, many results at once.
struct BatchWork {
    let store: BatchStore
    let id: String

    // MARK: Lines

    /// Reads all lines, and keeps where they are.
    ///
    /// - Parameters:
    ///   - batch: the batch.
    ///   - isStopped: whether to give up.
    ///   - judge: says what is wrong with the model of that name; nil where nothing is.
    /// - Throws: ``BatchRefusal`` where they cannot be read.
    func validate(
        _ batch: StoredBatch, isStopped: @escaping () -> Bool,
        judge: @escaping (String?) -> BatchFault?
    ) throws(BatchRefusal) {
        var reading = LineValidation(batch.form, limits: store.limits, judge: judge)
        do throws(JobsError) {
            for (index, file) in try inputs(of: batch).enumerated() {
                var lines = LineReader(maxByteCount: store.limits.maxLineByteCount) {
                    // A file may be all lines without anything.
                    (offset, count) throws(JobsError) in
                    isStopped() ? [] : try file.read(count, at: offset)
                }
                while !reading.isOver, let line = try lines.next() {
                    reading.add(line, of: index)
                }
                if isStopped() { return }
            }
        } catch {
            throw .store(error)
        }
        let model = reading.model
        let (lines, faults) = reading.result()
        let now = store.unixTime()
        _ = try store.change(id) { batch, database in
            guard batch.status == .validating else { return }
            try BatchTable.removeLines(of: id, in: database)
            batch.faults = faults
            if faults.isEmpty {
                try BatchTable.add(lines, of: id, in: database)
                batch.order.model = batch.order.model ?? model
                batch.totalCount = lines.count
                batch.status = .inProgress
                batch.times[.inProgress] = now
            } else {
                batch.status = .failed
                batch.times[.failed] = now
                try end(batch, in: database)
            }
        }
    }

    /// The files of its lines.
    func inputs(of batch: StoredBatch) throws(JobsError) -> [FileReader] {
        var readers: [FileReader] = []
        for id in batch.order.inputFiles {
            guard let file = try store.files.file(id, of: batch.order.owner) else {
                throw .damaged("the file \(id)")
            }
            readers.append(try store.files.open(file))
        }
        return readers
    }

    /// Reads a line again.
    func line(
        _ line: BatchTable.Line, _ inputs: [FileReader], _ form: BatchForm
    ) throws(JobsError) -> BatchLine {
        let bytes = try inputs[line.file].read(line.length, at: line.start)
        do throws(BatchFault) {
            return try BatchLine(bytes, of: form, index: line.index)
        } catch {
            throw .damaged("line \(line.number) of \(inputs[line.file].file.id)")
        }
    }

    // MARK: Results

    /// A result that is to be kept.
    struct Result: Sendable {
        let line: BatchTable.Line
        let bytes: [UInt8]
        let isFailed: Bool
        let usage: BatchUsage
    }

    /// Opens the work file as far as it counts.
    func open(_ batch: StoredBatch) throws(JobsError) -> WorkFile {
        let work = try store.files.workFile(id)
        // What is gone must not be written anew: lines would be told answers of others.
        guard work.byteCount >= batch.workByteCount else {
            throw .damaged("the work of the batch \(id)")
        }
        try work.truncate(to: batch.workByteCount)
        return work
    }

    /// Keeps results, so that they count from then on.
    func keep(_ results: [Result], in work: WorkFile) throws(BatchRefusal) {
        var lines: [BatchTable.Line] = []
        do throws(JobsError) {
            for result in results {
                var line = result.line
                line.place = try work.append(result.bytes)
                line.isFailed = result.isFailed
                lines.append(line)
            }
            try work.sync()
        } catch {
            throw .store(error)
        }
        let placed = lines
        let failedCount = results.count { $0.isFailed }
        _ = try store.change(id) { batch, database in
            try BatchTable.setPlaces(placed, of: id, in: database)
            batch.failedCount += failedCount
            batch.completedCount += results.count - failedCount
            for result in results { batch.usage += result.usage }
            batch.workByteCount = work.byteCount
        }
        store.count(completed: results.count - failedCount, failed: failedCount)
    }

    // MARK: The end

    /// Begins to write the files of a batch that ends.
    func beginEnd(
        _ ending: BatchStatus, faults: [BatchFault] = []
    ) throws(BatchRefusal) -> StoredBatch? {
        let now = store.unixTime()
        return try store.change(id) { batch, _ in
            if batch.status.isFinal || batch.ending != nil { return }
            // Who cancels while lines are read, or just before, has it cancelled.
            let isCut = batch.totalCount == 0 || batch.doneCount < batch.totalCount
            batch.ending =
                ending == .completed && batch.status == .cancelling && isCut ? .cancelled : ending
            batch.faults += faults
            // Who cancels is told so until it has ended.
            if batch.status != .cancelling { batch.status = .finalizing }
            batch.times[.finalizing] = now
        }
    }

    /// Writes the files of a batch, and ends it.
    ///
    /// Lines that cannot be read any more are left out. Where nothing can, it ends without files.
    func finish(_ batch: StoredBatch) throws(BatchRefusal) {
        guard var ending = batch.ending else { return }
        var written: (output: String?, errors: String?)
        var faults: [BatchFault] = []
        do throws(JobsError) {
            let (files, damage) = try writeFiles(of: batch)
            written = files
            if let damage {
                faults = [BatchFault(damage)]
                if ending == .completed { ending = .failed }
            }
        } catch {
            guard error.isDamage || error.isOtherKey && !isWanted(batch) else {
                throw .store(error)
            }
            faults = [BatchFault(error)]
            if ending == .completed { ending = .failed }
        }
        let now = store.unixTime()
        let (status, files, more) = (ending, written, faults)
        _ = try store.change(id) { batch, database in
            batch.outputFile = files.output
            batch.errorFile = files.errors
            batch.faults += more
            batch.status = status
            batch.times[status] = now
            try end(batch, in: database)
        }
        do throws(JobsError) { try store.files.removeWorkFile(id) } catch { throw .store(error) }
    }

    /// The ids of the files of answers and of errors, where there are such, and what kept lines out of
    /// them: a bad place of the disk takes no other line along.
    private func writeFiles(
        of batch: StoredBatch
    ) throws(JobsError) -> ((output: String?, errors: String?), damage: JobsError?) {
        let writing = BatchOutput(batch, store.files)
        let work = try store.files.workFile(id)
        var inputs: [FileReader]?
        var damage: JobsError?
        var next = 0
        while true {
            let lines = try page(from: next)
            guard let last = lines.last else { break }
            for line in lines {
                let bytes: [UInt8]
                do throws(JobsError) {
                    bytes = try result(of: line, work, &inputs, batch)
                } catch {
                    guard error.isDamage || error.isDisk && !isWanted(batch) else { throw error }
                    damage = damage ?? (error.isDamage ? error : .damaged("the batch \(id)"))
                    continue
                }
                try writing.append(bytes, isFailed: line.isFailed || line.place == nil)
            }
            next = last.index + 1
        }
        return (try writing.finish(), damage)
    }

    /// What a line's file has of it; the inputs are opened for the first one without an answer.
    private func result(
        of line: BatchTable.Line, _ work: WorkFile, _ inputs: inout [FileReader]?,
        _ batch: StoredBatch
    ) throws(JobsError) -> [UInt8] {
        if let place = line.place {
            guard let record = try work.record(at: place) else {
                throw .damaged("the work of the batch \(id)")
            }
            return record.bytes
        }
        let files: [FileReader]
        if let inputs { files = inputs } else { files = try self.inputs(of: batch) }
        inputs = files
        return BatchOutput.unanswered(
            try self.line(line, files, batch.form), line.index, of: batch)
    }

    /// Whether somebody waits for the answers that there are, so that it makes sense to try again: an
    /// operator may bring back a key or a disk.
    private func isWanted(_ batch: StoredBatch) -> Bool {
        batch.ending == .completed && batch.expiresAt > store.unixTime()
    }

    private func page(from index: Int) throws(JobsError) -> [BatchTable.Line] {
        try store.files.database.read {
            try BatchTable.lines(of: id, from: index, limit: 512, in: $0)
        }
    }

    /// Lets go of what a batch held that has ended, and has its end told.
    private func end(_ batch: StoredBatch, in database: Database) throws {
        try FileTable.release(allOf: "the batch \(id)", in: database)
        try BatchTable.removeLines(of: id, in: database)
        if store.tellsEnds { try BatchTable.notice(id, at: store.unixTime(), in: database) }
    }
}
