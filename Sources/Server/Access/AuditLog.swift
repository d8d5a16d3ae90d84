// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Foundation
import Glibc
package import JSON
import Synchronization

/// What was asked and how it ended, a line of JSON for each request, appended to files and never
/// changed: each line has the digest of the one before in it, and its own at its end.
///
/// Lines are written together by a queue of its own. What is to be sealed goes through another one
/// first, so that only lines with content wait for a large one. A process that is killed loses no line
/// that was written, and at most half of one, which the next process cuts off. While the disk takes
/// nothing, requests wait for their lines; of lines nobody waits for, a limited number is kept. Where
/// lines are lost, the next one that is written says how many.
package final class AuditLog: Sendable {
    /// How large files become, and how long they are kept.
    package struct Limits: Hashable, Sendable {
        /// Beyond that, another file is begun.
        package var maxFileByteCount = 64 << 20

        /// The seconds after which a file that is not written any more is removed; nil for never.
        package var maxAge: Int?

        /// How many lines may wait for the disk before those nobody waits for are lost.
        package var maxWaitingCount = 1 << 16

        /// 64 MiB, and nothing is removed.
        package init() {}
    }

    /// A line that is to be written.
    package struct Entry: Sendable {
        /// What anybody may read.
        package let record: JSONObject

        /// What is sealed in it, made where it is sealed; nil for nothing.
        let content: (@Sendable () -> [UInt8])?

        /// A record, with content that is kept.
        package init(_ record: JSONObject, content: (@Sendable () -> [UInt8])? = nil) {
            self.record = record
            self.content = content
        }
    }

    /// Lines that are lost, of which no line says so yet.
    private struct Loss {
        var count: Int
        /// When the first of them was, in seconds since 1970.
        var since: Int
    }

    private struct State {
        var lines: [JSONObject] = []
        var waiting: [CheckedContinuation<Void, Never>] = []
        var isScheduled = false

        /// Lines that were not kept, for too many waited, of which nobody was told yet.
        var droppedCount = 0
        var loss: Loss?

        mutating func lose(_ count: Int, since time: Int) {
            loss = Loss(count: (loss?.count ?? 0) + count, since: min(loss?.since ?? time, time))
        }
    }

    /// What the queue alone knows.
    private struct Writing {
        var number: Int
        var descriptor: Int32
        var byteCount: Int
        var chain: AuditChain
        var lastSync = ContinuousClock.now
    }

    let folder: String
    private let limits: Limits
    private let content: AuditContent?
    private let unixTime: @Sendable () -> Int
    private let report: @Sendable (String) -> Void
    private let queue = DispatchQueue(label: "cierzo-audit")
    private let sealing = DispatchQueue(label: "cierzo-audit-sealing")
    private let state = Mutex(State())
    private let writing: Mutex<Writing>
    private let lock: Int32

    /// Opens a folder, or makes one that only its owner may use, and goes on where the last line ends.
    ///
    /// - Parameters:
    ///   - folder: where the files are.
    ///   - limits: how large they become, and how long they are kept.
    ///   - content: of whom content is kept, and for whose eyes; nil for nobody.
    ///   - unixTime: the seconds since 1970.
    ///   - report: is told of what could not be written, and of what was cut off.
    /// - Throws: ``AccessError`` where it cannot be used, or another process uses it.
    package init(
        folder: String, limits: Limits = Limits(), content: AuditContent? = nil,
        unixTime: @escaping @Sendable () -> Int,
        report: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(AccessError) {
        try Cryptography.require()
        self.folder = folder
        self.limits = limits
        self.content = content
        self.unixTime = unixTime
        self.report = report
        if unsafe mkdir(folder, 0o700) != 0, errno != EEXIST { throw AuditFile.failure(folder) }
        // Whoever changes a private file in the folder locks the folder itself.
        lock = unsafe open(
            folder + "/audit.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard lock >= 0 else { throw AuditFile.failure(folder) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            Glibc.close(lock)
            throw .file(path: folder, reason: "another process writes its records here")
        }
        do throws(AccessError) {
            writing = Mutex(try Self.resume(folder, report))
        } catch {
            Glibc.close(lock)
            throw error
        }
        removeOld()
    }

    deinit { end() }

    /// Waits until all is on disk, and leaves the folder to whoever comes next.
    package func close() {
        sealing.sync {}
        queue.sync { end() }
    }

    /// Ends the log, where nobody else writes.
    private func end() {
        write()
        writing.withLock { writing in
            guard writing.descriptor >= 0 else { return }
            fdatasync(writing.descriptor)
            Glibc.close(writing.descriptor)
            Glibc.close(lock)
            writing.descriptor = -1
        }
    }

    /// Finds the end of the last file.
    private static func resume(
        _ folder: String, _ report: (String) -> Void
    ) throws(AccessError) -> Writing {
        let files = try AuditFile.files(in: folder)
        var chain = AuditChain()
        // A last file may be empty, where it was just begun.
        for file in files.suffix(2) {
            var bytes = try file.read()
            let whole = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
            if whole < bytes.count {
                report(
                    "\(file.path): \(bytes.count - whole) bytes of a line that was not finished "
                        + "are cut off")
                bytes.removeLast(bytes.count - whole)
                guard unsafe truncate(file.path, whole) == 0 else {
                    throw AuditFile.failure(file.path)
                }
            }
            guard let last = bytes.split(separator: UInt8(ascii: "\n")).last else { continue }
            var end = AuditChain()
            if let problem = end.resume(after: Array(last)) {
                throw .invalid(
                    path: file.path, place: "the last line", expected: "a line of this log",
                    found: problem)
            }
            chain = end
        }
        let last = files.last ?? AuditFile(folder: folder, number: 1)
        let (descriptor, byteCount) = try last.open()
        return Writing(
            number: last.number, descriptor: descriptor, byteCount: byteCount, chain: chain)
    }

    /// Whether what somebody asks and is answered is kept.
    package func keepsContent(of caller: Caller) -> Bool {
        content?.isKept(of: caller.limits) ?? false
    }

    /// Appends a record, and returns when it is in the file; where that fails, at once.
    package func append(_ entry: Entry) async {
        await withCheckedContinuation { continuation in add(entry, continuation) }
    }

    /// Appends a record; nobody waits for it.
    package func note(_ entry: Entry) { add(entry, nil) }

    private func add(_ entry: Entry, _ continuation: CheckedContinuation<Void, Never>?) {
        guard let content, let kept = entry.content else {
            return add(entry.record, continuation)
        }
        sealing.async { [self] in
            do throws(AccessError) {
                add(try content.seal(kept(), in: entry.record), continuation)
            } catch {
                report("an audit record is written without its content: \(error)")
                add(entry.record, continuation)
            }
        }
    }

    private func add(_ record: JSONObject, _ continuation: CheckedContinuation<Void, Never>?) {
        let isFirst = state.withLock { state in
            if continuation == nil, state.lines.count >= limits.maxWaitingCount {
                state.droppedCount += 1
                state.lose(1, since: unixTime())
                return false
            }
            state.lines.append(record)
            if let continuation { state.waiting.append(continuation) }
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        if isFirst { queue.async { [self] in write() } }
    }

    /// Waits until all is in its file that was appended before.
    func settle() {
        sealing.sync {}
        queue.sync { write() }
    }

    /// Waits until all is on disk that was appended before.
    package func flush() {
        settle()
        queue.sync {
            writing.withLock { _ = fdatasync($0.descriptor) }
        }
    }

    private func write() {
        let found = state.withLock { state in
            let found = state
            state = State()
            return found
        }
        if found.droppedCount > 0 {
            report("\(found.droppedCount) audit records are lost: too many waited for the disk")
        }
        writing.withLock { writing in
            do throws(AccessError) {
                try append((found.loss.map { [line(of: $0)] } ?? []) + found.lines, &writing)
            } catch {
                if !found.lines.isEmpty {
                    report("\(found.lines.count) audit records are lost: \(error)")
                }
                let count = found.lines.count + (found.loss?.count ?? 0)
                let time = found.loss?.since ?? unixTime()
                state.withLock { $0.lose(count, since: time) }
            }
        }
        for continuation in found.waiting { continuation.resume() }
    }

    private func line(of loss: Loss) -> JSONObject {
        [
            "time": .string(Self.text(unixTime())), "lost": .integer(loss.count),
            "since": .string(Self.text(loss.since)),
        ]
    }

    /// A time as lines have it.
    static func text(_ time: Int) -> String {
        Date(timeIntervalSince1970: TimeInterval(time)).formatted(Date.ISO8601FormatStyle())
    }

    private func append(_ lines: [JSONObject], _ writing: inout Writing) throws(AccessError) {
        if lines.isEmpty { return }
        if writing.byteCount >= limits.maxFileByteCount { try rotate(&writing) }
        var chain = writing.chain
        var bytes: [UInt8] = []
        for line in lines { bytes += try chain.line(of: line) }
        let file = AuditFile(folder: folder, number: writing.number)
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.write(writing.descriptor, $0.baseAddress, $0.count)
            }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                let error = AuditFile.failure(file.path)
                // Half a line would break the chain.
                _ = ftruncate(writing.descriptor, writing.byteCount)
                throw error
            }
        }
        writing.byteCount += bytes.count
        writing.chain = chain
        if ContinuousClock.now - writing.lastSync > .seconds(1) {
            fdatasync(writing.descriptor)
            writing.lastSync = .now
        }
    }

    private func rotate(_ writing: inout Writing) throws(AccessError) {
        let next = AuditFile(folder: folder, number: writing.number + 1)
        let (descriptor, byteCount) = try next.open()
        fdatasync(writing.descriptor)
        Glibc.close(writing.descriptor)
        writing.number = next.number
        writing.descriptor = descriptor
        writing.byteCount = byteCount
        removeOld()
    }

    /// Removes files whose last line is too old, never the last file.
    private func removeOld() {
        guard let maxAge = limits.maxAge, let files = try? AuditFile.files(in: folder) else {
            return
        }
        for file in files.dropLast() {
            guard let time = file.changeTime, time < unixTime() - maxAge else { return }
            unsafe unlink(file.path)
        }
    }
}

/// One of the files of a log, by its number.
struct AuditFile: Sendable {
    let folder: String
    let number: Int

    private static let (prefix, suffix) = ("audit-", ".jsonl")

    var path: String {
        let digits = String(number)
        return folder + "/" + Self.prefix
            + String(repeating: "0", count: max(0, 8 - digits.count)) + digits + Self.suffix
    }

    /// All files of a folder, the oldest first.
    static func files(in folder: String) throws(AccessError) -> [AuditFile] {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
            throw .file(path: folder, reason: "it is no folder that can be read")
        }
        var numbers: [Int] = []
        for name in names {
            guard name.hasPrefix(prefix), name.hasSuffix(suffix) else { continue }
            let digits = name.dropFirst(prefix.count).dropLast(suffix.count)
            if digits.count >= 8, let number = Int(digits), number > 0 { numbers.append(number) }
        }
        return numbers.sorted().map { AuditFile(folder: folder, number: $0) }
    }

    /// When it was last written, in seconds since 1970.
    var changeTime: Int? {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        return status.st_mtim.tv_sec
    }

    func read() throws(AccessError) -> [UInt8] {
        try PrivateFile(path).read(maxByteCount: 1 << 32)
    }

    /// Opens it for writing at its end.
    func open() throws(AccessError) -> (descriptor: Int32, byteCount: Int) {
        let descriptor = unsafe Glibc.open(
            path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Self.failure(path) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw Self.failure(path) }
        return (descriptor, Int(status.st_size))
    }

    static func failure(_ path: String) -> AccessError {
        guard let text = unsafe strerror(errno) else {
            return .file(path: path, reason: "error \(errno)")
        }
        return .file(path: path, reason: unsafe String(cString: text))
    }
}
