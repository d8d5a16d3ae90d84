// SPDX-License-Identifier: Apache-2.0

import Foundation
import Generation
import Glibc
import TestSupport
import Testing

/// A folder of KV blocks in which somebody else has been, or still is.
@Suite(.timeLimit(.minutes(60))) struct ForeignPrefixFolderTests {
    /// A file that the blocks of no engine have the name of.
    private static let name = String(repeating: "0", count: 64) + ".kv"

    private func open(
        _ path: String, maxBytes: Int = 1 << 20, patience: Duration = .zero
    ) throws(PrefixStore.Failure) -> PrefixStore {
        var configuration = PrefixStore.Configuration(directory: path, maxBytes: maxBytes)
        configuration.patience = patience
        return try PrefixStore(configuration)
    }

    private func setMode(_ mode: Int, of path: String) throws {
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }

    /// Makes a file of any size, which takes no room on the disk.
    private func makeFile(_ path: String, byteCount: Int) throws {
        try Data().write(to: URL(fileURLWithPath: path))
        try #require(unsafe truncate(path, byteCount) == 0)
    }

    @Test(arguments: [0o777, 0o770, 0o720, 0o702])
    func `a folder that others may write to is refused`(mode: Int) throws {
        let folder = try TemporaryFolder()
        try setMode(mode, of: folder.path)
        let error = #expect(throws: PrefixStore.Failure.self) { try open(folder.path) }
        #expect(error?.description.contains("chmod 700") == true)
        try setMode(0o755, of: folder.path)
        _ = try open(folder.path)
    }

    @Test(.enabled(if: geteuid() == 0, "only root gives folders away"))
    func `a folder of another user is refused`() throws {
        let folder = try TemporaryFolder()
        try #require(unsafe chown(folder.path, 65_534, 65_534) == 0)
        #expect(throws: PrefixStore.Failure.self) { try open(folder.path) }
    }

    @Test func `a lock that is a link is not followed`() throws {
        let folder = try TemporaryFolder()
        let elsewhere = folder.path + "/elsewhere"
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/lock", withDestinationPath: elsewhere)
        #expect(throws: PrefixStore.Failure.self) { try open(folder.path) }
        #expect(!FileManager.default.fileExists(atPath: elsewhere))
    }

    @Test func `a start does not wait for ever for a lock that another process keeps`()
        async throws
    {
        let folder = try TemporaryFolder()
        let path = folder.path
        let lock = unsafe Glibc.open(path + "/lock", O_RDWR | O_CREAT, 0o600)
        try #require(flock(lock, LOCK_EX) == 0)
        let error = await withTaskCancellationHandler {
            // Elsewhere, so that the limit of time can end the wait of one that has no end.
            await Task.detached { () -> PrefixStore.Failure? in
                do throws(PrefixStore.Failure) {
                    _ = try self.open(path)
                    return nil
                } catch {
                    return error
                }
            }.value
        } onCancel: {
            close(lock)
        }
        #expect(error?.description.contains("'lock'") == true)
        #expect(flock(lock, LOCK_UN) == 0)
        _ = try open(path)
        close(lock)
    }

    @Test func `a file that is larger than all may be together takes no block's room`()
        async throws
    {
        let folder = try TemporaryFolder()
        let limit = 1 << 20
        let blocks = (1...9).map {
            folder.path + "/" + String(repeating: "\($0)", count: 64) + ".kv"
        }
        for path in blocks { try makeFile(path, byteCount: 1_000) }
        // The youngest, so that the others would go first.
        try makeFile(folder.path + "/" + Self.name, byteCount: limit + 1)
        try setDate(Date(timeIntervalSinceNow: 1_000), of: Self.name, in: folder)
        let statistics = try open(folder.path, maxBytes: limit).statistics
        #expect(statistics.blockCount == 9 && statistics.byteCount == 9_000)
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/" + Self.name))
        for path in blocks { #expect(FileManager.default.fileExists(atPath: path)) }
    }

    @Test func `a time to come is not where the times of blocks go on from`() async throws {
        let folder = try TemporaryFolder()
        try makeFile(folder.path + "/" + Self.name, byteCount: 1_000)
        let (year, now) = (TimeInterval(365 * 24 * 3_600), Date())
        try setDate(now + 9 * year, of: Self.name, in: folder)
        let engine = GenerationEngine(
            model: FakeModel(), tokenizer: FakeTokenizer(),
            prefixes: PrefixSpace(try open(folder.path), computation: "a model"))
        _ = try await engine.generate(
            GenerationRequest(promptTokens: Array(repeating: 3, count: 30), maxTokens: 1))
        await engine.shutdown(grace: .seconds(60))
        let dates = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            .filter { $0.hasSuffix(".kv") && $0 != Self.name }
            .map { try date(of: $0, in: folder) }
        #expect(dates.count == 7)
        for date in dates { #expect(date < now + year) }
    }

    /// A file system in memory, which takes any size and any time.
    private static let memory = URL(fileURLWithPath: "/dev/shm")

    @Test(.enabled(if: FileManager.default.isWritableFile(atPath: memory.path)))
    func `sizes that have no sum and a time of no year do no harm`() throws {
        let folder = try TemporaryFolder(in: Self.memory)
        let other = String(repeating: "1", count: 64) + ".kv"
        for file in [Self.name, other] {
            try makeFile(folder.path + "/" + file, byteCount: .max)
        }
        let never = timespec(tv_sec: .max, tv_nsec: 0)
        try #require(unsafe utimensat(AT_FDCWD, folder.path + "/" + other, [never, never], 0) == 0)
        let statistics = try open(folder.path, maxBytes: .max).statistics
        #expect(statistics.blockCount == 1 && statistics.byteCount == .max)
    }

    private func date(of file: String, in folder: TemporaryFolder) throws -> Date {
        let attributes = try FileManager.default.attributesOfItem(atPath: folder.path + "/" + file)
        return try #require(attributes[.modificationDate] as? Date)
    }

    private func setDate(_ date: Date, of file: String, in folder: TemporaryFolder) throws {
        try FileManager.default.setAttributes(
            [.modificationDate: date], ofItemAtPath: folder.path + "/" + file)
    }
}
