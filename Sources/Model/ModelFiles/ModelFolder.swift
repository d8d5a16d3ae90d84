// SPDX-License-Identifier: Apache-2.0

import Computation
import Foundation
import JSON

/// The small files that come with a model's weights, such as `config.json` and `tokenizer.json`: in
/// a folder, or embedded in a packed file.
package struct ModelFolder: Sendable {
    /// The folder, or the packed file.
    package let path: String
    /// The contents by name, for a packed file.
    package let embedded: [String: [UInt8]]?

    /// The folder at `path`.
    package init(path: String) {
        self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        embedded = nil
    }

    init(path: String, embedded: [String: [UInt8]]) {
        self.path = path
        self.embedded = embedded
    }

    /// The names of the files, sorted.
    package var names: [String] {
        if let embedded { return embedded.keys.sorted() }
        return ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }

    /// The chat templates beside the default one, `additional_chat_templates/NAME.jinja`, by name.
    package var additionalTemplates: [(name: String, file: String)] {
        let folder = "additional_chat_templates"
        let ending = ".jinja"
        let files =
            embedded.map { $0.keys.filter { $0.hasPrefix(folder + "/") } }
            ?? ((try? FileManager.default.contentsOfDirectory(atPath: path(of: folder))) ?? [])
            .map { "\(folder)/\($0)" }
        return files.filter { $0.hasSuffix(ending) }.sorted().map { file in
            (String(file.dropFirst(folder.utf8.count + 1).dropLast(ending.utf8.count)), file)
        }
    }

    /// Whether there is a file of this name.
    package func contains(_ name: String) -> Bool {
        embedded.map { $0[name] != nil }
            ?? FileManager.default.fileExists(atPath: self.path(of: name))
    }

    /// Where a file is, also for error messages.
    package func path(of name: String) -> String { "\(path)/\(name)" }

    /// The content of a file.
    package func contents(of name: String, maxBytes: Int) throws(ModelFileError) -> [UInt8] {
        let path = path(of: name)
        if let embedded {
            guard let bytes = embedded[name] else {
                throw .unreadable(path: path, reason: "no such file or folder")
            }
            return bytes
        }
        let file = try openRegularFile(path)
        guard file.byteCount <= maxBytes else {
            throw .unrecognised(
                path: path, reason: "\(file.byteCount) bytes, more than the limit of \(maxBytes)")
        }
        return file.contents()
    }

    /// The JSON object in a file.
    func jsonObject(_ name: String, maxBytes: Int) throws(ModelFileError) -> JSONObject {
        try parseJSONObject(contents(of: name, maxBytes: maxBytes), path: path(of: name))
    }
}
