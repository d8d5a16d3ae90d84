// SPDX-License-Identifier: Apache-2.0

import Access
import Foundation
import Jobs
import Synchronization
import TestSupport
import Testing

@Suite struct FileStoreTests {
    private let folder: TemporaryFolder

    /// The seconds since 1970 that a store is told.
    private let now = Clock()

    private final class Clock: Sendable {
        let seconds = Mutex(1_000_000)
        func advance(_ count: Int) { seconds.withLock { $0 += count } }
    }

    init() throws { folder = try TemporaryFolder() }

    private func opened(
        _ limits: FileLimits = FileLimits(), key: StorageKey? = nil
    ) throws -> FileStore {
        try FileStore(
            try JobDatabase(folder: folder.path + "/jobs"), limits: limits, key: key,
            unixTime: { [now] in now.seconds.withLock { $0 } })
    }

    private func add(
        _ bytes: [UInt8], to store: FileStore, name: String = "input.jsonl",
        owner: String = "one", lifetime: Duration? = nil
    ) throws -> StoredFile {
        let writer = try store.make(for: owner)
        try writer.append(bytes)
        return try writer.finish(name: name, purpose: .batch, lifetime: lifetime)
    }

    private func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path + "/jobs/files").sorted()
    }

    private static let key = [UInt8](0..<32)

    /// Bytes that differ from block to block.
    private static func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 9) }
    }

    @Test(arguments: [nil, key], [0, 1, 65_535, 65_536, 65_537, 300_000])
    func `what was written is read from anywhere, by another process too`(
        key: [UInt8]?, count: Int
    ) throws {
        let key = try key.map { try StorageKey($0) }
        let bytes = Self.bytes(count)
        let id = try {
            let store = try opened(key: key)
            let writer = try store.make(for: "one")
            // In pieces that are no blocks.
            for start in stride(from: 0, to: count, by: 10_007) {
                try writer.append(Array(bytes[start..<min(count, start + 10_007)]))
            }
            #expect(try store.file(writer.id, of: "one") == nil)
            return try writer.finish(name: "../../é\u{0}", purpose: .batch).id
        }()
        let store = try opened(key: key)
        let file = try #require(try store.file(id, of: "one"))
        #expect(file.byteCount == count)
        #expect(file.name == "../../é\u{0}")
        let reader = try store.open(file)
        for (offset, length) in [(0, count), (0, 10), (65_530, 12), (count / 2, count), (count, 5)]
        {
            let expected = Array(bytes.dropFirst(offset).prefix(length))
            #expect(try reader.read(length, at: offset) == expected)
        }
        #expect(try names() == [id])
    }

    @Test func `lines are counted that are not blank`() throws {
        let store = try opened()
        let count = { (text: String) in try self.add(Array(text.utf8), to: store).lineCount }
        #expect(try count("") == 0)
        #expect(try count("{}\n\r\n  \n{}") == 2)
        #expect(try count("{}\r\n{}\n\n") == 2)
    }

    @Test func `nobody else finds a file, reads or deletes it`() throws {
        let store = try opened()
        let file = try add([1], to: store)
        #expect(try store.file(file.id, of: "two") == nil)
        #expect(try store.page(FileSelection(), of: "two")?.files == [])
        #expect(try !store.remove(file.id, of: "two"))
        #expect(try store.hold(file.id, of: "two", by: "batch") == nil)
        #expect(try store.file(file.id, of: "one") == file)
    }

    @Test func `a deleted file is gone with its bytes`() throws {
        let store = try opened()
        let file = try add(Array("secret words".utf8), to: store, name: "secret name")
        let reader = try store.open(file)
        #expect(try store.remove(file.id, of: "one"))
        #expect(try !store.remove(file.id, of: "one"))
        #expect(try names() == [])
        #expect(throws: JobsError.self) { try store.open(file) }
        // Who has it open reads on.
        #expect(try reader.read(6, at: 0) == Array("secret".utf8))
    }

    @Test func `a file that is held is not deleted, and does not expire`() throws {
        var file = try {
            let store = try opened()
            let file = try add([1], to: store, lifetime: .seconds(60))
            #expect(try store.hold(file.id, of: "one", by: "batch_1") == file)
            return file
        }()
        let store = try opened()
        #expect(throws: JobsError.held(file: file.id, holder: "batch_1")) {
            try store.remove(file.id, of: "one")
        }
        now.advance(61)
        store.removeExpired()
        #expect(try store.file(file.id, of: "one") == file)
        try store.release(allOf: "batch_1")
        #expect(try store.file(file.id, of: "one") == nil)
        store.removeExpired()
        #expect(try names() == [])
        file = try add([2], to: store)
        now.advance(1 << 30)
        store.removeExpired()
        #expect(try store.file(file.id, of: "one") == file)
    }

    @Test func `files are told in pages, by purpose and by name`() throws {
        let store = try opened()
        let ids = try (0..<5).map { try add([], to: store, name: "Day \($0).jsonl").id }
        var selection = FileSelection()
        selection.limit = 2
        let first = try #require(try store.page(selection, of: "one"))
        #expect(first.files.map(\.id) == [ids[4], ids[3]])
        #expect(first.hasMore && first.total == 5)
        selection.after = ids[1]
        let last = try #require(try store.page(selection, of: "one"))
        #expect(last.files.map(\.id) == [ids[0]])
        #expect(!last.hasMore)
        selection.newestFirst = false
        #expect(try store.page(selection, of: "one")?.files.map(\.id) == [ids[2], ids[3]])
        selection.after = "unknown"
        #expect(try store.page(selection, of: "one") == nil)
        selection = FileSelection()
        selection.search = "day 3"
        #expect(try store.page(selection, of: "one")?.files.map(\.id) == [ids[3]])
        selection.search = "%"
        #expect(try store.page(selection, of: "one")?.files == [])
        selection = FileSelection()
        selection.offset = 4
        #expect(try store.page(selection, of: "one")?.files.map(\.id) == [ids[0]])
        selection.purposes = [.batchOutput]
        #expect(try store.page(selection, of: "one")?.total == 0)
    }

    @Test func `quotas are of an owner, and what is left is told`() throws {
        var limits = FileLimits()
        limits.maxFileByteCount = 60
        limits.maxByteCountPerOwner = 100
        limits.maxCountPerOwner = 3
        limits.maxByteCount = 150
        let store = try opened(limits)
        #expect(throws: JobsError.fileTooLarge(maxByteCount: 60)) {
            try add(Self.bytes(61), to: store)
        }
        let file = try add(Self.bytes(60), to: store)
        #expect(throws: JobsError.noRoom(.bytes, limit: 100, left: 40)) {
            try add(Self.bytes(41), to: store)
        }
        // What failed has taken nothing.
        _ = try add(Self.bytes(40), to: store)
        #expect(throws: JobsError.noRoom(.allBytes, limit: 150, left: 50)) {
            try add(Self.bytes(51), to: store, owner: "two")
        }
        _ = try add([], to: store)
        #expect(throws: JobsError.noRoom(.files, limit: 3, left: 0)) { try store.make(for: "one") }
        // What the server makes itself is not refused, but counts.
        let output = try store.make(for: "one", isLimited: false)
        try output.append(Self.bytes(200))
        _ = try output.finish(name: "out", purpose: .batchOutput)
        #expect(try store.remove(file.id, of: "one"))
        #expect(throws: JobsError.noRoom(.files, limit: 3, left: 0)) { try store.make(for: "one") }
    }

    @Test func `quotas count what was stored before, and not what a kill cut off`() throws {
        var limits = FileLimits()
        limits.maxByteCountPerOwner = 100
        do { _ = try add(Self.bytes(90), to: try opened(limits)) }
        try Data(Self.bytes(50)).write(to: URL(filePath: folder.path + "/jobs/files/x.partial"))
        try Data(Self.bytes(50)).write(to: URL(filePath: folder.path + "/jobs/files/y"))
        let store = try opened(limits)
        #expect(try names().count == 1)
        #expect(throws: JobsError.noRoom(.bytes, limit: 100, left: 10)) {
            try add(Self.bytes(11), to: store)
        }
        _ = try add(Self.bytes(10), to: store)
    }

    @Test func `a writer that is dropped leaves nothing`() throws {
        let store = try opened()
        do {
            let writer = try store.make(for: "one")
            try writer.append(Self.bytes(200_000))
            #expect(try names() == [writer.id + ".partial"])
        }
        #expect(try names() == [])
    }

    @Test func `uploads leave room on the disk`() throws {
        var limits = FileLimits()
        limits.freeByteCount = .max
        let store = try opened(limits)
        #expect(throws: JobsError.diskFull) { try add(Self.bytes(2 << 20), to: store) }
        #expect(try names() == [])
    }

    @Test func `with a key no bytes are on the disk that were stored`() throws {
        let text = Array("the secret of a client".utf8)
        let file = try {
            let store = try opened(key: StorageKey(Self.key))
            let work = try store.workFile("batch_1")
            _ = try work.append(text)
            return try add(text, to: store)
        }()
        for path in ["files/\(file.id)", "work/batch_1"] {
            let stored = try Data(contentsOf: URL(filePath: folder.path + "/jobs/" + path))
            #expect(stored.count > text.count)
            #expect(stored.firstRange(of: text) == nil)
        }
        do {
            let other = try opened(key: StorageKey([UInt8](repeating: 7, count: 32)))
            #expect(throws: JobsError.otherKey(file.id)) { try other.open(file) }
            #expect(throws: JobsError.otherKey("the work of batch_1")) {
                try other.workFile("batch_1")
            }
        }
        let none = try opened()
        #expect(throws: JobsError.otherKey(file.id)) { try none.open(file) }
        // What is not encrypted is read with or without a key.
        _ = try none.open(try add(text, to: none))
    }

    @Test func `a byte that was changed is found, where there is a key`() throws {
        let store = try opened(key: StorageKey(Self.key))
        let file = try add(Self.bytes(70_000), to: store)
        let url = URL(filePath: folder.path + "/jobs/files/" + file.id)
        var stored = try Data(contentsOf: url)
        stored[66_000] ^= 1
        try stored.write(to: url)
        let reader = try store.open(file)
        #expect(try reader.read(65_536, at: 0) == Array(Self.bytes(65_536)))
        #expect(throws: JobsError.damaged("the file \(file.id)")) { try reader.read(1, at: 65_536) }
        try stored.prefix(100).write(to: url)
        #expect(throws: JobsError.damaged("the file \(file.id)")) {
            try store.open(file).read(1, at: 0)
        }
    }

    @Test func `one process uses a folder at a time`() throws {
        let first = try opened()
        #expect(
            throws: JobsError.folder(
                path: folder.path + "/jobs", reason: "another process uses it")
        ) { try opened() }
        _ = first
    }

    @Test(arguments: [nil, key])
    func `work goes on where it was synchronized`(key: [UInt8]?) throws {
        let key = try key.map { try StorageKey($0) }
        let records = [[], [1], Self.bytes(100_000)]
        let (places, committed) = try {
            let work = try opened(key: key).workFile("batch_1")
            let places = try records.map(work.append)
            try work.sync()
            let committed = work.byteCount
            _ = try work.append([9, 9, 9])
            return (places, committed)
        }()
        let store = try opened(key: key)
        #expect(try store.workFileIDs() == ["batch_1"])
        let work = try store.workFile("batch_1")
        try work.truncate(to: committed)
        var place = WorkFile.start
        for (record, known) in zip(records, places) {
            #expect(place == known)
            let found = try #require(try work.record(at: place))
            #expect(found.bytes == record)
            place = found.next
        }
        #expect(place == committed)
        #expect(try work.record(at: place) == nil)
        #expect(try work.append([5]) == committed)
        #expect(try work.record(at: committed)?.bytes == [5])
        try store.removeWorkFile("batch_1")
        try store.removeWorkFile("batch_1")
        #expect(try store.workFileIDs() == [])
    }
}
