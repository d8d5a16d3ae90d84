// SPDX-License-Identifier: Apache-2.0

import CFiles
import Foundation
import Glibc
import JSON

/// The bytes of a file that have arrived, beside where it will be: `NAME.part`, with a note of what
/// they are bytes of, `NAME.part.json`.
///
/// It stays when its process ends, however that happens, so that another one can go on.
final class PartialFile {
    /// What the bytes are known by.
    struct Note: Equatable {
        var address: String
        var digest: String?
        /// The server's own strong name of its version of the file, with the quotes.
        var tag: String?
    }

    private let target: String
    private let descriptor: Int32
    private(set) var byteCount: Int
    private(set) var note: Note?

    private var path: String { target + ".part" }
    private var notePath: String { target + ".part.json" }

    /// How many bytes a file has that was begun, without opening it.
    static func byteCount(of target: String) -> Int {
        var status = stat()
        guard unsafe lstat(target + ".part", &status) == 0 else { return 0 }
        return Int(status.st_size)
    }

    /// Opens what there is, or begins.
    ///
    /// - Parameter target: the path of the whole file.
    /// - Throws: where it cannot be written, or another process is at it.
    init(of target: String) throws(DownloadError) {
        let path = target + ".part"
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o666)
        guard descriptor >= 0 else {
            throw .unwritable(path: path, reason: systemReason())
        }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw .unwritable(path: path, reason: "this is no regular file")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw .unwritable(path: path, reason: "another process is fetching this file")
        }
        // Another process may just have finished it, and this is the whole file then.
        var named = stat()
        guard unsafe lstat(path, &named) == 0, named.st_dev == status.st_dev,
            named.st_ino == status.st_ino
        else {
            close(descriptor)
            throw .unwritable(path: path, reason: "another process has just fetched this file")
        }
        self.target = target
        self.descriptor = descriptor
        byteCount = Int(status.st_size)
        note = Self.readNote(target + ".part.json")
    }

    deinit { close(descriptor) }

    /// Begins again, with bytes of something else.
    func restart(_ note: Note) throws(DownloadError) {
        guard ftruncate(descriptor, 0) == 0 else { throw failure() }
        byteCount = 0
        try setNote(note)
    }

    /// Says what the bytes are of, before there are any.
    func setNote(_ note: Note) throws(DownloadError) {
        guard note != self.note else { return }
        var object = JSONObject()
        object["address"] = .string(note.address)
        if let digest = note.digest { object["digest"] = .string(digest) }
        if let tag = note.tag { object["etag"] = .string(tag) }
        do {
            let text = JSONValue.object(object).serialized()
            try Data(text.utf8).write(to: URL(fileURLWithPath: notePath), options: .atomic)
        } catch {
            throw .unwritable(path: notePath, reason: "cannot be written")
        }
        self.note = note
    }

    /// Appends bytes.
    func append(_ bytes: RawSpan) throws(DownloadError) {
        var place = 0
        while place < bytes.byteCount {
            let rest = bytes.extracting(place..<bytes.byteCount)
            let offset = off_t(byteCount)
            let count = unsafe rest.withUnsafeBytes { source in
                unsafe pwrite(descriptor, source.baseAddress, source.count, offset)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure() }
            place += count
            byteCount += count
        }
    }

    /// Adds all bytes that are there to a digest.
    func add(
        to digest: RunningDigest, progress: (Int) -> Void
    ) throws(DownloadError) {
        try addFile(descriptor, byteCount: byteCount, path: path, to: digest, progress: progress)
    }

    /// Brings the bytes to the disk and gives the file its name.
    ///
    /// - Parameter replaces: whether a file of that name goes away.
    /// - Throws: where it cannot have the name.
    func finish(replaces: Bool) throws(DownloadError) {
        // Some file systems have nothing to bring to a disk, and say so with EINVAL.
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw failure() }
        let isMoved =
            replaces
            ? unsafe rename(path, target) == 0 : unsafe cf_rename_new(path, target) == 0
        guard isMoved else { throw .unwritable(path: target, reason: systemReason()) }
        unsafe _ = unlink(notePath)
    }

    /// Forgets all that has arrived.
    func remove() {
        unsafe _ = unlink(path)
        unsafe _ = unlink(notePath)
    }

    private func failure() -> DownloadError { .unwritable(path: path, reason: systemReason()) }

    private static func readNote(_ path: String) -> Note? {
        guard let file = FileHandle(forReadingAtPath: path),
            let data = try? file.read(upToCount: 1 << 16),
            let value = try? JSONParser.parse([UInt8](data)),
            let address = value["address"]?.stringValue
        else { return nil }
        return Note(
            address: address, digest: value["digest"]?.stringValue,
            tag: value["etag"]?.stringValue)
    }
}

/// Adds the first bytes of an open file to a digest.
func addFile(
    _ descriptor: Int32, byteCount: Int, path: String, to digest: RunningDigest,
    progress: (Int) -> Void
) throws(DownloadError) {
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    var place = 0
    while place < byteCount {
        let wanted = min(buffer.count, byteCount - place)
        let count = unsafe buffer.withUnsafeMutableBytes { target in
            unsafe pread(descriptor, target.baseAddress, wanted, off_t(place))
        }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw .unwritable(path: path, reason: systemReason()) }
        unsafe digest.add(buffer.span.bytes.extracting(0..<count))
        place += count
        progress(place)
    }
}

/// What `errno` says.
func systemReason() -> String {
    guard let text = unsafe strerror(errno) else { return "error \(errno)" }
    return unsafe String(cString: text)
}
