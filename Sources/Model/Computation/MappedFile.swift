// SPDX-License-Identifier: Apache-2.0

internal import CFiles
internal import Glibc
package import Parallelism
internal import Synchronization

/// The bytes of a file, mapped read-only, or bytes that were made in memory.
///
/// Bytes of a file that another process has cut short while it was mapped read as zeros, and
/// ``isLost`` says so: model files are replaced by renaming, not by writing into them.
// Safety: the bytes are never written after init, and unmapped only by deinit. What `release` drops
// comes back with the same bytes.
@safe package final class MappedFile: @unchecked Sendable {
    /// Where the bytes came from; `(memory)` where they were never in a file.
    package let path: String

    /// The number of bytes.
    package let byteCount: Int

    let base: UnsafeRawPointer
    private let isMapping: Bool
    /// Whether the mapping is that of a file, which can be read again.
    package let isFile: Bool
    /// The number under which faults in the mapping are noticed; -1: not at all.
    private let faultNumber: Int32
    /// What told the file from others when it was opened.
    private let identity: FileIdentity?

    private static let catchesFaults: Void = cf_faults_install()

    /// Maps a file.
    ///
    /// - Parameter path: a regular file of at least one byte.
    /// - Throws: an error that names the path and what is wrong with it.
    package init(path: String) throws(MappedFileError) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw .cannotOpen(path: path, reason: MappedFileError.systemReason)
        }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            throw .cannotOpen(path: path, reason: MappedFileError.systemReason)
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile(path: path) }
        let size = Int(status.st_size)
        guard size > 0 else { throw .empty(path: path) }
        let mapping = unsafe mmap(nil, size, PROT_READ, MAP_SHARED, descriptor, 0)
        guard let mapping = unsafe mapping,
            unsafe mapping != UnsafeMutableRawPointer(bitPattern: -1)
        else {
            throw .cannotMap(path: path, reason: MappedFileError.systemReason)
        }
        self.path = path
        byteCount = size
        unsafe base = UnsafeRawPointer(mapping)
        isMapping = true
        isFile = true
        Self.catchesFaults
        faultNumber = unsafe cf_faults_register(mapping, size)
        identity = FileIdentity(status)
    }

    /// Holds a copy of bytes that are in memory.
    ///
    /// - Parameters:
    ///   - bytes: any number of bytes.
    ///   - path: what error messages call them.
    package init(bytes: [UInt8], path: String = "(memory)") {
        let copy = UnsafeMutableRawPointer.allocate(
            byteCount: max(bytes.count, 1), alignment: 64)
        unsafe bytes.withUnsafeBytes { source in
            if let first = source.baseAddress {
                unsafe copy.copyMemory(from: first, byteCount: source.count)
            }
        }
        self.path = path
        byteCount = bytes.count
        unsafe base = UnsafeRawPointer(copy)
        isMapping = false
        isFile = false
        faultNumber = -1
        identity = nil
    }

    /// Holds bytes that are made in place, in huge pages where the system has them.
    ///
    /// - Parameters:
    ///   - byteCount: any number.
    ///   - path: what error messages call them.
    ///   - fill: receives zeros, from a page boundary on, and makes the bytes of them.
    /// - Throws: where the system has no memory.
    init(
        byteCount: Int, path: String = "(memory)", filledBy fill: (UnsafeMutableRawPointer) -> Void
    ) throws(MappedFileError) {
        let size = max(byteCount, 1)
        let mapping = unsafe mmap(
            nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let mapping = unsafe mapping,
            unsafe mapping != UnsafeMutableRawPointer(bitPattern: -1)
        else {
            throw .cannotMap(path: path, reason: MappedFileError.systemReason)
        }
        unsafe _ = madvise(mapping, size, MADV_HUGEPAGE)
        unsafe fill(mapping)
        self.path = path
        self.byteCount = size
        unsafe base = UnsafeRawPointer(mapping)
        isMapping = true
        isFile = false
        faultNumber = -1
        identity = nil
    }

    deinit {
        cf_faults_forget(faultNumber)
        if isMapping {
            unsafe munmap(UnsafeMutableRawPointer(mutating: base), byteCount)
        } else {
            unsafe base.deallocate()
        }
    }

    /// All the bytes.
    package var bytes: RawSpan {
        @_lifetime(borrow self)
        borrowing get {
            let span = unsafe RawSpan(_unsafeStart: base, byteCount: byteCount)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// A range of the bytes, after checking that it lies within the file.
    ///
    /// - Parameters:
    ///   - offset: the first byte, from anywhere, even a foreign file.
    ///   - count: the number of bytes.
    /// - Returns: the bytes.
    /// - Throws: `outOfRange` where a part of the range is not in the file.
    @_lifetime(borrow self)
    package borrowing func bytes(at offset: Int, count: Int) throws(MappedFileError) -> RawSpan {
        guard offset >= 0, count >= 0, offset <= byteCount, count <= byteCount - offset else {
            throw .outOfRange(path: path, offset: offset, count: count, byteCount: byteCount)
        }
        let span = unsafe RawSpan(_unsafeStart: base + offset, byteCount: count)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// Tells the system how the bytes will be used; a hint that never fails.
    package func advise(_ access: Access) {
        guard isFile else { return }
        let advice =
            switch access {
            case .sequential: MADV_SEQUENTIAL
            case .willNeed: MADV_WILLNEED
            case .random: MADV_RANDOM
            case .hugePages: MADV_HUGEPAGE
            }
        unsafe _ = madvise(UnsafeMutableRawPointer(mutating: base), byteCount, advice)
    }

    /// Lets go of the memory that a range of a file takes: it is read again should it be needed.
    package func release(_ range: Range<Int>) {
        guard isFile, !range.isEmpty else { return }
        let page = 4096
        let start = range.lowerBound / page * page
        unsafe _ = madvise(
            UnsafeMutableRawPointer(mutating: base + start), range.upperBound - start,
            MADV_DONTNEED)
    }

    /// How a mapping will be used.
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

    /// Brings the whole file into memory and into the page table, so that the first use of a weight
    /// is no page fault; in huge pages where the file system has them.
    ///
    /// 1.5 GB in the page cache take 2 ms where they are huge pages, 600 ms in small ones (two
    /// threads of a loaded virtual machine, Linux 6.18, ext4).
    ///
    /// - Parameters:
    ///   - pool: the threads that do it.
    ///   - progress: receives the share that is done, from 0 to 1, on any of them.
    package func populate(
        using pool: ThreadPool, progress: @Sendable (Double) -> Void = { _ in }
    ) {
        advise(.hugePages)
        let count = (byteCount + Self.populationByteCount - 1) / Self.populationByteCount
        let done = Atomic(0)
        pool.parallel(count: count) { task, _ in
            let start = task * Self.populationByteCount
            populate(start..<min(start + Self.populationByteCount, byteCount))
            let finished = done.add(1, ordering: .relaxed).newValue
            progress(Double(finished) / Double(count))
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

    // MARK: Loss

    /// Whether bytes of the file are gone that were there when it was mapped.
    package var isLost: Bool { cf_faults_is_lost(faultNumber) != 0 }

    /// Whether any file of this process was ever lost; costs one load.
    package static var isAnyLost: Bool { cf_faults_count() != 0 }

    /// Counts the file as lost, where something else than a fault tells.
    package func markLost() {
        cf_faults_mark(faultNumber)
    }

    /// The file's name without its folder, for those who must not see the machine's folders.
    package var fileName: String {
        String(path.split(separator: "/").last ?? "(memory)")
    }

    /// What has become of the file under its name since it was mapped.
    package func stateOnDisk() -> DiskState {
        var status = stat()
        guard let identity, unsafe stat(path, &status) == 0 else { return .detached }
        let found = FileIdentity(status)
        guard found.device == identity.device, found.inode == identity.inode else {
            return .detached
        }
        if Int(status.st_size) < byteCount { return .short }
        return found == identity ? .same : .written(seconds: found.seconds, found.nanoseconds)
    }

    /// What can become of a file that is mapped.
    package enum DiskState: Equatable, Sendable {
        /// Nothing.
        case same
        /// There is no such file any more, or another one, while the mapping keeps the old one.
        case detached
        /// It has fewer bytes.
        case short
        /// Somebody has written to it or touched it, at this time.
        case written(seconds: Int, Int)
    }
}

/// What tells one state of a file from another.
private struct FileIdentity: Equatable {
    var device: UInt
    var inode: UInt
    var seconds: Int
    var nanoseconds: Int

    init(_ status: stat) {
        device = UInt(status.st_dev)
        inode = UInt(status.st_ino)
        seconds = status.st_mtim.tv_sec
        nanoseconds = status.st_mtim.tv_nsec
    }
}
