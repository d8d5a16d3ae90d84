// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
internal import Scheduling

/// The folder of a ``PrefixStore``: a file for each block, which is there as a whole or not at all.
///
/// Several processes may use a folder at the same time; each bounds what it knows of.
final class PrefixFolder: Sendable {
    /// What is known of a file without reading it.
    struct Found {
        let name: PrefixName
        let byteCount: Int
        /// Nanoseconds since 1970.
        let time: Int
    }

    private static let suffix = ".kv"
    private static let partSuffix = ".part"

    private let path: String
    private let lock: CInt

    /// Tells this process's unfinished files from those of others.
    private let mark = String(UInt64.random(in: 0...UInt64.max), radix: 36)

    /// Makes the folder if there is none, and removes what processes that have ended left unfinished.
    ///
    /// - Parameters:
    ///   - path: where it is.
    ///   - patience: how long another process may have it alone.
    /// - Throws: `Failure` if it cannot be used.
    init(_ path: String, patience: Duration) throws(PrefixStore.Failure) {
        self.path = path
        func failure(_ reason: String) -> PrefixStore.Failure {
            PrefixStore.Failure(directory: path, reason: reason)
        }
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
        } catch {
            throw failure(error.localizedDescription)
        }
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { throw failure(Self.reason(errno)) }
        // What others put there would be believed.
        guard status.st_uid == geteuid(), status.st_mode & 0o022 == 0 else {
            throw failure(
                "it must belong to the server's user, and nobody else may write to it (chmod 700)")
        }
        // Held by every process that uses the folder.
        lock = unsafe open(
            path + "/lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        guard lock >= 0 else { throw failure(Self.reason(errno)) }
        let isAlone = flock(lock, LOCK_EX | LOCK_NB) == 0
        if isAlone { removeParts() }
        // Another process has it alone only while it does the same.
        let end = ContinuousClock.now + patience
        while flock(lock, LOCK_SH | LOCK_NB) != 0 {
            guard .now < end else { throw failure("another process holds the file 'lock' in it") }
            usleep(10_000)
        }
        do throws(FileError) {
            try write([0], to: path + "/probe." + mark + Self.partSuffix, time: 0)
        } catch {
            throw failure(error.description)
        }
        unsafe unlink(path + "/probe." + mark + Self.partSuffix)
    }

    deinit { close(lock) }

    /// Why a file could not be read or written.
    struct FileError: Error, CustomStringConvertible {
        let description: String

        /// Whether the file itself is not what it should be, rather than out of reach for now.
        var isFlaw = false
    }

    /// The blocks that are there, the one not used for longest first.
    func list() -> [Found] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return files.compactMap { file -> Found? in
            guard file.hasSuffix(Self.suffix),
                let name = PrefixName(digits: file.dropLast(Self.suffix.count))
            else { return nil }
            var status = stat()
            guard unsafe lstat(path + "/" + file, &status) == 0, Self.isFile(status) else {
                return nil
            }
            let (seconds, wraps) = status.st_mtim.tv_sec.multipliedReportingOverflow(
                by: 1_000_000_000)
            return Found(
                name: name, byteCount: Int(status.st_size),
                time: wraps ? 0 : seconds &+ status.st_mtim.tv_nsec)
        }.sorted { $0.time < $1.time }
    }

    /// Puts a block into the place of its file.
    ///
    /// Nothing is forced to the disk: what a loss of power damages does not have its checksum.
    ///
    /// - Parameters:
    ///   - bytes: the whole file.
    ///   - name: the prefix that the block ends.
    ///   - time: when it was used last, in nanoseconds since 1970.
    /// - Throws: ``FileError`` if it is not there then.
    func write(_ bytes: [UInt8], as name: PrefixName, time: Int) throws(FileError) {
        let part = path + "/" + name.digits + "." + mark + Self.partSuffix
        try write(bytes, to: part, time: time)
        guard unsafe rename(part, path(of: name)) == 0 else {
            let reason = Self.reason(errno)
            unsafe unlink(part)
            throw FileError(description: reason)
        }
    }

    private func write(_ bytes: [UInt8], to part: String, time: Int) throws(FileError) {
        let file = unsafe open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw FileError(description: Self.reason(errno)) }
        var count = 0
        var failure: CInt?
        while count < bytes.count, failure == nil {
            let written = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.write(file, $0.baseAddress?.advanced(by: count), $0.count - count)
            }
            if written > 0 {
                count += written
            } else if written == 0 || errno != EINTR {
                failure = written == 0 ? ENOSPC : errno
            }
        }
        let times = Self.times(time)
        unsafe times.withUnsafeBufferPointer { _ = unsafe futimens(file, $0.baseAddress) }
        // Some file systems only say now that there was no room.
        if close(file) != 0, failure == nil { failure = errno }
        guard let failure else { return }
        unsafe unlink(part)
        throw FileError(description: Self.reason(failure))
    }

    /// Reads the whole file of a block.
    ///
    /// - Parameters:
    ///   - name: the prefix that the block ends.
    ///   - byteCount: how many bytes it must have.
    /// - Returns: them; nil if there is no such file any more.
    /// - Throws: ``FileError`` if it has another number of bytes, or cannot be read.
    func read(_ name: PrefixName, byteCount: Int) throws(FileError) -> [UInt8]? {
        // No link, and nothing to wait for as with a pipe.
        let file = unsafe open(
            path(of: name), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        if file < 0, errno == ENOENT { return nil }
        guard file >= 0 else {
            throw FileError(description: Self.reason(errno), isFlaw: errno == ELOOP)
        }
        defer { close(file) }
        var status = stat()
        guard unsafe fstat(file, &status) == 0, Self.isFile(status),
            Int(status.st_size) == byteCount
        else {
            throw FileError(
                description: "it has not the \(byteCount) bytes of a block", isFlaw: true)
        }
        var bytes = [UInt8](repeating: 0, count: byteCount)
        var count = 0
        while count < byteCount {
            let read = unsafe bytes.withUnsafeMutableBytes {
                unsafe Glibc.read(file, $0.baseAddress?.advanced(by: count), $0.count - count)
            }
            if read > 0 {
                count += read
            } else if read == 0 || errno != EINTR {
                throw FileError(
                    description: read == 0 ? "it was cut short" : Self.reason(errno),
                    isFlaw: read == 0)
            }
        }
        return bytes
    }

    /// Notes when a block was used last.
    func touch(_ name: PrefixName, time: Int) {
        let times = Self.times(time)
        unsafe times.withUnsafeBufferPointer {
            _ = unsafe utimensat(AT_FDCWD, path(of: name), $0.baseAddress, AT_SYMLINK_NOFOLLOW)
        }
    }

    func remove(_ name: PrefixName) { unsafe unlink(path(of: name)) }

    /// Where a block's file is.
    func path(of name: PrefixName) -> String { path + "/" + name.digits + Self.suffix }

    private func removeParts() {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        for file in files where file.hasSuffix(Self.partSuffix) {
            guard file.hasPrefix("probe.") || PrefixName(digits: file.prefix(64)) != nil else {
                continue
            }
            unsafe unlink(path + "/" + file)
        }
    }

    /// The time of access and that of change.
    private static func times(_ time: Int) -> [timespec] {
        let time = timespec(tv_sec: time / 1_000_000_000, tv_nsec: time % 1_000_000_000)
        return [time, time]
    }

    private static func isFile(_ status: stat) -> Bool { status.st_mode & S_IFMT == S_IFREG }

    private static func reason(_ code: CInt) -> String { unsafe String(cString: strerror(code)) }
}
