// SPDX-License-Identifier: Apache-2.0

import Computation
import Foundation
import Parallelism
import Synchronization
import Testing

@Suite struct MappedFileTests {
    private func temporaryPath() -> String {
        FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
    }

    @Test func `a file's bytes are there`() throws {
        let path = temporaryPath()
        try Data([1, 2, 3, 4, 5]).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let file = try MappedFile(path: path)
        file.advise(.sequential)
        file.advise(.willNeed)
        file.advise(.random)
        #expect(file.byteCount == 5 && file.bytes.byteCount == 5)
        #expect(try file.bytes(at: 5, count: 0).byteCount == 0)
        #expect(try file.bytes(at: 1, count: 4).byteCount == 4)
    }

    @Test func `bringing a file into memory ends with all of it done`() throws {
        let path = temporaryPath()
        try Data(count: 10_000).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let all: [ByteStorage] = [try MappedFile(path: path), AnonymousMemory(bytes: [1, 2, 3])]
        for file in all {
            let share = Mutex(0.0)
            file.populate(using: ThreadPool(threadCount: 2)) { done in
                share.withLock { $0 = max($0, done) }
            }
            #expect(share.withLock { $0 } == 1)
        }
    }

    @Test func `bytes that a file has lost read as zeros, and that is known`() throws {
        let path = temporaryPath()
        let page = 4096
        try Data(repeating: 7, count: 8 * page).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let file = try MappedFile(path: path)
        let other = try MappedFile(path: path)
        #expect(file.bytes(page..<page + 1) == [7])
        #expect(file.stateOnDisk() == .same)
        try #require(unsafe truncate(path, off_t(page + 10)) == 0)
        #expect(file.stateOnDisk() == .short)
        #expect(!file.isLost)
        // The file's last page is filled up with zeros by the system; pages after it are gone.
        #expect(file.bytes(0..<1) == [7])
        #expect(file.bytes(5 * page..<5 * page + 2) == [0, 0])
        #expect(file.isLost && MappedFile.isAnyLost)
        #expect(file.bytes(2 * page..<2 * page + 1) == [0])
        #expect(file.bytes(0..<1) == [7])
        #expect(!other.isLost)
        #expect(other.bytes(7 * page..<7 * page + 1) == [0])
        #expect(other.isLost)
        #expect(try !MappedFile(path: path).isLost)
    }

    @Test func `a file that is replaced by renaming stays as it was mapped`() throws {
        let path = temporaryPath()
        try Data(repeating: 7, count: 9).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let file = try MappedFile(path: path)
        try Data([1]).write(to: URL(fileURLWithPath: path), options: .atomic)
        #expect(file.stateOnDisk() == .detached)
        #expect(file.bytes(8..<9) == [7])
        #expect(!file.isLost)
    }

    @Test func `what is not a file with bytes is refused by name`() throws {
        let missing = temporaryPath()
        #expect(
            throws: ByteStorageError.cannotOpen(path: missing, reason: "No such file or directory")
        ) { try MappedFile(path: missing) }
        #expect(throws: ByteStorageError.notAFile(path: "/")) { try MappedFile(path: "/") }
        #expect(throws: ByteStorageError.notAFile(path: "/dev/null")) {
            try MappedFile(path: "/dev/null")
        }
        let empty = temporaryPath()
        try Data().write(to: URL(fileURLWithPath: empty))
        defer { try? FileManager.default.removeItem(atPath: empty) }
        #expect(throws: ByteStorageError.empty(path: empty)) { try MappedFile(path: empty) }
    }

    @Test(arguments: [(-1, 1), (0, -1), (0, 4), (4, 0), (3, 1), (Int.max, Int.max), (1, Int.max)])
    func `a range outside the bytes is refused`(offset: Int, count: Int) {
        let file = AnonymousMemory(bytes: [1, 2, 3])
        #expect(
            throws: ByteStorageError.outOfRange(
                path: "(memory)", offset: offset, count: count, byteCount: 3)
        ) { _ = try file.bytes(at: offset, count: count).byteCount }
    }

    @Test func `an empty array has no bytes`() {
        let file = AnonymousMemory(bytes: [])
        #expect(file.byteCount == 0 && file.bytes.byteCount == 0)
    }
}

extension MappedFile {
    fileprivate func bytes(_ range: Range<Int>) -> [UInt8] {
        unsafe bytes.withUnsafeBytes { unsafe [UInt8]($0[range]) }
    }
}
