// SPDX-License-Identifier: Apache-2.0

import Access

/// An open file, which any number of threads may read.
package final class FileReader: Sendable {
    /// What is read.
    package let file: StoredFile

    private let bytes: DiskFile
    private let cipher: StorageCipher?

    init(_ file: StoredFile, _ bytes: DiskFile, cipher: StorageCipher?) {
        self.file = file
        self.bytes = bytes
        self.cipher = cipher
    }

    /// Reads some bytes.
    ///
    /// - Parameters:
    ///   - count: how many; 64 KiB from a multiple of that cost least.
    ///   - offset: where they begin.
    /// - Returns: as many, or fewer where the file ends; none from there on.
    /// - Throws: ``JobsError`` where the file is not as it was written.
    package func read(_ count: Int, at offset: Int) throws(JobsError) -> [UInt8] {
        precondition(count >= 0 && offset >= 0, "\(count) bytes at \(offset)")
        guard offset < file.byteCount else { return [] }
        let end = offset + min(count, file.byteCount - offset)
        guard let cipher else {
            let found = try bytes.read(end - offset, at: offset)
            guard found.count == end - offset else { throw .damaged("the file \(file.id)") }
            return found
        }
        let size = BlockLayout.blockByteCount
        var result: [UInt8] = []
        result.reserveCapacity(end - offset)
        for index in offset / size..<(end + size - 1) / size {
            let start = index * size
            let length = min(size, file.byteCount - start)
            let sealed = try bytes.read(
                BlockLayout.storedByteCount(length, isSealed: true),
                at: BlockLayout.offset(ofBlock: index, isSealed: true))
            guard let block = cipher.open(sealed, at: index), block.count == length else {
                throw .damaged("the file \(file.id)")
            }
            result += block[max(0, offset - start)..<min(length, end - start)]
        }
        return result
    }
}
