// SPDX-License-Identifier: Apache-2.0

/// Why a file or a job cannot be kept or read.
package enum JobsError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The folder cannot be used.
    case folder(path: String, reason: String)

    /// Something in the folder cannot be read or written.
    case disk(reason: String)

    /// The disk has no room.
    case diskFull

    /// A file is larger than one may be.
    case fileTooLarge(maxByteCount: Int)

    /// Its owner, or everybody together, may not keep so much more.
    case noRoom(Quota, limit: Int, left: Int)

    /// A file cannot be deleted while something reads it.
    case held(file: String, holder: String)

    /// Something was encrypted with a key that this server does not have.
    case otherKey(String)

    /// Something is not as it was written.
    case damaged(String)

    /// What is limited.
    package enum Quota: Equatable, Sendable {
        /// The bytes of an owner's files.
        case bytes
        /// The number of an owner's files.
        case files
        /// The bytes of all files.
        case allBytes
    }

    /// Whether something is lost, whoever tries again.
    var isDamage: Bool { if case .damaged = self { true } else { false } }

    /// Whether the disk has failed; it may do so once or for good.
    var isDisk: Bool { if case .disk = self { true } else { false } }

    /// Whether it can be read again once the operator brings back a key.
    var isOtherKey: Bool { if case .otherKey = self { true } else { false } }

    /// One line, with the names of settings where an operator can help.
    package var description: String {
        switch self {
        case .folder(let path, let reason): "\(path): not usable as a folder of jobs: \(reason)"
        case .disk(let reason): "the disk does not do as it should: \(reason)"
        case .diskFull: "the server's disk has no room for more"
        case .fileTooLarge(let limit):
            "the file is larger than \(limit) bytes, the most that this server takes "
                + "(max-file-size)"
        case .noRoom(.bytes, let limit, let left):
            "your files may have \(limit) bytes together (files-size-per-key), of which \(left) "
                + "are left; delete some first"
        case .noRoom(.files, let limit, _):
            "you may keep \(limit) files (files-per-key), and do; delete some first"
        case .noRoom(.allBytes, let limit, let left):
            "all files of this server may have \(limit) bytes together (files-size), of which "
                + "\(left) are left"
        case .held(let file, let holder):
            "the file \(file) is being read by \(holder); cancel that or wait for its end, then "
                + "delete it"
        case .otherKey(let name):
            "\(name) was encrypted with a key that this server does not have (jobs-key)"
        case .damaged(let name): "\(name) is not as it was written"
        }
    }
}
