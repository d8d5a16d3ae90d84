// SPDX-License-Identifier: Apache-2.0

import cierzo

/// A value for any setting that differs from its default, as each source spells it.
struct SettingSample {
    let setting: Setting
    let value: SettingValue

    static let all = SettingTable.rows.map(SettingSample.init)

    init(_ setting: Setting) {
        self.setting = setting
        value =
            switch setting.form {
            case .text: .text("sample")
            case .size: .text("12GiB")
            case .number(let range, _): .number(range.upperBound)
            case .onOff: .onOff(true)
            case .texts: .texts(["https://one.example", "https://two.example"])
            case .numbers(let range): .numbers([range.lowerBound, range.upperBound])
            case .choice(let names):
                .text(
                    names.last { setting.defaultValue != .text($0) } ?? "")
            }
    }

    /// The arguments of the command line.
    var arguments: [String] {
        switch value {
        case .text(let text): [setting.flag, text]
        case .number(let number): [setting.flag, String(number)]
        case .onOff: [setting.flag]
        case .texts(let texts): [setting.flag] + texts
        case .numbers(let numbers): [setting.flag] + numbers.map(String.init)
        }
    }

    /// The variable of the environment.
    var environment: [String: String] {
        let text =
            switch value {
            case .texts(let texts): texts.joined(separator: ",")
            case .numbers(let numbers): numbers.map(String.init).joined(separator: ",")
            default: "\(value)"
            }
        return [setting.variable: text]
    }

    /// The line of the file.
    var line: String { "\(setting.key): \(value)\n" }
}
