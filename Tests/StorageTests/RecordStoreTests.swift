// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Storage
import Synchronization
import TestSupport
import Testing

@Suite struct RecordStoreTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func store(
        _ limits: RecordLimits = RecordLimits(), after seconds: Double = 0
    ) throws -> RecordStore {
        try RecordStore(
            folder: folder.path, limits: limits,
            unixTime: { Date().timeIntervalSince1970 + seconds })
    }

    private func files() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    }

    @Test func `a record is found at once, and by another process later`() throws {
        let first = try store()
        try first.put([1, 2, 3], id: "resp_a", owner: "key")
        #expect(first.bytes(id: "resp_a", owner: "key") == [1, 2, 3])
        first.flush()
        #expect(first.bytes(id: "resp_a", owner: "key") == [1, 2, 3])
        #expect(try files() == ["key.resp_a"])
        #expect(try store().bytes(id: "resp_a", owner: "key") == [1, 2, 3])
    }

    @Test func `nobody else finds a record or removes it`() async throws {
        let store = try store()
        try store.put([1], id: "a", owner: "one")
        #expect(store.bytes(id: "a", owner: "two") == nil)
        #expect(try await !store.remove(id: "a", owner: "two"))
        #expect(store.bytes(id: "../one.a", owner: "one") == nil)
        #expect(try await store.remove(id: "a", owner: "one"))
        #expect(try await !store.remove(id: "a", owner: "one"))
        store.flush()
        #expect(try files().isEmpty)
    }

    @Test func `a record that was removed is on disk no more`() async throws {
        let store = try store()
        try store.put([1], id: "a", owner: "o")
        store.flush()
        // What is to be written before the file is removed.
        for index in 0..<16 {
            try store.put([UInt8](repeating: 1, count: 1 << 20), id: "b\(index)", owner: "o")
        }
        #expect(try await store.remove(id: "a", owner: "o"))
        #expect(try !files().contains("o.a"))
    }

    @Test func `a link in the place of a file that is to be written leads nowhere`() throws {
        let reports = Mutex(0)
        let store = try RecordStore(
            folder: folder.path, report: { _ in reports.withLock { $0 += 1 } })
        let other = try TemporaryFolder()
        let victim = other.path + "/victim"
        try Data([7]).write(to: URL(fileURLWithPath: victim))
        for name in ["o.a.partial", "o.b"] {
            try FileManager.default.createSymbolicLink(
                atPath: folder.path + "/" + name, withDestinationPath: victim)
        }
        for id in ["a", "b"] { try store.put([1, 2], id: id, owner: "o") }
        store.flush()
        #expect(try Data(contentsOf: URL(fileURLWithPath: victim)) == Data([7]))
        #expect(reports.withLock { $0 } == 1)
        #expect(store.bytes(id: "a", owner: "o") == nil)
        #expect(store.bytes(id: "b", owner: "o") == [1, 2])
    }

    @Test func `the oldest go where there are too many or they are too large`() throws {
        let few = try store(RecordLimits(maxCount: 2))
        for id in ["a", "b", "c"] { try few.put([1], id: id, owner: "o") }
        few.flush()
        #expect(try files() == ["o.b", "o.c"])
        let small = try store(RecordLimits(maxByteCount: 5))
        try small.put([1, 2, 3, 4], id: "d", owner: "o")
        small.flush()
        #expect(try files() == ["o.c", "o.d"])
        #expect(throws: StorageError.tooLarge(byteCount: 6, limit: 5)) {
            try small.put([1, 2, 3, 4, 5, 6], id: "e", owner: "o")
        }
        #expect(try store(RecordLimits(maxCount: 1)).count == 1)
    }

    @Test func `who keeps to a part loses nothing to who takes more`() throws {
        let few = try store(RecordLimits(maxCount: 4))
        for id in ["a", "b"] { try few.put([1], id: id, owner: "calm") }
        for id in ["c", "d", "e", "f"] { try few.put([1], id: id, owner: "many") }
        few.flush()
        #expect(try files() == ["calm.a", "calm.b", "many.e", "many.f"])
        let small = try store(RecordLimits(maxByteCount: 8))
        try small.put([1, 2, 3, 4, 5, 6], id: "g", owner: "large")
        small.flush()
        #expect(try files() == ["calm.b", "large.g", "many.f"])
        try small.put([1, 2, 3], id: "h", owner: "calm")
        small.flush()
        #expect(try files() == ["calm.b", "calm.h", "many.f"])
    }

    @Test func `what is too old is gone`() throws {
        let limits = RecordLimits(maxAge: .seconds(100))
        let first = try store(limits)
        try first.put([1], id: "a", owner: "o")
        first.flush()
        #expect(try store(limits, after: 50).bytes(id: "a", owner: "o") == [1])
        let later = try store(limits, after: 200)
        #expect(later.bytes(id: "a", owner: "o") == nil)
        later.flush()
        #expect(try files().isEmpty)
    }

    @Test func `a record takes the place of another of its name`() throws {
        let store = try store(RecordLimits(maxByteCount: 5))
        try store.put([1, 2, 3], id: "a", owner: "o")
        try store.put([4, 5, 6], id: "a", owner: "o")
        #expect(store.bytes(id: "a", owner: "o") == [4, 5, 6])
        store.flush()
        #expect(store.bytes(id: "a", owner: "o") == [4, 5, 6])
        #expect(store.count == 1)
    }

    @Test func `a record put while one of its name and size is written stays`() throws {
        let store = try store()
        for round in 0..<4 {
            let id = "r\(round)"
            try store.put([UInt8](repeating: 1, count: 1 << 22), id: id, owner: "o")
            // The first is being written, and takes its time.
            while try !files().contains(where: { $0.hasPrefix("o." + id) }) {}
            let second = [UInt8](repeating: 2, count: 1 << 22)
            try store.put(second, id: id, owner: "o")
            store.flush()
            #expect(store.bytes(id: id, owner: "o") == second)
        }
    }

    @Test func `a record stays though an older one of its name could not be written`() throws {
        let reports = Mutex(0)
        let store = try RecordStore(
            folder: folder.path, report: { _ in reports.withLock { $0 += 1 } })
        // A pipe takes less than a record until somebody reads, and cannot be forced to a disk.
        let pipe = folder.path + "/o.a.partial"
        try #require(unsafe mkfifo(pipe, 0o600) == 0)
        let byteCount = 1 << 17
        try store.put([UInt8](repeating: 1, count: byteCount), id: "a", owner: "o")
        let reader = unsafe open(pipe, O_RDONLY)
        // The first is being written now.
        let second = [UInt8](repeating: 2, count: byteCount)
        try store.put(second, id: "a", owner: "o")
        let written = FileHandle(fileDescriptor: reader, closeOnDealloc: true)
        #expect(try written.readToEnd()?.count == byteCount)
        store.flush()
        #expect(reports.withLock { $0 } == 1)
        #expect(store.bytes(id: "a", owner: "o") == second)
        #expect(try files() == ["o.a"])
    }

    @Test func `only the server's user reads files, and others' files stay`() throws {
        try Data([1]).write(to: URL(fileURLWithPath: folder.path + "/notes.txt.old"))
        try Data([1]).write(to: URL(fileURLWithPath: folder.path + "/o.a.partial"))
        let store = try store()
        try store.put([1], id: "a", owner: "o")
        store.flush()
        #expect(try files() == ["notes.txt.old", "o.a"])
        let attributes = try FileManager.default.attributesOfItem(atPath: folder.path + "/o.a")
        #expect(attributes[.posixPermissions] as? Int == 0o600)
    }

    @Test func `a file that is gone is a record that is gone`() throws {
        let store = try store()
        try store.put([1], id: "a", owner: "o")
        store.flush()
        try FileManager.default.removeItem(atPath: folder.path + "/o.a")
        #expect(store.bytes(id: "a", owner: "o") == nil)
    }

    @Test func `what cannot be written is reported and not found`() throws {
        let reports = Mutex<[StorageError]>([])
        let store = try RecordStore(
            folder: folder.path, report: { error in reports.withLock { $0.append(error) } })
        // A folder in the place of the file.
        try FileManager.default.createDirectory(
            atPath: folder.path + "/o.a/b", withIntermediateDirectories: true)
        try store.put([1], id: "a", owner: "o")
        store.flush()
        #expect(store.bytes(id: "a", owner: "o") == nil)
        #expect(reports.withLock { $0.count } == 1)
    }

    @Test func `a folder that is none is an error that names it`() throws {
        let path = folder.path + "/file"
        try Data([1]).write(to: URL(fileURLWithPath: path))
        let error = #expect(throws: StorageError.self) { try RecordStore(folder: path) }
        #expect(error?.description.hasPrefix(path) == true)
    }

    @Test func `many threads put and read`() async throws {
        let store = try store(RecordLimits(maxCount: 50))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for index in 0..<25 {
                        let id = "r\(task)_\(index)"
                        try store.put(Array(id.utf8), id: id, owner: "o")
                        let found = store.bytes(id: id, owner: "o")
                        #expect(found == nil || found == Array(id.utf8))
                    }
                }
            }
            try await group.waitForAll()
        }
        store.flush()
        #expect(store.count == 50)
        #expect(try files().count == 50)
    }
}
