// SPDX-License-Identifier: Apache-2.0

import CFiles
import Glibc

/// A file that only its owner may read, and that is there as a whole or not at all.
package struct PrivateFile: Sendable {
    /// Where it is.
    package let path: String

    /// What tells whether a file has changed.
    struct Version: Hashable, Sendable {
        let device: UInt
        let inode: UInt
        let byteCount: Int
        let seconds: Int
        let nanoseconds: Int
    }

    /// A file.
    package init(_ path: String) { self.path = path }

    /// The version that is there, or nil if nothing is.
    var version: Version? {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        return Version(
            device: UInt(status.st_dev), inode: UInt(status.st_ino),
            byteCount: Int(status.st_size), seconds: status.st_mtim.tv_sec,
            nanoseconds: status.st_mtim.tv_nsec)
    }

    /// Reads it.
    ///
    /// - Parameters:
    ///   - maxByteCount: how large it may be.
    ///   - modes: what others than its owner may not do with it.
    /// - Returns: its bytes.
    /// - Throws: ``AccessError`` where it is not there, too large, no regular file, or others may do
    ///   that.
    package func read(
        maxByteCount: Int = 64 << 20, forbidding modes: Int = 0o077
    ) throws(AccessError) -> [UInt8] {
        // A pipe must not hold anybody up.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw errno == EACCES ? denial() : failure() }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw failure() }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .file(path: path, reason: "this is no regular file")
        }
        let mode = Int(status.st_mode & 0o7777)
        guard mode & modes == 0 else { throw .exposed(path: path, mode: mode) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes {
                unsafe Glibc.read(descriptor, $0.baseAddress, $0.count)
            }
            if count == 0 { return bytes }
            if count > 0 {
                bytes += chunk[..<count]
                guard bytes.count <= maxByteCount else {
                    throw .file(path: path, reason: "it has more than \(maxByteCount) bytes")
                }
            } else if errno != EINTR {
                throw failure()
            }
        }
    }

    /// Writes it beside and puts it in its place, on disk as a whole.
    ///
    /// - Parameters:
    ///   - bytes: all of it.
    ///   - replaces: whether another file may be there.
    ///   - isOfFolder: whether a new file that root makes belongs to the owner of its folder, who is
    ///     the server's user, and not to root.
    /// - Throws: ``AccessError`` where that cannot be done.
    package func write(
        _ bytes: [UInt8], replacing replaces: Bool = true, ofFolderOwner isOfFolder: Bool = false
    ) throws(AccessError) {
        let partial = "\(path).\(getpid()).partial"
        unsafe unlink(partial)
        let descriptor = unsafe open(
            partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw failure() }
        var rest = bytes[...]
        var isWritten = fchmod(descriptor, 0o600) == 0
        while isWritten, !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else {
                isWritten = count < 0 && errno == EINTR
            }
        }
        giveOwner(to: descriptor, asOfFolder: isOfFolder)
        let error = isWritten && fsync(descriptor) == 0 ? nil : failure()
        close(descriptor)
        if let error {
            unsafe unlink(partial)
            throw error
        }
        let status = unsafe replaces ? rename(partial, path) : cf_rename_new(partial, path)
        guard status == 0 else {
            let error = failure()
            unsafe unlink(partial)
            throw error
        }
        syncFolder()
    }

    /// Does something that nobody else does to the file at the same time.
    ///
    /// - Parameter body: gets the file's bytes, nil where there is none.
    /// - Returns: what it gives.
    /// - Throws: what it throws, or ``AccessError`` where the folder cannot be used.
    package func exclusively<Result>(
        _ body: ([UInt8]?) throws(AccessError) -> Result
    ) throws(AccessError) -> Result {
        // The folder, for the file itself is another one after each change.
        let descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure() }
        defer { close(descriptor) }
        while flock(descriptor, LOCK_EX) != 0 {
            if errno != EINTR { throw failure() }
        }
        return try body(version == nil ? nil : read())
    }

    private var folder: String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Leaves the file to the server's user where root has changed or made it.
    private func giveOwner(to descriptor: Int32, asOfFolder isOfFolder: Bool) {
        var status = stat()
        guard
            unsafe stat(path, &status) == 0
                || geteuid() == 0 && isOfFolder && stat(folder, &status) == 0
        else { return }
        _ = fchown(descriptor, status.st_uid, status.st_gid)
    }

    private func syncFolder() {
        let descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    /// Why the file may not be opened, and what to do where it is another user's.
    private func denial() -> AccessError {
        let error = failure()
        var status = stat()
        guard unsafe stat(path, &status) == 0, status.st_uid != geteuid() else { return error }
        return .file(
            path: path,
            reason: "Permission denied: it is user \(status.st_uid)'s, and this process is user "
                + "\(geteuid())'s (if that is the server's: chown \(geteuid()) \(path))")
    }

    private func failure() -> AccessError {
        guard let text = unsafe strerror(errno) else {
            return .file(path: path, reason: "error \(errno)")
        }
        return .file(path: path, reason: unsafe String(cString: text))
    }
}
