// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Bytes that were made in memory and are in no file.
@safe package final class AnonymousMemory: ByteStorage, @unchecked Sendable {
    /// Whether the bytes are whole pages of their own, not a part of the heap.
    private let isMapping: Bool

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
        isMapping = false
        unsafe super.init(base: UnsafeRawPointer(copy), byteCount: bytes.count, path: path)
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
    ) throws(ByteStorageError) {
        let size = max(byteCount, 1)
        let mapping = unsafe mmap(
            nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let mapping = unsafe mapping,
            unsafe mapping != UnsafeMutableRawPointer(bitPattern: -1)
        else {
            throw .cannotMap(path: path, reason: ByteStorageError.systemReason)
        }
        unsafe _ = madvise(mapping, size, MADV_HUGEPAGE)
        unsafe fill(mapping)
        isMapping = true
        unsafe super.init(base: UnsafeRawPointer(mapping), byteCount: size, path: path)
    }

    deinit {
        if isMapping {
            unsafe munmap(UnsafeMutableRawPointer(mutating: base), byteCount)
        } else {
            unsafe base.deallocate()
        }
    }
}
