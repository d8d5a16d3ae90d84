// SPDX-License-Identifier: Apache-2.0

import Computation
import Foundation
import JSON

/// Whether there is a folder at `path`, reached through links or not.
///
/// - Throws: if there is nothing at all.
func isFolder(_ path: String) throws(ModelFileError) -> Bool {
    try fileType(path) == .typeDirectory
}

private func fileType(_ path: String) throws(ModelFileError) -> FileAttributeType {
    guard !path.isEmpty, !path.contains("\0") else {
        throw .unreadable(path: path, reason: "not a path")
    }
    let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    guard let attributes = try? FileManager.default.attributesOfItem(atPath: target),
        let type = attributes[.type] as? FileAttributeType
    else {
        throw .unreadable(path: path, reason: "no such file or folder")
    }
    return type
}

/// What a clone without Git LFS has in place of a large file begins like this.
private let gitLFSPrefix = Array("version https://git-lfs".utf8)

/// What to say of such a file.
package let gitLFSAdvice =
    "this is a git-lfs pointer, not the file itself; fetch it with `git lfs pull`"

/// Whether bytes are the beginning of a pointer that Git LFS left in place of a file.
package func isGitLFSPointer(_ bytes: some Collection<UInt8>) -> Bool {
    bytes.starts(with: gitLFSPrefix)
}

/// Maps the regular file at `path`, or says in plain words why it cannot.
func openRegularFile(_ path: String) throws(ModelFileError) -> MappedFile {
    guard try !isFolder(path) else {
        throw .unreadable(path: path, reason: "a file is needed here, but this is a folder")
    }
    guard try fileType(path) == .typeRegular else {
        throw .unreadable(path: path, reason: "not a regular file")
    }
    let file: MappedFile
    do {
        file = try MappedFile(path: path)
    } catch {
        throw .unreadable(path: path, reason: "\(error)")
    }
    guard file.byteCount > 0 else {
        throw .unrecognised(path: path, reason: "the file is empty")
    }
    guard !file.hasPrefix(gitLFSPrefix) else {
        throw .unrecognised(path: path, reason: gitLFSAdvice)
    }
    return file
}

/// Reads the JSON object in `bytes`, which come from the file at `path`.
func parseJSONObject(_ bytes: [UInt8], path: String) throws(ModelFileError) -> JSONObject {
    let value: JSONValue
    do {
        value = try JSONParser.parse(bytes, limits: .init(maxValues: 2_000_000))
    } catch {
        throw .unrecognised(path: path, reason: "not valid JSON: \(error)")
    }
    guard let object = value.objectValue else {
        throw .unrecognised(path: path, reason: "expected a JSON object at the top")
    }
    return object
}
