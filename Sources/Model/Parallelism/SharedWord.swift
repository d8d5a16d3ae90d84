// SPDX-License-Identifier: Apache-2.0

internal import CKernels
internal import Glibc
internal import Synchronization

/// A number on a cache line of its own, which threads change at once and wait for.
///
/// Its lowest bit says that some thread sleeps until the number changes; what the number means
/// starts at the bit above. It must not move: it lives where an unsafe pointer says.
struct SharedWord: ~Copyable {
    /// Set in `value` where some thread sleeps.
    static let asleep: UInt64 = 1

    /// For how long a thread watches a word before it offers its processor to others.
    fileprivate static let watchNanoseconds: UInt64 = 50_000

    let value = Atomic<UInt64>(0)
    // Processors fetch lines of 64 bytes in pairs.
    private let padding = InlineArray<15, UInt64>(repeating: 0)
}

extension UnsafeMutablePointer<SharedWord> {
    /// Words of 0, the first at the beginning of a cache line.
    static func allocateWords(_ count: Int) -> UnsafeMutablePointer<SharedWord> {
        let words = unsafe UnsafeMutableRawPointer.allocate(
            byteCount: count * MemoryLayout<SharedWord>.stride, alignment: 128
        ).bindMemory(to: SharedWord.self, capacity: count)
        for index in 0..<count { unsafe (words + index).initialize(to: SharedWord()) }
        return unsafe words
    }

    /// Waits until the word has a value that other threads give it: watches it for a while, then
    /// sleeps.
    ///
    /// - Parameters:
    ///   - patience: the nanoseconds until the thread sleeps.
    ///   - isMet: whether this is the value, by the bits above the lowest.
    func wait(patience: UInt64, until isMet: (UInt64) -> Bool) {
        if unsafe isMet(pointee.value.load(ordering: .acquiring)) { return }
        let start = unsafe Self.nanoseconds()
        var elapsed: UInt64 = 0
        while elapsed < patience {
            for _ in 0..<32 {
                // The thread that we wait for may need this processor.
                if elapsed < SharedWord.watchNanoseconds { ck_pause() } else { sched_yield() }
                if unsafe isMet(pointee.value.load(ordering: .acquiring)) { return }
            }
            elapsed = unsafe Self.nanoseconds() - start
        }
        while true {
            let word = unsafe pointee.value.bitwiseOr(
                SharedWord.asleep, ordering: .acquiringAndReleasing
            ).newValue
            if isMet(word) { return }
            unsafe ck_sleep(self, UInt32(truncatingIfNeeded: word))
        }
    }

    /// Moves the number on by one step, from 2n to 2n + 2, and wakes who sleeps on it.
    func advance() {
        let word = unsafe pointee.value.load(ordering: .relaxed)
        let old = unsafe pointee.value.exchange(
            (word | SharedWord.asleep) &+ 1, ordering: .acquiringAndReleasing)
        if old & SharedWord.asleep != 0 { unsafe ck_wake(self) }
    }

    /// Takes from the number, and wakes who sleeps on it where none is left.
    func subtract(_ count: UInt64) {
        let word = unsafe pointee.value.wrappingSubtract(
            count << 1, ordering: .acquiringAndReleasing
        ).newValue
        if word == SharedWord.asleep { unsafe ck_wake(self) }
    }

    private static func nanoseconds() -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
