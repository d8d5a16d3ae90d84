// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// Where a command may write its file.
package struct OutputPath: Sendable {
    /// The file.
    package let path: String
    /// Whether a regular file that is there already is replaced.
    package let replaces: Bool
    /// Whether the caller lets people insist on replacing it.
    private let canForce: Bool
    /// The files that are read meanwhile, and are therefore never replaced.
    private let sources: [String]

    /// Names a file to write; `check` says whether it may be written.
    ///
    /// - Parameters:
    ///   - path: of the file.
    ///   - replaces: whether a regular file of that name is replaced.
    ///   - canForce: whether people can insist on that; the error says so.
    ///   - sources: files and folders that are read; of a folder all files count but those that
    ///     Cierzo itself writes into such folders.
    package init(
        _ path: String, replaces: Bool = false, canForce: Bool = true, sources: [String] = []
    ) {
        self.path = path
        self.replaces = replaces
        self.canForce = canForce
        self.sources = sources
    }

    /// The folder in which the file will be.
    var folder: String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        let folder = String(path[..<slash])
        return folder.isEmpty ? "/" : folder
    }

    /// What stands in the way.
    enum Obstacle {
        /// There is such a file.
        case exists
        /// It is one of those that are read.
        case isRead
        /// What is there is no regular file.
        case isNoFile(what: String)
    }

    /// Checks that the file can be written.
    ///
    /// - Throws: an error that says what is in the way, and what to do.
    package func validate() throws(ModelFileError) {
        _ = try check()
    }

    /// Checks that the file can be written.
    ///
    /// - Returns: the status of the file that will be replaced, if there is one.
    /// - Throws: an error that says what is in the way, and what to do.
    func check() throws(ModelFileError) -> stat? {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw .unwritable(path: path, reason: "not the name of a file")
        }
        let name = path.utf8.split(separator: UInt8(ascii: "/")).last.map { String($0) } ?? "/"
        if path.hasSuffix("/") || name == "." || name == ".." {
            throw .unwritable(
                path: path, reason: "this names a folder; name a file in it")
        }
        try checkFolder()
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else {
            if errno == ENOENT { return nil }
            throw failure("cannot create it")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw failure(.isNoFile(what: kind(status)))
        }
        if isRead(status) { throw failure(.isRead) }
        guard replaces else { throw failure(.exists) }
        return status
    }

    private func checkFolder() throws(ModelFileError) {
        var status = stat()
        guard unsafe stat(folder, &status) == 0 else {
            let isMissing = errno == ENOENT
            throw isMissing
                ? .unwritable(
                    path: path, reason: "cannot create it: there is no folder \(folder)")
                : failure("cannot create it")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw .unwritable(
                path: path, reason: "cannot create it: \(folder) is not a folder")
        }
        guard unsafe access(folder, W_OK | X_OK) == 0 else {
            let reason = Self.systemReason
            throw .unwritable(
                path: path,
                reason: "cannot create it: nothing can be written in \(folder): \(reason)")
        }
    }

    private func kind(_ status: stat) -> String {
        switch status.st_mode & S_IFMT {
        case S_IFDIR: return "this is a folder; name a file in it"
        case S_IFLNK:
            let target = (try? FileManager.default.destinationOfSymbolicLink(atPath: path)) ?? "?"
            return "this is a symbolic link to \(target); name the file itself"
        case S_IFCHR, S_IFBLK: return "this is a device, and a file is needed here"
        case S_IFIFO: return "this is a named pipe, and a file is needed here"
        case S_IFSOCK: return "this is a socket, and a file is needed here"
        default: return "this is not a regular file"
        }
    }

    /// Whether a file is one of the sources: the same one, whatever the paths and links to it.
    private func isRead(_ status: stat) -> Bool {
        sources.contains { source in
            var found = stat()
            guard unsafe stat(source, &found) == 0 else { return false }
            if found.st_dev == status.st_dev, found.st_ino == status.st_ino { return true }
            guard found.st_mode & S_IFMT == S_IFDIR else { return false }
            let names = (try? FileManager.default.contentsOfDirectory(atPath: source)) ?? []
            return names.contains { name in
                if name.hasSuffix(".gguf") || name.hasSuffix(".cierzo") { return false }
                return unsafe stat("\(source)/\(name)", &found) == 0
                    && found.st_dev == status.st_dev && found.st_ino == status.st_ino
            }
        }
    }

    /// The error about an obstacle.
    func failure(_ obstacle: Obstacle) -> ModelFileError {
        if case .exists = obstacle, canForce {
            return .refused(path: path, reason: "it exists", unless: .replacing)
        }
        let reason =
            switch obstacle {
            case .exists: "it exists"
            case .isRead: "it is the model to be read"
            case .isNoFile(let what): what
            }
        return .unwritable(path: path, reason: reason)
    }

    /// The error that `errno` tells.
    func failure(_ what: String? = nil) -> ModelFileError {
        .unwritable(path: path, reason: (what.map { $0 + ": " } ?? "") + Self.systemReason)
    }

    private static var systemReason: String {
        switch errno {
        case ENOSPC: return "no space left on the device"
        case EDQUOT: return "the quota of disk space is used up"
        case EFBIG: return "larger than a file may be here"
        case let code:
            guard let text = unsafe strerror(code) else { return "error \(code)" }
            return unsafe String(cString: text)
        }
    }
}
