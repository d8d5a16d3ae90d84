// SPDX-License-Identifier: Apache-2.0

import Computation
import Foundation
import JSON

/// What tells whether the files that a packed file was made from are still the same.
package struct SourceFingerprint: Sendable, Equatable {
    /// The GGUF file or folder that was packed, an absolute path.
    package var path: String
    /// Its files.
    package var files: [File]

    /// One file.
    package struct File: Sendable, Equatable {
        /// An absolute path.
        package var path: String
        /// How many bytes it has.
        package var byteCount: Int
        /// When it was last written, in whole seconds since 1970, for archives keep no more.
        package var modificationTime: Int
        /// XXH64 of its first MiB and, of what follows, the last 64 KiB.
        package var digest: UInt64
    }

    private static let headByteCount = 1 << 20
    private static let tailByteCount = 1 << 16

    init(path: String, files: [File]) {
        self.path = path
        self.files = files
    }

    /// Takes the fingerprint of some files.
    ///
    /// - Throws: if one of them cannot be read.
    package init(path: String, files paths: [String]) throws(ModelFileError) {
        self.path = Self.absolute(path)
        files = []
        for path in paths {
            let path = Self.absolute(path)
            guard let file = try Self.fingerprint(path) else {
                throw .unreadable(path: path, reason: "no such file or folder")
            }
            files.append(file)
        }
    }

    /// Reads a fingerprint out of a packed file's header.
    init(_ value: JSONValue?, path: String) throws(ModelFileError) {
        let key = "source"
        guard let object = value?.objectValue else {
            throw .metadata(path: path, key: key, problem: "missing, or not an object")
        }
        let fields = ConfigurationFields(object, path: path, prefix: key + ".")
        self.path = try fields.string("path")
        files = try fields.list(object["files"], "files", limit: PackedHeader.Limits.fileCount).map
        {
            file throws(ModelFileError) in
            File(
                path: try file.string("path"),
                byteCount: try file.integer("byte_count", in: 0...Int.max),
                // Far beyond any clock, and near enough that a difference of two is no overflow.
                modificationTime: try file.integer("modified", in: -(1 << 53)...(1 << 53)),
                digest: try file.checksum("digest"))
        }
    }

    /// What has changed since the fingerprint was taken, in words that name the file, or nil.
    ///
    /// Files that are gone have not changed: a packed file is complete without them.
    package func change() -> String? {
        for old in files {
            guard let new = try? Self.fingerprint(old.path), new != old else { continue }
            let name = printable(old.path)
            if new.byteCount != old.byteCount {
                return "\(name) had \(old.byteCount) bytes then and has \(new.byteCount) now"
            }
            if new.digest != old.digest { return "\(name) has other contents now" }
            return "\(name) has been written since, "
                + "\(new.modificationTime - old.modificationTime) s after the version packed"
        }
        return nil
    }

    private static func absolute(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path
    }

    /// The fingerprint of the file at `path`; nil: there is none.
    private static func fingerprint(_ path: String) throws(ModelFileError) -> File? {
        let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: target),
            let date = attributes[.modificationDate] as? Date
        else { return nil }
        let file = try openRegularFile(path)
        var checksum = XXH64()
        do {
            checksum.update(try file.bytes(at: 0, count: min(headByteCount, file.byteCount)))
            if file.byteCount > headByteCount {
                let start = max(headByteCount, file.byteCount - tailByteCount)
                checksum.update(try file.bytes(at: start, count: file.byteCount - start))
            }
            return File(
                path: path, byteCount: file.byteCount,
                modificationTime: Int(date.timeIntervalSince1970.rounded(.down)),
                digest: checksum.digest)
        } catch {
            throw .unreadable(path: path, reason: "\(error)")
        }
    }
}
