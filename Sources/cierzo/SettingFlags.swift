// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// A flag for every row of the table of settings.
///
/// The argument parser finds the flags of a command by looking at the properties of its type, and so
/// at the mirror of this one, which shows an option for each row. It decodes them by the same names.
package struct SettingFlags: ParsableArguments, CustomReflectable {
    /// What the command line sets, by key.
    package let values: [String: SettingValue]

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// No flags.
    package init() { values = [:] }

    /// The flags that the argument parser has found.
    package init(from decoder: any Decoder) throws {
        values = try Self.values(of: SettingTable.rows, from: decoder)
    }

    /// An option or flag for each row.
    package var customMirror: Mirror { Self.mirror(of: self, showing: SettingTable.rows) }

    /// A mirror that shows an option for each of some rows.
    static func mirror<Arguments>(of arguments: Arguments, showing rows: [Setting]) -> Mirror {
        Mirror(arguments, children: rows.map { (label: $0.key, value: option($0)) })
    }

    /// What the command line sets of some rows, by key.
    static func values(
        of rows: [Setting], from decoder: any Decoder
    ) throws -> [String: SettingValue] {
        let container = try decoder.container(keyedBy: Key.self)
        var values: [String: SettingValue] = [:]
        for setting in rows {
            let key = Key(stringValue: setting.key)
            values[setting.key] =
                switch setting.form {
                case .text, .choice, .size:
                    try container.decodeIfPresent(String.self, forKey: key).map { .text($0) }
                case .number:
                    try container.decodeIfPresent(Int.self, forKey: key).map { .number($0) }
                case .onOff:
                    try container.decodeIfPresent(Bool.self, forKey: key) == true
                        ? .onOff(true) : nil
                case .texts:
                    try container.decodeIfPresent([String].self, forKey: key)
                        .flatMap { $0.isEmpty ? nil : .texts(parts(of: $0, for: setting)) }
                case .numbers:
                    try container.decodeIfPresent([Int].self, forKey: key)
                        .flatMap { $0.isEmpty ? nil : .numbers($0) }
                }
        }
        return values
    }

    /// The texts of a list, between which commas may stand as they do in the environment.
    private static func parts(of texts: [String], for setting: Setting) -> [String] {
        // Keys are taken apart where they are checked, for none of them may be empty.
        if setting.isSecret { return texts }
        return texts.flatMap { $0.split(separator: ",").map(String.init) }
    }

    private static func option(_ setting: Setting) -> Any {
        let name = NameSpecification.customLong(setting.key)
        let isFlag = setting.form == .onOff
        let help = ArgumentHelp(
            isFlag ? setting.summary : setting.summary + " " + setting.facts,
            valueName: setting.unit ?? valueName(setting.form))
        return switch setting.form {
        case .text, .choice, .size: Option<String?>(name: name, help: help)
        case .number: Option<Int?>(name: name, help: help)
        case .onOff: Flag<Bool>(wrappedValue: false, name: name, help: help)
        case .texts:
            Option<[String]>(
                wrappedValue: [], name: name, parsing: .upToNextOption, help: help)
        case .numbers:
            Option<[Int]>(wrappedValue: [], name: name, parsing: .upToNextOption, help: help)
        }
    }

    private static func valueName(_ form: SettingForm) -> String {
        switch form {
        case .text, .texts: "text"
        case .number, .numbers: "number"
        case .choice: "name"
        case .size: "size"
        case .onOff: ""
        }
    }
}
