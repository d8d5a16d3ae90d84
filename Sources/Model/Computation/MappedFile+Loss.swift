// SPDX-License-Identifier: Apache-2.0

internal import CFiles
internal import Glibc

extension MappedFile {
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
struct FileIdentity: Equatable {
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
