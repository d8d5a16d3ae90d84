// SPDX-License-Identifier: Apache-2.0

import Access
import Synchronization

/// A file that is being written, in memory for one block of it.
///
/// It becomes a file by ``finish(name:purpose:lifetime:)``; whoever drops it before has written
/// nothing.
package final class FileWriter: Sendable {
    private struct State {
        var block: [UInt8] = []
        var blockCount = 0
        var byteCount = 0
        var lineCount = 0
        var isLineBlank = true
        var checkedByteCount = 0
        var isOver = false

        /// Counts lines that have more than white space.
        mutating func count(_ byte: UInt8) {
            switch byte {
            case UInt8(ascii: "\n"):
                if !isLineBlank { lineCount += 1 }
                isLineBlank = true
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): break
            default: isLineBlank = false
            }
        }
    }

    /// How often it is looked whether the disk has room.
    private static let checkInterval = 1 << 20

    /// The identity that the file will have.
    package let id: String

    /// Whose it will be.
    package let owner: String

    let keyID: String?
    private let store: FileStore
    private let isLimited: Bool
    private let file: DiskFile
    private let cipher: StorageCipher?
    private let state = Mutex(State())

    init(
        store: FileStore, id: String, owner: String, isLimited: Bool, file: DiskFile,
        cipher: StorageCipher?, keyID: String?
    ) {
        self.store = store
        self.id = id
        self.owner = owner
        self.isLimited = isLimited
        self.file = file
        self.cipher = cipher
        self.keyID = keyID
    }

    deinit { abandon() }

    /// How much has been written.
    package var byteCount: Int { state.withLock { $0.byteCount } }

    /// Writes what comes next.
    ///
    /// - Throws: ``JobsError`` where the file becomes too large or there is no room; it is over then.
    package func append(_ bytes: [UInt8]) throws(JobsError) {
        do {
            try state.withLock { state in try append(bytes, &state) }
        } catch {
            abandon()
            throw error as? JobsError ?? .disk(reason: "\(error)")
        }
    }

    private func append(_ bytes: [UInt8], _ state: inout State) throws(JobsError) {
        precondition(!state.isOver, "the file \(id) has been finished or abandoned")
        let limit = store.limits.maxFileByteCount
        guard !isLimited || bytes.count <= limit - state.byteCount else {
            throw .fileTooLarge(maxByteCount: limit)
        }
        try store.reserve(bytes.count, of: owner, isLimited: isLimited)
        state.byteCount += bytes.count
        if isLimited, state.byteCount - state.checkedByteCount >= Self.checkInterval {
            try store.requireFreeDisk()
            state.checkedByteCount = state.byteCount
        }
        for byte in bytes { state.count(byte) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = rest.prefix(BlockLayout.blockByteCount - state.block.count)
            state.block += part
            rest = rest.dropFirst(part.count)
            if state.block.count == BlockLayout.blockByteCount { try writeBlock(&state) }
        }
    }

    private func writeBlock(_ state: inout State) throws(JobsError) {
        let place = state.blockCount
        let stored: [UInt8]
        do throws(AccessError) {
            stored = try cipher?.seal(state.block, at: place) ?? state.block
        } catch {
            throw .disk(reason: "\(error)")
        }
        try file.write(stored, at: BlockLayout.offset(ofBlock: place, isSealed: cipher != nil))
        state.blockCount += 1
        state.block.removeAll(keepingCapacity: true)
    }

    /// Makes it a file of its owner, on the disk as a whole.
    ///
    /// - Parameters:
    ///   - name: what its owner calls it; only a text.
    ///   - purpose: what it is for.
    ///   - lifetime: how long it is kept; nil for as long as the operator says.
    /// - Returns: the file.
    /// - Throws: ``JobsError``; there is nothing of it then.
    package func finish(
        name: String, purpose: FilePurpose, lifetime: Duration? = nil
    ) throws(JobsError) -> StoredFile {
        do {
            return try state.withLock { state in
                precondition(!state.isOver, "the file \(id) has been finished or abandoned")
                if !state.block.isEmpty { try writeBlock(&state) }
                try file.sync()
                let lineCount = state.lineCount + (state.isLineBlank ? 0 : 1)
                let file = try store.publish(
                    self, name: name, purpose: purpose, byteCount: state.byteCount,
                    lineCount: lineCount, lifetime: lifetime)
                state.isOver = true
                return file
            }
        } catch {
            abandon()
            throw error as? JobsError ?? .disk(reason: "\(error)")
        }
    }

    /// Forgets all of it.
    package func abandon() {
        let byteCount: Int? = state.withLock { state in
            if state.isOver { return nil }
            state.isOver = true
            return state.byteCount
        }
        if let byteCount { store.abandon(self, byteCount: byteCount) }
    }
}

/// How a file lies on the disk: in blocks, each of which is sealed by itself where there is a key, so
/// that a file can be read from anywhere.
enum BlockLayout {
    static let blockByteCount = 64 << 10

    /// What a block takes on the disk.
    static func storedByteCount(_ count: Int, isSealed: Bool) -> Int {
        isSealed ? count + StorageKey.overhead : count
    }

    static func offset(ofBlock index: Int, isSealed: Bool) -> Int {
        index * storedByteCount(blockByteCount, isSealed: isSealed)
    }
}
