// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Why bytes are not to be had.
package enum ByteStorageError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file could not be opened or read: a path and the system's reason.
    case cannotOpen(path: String, reason: String)

    /// The path names a directory, device, pipe or socket.
    case notAFile(path: String)

    /// The file holds no bytes.
    case empty(path: String)

    /// The system refused to map the file or to give memory: a path and its reason.
    case cannotMap(path: String, reason: String)

    /// A range that does not lie within the bytes was asked for.
    case outOfRange(path: String, offset: Int, count: Int, byteCount: Int)

    package var description: String {
        switch self {
        case .cannotOpen(let path, let reason): "\(path): cannot open: \(reason)"
        case .notAFile(let path): "\(path): not a regular file"
        case .empty(let path): "\(path): the file is empty"
        case .cannotMap(let path, let reason): "\(path): cannot map into memory: \(reason)"
        case .outOfRange(let path, let offset, let count, let byteCount):
            "\(path): bytes \(offset)..+\(count) are outside the file of \(byteCount) bytes"
        }
    }

    /// What the system says about the current `errno`.
    static var systemReason: String {
        guard let text = unsafe strerror(errno) else { return "error \(errno)" }
        return unsafe String(cString: text)
    }
}
