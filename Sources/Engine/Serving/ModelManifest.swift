// SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON
import ModelFiles

/// What is known of a model beyond its weights: `models/*.json`.
package struct ModelManifest: Sendable, Equatable {
    /// A manifest that cannot be used, in words that name the file and the key.
    package enum Failure: Error, Equatable, CustomStringConvertible {
        /// The file cannot be read, or is no manifest.
        case unreadable(path: String, reason: String)

        /// A key is missing or has another type.
        case invalid(path: String, key: String, expected: String)

        /// One line that names the file and the key.
        package var description: String {
            switch self {
            case .unreadable(let path, let reason): "\(path): \(reason)"
            case .invalid(let path, let key, let expected):
                "\(path): '\(key)' must be \(expected)"
            }
        }
    }

    /// The name under which clients ask for the model.
    package var name: String

    /// Further names.
    package var aliases: [String]

    /// One line about the model.
    package var description: String

    /// A GGUF file or a directory, resolved against the manifest's own folder.
    package var weights: String

    /// `template` or the name of a Mistral format.
    package var promptFormat: String

    /// The name of an answer format; nil to find it out.
    package var answerFormat: String?

    /// The temperature where a request says none; nil if the manifest says none either.
    package var defaultTemperature: Double?

    /// What the model can do, by the names of Mistral's model cards.
    package var capabilities: [String: Bool]

    /// The text that it was read from.
    package var bytes: [UInt8]

    /// Reads `path`.
    ///
    /// - Throws: ``Failure``.
    package init(path: String) throws {
        let bytes: [UInt8]
        do {
            bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            throw Failure.unreadable(path: path, reason: "the file cannot be read")
        }
        try self.init(bytes, path: path)
    }

    /// Reads the content of the file at `path`, or of one that was packed into it.
    ///
    /// - Throws: ``Failure``.
    package init(_ bytes: [UInt8], path: String) throws {
        self.bytes = bytes
        guard !isGitLFSPointer(bytes) else {
            throw Failure.unreadable(path: path, reason: gitLFSAdvice)
        }
        let value: JSONValue
        do {
            value = try JSONParser.parse(bytes)
        } catch {
            throw Failure.unreadable(path: path, reason: "not a manifest: \(error)")
        }
        func text(_ key: String) throws -> String {
            guard let text = value[key]?.stringValue, !text.isEmpty else {
                throw Failure.invalid(path: path, key: key, expected: "text")
            }
            return text
        }
        name = try text("name")
        aliases = value["aliases"]?.arrayValue?.compactMap(\.stringValue) ?? []
        description = value["description"]?.stringValue ?? name
        promptFormat = try text("prompt_format")
        answerFormat = value["answer_format"] == nil ? nil : try text("answer_format")
        defaultTemperature = value["default_temperature"]?.doubleValue
        capabilities = [:]
        if let listed = value["capabilities"]?.objectValue {
            for (key, value) in listed {
                guard let flag = value.boolValue else {
                    throw Failure.invalid(
                        path: path, key: "capabilities.\(key)", expected: "true or false")
                }
                capabilities[key] = flag
            }
        }
        let relative = try text("weights")
        weights =
            relative.hasPrefix("/")
            ? relative
            : URL(fileURLWithPath: path).deletingLastPathComponent()
                .appendingPathComponent(relative).path
    }
}
