// SPDX-License-Identifier: Apache-2.0

import Configuration
import Foundation

/// What went wrong with a configuration, in words that name the key and where it was set.
package enum SettingsError: Error, Equatable, CustomStringConvertible {
    /// A file that is not there or no YAML.
    case unreadable(path: String, reason: String)
    /// A key that the table does not have.
    case unknownKey(String, path: String, line: Int)
    /// A value that cannot be used.
    case invalid(key: String, source: String, expected: String, found: String)
    /// A value that is needed and not there.
    case missing(key: String, hint: String)

    /// A file that is no YAML.
    ///
    /// The parser's description goes on with lines of the file, which may hold secrets.
    static func unreadable(path: String, yaml error: any Error) -> SettingsError {
        let lines = "\(error)".split(separator: "\n").prefix { $0 != "Context:" }
        let end = lines.firstIndex { $0.hasSuffix(":") } ?? lines.startIndex
        var problem = lines[...end].joined(separator: ", ")
        if problem.hasSuffix(":") { problem.removeLast() }
        return .unreadable(path: path, reason: "not valid YAML: \(problem)")
    }

    /// One line that names the key.
    package var description: String {
        switch self {
        case .unreadable(let path, let reason):
            "\(path): \(reason)"
        case .unknownKey(let key, let path, let line):
            "\(path):\(line): unknown key '\(key)'; config/cierzo.yaml lists every key"
        case .invalid(let key, let source, let expected, let found):
            "\(key) (from \(source)): expected \(expected), found '\(found)'"
        case .missing(let key, let hint):
            "\(key) is not set: \(hint)"
        }
    }
}

/// The resolved configuration: flag, then environment, then file, then default.
package struct Settings: Sendable {
    /// What the settings decide.
    package private(set) var configuration = ServiceConfiguration()

    /// Where values were set, by key.
    private var origins: [String: String] = [:]

    /// Reads every source and checks every value.
    ///
    /// - Parameters:
    ///   - flags: what the command line set, by key.
    ///   - file: the path of a YAML file, or `nil`.
    ///   - environment: the process's variables; those named `CIERZO_…` count.
    /// - Throws: ``SettingsError`` that names the key and its source.
    package init(
        flags: [String: SettingValue], file: String?,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(SettingsError) {
        let variables = EnvironmentVariablesProvider(environmentVariables: environment)
        let file = try file.map { path throws(SettingsError) in try SettingsFile(path: path) }
        for setting in SettingTable.rows {
            if let value = flags[setting.key] {
                try set(setting, to: value, origin: "flag", source: "flag \(setting.flag)")
            } else if let value = try Self.value(
                of: setting, source: "environment variable \(setting.variable)",
                read: {
                    try variables.value(
                        forKey: AbsoluteConfigKey(["cierzo", setting.key]), type: $0
                    ).value?.content
                })
            {
                try set(
                    setting, to: value, origin: "environment",
                    source: "environment variable \(setting.variable)")
            } else if let file, setting.key == "models", file.models.line != nil {
                configuration.models = try file.models.records()
                origins[setting.key] = file.path
            } else if let file,
                let value = try Self.value(
                    of: setting, source: file.place(of: setting.key),
                    read: { try file.content(of: setting.key, $0) })
            {
                try set(
                    setting, to: value, origin: file.path, source: file.place(of: setting.key))
            }
        }
    }

    /// Every key with its value and where the value came from, one per line.
    package func listing() -> String {
        let width = SettingTable.rows.map(\.key.count).max() ?? 0
        return SettingTable.rows.map { setting in
            let value = setting.value(in: configuration)
            var shown = value?.description ?? "(\(setting.defaultText))"
            if setting.isSecret, case .texts(let values)? = value, !values.isEmpty {
                shown = "(\(values.count) hidden)"
            }
            if setting.key == "models", !configuration.models.isEmpty {
                shown = "[" + configuration.models.map(\.listing).joined(separator: ", ") + "]"
            }
            let name = setting.key.padding(toLength: width + 1, withPad: " ", startingAt: 0)
            return "\(name) \(shown)  # \(origins[setting.key] ?? "default")"
        }.joined(separator: "\n")
    }

    private mutating func set(
        _ setting: Setting, to value: SettingValue, origin: String, source: String
    ) throws(SettingsError) {
        do throws(SettingRejection) {
            try setting.set(value, in: &configuration)
            origins[setting.key] = origin
        } catch {
            throw .invalid(
                key: setting.key, source: source, expected: error.expected, found: error.found)
        }
    }

    /// The value that a source has for a setting, if it has one.
    static func value<Subject>(
        of setting: SettingRow<Subject>, named name: String? = nil, source: String,
        read: (ConfigType) throws -> ConfigContent?
    ) throws(SettingsError) -> SettingValue? {
        let type: ConfigType =
            switch setting.form {
            case .text, .choice, .size: .string
            case .number: .int
            case .onOff: .bool
            case .texts: .stringArray
            case .numbers: .intArray
            }
        let content: ConfigContent?
        do {
            content = try read(type)
        } catch {
            var shown = "another kind of value"
            if !setting.isSecret, case .string(let text)? = try? read(.string) { shown = text }
            throw .invalid(
                key: name ?? setting.key, source: source, expected: setting.expectation,
                found: shown)
        }
        return switch content {
        case .string(let text): .text(text)
        case .int(let number): .number(number)
        case .bool(let isOn): .onOff(isOn)
        case .stringArray(let texts): .texts(texts)
        case .intArray(let numbers): .numbers(numbers)
        default: nil
        }
    }
}

/// A configuration file: flat YAML, of which every key is one of the table's, but for `models`.
private struct SettingsFile {
    let path: String
    /// The entries of `models`, where they are not in one line.
    let models: ModelList
    private let snapshot: YAMLSnapshot
    private let lines: [String: Int]

    init(path: String) throws(SettingsError) {
        self.path = path
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw .unreadable(path: path, reason: "the file cannot be read")
        }
        models = ModelList(of: String(decoding: data, as: UTF8.self), path: path)
        var lines: [String: Int] = [:]
        for (index, line) in models.rest
            .split(separator: "\n", omittingEmptySubsequences: false).enumerated()
        {
            // The file is flat: a key stands at the start of its line.
            guard let first = line.first, first.isLetter, let colon = line.firstIndex(of: ":")
            else { continue }
            let key = String(line[..<colon])
            guard SettingTable.row(key) != nil else {
                throw .unknownKey(key, path: path, line: index + 1)
            }
            lines[key] = index + 1
        }
        self.lines = lines
        do {
            snapshot = try YAMLSnapshot(
                data: Data(models.rest.utf8).bytes, providerName: path, parsingOptions: .default)
        } catch {
            throw .unreadable(path: path, yaml: error)
        }
    }

    func content(of key: String, _ type: ConfigType) throws -> ConfigContent? {
        try snapshot.value(forKey: AbsoluteConfigKey([key]), type: type).value?.content
    }

    /// The file and line of a key.
    func place(of key: String) -> String {
        lines[key].map { "\(path):\($0)" } ?? path
    }
}
