// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A file that is being written: it appears under its name only when `finish` succeeds; until then
/// it is `<path>.partial`, which is removed if the value goes away unfinished.
struct OutputFile: ~Copyable {
    private let path: String
    private let handle: FileHandle
    private var buffer: [UInt8] = []
    private var isFinished = false

    /// What is written at once, at multiples of itself: so the page cache, where the file system
    /// knows large folios (ext4 does since Linux 6.16), keeps the file in pages of 2 MiB, and those
    /// who map it get huge pages.
    private static let pieceByteCount = 1 << 24

    /// Creates the file.
    init(path: String) throws(ModelFileError) {
        // Everything that can fail comes before the first property is set: a value without all its
        // properties has no deinit to run.
        let partial = path + ".partial"
        guard FileManager.default.createFile(atPath: partial, contents: nil),
            let handle = FileHandle(forWritingAtPath: partial)
        else {
            throw .unwritable(path: path, reason: "cannot create \(partial)")
        }
        self.path = path
        self.handle = handle
    }

    /// Checks that the disk has room for a file, as far as it can be known.
    static func checkSpace(for byteCount: Int, at path: String) throws(ModelFileError) {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let attributes = try? FileManager.default.attributesOfFileSystem(forPath: folder)
        guard let free = (attributes?[.systemFreeSize] as? NSNumber)?.intValue else { return }
        guard byteCount <= free else {
            throw .unwritable(
                path: path,
                reason: "\(byteCount >> 20) MiB are needed, but only \(free >> 20) MiB are free")
        }
    }

    deinit {
        if !isFinished {
            try? handle.close()
            try? FileManager.default.removeItem(atPath: path + ".partial")
        }
    }

    /// Appends bytes.
    mutating func write(_ bytes: [UInt8]) throws(ModelFileError) {
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
    mutating func overwriteStart(_ bytes: [UInt8]) throws(ModelFileError) {
        try flush()
        try saying {
            try handle.seek(toOffset: 0)
            try handle.write(contentsOf: bytes)
        }
    }

    private mutating func flush() throws(ModelFileError) {
        try saying { try handle.write(contentsOf: buffer) }
        buffer.removeAll(keepingCapacity: true)
    }

    /// Brings all to the disk and gives the file its name, instead of an older one of that name.
    consuming func finish() throws(ModelFileError) {
        try flush()
        try saying {
            try handle.synchronize()
            try handle.close()
            if FileManager.default.fileExists(atPath: path) {
                try FileManager.default.removeItem(atPath: path)
            }
            try FileManager.default.moveItem(atPath: path + ".partial", toPath: path)
        }
        isFinished = true
    }

    private func saying(_ body: () throws -> Void) throws(ModelFileError) {
        do {
            try body()
        } catch {
            let isFull = (error as? CocoaError)?.code == .fileWriteOutOfSpace
            throw .unwritable(
                path: path,
                reason: isFull ? "no space left on the device" : error.localizedDescription)
        }
    }
}
