// SPDX-License-Identifier: Apache-2.0

/// Why records cannot be kept.
package enum StorageError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The folder cannot be made, listed or written to.
    case folder(path: String, reason: String)

    /// A record is larger than all records together may be.
    case tooLarge(byteCount: Int, limit: Int)

    /// More waits to be written than may.
    case busy(pendingByteCount: Int)

    /// A file cannot be written.
    case file(path: String, reason: String)

    /// One line for the operator.
    package var description: String {
        switch self {
        case .folder(let path, let reason): "\(path): not usable as a folder of records: \(reason)"
        case .tooLarge(let byteCount, let limit):
            "a record of \(byteCount) bytes is larger than all may be together (\(limit))"
        case .busy(let byteCount):
            "a record is not kept, for the disk has \(byteCount) bytes to write already"
        case .file(let path, let reason): "\(path): not written: \(reason)"
        }
    }
}
