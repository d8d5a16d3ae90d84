// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A file of one record, which is there as a whole or not at all.
struct RecordFile {
    /// What the name of a file ends with that is being written.
    static let partialSuffix = ".partial"

    let path: String

    /// Puts a record in the place of the file; nobody but the server's own user may read it.
    func write(_ bytes: [UInt8]) throws(StorageError) {
        let partial = path + Self.partialSuffix
        // A link that somebody has put there must not have us write elsewhere.
        let descriptor = unsafe open(
            partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw failure() }
        var rest = bytes[...]
        var isWritten = true
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
        let error = isWritten && fsync(descriptor) == 0 ? nil : failure()
        close(descriptor)
        if let error {
            unsafe unlink(partial)
            throw error
        }
        guard unsafe rename(partial, path) == 0 else {
            let error = failure()
            unsafe unlink(partial)
            throw error
        }
    }

    /// The record, or nil if there is none, or none that fits.
    func read(maxByteCount: Int) -> [UInt8]? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count <= maxByteCount {
            let count = unsafe chunk.withUnsafeMutableBytes {
                unsafe Glibc.read(descriptor, $0.baseAddress, $0.count)
            }
            if count == 0 { return bytes }
            if count > 0 {
                bytes += chunk[..<count]
            } else if errno != EINTR {
                return nil
            }
        }
        return nil
    }

    /// Removes the file, if there is one.
    ///
    /// - Throws: `StorageError` where it stays.
    func remove() throws(StorageError) {
        if unsafe unlink(path) != 0, errno != ENOENT { throw failure() }
    }

    private func failure() -> StorageError {
        .file(path: path, reason: unsafe String(cString: strerror(errno)))
    }
}
