// SPDX-License-Identifier: Apache-2.0

internal import CKernels
internal import Synchronization

/// The queue of one worker: its tasks, which others may take, and what it will read after them.
///
/// On cache lines of its own. It must not move: it lives where an unsafe pointer says.
struct WorkQueue: ~Copyable {
    /// The worker's tasks that nobody has claimed: their end in the high half, the next in the low.
    private let tasks = Atomic<UInt64>(0)

    /// How often there was something new to read ahead.
    private let aheadCount = Atomic<UInt64>(0)

    /// What to read ahead, `WeightsAhead.partCount` words as `WeightsAhead.Part.word` has them; 0 after
    /// the last.
    private let parts = InlineArray<8, Atomic<UInt64>> { _ in Atomic(0) }

    // How far the worker has come with what it was told to read ahead; only the worker uses these.
    private var readCount: UInt64 = 0
    private var part = 0
    private var line: UInt64 = 0

    // Processors fetch lines of 64 bytes in pairs.
    private let padding = InlineArray<3, UInt64>(repeating: 0)

    /// Queues without tasks, each at the beginning of a cache line.
    static func allocate(count: Int) -> UnsafeMutablePointer<WorkQueue> {
        let queues = unsafe UnsafeMutableRawPointer.allocate(
            byteCount: count * MemoryLayout<WorkQueue>.stride, alignment: 128
        ).bindMemory(to: WorkQueue.self, capacity: count)
        for index in 0..<count { unsafe (queues + index).initialize(to: WorkQueue()) }
        return unsafe queues
    }

    // MARK: Tasks

    private static func word(_ range: Range<Int>) -> UInt64 {
        UInt64(range.upperBound) << 32 | UInt64(range.lowerBound)
    }

    /// The tasks of a word; none where all are claimed.
    private static func range(_ word: UInt64) -> Range<Int> {
        let end = Int(word >> 32)
        return min(Int(word & 0xffff_ffff), end)..<end
    }

    /// Gives the worker its tasks of a region; who claims one sees what was written before.
    func publish(tasks range: Range<Int>) {
        tasks.store(Self.word(range), ordering: .releasing)
    }

    /// Claims the worker's next task.
    ///
    /// - Returns: nil where there is none left.
    func claim() -> Int? {
        Self.range(tasks.wrappingAdd(1, ordering: .acquiringAndReleasing).oldValue).first
    }

    /// Claims the later half of a worker's tasks for another, so that both go on with tasks that
    /// follow one another.
    ///
    /// - Returns: none where there are none.
    func claimHalf() -> Range<Int> {
        var word = tasks.load(ordering: .relaxed)
        while true {
            let range = Self.range(word)
            if range.isEmpty { return range }
            let middle = range.lowerBound + range.count / 2
            let (done, now) = tasks.compareExchange(
                expected: word, desired: Self.word(range.lowerBound..<middle),
                ordering: .acquiringAndReleasing)
            if done { return middle..<range.upperBound }
            word = now
        }
    }

    /// Offers tasks that the worker has claimed of another, so that others can take some of them.
    ///
    /// - Returns: false where the worker has tasks of its own.
    /// - Precondition: nobody publishes tasks before those are done.
    func offer(_ range: Range<Int>) -> Bool {
        let word = tasks.load(ordering: .relaxed)
        guard Self.range(word).isEmpty else { return false }
        return tasks.compareExchange(
            expected: word, desired: Self.word(range), ordering: .acquiringAndReleasing
        ).exchanged
    }

    // MARK: Reading ahead

    /// The cache lines that a worker asks memory for between two looks at whether its region has
    /// begun.
    private static let linesAtOnce: UInt64 = 16

    /// Says what the worker will read after its tasks.
    func publish(_ ahead: WeightsAhead, worker: Int) {
        var next = 0
        for part in ahead.parts(ofWorker: worker) {
            parts[next].store(part.word, ordering: .relaxed)
            if part.byteCount == 0 { break }
            next += 1
        }
        aheadCount.wrappingAdd(1, ordering: .releasing)
    }

    /// Asks memory for some of what the worker will read.
    ///
    /// Meanwhile the worker may be told something new; then it asks for something useless once.
    ///
    /// - Returns: false where it has asked for all of it.
    mutating func readAhead() -> Bool {
        let count = aheadCount.load(ordering: .acquiring)
        if readCount != count {
            readCount = count
            part = 0
            line = 0
        }
        while part < WeightsAhead.partCount {
            let lines = WeightsAhead.Part.lines(parts[part].load(ordering: .relaxed))
            if lines.isEmpty { return false }
            let first = lines.lowerBound + line
            if first < lines.upperBound {
                unsafe ck_prefetch(
                    UnsafeRawPointer(bitPattern: UInt(first * 64)),
                    Int(64 * min(lines.upperBound - first, Self.linesAtOnce)))
                line += Self.linesAtOnce
                return true
            }
            part += 1
            line = 0
        }
        return false
    }
}
