// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Foundation
import Synchronization

/// Records of bytes that outlive the process, each of which only its owner finds.
///
/// There are never more than the limits allow: the oldest of the owner who takes most go first, so that
/// nobody who keeps to an equal share loses a record to others. A record is found as soon as it was put,
/// and is written by a thread of the store's own. One process at a time uses a folder.
package final class RecordStore: Sendable {
    private struct Key: Hashable {
        let owner: String
        let id: String

        var fileName: String { owner + "." + id }
    }

    private struct Entry {
        let key: Key
        let byteCount: Int
        /// Seconds since 1970.
        let time: Double
        /// Tells this record from others that had or will have its name.
        var serial = 0
        /// The bytes until they are written.
        var pending: [UInt8]?
    }

    /// What one owner takes.
    private struct Part {
        var count = 0
        var byteCount = 0
    }

    private struct State {
        var entries: [Key: Entry] = [:]
        /// The oldest first.
        var order: [Key] = []
        var byteCount = 0
        var parts: [String: Part] = [:]
        var pendingByteCount = 0
        var lastSerial = 0

        mutating func add(_ entry: Entry) {
            entries[entry.key] = entry
            order.append(entry.key)
            byteCount += entry.byteCount
            pendingByteCount += entry.pending?.count ?? 0
            var part = parts[entry.key.owner] ?? Part()
            part.count += 1
            part.byteCount += entry.byteCount
            parts[entry.key.owner] = part
        }

        mutating func remove(_ key: Key) -> Bool {
            guard let entry = entries.removeValue(forKey: key) else { return false }
            byteCount -= entry.byteCount
            var part = parts[key.owner] ?? Part()
            part.count -= 1
            part.byteCount -= entry.byteCount
            parts[key.owner] = part.count == 0 ? nil : part
            pendingByteCount -= entry.pending?.count ?? 0
            if let index = order.firstIndex(of: key) { order.remove(at: index) }
            return true
        }

        /// The oldest record of the owner who takes most, among those but the record that was put last.
        func oldest(ofMost amount: KeyPath<Part, Int>) -> Key? {
            var others = parts
            if let last = order.last?.owner, others[last]?.count == 1 { others[last] = nil }
            let most = others.values.map { $0[keyPath: amount] }.max()
            return order.first { others[$0.owner]?[keyPath: amount] == most }
        }
    }

    /// How many bytes may wait to be written before more are refused: nobody waits for the disk.
    private static let maxPendingByteCount = 64 << 20

    private let folder: String
    private let limits: RecordLimits
    private let unixTime: @Sendable () -> Double
    private let report: @Sendable (StorageError) -> Void
    private let state = Mutex(State())
    private let writing = DispatchQueue(label: "cierzo-storage")

    /// Opens a folder, which is made if there is none.
    ///
    /// - Parameters:
    ///   - folder: where the files are; what in it is no record stays as it is.
    ///   - limits: how much is kept.
    ///   - unixTime: the seconds since 1970.
    ///   - report: is told of each record that could not be written.
    /// - Throws: ``StorageError`` where the folder cannot be used.
    package init(
        folder: String, limits: RecordLimits = RecordLimits(),
        unixTime: @escaping @Sendable () -> Double = { Date().timeIntervalSince1970 },
        report: @escaping @Sendable (StorageError) -> Void = { _ in }
    ) throws(StorageError) {
        self.folder = folder
        self.limits = limits
        self.unixTime = unixTime
        self.report = report
        let found = try Self.entries(in: folder)
        state.withLock { state in
            for entry in found {
                state.add(entry)
            }
        }
        trim()
    }

    /// How many records there are.
    package var count: Int { state.withLock { $0.entries.count } }

    /// Keeps a record in place of any other of its name.
    ///
    /// - Parameters:
    ///   - bytes: the record.
    ///   - id: its name, of letters, digits, `_` and `-`.
    ///   - owner: who finds it, of the same.
    /// - Throws: ``StorageError`` where it is larger than all records may be together, or the disk
    ///   has fallen behind.
    package func put(_ bytes: [UInt8], id: String, owner: String) throws(StorageError) {
        precondition(Self.isName(id) && Self.isName(owner), "\(owner).\(id) is no name")
        guard bytes.count <= limits.maxByteCount else {
            throw .tooLarge(byteCount: bytes.count, limit: limits.maxByteCount)
        }
        let key = Key(owner: owner, id: id)
        let time = unixTime()
        let pendingByteCount = state.withLock { state in
            if state.pendingByteCount > Self.maxPendingByteCount { return state.pendingByteCount }
            _ = state.remove(key)
            state.lastSerial += 1
            state.add(
                Entry(
                    key: key, byteCount: bytes.count, time: time, serial: state.lastSerial,
                    pending: bytes))
            return 0
        }
        guard pendingByteCount == 0 else { throw .busy(pendingByteCount: pendingByteCount) }
        writing.async { [self] in write(key) }
        trim()
    }

    /// The record of that name, if its owner has one that is not too old.
    package func bytes(id: String, owner: String) -> [UInt8]? {
        guard Self.isName(id), Self.isName(owner) else { return nil }
        trim()
        let key = Key(owner: owner, id: id)
        guard let entry = state.withLock({ $0.entries[key] }) else { return nil }
        if let pending = entry.pending { return pending }
        return file(of: key).read(maxByteCount: limits.maxByteCount)
    }

    /// Forgets a record, and returns when its file is gone.
    ///
    /// - Returns: whether there was one.
    /// - Throws: `StorageError` where its file stays, and will be read at the next start.
    package func remove(id: String, owner: String) async throws(StorageError) -> Bool {
        let key = Key(owner: owner, id: id)
        guard state.withLock({ $0.remove(key) }) else { return false }
        let result = await withCheckedContinuation { continuation in
            writing.async { [self] in continuation.resume(returning: unlink(key)) }
        }
        try result.get()
        return true
    }

    /// Waits until all that was put and removed is so on disk.
    package func flush() { writing.sync {} }

    // MARK: Files

    private func file(of key: Key) -> RecordFile { RecordFile(path: folder + "/" + key.fileName) }

    private func write(_ key: Key) {
        guard let entry = state.withLock({ $0.entries[key] }), let bytes = entry.pending else {
            return
        }
        // A newer record of the name, put meanwhile, has its own turn.
        do throws(StorageError) {
            try file(of: key).write(bytes)
            state.withLock { state in
                guard state.entries[key]?.serial == entry.serial else { return }
                state.entries[key]?.pending = nil
                state.pendingByteCount -= bytes.count
            }
        } catch {
            state.withLock { state in
                guard state.entries[key]?.serial == entry.serial else { return }
                _ = state.remove(key)
            }
            report(error)
        }
    }

    /// Removes a file, unless there is a record of its name again.
    private func unlink(_ key: Key) -> Result<Void, StorageError> {
        guard state.withLock({ $0.entries[key] == nil }) else { return .success(()) }
        return Result { () throws(StorageError) in try file(of: key).remove() }
    }

    /// Removes what is too old or too much.
    private func trim() {
        let oldest = unixTime() - limits.maxAge / .seconds(1)
        let removed = state.withLock { state in
            var removed: [Key] = []
            while let key = state.order.first, let entry = state.entries[key],
                entry.time < oldest, state.remove(key)
            {
                removed.append(key)
            }
            while state.entries.count > limits.maxCount, let key = state.oldest(ofMost: \.count),
                state.remove(key)
            {
                removed.append(key)
            }
            while state.byteCount > limits.maxByteCount,
                let key = state.oldest(ofMost: \.byteCount), state.remove(key)
            {
                removed.append(key)
            }
            return removed
        }
        if removed.isEmpty { return }
        writing.async { [self] in
            for key in removed {
                if case .failure(let error) = unlink(key) { report(error) }
            }
        }
    }

    /// The records of a folder, the oldest first.
    private static func entries(in folder: String) throws(StorageError) -> [Entry] {
        let manager = FileManager.default
        let names: [String]
        do {
            try manager.createDirectory(
                atPath: folder, withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
            names = try manager.contentsOfDirectory(atPath: folder)
        } catch {
            throw .folder(path: folder, reason: error.localizedDescription)
        }
        guard manager.isWritableFile(atPath: folder) else {
            throw .folder(path: folder, reason: "it cannot be written to")
        }
        var entries: [Entry] = []
        for name in names {
            let parts = name.split(separator: ".", omittingEmptySubsequences: false)
                .map(String.init)
            guard parts.count >= 2, isName(parts[0]), isName(parts[1]) else { continue }
            let key = Key(owner: parts[0], id: parts[1])
            let path = folder + "/" + name
            guard name == key.fileName else {
                // What a process has not finished writing.
                if name == key.fileName + RecordFile.partialSuffix {
                    try? RecordFile(path: path).remove()
                }
                continue
            }
            guard let attributes = try? manager.attributesOfItem(atPath: path),
                let byteCount = attributes[.size] as? Int,
                let date = attributes[.modificationDate] as? Date
            else { continue }
            entries.append(
                Entry(
                    key: key, byteCount: byteCount, time: date.timeIntervalSince1970,
                    pending: nil))
        }
        return entries.sorted { ($0.time, $0.key.id) < ($1.time, $1.key.id) }
    }

    private static func isName(_ text: String) -> Bool {
        (1...100).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
