// SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON
import ModelFiles

/// A file of a tokenizer on disk, read as a whole.
struct TokenizerFile {
    /// Its path, for messages.
    let path: String

    /// Its content.
    let bytes: [UInt8]

    /// Reads a regular file of bounded size.
    init(path: String) throws(TokenizerError) {
        self.path = path
        let url = URL(fileURLWithPath: path).resolvingSymlinksInPath()
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: url.path) else {
            throw .unreadable(path: path, reason: "no such file, or no permission")
        }
        guard attributes[.type] as? FileAttributeType == .typeRegular else {
            throw .unreadable(path: path, reason: "not a regular file")
        }
        let size = (attributes[.size] as? NSNumber)?.intValue ?? 0
        guard size <= VocabularyLimits.fileByteCount else {
            throw .unreadable(
                path: path,
                reason: "\(size) bytes, more than \(VocabularyLimits.fileByteCount)")
        }
        guard let data = FileManager.default.contents(atPath: url.path) else {
            throw .unreadable(path: path, reason: "it cannot be opened")
        }
        guard !isGitLFSPointer(data.prefix(64)) else {
            throw .unreadable(path: path, reason: gitLFSAdvice)
        }
        bytes = Array(data)
    }

    /// Reads a file of a model's folder.
    init(_ name: String, in folder: ModelFolder) throws(TokenizerError) {
        guard let content = folder.embedded?[name] else {
            try self.init(path: folder.path(of: name))
            return
        }
        self.init(path: folder.path(of: name), bytes: content)
    }

    private init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
    }

    /// What is at a path, symbolic links followed.
    static func type(of path: String) -> FileAttributeType? {
        let url = URL(fileURLWithPath: path).resolvingSymlinksInPath()
        let attributes = try? FileManager.default.attributesOfItem(atPath: url.path)
        return attributes?[.type] as? FileAttributeType
    }

    /// Whether a regular file begins as GGUF files do.
    static func isGGUF(_ path: String) -> Bool {
        guard type(of: path) == .typeRegular, let handle = FileHandle(forReadingAtPath: path)
        else { return false }
        defer { try? handle.close() }
        return (try? handle.read(upToCount: 4)) == Data("GGUF".utf8)
    }

    /// The JSON value in a file's content.
    static func json(_ bytes: [UInt8], path: String) throws(TokenizerError) -> JSONValue {
        let limits = JSONParser.Limits(
            maxBytes: VocabularyLimits.fileByteCount, maxDepth: 64, maxValues: 4_000_000)
        do {
            return try JSONParser.parse(bytes, limits: limits)
        } catch {
            throw .malformed(file: path, field: "content", reason: "\(error)")
        }
    }
}
