// SPDX-License-Identifier: Apache-2.0

import Access
import Synchronization

/// What a job writes for hours and across restarts: records, one behind the other.
///
/// A kill may leave a part of a record behind the last one that was synchronized. So a job keeps
/// ``byteCount`` in its row after ``sync()``, and cuts off what stands beyond that when it goes on.
/// A record is its length in four bytes, little-endian, then its bytes, sealed where there is a key.
package final class WorkFile: Sendable {
    /// The longest record.
    package static let maxRecordByteCount = 1 << 30

    private static let magic = Array("cierzo work 1\n".utf8)
    private static let headerByteCount = magic.count + 16
    private static let noKey = "0000000000000000"

    private let name: String
    private let file: DiskFile
    private let cipher: StorageCipher?
    private let end: Mutex<Int>

    /// Goes on with a file, or begins it.
    init(name: String, file: DiskFile, key: StorageKey?) throws(JobsError) {
        self.name = name
        self.file = file
        let byteCount = try file.byteCount
        var keyID = key?.id ?? Self.noKey
        if byteCount < Self.headerByteCount {
            // Nothing was synchronized of it yet.
            try file.truncate(to: 0)
            try file.write(Self.magic + Array(keyID.utf8), at: 0)
        } else {
            let header = try file.read(Self.headerByteCount, at: 0)
            guard header.starts(with: Self.magic) else { throw .damaged("the work of \(name)") }
            keyID = String(decoding: header.dropFirst(Self.magic.count), as: UTF8.self)
        }
        if keyID == Self.noKey {
            cipher = nil
        } else {
            guard let key, key.id == keyID else { throw .otherKey("the work of \(name)") }
            do throws(AccessError) {
                cipher = try key.cipher(for: "work " + name)
            } catch {
                throw .disk(reason: "\(error)")
            }
        }
        end = Mutex(max(byteCount, Self.headerByteCount))
    }

    /// Where the next record comes.
    package var byteCount: Int { end.withLock { $0 } }

    /// Where the first record is.
    package static var start: Int { headerByteCount }

    /// Writes a record behind all others.
    ///
    /// - Returns: its place.
    package func append(_ record: [UInt8]) throws(JobsError) -> Int {
        precondition(record.count <= Self.maxRecordByteCount, "a record of \(record.count) bytes")
        do {
            return try end.withLock { end in
                let place = end
                let stored = try cipher?.seal(record, at: place) ?? record
                let length = (0..<4).map { UInt8(truncatingIfNeeded: stored.count >> ($0 * 8)) }
                try file.write(length + stored, at: place)
                end += 4 + stored.count
                return place
            }
        } catch {
            throw error as? JobsError ?? .disk(reason: "\(error)")
        }
    }

    /// The record at a place, and the place of the one behind it; nil where no whole one is.
    ///
    /// - Throws: ``JobsError`` where it is not as it was written.
    package func record(at place: Int) throws(JobsError) -> (bytes: [UInt8], next: Int)? {
        let end = byteCount
        guard place >= Self.headerByteCount, place <= end - 4 else { return nil }
        let length = try file.read(4, at: place)
        guard length.count == 4 else { return nil }
        let count = length.reversed().reduce(0) { $0 << 8 | Int($1) }
        guard count <= end - place - 4 else { return nil }
        let stored = try file.read(count, at: place + 4)
        guard stored.count == count else { return nil }
        guard let cipher else { return (stored, place + 4 + count) }
        guard let bytes = cipher.open(stored, at: place) else {
            throw .damaged("the work of \(name)")
        }
        return (bytes, place + 4 + count)
    }

    /// Waits until all records are on the disk.
    package func sync() throws(JobsError) { try file.sync() }

    /// Cuts off what stands beyond a length.
    package func truncate(to byteCount: Int) throws(JobsError) {
        do {
            try end.withLock { end in
                guard byteCount < end else { return }
                let kept = max(byteCount, Self.headerByteCount)
                try file.truncate(to: kept)
                end = kept
            }
        } catch {
            throw error as? JobsError ?? .disk(reason: "\(error)")
        }
    }
}
