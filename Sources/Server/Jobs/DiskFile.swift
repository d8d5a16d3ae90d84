// SPDX-License-Identifier: Apache-2.0

import Glibc

/// An open file, closed when nobody has it any more.
final class DiskFile: Sendable {
    let path: String
    private let descriptor: Int32

    private init(path: String, flags: Int32) throws(JobsError) {
        self.path = path
        // A link that somebody has put there must not have us write elsewhere.
        descriptor = unsafe Glibc.open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Self.failure(errno, path) }
    }

    deinit { close(descriptor) }

    /// Makes a file, in place of any that is there.
    static func make(_ path: String) throws(JobsError) -> DiskFile {
        unsafe unlink(path)
        return try DiskFile(path: path, flags: O_RDWR | O_CREAT | O_EXCL)
    }

    /// Opens a file to read it.
    static func open(_ path: String) throws(JobsError) -> DiskFile {
        guard unsafe access(path, F_OK) == 0 || errno != ENOENT else {
            throw .damaged(path.split(separator: "/").last.map(String.init) ?? path)
        }
        return try DiskFile(path: path, flags: O_RDONLY)
    }

    /// Opens a file to go on writing it; makes it if there is none.
    static func goOn(_ path: String) throws(JobsError) -> DiskFile {
        try DiskFile(path: path, flags: O_RDWR | O_CREAT)
    }

    /// Its length.
    var byteCount: Int {
        get throws(JobsError) {
            var status = stat()
            guard unsafe fstat(descriptor, &status) == 0 else { throw failure() }
            return Int(status.st_size)
        }
    }

    /// Writes all of some bytes.
    func write(_ bytes: [UInt8], at offset: Int) throws(JobsError) {
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { source in
                unsafe pwrite(
                    descriptor, source.baseAddress.map { unsafe $0 + done }, source.count - done,
                    offset + done)
            }
            if count > 0 {
                done += count
            } else if count == 0 || errno != EINTR {
                throw failure()
            }
        }
    }

    /// Reads bytes, fewer only where the file ends.
    func read(_ count: Int, at offset: Int) throws(JobsError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let found = unsafe bytes.withUnsafeMutableBytes { target in
                unsafe pread(
                    descriptor, target.baseAddress.map { unsafe $0 + done }, count - done,
                    offset + done)
            }
            if found == 0 { break }
            if found > 0 {
                done += found
            } else if errno != EINTR {
                throw failure()
            }
        }
        bytes.removeLast(count - done)
        return bytes
    }

    /// Cuts it off.
    func truncate(to byteCount: Int) throws(JobsError) {
        guard ftruncate(descriptor, byteCount) == 0 else { throw failure() }
    }

    /// Waits until what was written is on the disk.
    func sync() throws(JobsError) {
        guard fsync(descriptor) == 0 else { throw failure() }
    }

    private func failure() -> JobsError { Self.failure(errno, path) }

    /// What an error number means.
    static func failure(_ number: Int32, _ path: String) -> JobsError {
        if number == ENOSPC || number == EDQUOT { return .diskFull }
        let text = unsafe strerror(number).map { unsafe String(cString: $0) }
        return .disk(reason: "\(path): \(text ?? "error \(number)")")
    }
}
