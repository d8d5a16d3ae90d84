// SPDX-License-Identifier: Apache-2.0

internal import CFiles
internal import Glibc

/// The bytes of a file, mapped read-only.
///
/// Bytes of a file that another process has cut short while it was mapped read as zeros, and
/// ``isLost`` says so: model files are replaced by renaming, not by writing into them.
@safe package final class MappedFile: ByteStorage, @unchecked Sendable {
    /// The number under which faults in the mapping are noticed; -1: not at all.
    private let faultNumber: Int32
    /// What told the file from others when it was opened.
    private let identity: FileIdentity

    /// Its size and the time of its last change: another version of the file has others.
    package let version: String

    private static let catchesFaults: Void = cf_faults_install()

    /// Maps a file.
    ///
    /// - Parameter path: a regular file of at least one byte.
    /// - Throws: an error that names the path and what is wrong with it.
    package init(path: String) throws(ByteStorageError) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw .cannotOpen(path: path, reason: ByteStorageError.systemReason)
        }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            throw .cannotOpen(path: path, reason: ByteStorageError.systemReason)
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile(path: path) }
        let size = Int(status.st_size)
        guard size > 0 else { throw .empty(path: path) }
        let mapping = unsafe mmap(nil, size, PROT_READ, MAP_SHARED, descriptor, 0)
        guard let mapping = unsafe mapping,
            unsafe mapping != UnsafeMutableRawPointer(bitPattern: -1)
        else {
            throw .cannotMap(path: path, reason: ByteStorageError.systemReason)
        }
        Self.catchesFaults
        faultNumber = unsafe cf_faults_register(mapping, size)
        let identity = FileIdentity(status)
        self.identity = identity
        version = "\(size) bytes of \(identity.seconds).\(identity.nanoseconds)"
        unsafe super.init(base: UnsafeRawPointer(mapping), byteCount: size, path: path)
    }

    deinit {
        cf_faults_forget(faultNumber)
        unsafe munmap(UnsafeMutableRawPointer(mutating: base), byteCount)
    }

    /// Tells the system how the bytes will be used; a hint that never fails.
    package override func advise(_ access: Access) {
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
    package override func release(_ range: Range<Int>) {
        guard !range.isEmpty else { return }
        let page = 4096
        let start = range.lowerBound / page * page
        unsafe _ = madvise(
            UnsafeMutableRawPointer(mutating: base + start), range.upperBound - start,
            MADV_DONTNEED)
    }

    // MARK: Loss

    /// Whether bytes of the file are gone that were there when it was mapped.
    package override var isLost: Bool { cf_faults_is_lost(faultNumber) != 0 }

    /// Whether any file of this process was ever lost; costs one load.
    package static var isAnyLost: Bool { cf_faults_count() != 0 }

    /// Counts the file as lost, where something else than a fault tells.
    package func markLost() {
        cf_faults_mark(faultNumber)
    }

    /// What has become of the file under its name since it was mapped.
    package func stateOnDisk() -> DiskState {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return .detached }
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
