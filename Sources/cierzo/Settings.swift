// SPDX-License-Identifier: Apache-2.0

import APIs
import Configuration
import Foundation

/// What went wrong with a configuration, in words that name the key and where it was set.
enum SettingsError: Error, Equatable, CustomStringConvertible {
    case unreadable(path: String, reason: String)
    case unknownKey(String, path: String, line: Int)
    case invalid(key: String, source: String, expected: String, found: String)
    case missing(key: String, hint: String)

    var description: String {
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
struct Settings: Sendable {
    private struct Resolved {
        var value: SettingValue
        var source: String
    }

    private var resolved: [String: Resolved] = [:]

    /// Reads every source and checks every value.
    ///
    /// - Parameters:
    ///   - flags: what the command line set, by key.
    ///   - file: the path of a YAML file, or `nil`.
    ///   - environment: the process's variables; those named `CIERZO_…` count.
    /// - Throws: ``SettingsError`` that names the key and its source.
    init(
        flags: [String: SettingValue], file: String?,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws {
        let flagProvider = InMemoryProvider(values: Self.configValues(flags))
        let environmentProvider = EnvironmentVariablesProvider(environmentVariables: environment)
        let snapshot = try file.map { try Self.readFile($0) }
        for setting in Setting.all {
            let key = AbsoluteConfigKey([setting.key])
            let variable = AbsoluteConfigKey(["cierzo", setting.key])
            if let value = try Self.value(
                of: setting, at: "flag",
                read: { try flagProvider.value(forKey: key, type: $0).value?.content })
            {
                resolved[setting.key] = Resolved(value: value, source: "flag")
            } else if let value = try Self.value(
                of: setting, at: "environment",
                read: { try environmentProvider.value(forKey: variable, type: $0).value?.content })
            {
                resolved[setting.key] = Resolved(value: value, source: "environment")
            } else if let file,
                let value = try Self.value(
                    of: setting, at: file,
                    read: { try snapshot?.value(forKey: key, type: $0).value?.content })
            {
                resolved[setting.key] = Resolved(value: value, source: file)
            } else if let value = setting.defaultValue {
                resolved[setting.key] = Resolved(value: value, source: "default")
            }
        }
    }

    /// The text of an optional key.
    func string(_ key: String) -> String? {
        guard case .string(let value)? = resolved[key]?.value else { return nil }
        return value
    }

    /// The number of an optional key.
    func integer(_ key: String) -> Int? {
        guard case .integer(let value)? = resolved[key]?.value else { return nil }
        return value
    }

    /// The number of a key that has a default.
    func integer(_ key: String, default fallback: Int) -> Int {
        integer(key) ?? fallback
    }

    func boolean(_ key: String) -> Bool {
        resolved[key]?.value == .boolean(true)
    }

    func strings(_ key: String) -> [String] {
        guard case .strings(let values)? = resolved[key]?.value else { return [] }
        return values
    }

    func integers(_ key: String) -> [Int] {
        guard case .integers(let values)? = resolved[key]?.value else { return [] }
        return values
    }

    /// Every key with its value and where the value came from, one per line.
    func listing() -> String {
        let width = Setting.all.map(\.key.count).max() ?? 0
        return Setting.all.map { setting in
            let entry = resolved[setting.key]
            var shown = entry?.value.description ?? setting.defaultText
            if setting.isSecret, case .strings(let values)? = entry?.value, !values.isEmpty {
                shown = "(\(values.count) hidden)"
            }
            let name = setting.key.padding(toLength: width + 1, withPad: " ", startingAt: 0)
            return "\(name) \(shown)  # \(entry?.source ?? "default")"
        }.joined(separator: "\n")
    }

    private static func configValues(
        _ flags: [String: SettingValue]
    ) -> [AbsoluteConfigKey:
        ConfigValue]
    {
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for (key, value) in flags {
            let content: ConfigContent =
                switch value {
                case .string(let text): .string(text)
                case .integer(let number): .int(number)
                case .boolean(let flag): .bool(flag)
                case .strings(let texts): .stringArray(texts)
                case .integers(let numbers): .intArray(numbers)
                }
            values[AbsoluteConfigKey([key])] = ConfigValue(content, isSecret: false)
        }
        return values
    }

    private static func readFile(_ path: String) throws -> YAMLSnapshot {
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw SettingsError.unreadable(path: path, reason: "the file cannot be read")
        }
        let known = Set(Setting.all.map(\.key))
        for (index, line) in String(decoding: data, as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false).enumerated()
        {
            // The file is flat: a key stands at the start of its line.
            guard let first = line.first, first.isLetter, let colon = line.firstIndex(of: ":")
            else { continue }
            let key = String(line[..<colon])
            guard known.contains(key) else {
                throw SettingsError.unknownKey(key, path: path, line: index + 1)
            }
        }
        do {
            return try YAMLSnapshot(
                data: data.bytes, providerName: path, parsingOptions: .default)
        } catch {
            throw SettingsError.unreadable(path: path, reason: "not valid YAML: \(error)")
        }
    }

    private static func value(
        of setting: Setting, at source: String, read: (ConfigType) throws -> ConfigContent?
    ) throws -> SettingValue? {
        func reject(_ expected: String, _ found: String) -> SettingsError {
            .invalid(key: setting.key, source: source, expected: expected, found: found)
        }
        func content(_ type: ConfigType, _ expected: String) throws -> ConfigContent? {
            do {
                return try read(type)
            } catch {
                guard !setting.isSecret, case .string(let text)? = try? read(.string) else {
                    throw reject(expected, "another kind of value")
                }
                throw reject(expected, text)
            }
        }
        switch setting.kind {
        case .string:
            guard case .string(let text)? = try content(.string, "text") else { return nil }
            return .string(text)
        case .choice(let names):
            let expected = "one of " + names.joined(separator: ", ")
            guard case .string(let text)? = try content(.string, expected) else { return nil }
            guard names.contains(text) else { throw reject(expected, text) }
            return .string(text)
        case .integer(let range):
            let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
            guard case .int(let number)? = try content(.int, expected) else { return nil }
            guard range.contains(number) else { throw reject(expected, String(number)) }
            return .integer(number)
        case .boolean:
            guard case .bool(let flag)? = try content(.bool, "true or false") else { return nil }
            return .boolean(flag)
        case .strings:
            guard case .stringArray(let texts)? = try content(.stringArray, "a list of text")
            else { return nil }
            guard setting.key == "api-keys" else { return .strings(texts) }
            do {
                return .strings(try APIKeys.parse(texts))
            } catch {
                throw reject(
                    "keys separated by commas, none of them empty; leave the setting away for none",
                    "\(error)")
            }
        case .integers(let range):
            let expected =
                "a list of whole numbers from \(range.lowerBound) to \(range.upperBound)"
            guard case .intArray(let numbers)? = try content(.intArray, expected)
            else { return nil }
            if let outside = numbers.first(where: { !range.contains($0) }) {
                throw reject(expected, String(outside))
            }
            return .integers(numbers)
        }
    }
}
