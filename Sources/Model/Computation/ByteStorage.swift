// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import Parallelism
internal import Synchronization

/// Bytes that stay where they are and as they are: those of a ``MappedFile`` or ``AnonymousMemory``, or
/// of ``RearrangedMatrices``, which are brought in before they are read.
///
/// A class with few subclasses, not a protocol, so that the address of the bytes is one load away
/// from whoever reads weights.
// Safety: the bytes are never written after init, and freed only by the deinit of a subclass. What
// `release` drops comes back with the same bytes.
@safe package class ByteStorage: @unchecked Sendable {
    /// The file that the bytes are of, or what error messages call them where they are of none.
    package final let path: String

    /// The number of bytes.
    package final let byteCount: Int

    final let base: UnsafeRawPointer

    init(base: UnsafeRawPointer, byteCount: Int, path: String) {
        unsafe self.base = base
        self.byteCount = byteCount
        self.path = path
    }

    /// The file's name without its folder, for those who must not see the machine's folders.
    package final var fileName: String {
        String(path.split(separator: "/").last ?? path[...])
    }

    /// All the bytes; whoever reads some brings them in first.
    package final var bytes: RawSpan {
        @_lifetime(borrow self)
        borrowing get {
            let span = unsafe RawSpan(_unsafeStart: base, byteCount: byteCount)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// A range of the bytes, after checking that it lies within them.
    ///
    /// - Parameters:
    ///   - offset: the first byte, from anywhere, even a foreign file.
    ///   - count: the number of bytes.
    /// - Returns: the bytes.
    /// - Throws: `outOfRange` where a part of the range is not in them.
    @_lifetime(borrow self)
    package final borrowing func bytes(
        at offset: Int, count: Int
    ) throws(ByteStorageError) -> RawSpan {
        guard offset >= 0, count >= 0, offset <= byteCount, count <= byteCount - offset else {
            throw .outOfRange(path: path, offset: offset, count: count, byteCount: byteCount)
        }
        bringIn(offset..<offset + count)
        let span = unsafe RawSpan(_unsafeStart: base + offset, byteCount: count)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// Tells the system how the bytes will be used; a hint that never fails, for those of a file.
    package func advise(_ access: Access) {}

    /// Makes a range of the bytes, where they are made of others; to be called before they are read
    /// by their address.
    package func bringIn(_ range: Range<Int>) {}

    /// Lets go of the memory that a range of the bytes takes, where they can be read again.
    package func release(_ range: Range<Int>) {}

    /// Whether bytes of the file are gone that were there when it was mapped.
    package var isLost: Bool { false }

    /// How bytes will be used.
    package enum Access: Sendable {
        /// Once from front to back.
        case sequential

        /// All of it, soon: the system starts to read it in.
        case willNeed

        /// Here and there: nothing is read ahead.
        case random

        /// All of it and often: in huge pages, where the system has them for files.
        case hugePages
    }

    // MARK: Bringing in

    /// Bytes that are brought in at a time: some huge pages.
    private static let populationByteCount = 1 << 25

    /// Brings all the bytes into memory and into the page table, so that the first use of a weight
    /// is no page fault; in huge pages where the file system has them.
    ///
    /// 1.5 GB in the page cache take 2 ms where they are huge pages, 600 ms in small ones (two
    /// threads of a loaded virtual machine, Linux 6.18, ext4).
    ///
    /// - Parameters:
    ///   - pool: the threads that do it.
    ///   - progress: receives the share that is done, from 0 to 1, on any of them.
    package final func populate(
        using pool: ThreadPool, progress: @Sendable (Double) -> Void = { _ in }
    ) {
        advise(.hugePages)
        let count = (byteCount + Self.populationByteCount - 1) / Self.populationByteCount
        let done = Atomic(0)
        // A few at a time, for other models may compute between them.
        for first in stride(from: 0, to: count, by: max(4, pool.threadCount)) {
            pool.parallel(count: min(max(4, pool.threadCount), count - first)) { task, _ in
                let start = (first + task) * Self.populationByteCount
                populate(start..<min(start + Self.populationByteCount, byteCount))
                let finished = done.add(1, ordering: .relaxed).newValue
                progress(Double(finished) / Double(count))
            }
        }
    }

    private func populate(_ range: Range<Int>) {
        guard !range.isEmpty else { return }
        let start = unsafe UnsafeMutableRawPointer(mutating: base + range.lowerBound)
        guard unsafe madvise(start, range.count, MADV_POPULATE_READ) != 0, errno == EINVAL else {
            return
        }
        // Before Linux 5.14, and for bytes that are in no file: one byte of every page.
        var sum: UInt8 = 0
        for place in stride(from: 0, to: range.count, by: 4096) {
            sum &+= unsafe start.load(fromByteOffset: place, as: UInt8.self)
        }
        withExtendedLifetime(sum) {}
    }
}
