// SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON
import ModelFiles

/// What is known of a model beyond its weights: `models/*.json`.
struct ModelManifest: Sendable, Equatable {
    /// A manifest that cannot be used, in words that name the file and the key.
    enum Failure: Error, Equatable, CustomStringConvertible {
        case unreadable(path: String, reason: String)
        case invalid(path: String, key: String, expected: String)

        var description: String {
            switch self {
            case .unreadable(let path, let reason): "\(path): \(reason)"
            case .invalid(let path, let key, let expected):
                "\(path): '\(key)' must be \(expected)"
            }
        }
    }

    var name: String
    var aliases: [String]
    var description: String
    /// A GGUF file or a directory, resolved against the manifest's own folder.
    var weights: String
    /// `template` or the name of a Mistral format.
    var promptFormat: String
    var defaultTemperature: Double?
    var capabilities: [String: Bool]
    /// The text that it was read from.
    var bytes: [UInt8]

    /// Reads `path`.
    ///
    /// - Throws: ``Failure``.
    init(path: String) throws {
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
    init(_ bytes: [UInt8], path: String) throws {
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
