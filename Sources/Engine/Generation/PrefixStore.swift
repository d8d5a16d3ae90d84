// SPDX-License-Identifier: Apache-2.0

internal import DequeModule
internal import Dispatch
import Foundation
package import Logging
internal import Metrics
internal import Scheduling
import Synchronization

/// KV blocks of prefixes on disk, so that they outlive their place in memory and the process.
///
/// One store serves all models of a process. A block is a file, named by a digest of all that it
/// depends on: what computes it, the scope that may find it, and the tokens up to its end; so models,
/// versions and clients are kept apart, and none finds what another left. The files are bounded in
/// bytes, the one not used for longest going first. What is damaged is not there.
///
/// Threads of its own write and read; engines only hand bytes over, or what they do not get rid of
/// is not kept.
package final class PrefixStore: Sendable {
    /// Where, and how much.
    package struct Configuration: Sendable {
        /// The folder of the blocks; it is made if there is none.
        package var directory: String

        /// The most bytes of all files.
        package var maxBytes: Int

        /// What scopes mean: blocks of another way to part clients are not found.
        package var sharing = ""

        /// How long a request waits for its blocks, while others are before it or the disk hangs, and
        /// the start for another process that opens the folder.
        package var patience = Duration.seconds(2)

        /// How long nothing is written after a write has failed.
        package var pause = Duration.seconds(60)

        /// Says where and how much.
        package init(directory: String, maxBytes: Int) {
            self.directory = directory
            self.maxBytes = maxBytes
        }
    }

    /// Why there can be no store.
    package struct Failure: Error, Equatable, CustomStringConvertible {
        let directory: String
        let reason: String

        /// One line for people.
        package var description: String { "\(directory): \(reason)" }
    }

    /// What is there, and what has been done.
    package struct Statistics: Equatable, Sendable {
        /// The blocks on disk, and the bytes of their files.
        package var blockCount = 0
        package var byteCount = 0

        /// Blocks written and read since the start.
        package var writtenCount = 0
        package var readCount = 0

        /// Blocks that were not written since the disk was behind.
        package var droppedCount = 0

        /// Files that could not be written.
        package var failureCount = 0

        /// Files that were found to hold something else than they should.
        package var flawCount = 0
    }

    private struct Write {
        let name: PrefixName
        let file: [UInt8]
        let area: StagingArea
    }

    private struct State {
        var index = PrefixIndex()
        var writes = Deque<Write>()

        /// What is on its way to the disk.
        var pending: Set<PrefixName> = []

        /// Until when nothing is written, after a failure.
        var pauseEnd: ContinuousClock.Instant?

        /// The time of the last use of any block.
        var lastTime = 0
        var statistics = Statistics()
        var flushes: [DispatchSemaphore] = []

        func isPaused(at now: ContinuousClock.Instant) -> Bool {
            pauseEnd.map { now < $0 } ?? false
        }

        /// A time later than that of any other use, since the order of uses is kept in files' times.
        mutating func nextTime() -> Int {
            lastTime = max(lastTime + 1, Int(Date().timeIntervalSince1970 * 1e9))
            return lastTime
        }
    }

    /// The most bytes of all files.
    let maxBytes: Int

    /// How long a request waits for its blocks.
    let patience: Duration

    private let pause: Duration

    fileprivate let sharing: String

    private let folder: PrefixFolder
    private let logger: Logger
    private let metrics = StoreMetrics()
    private let state = Mutex(State())
    private let reader = DispatchQueue(label: "cierzo-prefix-reader", qos: .userInitiated)
    private let wakeUp = DispatchSemaphore(value: 0)

    /// Opens the folder and looks at what is there.
    ///
    /// - Throws: ``Failure`` if the folder cannot be used.
    package init(
        _ configuration: Configuration, logger: Logger = Logger(label: "cierzo.cache")
    ) throws(Failure) {
        maxBytes = configuration.maxBytes
        patience = configuration.patience
        pause = configuration.pause
        sharing = configuration.sharing
        folder = try PrefixFolder(configuration.directory, patience: configuration.patience)
        self.logger = logger
        let now = Int(Date().timeIntervalSince1970 * 1e9)
        for found in folder.list() {
            guard found.byteCount <= maxBytes else {
                folder.remove(found.name)
                continue
            }
            // So that their sum is one that fits.
            makeRoom(for: found.byteCount)
            state.withLock { state in
                state.index.insert(found.name, byteCount: found.byteCount)
                state.lastTime = max(state.lastTime, min(found.time, now))
            }
        }
        makeRoom(for: 0)
        let thread = Thread { [weak self, wakeUp] in
            Thread.current.name = "cierzo-prefix-writer"
            while true {
                wakeUp.wait()
                guard let self else { return }
                writeAll()
            }
        }
        thread.start()
    }

    deinit { wakeUp.signal() }

    /// What is there, and what has been done.
    package var statistics: Statistics {
        state.withLock { state in
            var statistics = state.statistics
            statistics.blockCount = state.index.count
            statistics.byteCount = state.index.byteCount
            return statistics
        }
    }

    /// How many of the names, from the first on, are on disk.
    func countReadable(_ names: ArraySlice<PrefixName>) -> Int {
        state.withLock { state in names.prefix { state.index.contains($0) }.count }
    }

    // MARK: Writing

    /// Whether a block is to be written: it is not there, and writing goes well.
    func wants(_ name: PrefixName) -> Bool {
        state.withLock { state in
            !state.index.contains(name) && !state.pending.contains(name)
                && !state.isPaused(at: .now)
        }
    }

    /// Counts a block that is wanted, but cannot be handed over.
    func noteDrop() {
        state.withLock { $0.statistics.droppedCount += 1 }
        metrics.dropped.increment()
    }

    /// Hands a block over to be written; takes no time to speak of.
    ///
    /// - Parameters:
    ///   - name: the prefix that it ends.
    ///   - file: its bytes after as many as a file begins with, which may be anything.
    ///   - area: gets `file` back.
    func write(_ name: PrefixName, _ file: consuming [UInt8], from area: StagingArea) {
        let write = Write(name: name, file: file, area: area)
        state.withLock { state in
            state.pending.insert(name)
            state.writes.append(write)
        }
        wakeUp.signal()
    }

    /// Waits until all that was handed over is on disk, but not for long.
    ///
    /// - Returns: whether it is.
    @discardableResult package func flush(within time: Duration = .seconds(60)) -> Bool {
        let done = DispatchSemaphore(value: 0)
        let mustWait = state.withLock { state in
            if !state.pending.isEmpty { state.flushes.append(done) }
            return !state.pending.isEmpty
        }
        let milliseconds = Int(max(time, .zero) / .milliseconds(1))
        return !mustWait || done.wait(timeout: .now() + .milliseconds(milliseconds)) == .success
    }

    private func writeAll() {
        while let next = state.withLock({ $0.writes.popFirst() }) {
            let (name, area) = (next.name, next.area)
            var file = next.file
            _ = consume next
            if state.withLock({ !$0.index.contains(name) && !$0.isPaused(at: .now) }) {
                PrefixFile.seal(&file, as: name)
                write(file, as: name)
            }
            area.giveBack(file)
            let flushes = state.withLock { state in
                state.pending.remove(name)
                guard state.pending.isEmpty else { return [] as [DispatchSemaphore] }
                defer { state.flushes = [] }
                return state.flushes
            }
            for flush in flushes { flush.signal() }
        }
    }

    private func write(_ file: [UInt8], as name: PrefixName) {
        guard file.count <= maxBytes else { return }
        // First, so that there is never more than there may be.
        makeRoom(for: file.count)
        do throws(PrefixFolder.FileError) {
            try folder.write(file, as: name, time: state.withLock { $0.nextTime() })
            state.withLock { state in
                state.index.insert(name, byteCount: file.count)
                state.statistics.writtenCount += 1
            }
            metrics.written.increment()
            noteLevel()
        } catch {
            state.withLock { state in
                state.pauseEnd = .now + pause
                state.statistics.failureCount += 1
            }
            metrics.failures.increment()
            logger.warning(
                "KV blocks are not kept on disk for a while: a file could not be written",
                metadata: [
                    "file": "\(folder.path(of: name))", "reason": "\(error)",
                    "seconds": "\(pause.components.seconds)",
                ])
        }
    }

    /// Removes the blocks that were not used for longest, until so many bytes fit.
    private func makeRoom(for byteCount: Int) {
        while let oldest = state.withLock({ state in
            state.index.byteCount > maxBytes - byteCount ? state.index.removeOldest() : nil
        }) {
            folder.remove(oldest)
        }
        noteLevel()
    }

    private func noteLevel() {
        let (count, byteCount) = state.withLock { ($0.index.count, $0.index.byteCount) }
        metrics.blocks.record(count)
        metrics.bytes.record(byteCount)
    }

    // MARK: Reading

    /// Reads blocks that follow each other, up to the first that is not there.
    ///
    /// - Parameters:
    ///   - names: of the prefixes that they end.
    ///   - byteCount: how many bytes a block has.
    ///   - completion: gets them, on another thread.
    func load(
        _ names: [PrefixName], byteCount: Int,
        _ completion: @escaping @Sendable ([ArraySlice<UInt8>]) -> Void
    ) {
        reader.async { [self] in
            var blocks: [ArraySlice<UInt8>] = []
            var isWhole = true
            for name in names {
                do throws(PrefixFolder.FileError) {
                    // After a gap they are read, too: what is flawed is to be made anew.
                    if let block = try read(name, byteCount: byteCount), isWhole {
                        blocks.append(block)
                    } else {
                        isWhole = false
                    }
                } catch {
                    logger.warning(
                        "a KV block on disk could not be read; it is computed",
                        metadata: ["file": "\(folder.path(of: name))", "reason": "\(error)"])
                    break
                }
            }
            completion(blocks)
            touch(names.prefix(blocks.count))
        }
    }

    /// Notes that blocks were used, which follow each other: the last one is to go first.
    func touch(_ names: some BidirectionalCollection<PrefixName>) {
        for name in names.reversed() {
            let time = state.withLock { $0.index.touch(name) ? $0.nextTime() : nil }
            if let time { folder.touch(name, time: time) }
        }
    }

    /// - Throws: why the file cannot be read, though it may be whole.
    private func read(
        _ name: PrefixName, byteCount: Int
    ) throws(PrefixFolder.FileError) -> ArraySlice<UInt8>? {
        guard state.withLock({ $0.index.contains(name) }) else { return nil }
        do {
            let file = try folder.read(name, byteCount: PrefixFile.headerCount + byteCount)
            guard let file else {
                // Somebody has cleaned up.
                state.withLock { $0.index.remove(name) }
                return nil
            }
            let block = try PrefixFile.block(in: file, as: name)
            state.withLock { $0.statistics.readCount += 1 }
            metrics.read.increment()
            return block
        } catch {
            if let error = error as? PrefixFolder.FileError, !error.isFlaw { throw error }
            // Gone, so that the block can be written again.
            state.withLock { state in
                state.index.remove(name)
                state.statistics.flawCount += 1
            }
            folder.remove(name)
            metrics.flaws.increment()
            logger.warning(
                "a file is not the KV block that its name says; it is removed, and the block computed",
                metadata: ["file": "\(folder.path(of: name))", "reason": "\(error)"])
            return nil
        }
    }
}

/// A model's blocks in a store, which no other model finds.
package struct PrefixSpace: Sendable {
    let store: PrefixStore
    let root: PrefixName

    /// The blocks of one computation.
    ///
    /// - Parameters:
    ///   - store: where they are.
    ///   - computation: says all that the bytes of a block depend on besides its tokens: weights
    ///     and whatever is added to them, types, sizes and the program.
    package init(_ store: PrefixStore, computation: String) {
        self.store = store
        root = PrefixName(computation: store.sharing + "\n" + computation)
    }
}

/// What a store counts; what becomes of it is the backend's affair.
private struct StoreMetrics: Sendable {
    let blocks = Gauge(label: "cierzo_disk_cache_blocks")
    let bytes = Gauge(label: "cierzo_disk_cache_bytes")
    let written = Counter(label: "cierzo_disk_cache_written_blocks_total")
    let read = Counter(label: "cierzo_disk_cache_read_blocks_total")
    let dropped = Counter(label: "cierzo_disk_cache_dropped_blocks_total")
    let failures = Counter(label: "cierzo_disk_cache_write_failures_total")
    let flaws = Counter(label: "cierzo_disk_cache_flawed_files_total")
}
