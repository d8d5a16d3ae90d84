// SPDX-License-Identifier: Apache-2.0

import CFiles
import Foundation
import Glibc
import Synchronization

/// A file that a command writes: it appears under its name only when `finish` succeeds, whole and on
/// the disk.
///
/// Until then it is a file of another name beside it, which goes away with the value, or with
/// `removeUnfinished` where a signal ends the process. Nothing but a regular file is ever replaced,
/// that one only if the caller says so, and never a file that is being read.
package struct OutputFile: ~Copyable {
    private let target: OutputPath
    private let descriptor: Int32
    private let partial: Partial
    private var buffer: [UInt8] = []

    /// What is written at once, at multiples of itself: so the page cache, where the file system
    /// knows large folios (ext4 does since Linux 6.16), keeps the file in pages of 2 MiB, and those
    /// who map it get huge pages.
    private static let pieceByteCount = 1 << 24

    /// Begins a file.
    ///
    /// - Parameter target: where it will be, which is checked now and again at the end.
    /// - Throws: an error of one line, before anything has changed.
    package init(_ target: OutputPath) throws(ModelFileError) {
        // Everything that can fail comes before the first property is set: a value without all its
        // properties has no deinit to run.
        let replaced = try target.check()
        let partial = Partial(folder: target.folder)
        let descriptor = try partial.create(for: target)
        // Whoever could not read the old file cannot read the new one.
        if let replaced { fchmod(descriptor, replaced.st_mode & 0o777) }
        self.target = target
        self.descriptor = descriptor
        self.partial = partial
    }

    /// Checks that the disk has room for a file, as far as it can be known.
    package static func checkSpace(for byteCount: Int, at target: OutputPath) throws(ModelFileError)
    {
        let attributes = try? FileManager.default.attributesOfFileSystem(forPath: target.folder)
        guard let free = (attributes?[.systemFreeSize] as? NSNumber)?.intValue else { return }
        guard byteCount <= free else {
            throw .unwritable(
                path: target.path,
                reason: "\(byteCount >> 20) MiB are needed, but only \(free >> 20) MiB are free")
        }
    }

    deinit {
        close(descriptor)
        partial.remove()
    }

    /// Removes all files that this process has begun and not finished, and lets none be finished
    /// after that: for the last moments of a process.
    package static func removeUnfinished() {
        Partial.removeAll()
    }

    /// Appends bytes.
    package mutating func write(_ bytes: [UInt8]) throws(ModelFileError) {
        var rest = bytes[...]
        while buffer.count + rest.count >= Self.pieceByteCount {
            let room = Self.pieceByteCount - buffer.count
            buffer += rest.prefix(room)
            rest = rest.dropFirst(room)
            try flush()
        }
        buffer += rest
    }

    /// Replaces the first bytes of all that was written; nothing can be written after that.
    package mutating func overwriteStart(_ bytes: [UInt8]) throws(ModelFileError) {
        try flush()
        guard lseek(descriptor, 0, SEEK_SET) == 0 else { throw target.failure() }
        try put(bytes)
    }

    /// Brings all to the disk and gives the file its name.
    package consuming func finish() throws(ModelFileError) {
        try flush()
        // Some file systems have nothing to bring to a disk, and say so with EINVAL.
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw target.failure() }
        _ = try target.check()
        try partial.rename(to: target)
    }

    private mutating func flush() throws(ModelFileError) {
        try put(buffer)
        buffer.removeAll(keepingCapacity: true)
    }

    private func put(_ bytes: [UInt8]) throws(ModelFileError) {
        var place = 0
        while place < bytes.count {
            let count = unsafe bytes[place...].withUnsafeBytes { source in
                unsafe Glibc.write(descriptor, source.baseAddress, source.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw target.failure() }
            place += count
        }
    }
}

/// The file of another name that stands for an unfinished one.
///
/// Its name is short and its own, whatever the file's is: nothing that was there is overwritten, and
/// two processes that write the same file do not meet.
private struct Partial: Sendable {
    let path: String

    /// The paths of all unfinished files; nil once the process is about to end.
    private static let unfinished = Mutex<Set<String>?>([])

    init(folder: String) {
        let number = String(UInt64.random(in: 0...UInt64.max), radix: 36)
        path = "\(folder)/.cierzo-\(number).partial"
    }

    /// Creates the file and returns its descriptor.
    func create(for target: OutputPath) throws(ModelFileError) -> Int32 {
        let descriptor = Self.unfinished.withLock { unfinished -> Int32 in
            guard unfinished != nil else {
                errno = EINTR
                return -1
            }
            let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
            if descriptor >= 0 { unfinished?.insert(path) }
            return descriptor
        }
        guard descriptor >= 0 else { throw target.failure("cannot create it") }
        return descriptor
    }

    /// Gives the file its name, unless something is there that must not be replaced.
    func rename(to target: OutputPath) throws(ModelFileError) {
        let problem = Self.unfinished.withLock { unfinished -> Int32 in
            guard unfinished != nil else { return EINTR }
            // Unless it is to be replaced, a file that appeared meanwhile stays: the system refuses
            // to rename over it, or, on a few file systems, we look a last time.
            let isMoved =
                target.replaces
                ? unsafe Glibc.rename(path, target.path) == 0
                : unsafe cf_rename_new(path, target.path) == 0
            guard isMoved else { return errno }
            unfinished?.remove(path)
            return 0
        }
        errno = problem
        guard problem == 0 else {
            throw problem == EEXIST ? target.failure(.exists) : target.failure("cannot name it")
        }
        // So that the name is on the disk, too; where a folder cannot be synchronised, it is as
        // good as it gets.
        let folder = unsafe open(target.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }

    func remove() {
        Self.unfinished.withLock { unfinished in
            if unfinished?.remove(path) != nil { unsafe unlink(path) }
        }
    }

    static func removeAll() {
        unfinished.withLock { unfinished in
            for path in unfinished ?? [] { unsafe unlink(path) }
            unfinished = nil
        }
    }
}
