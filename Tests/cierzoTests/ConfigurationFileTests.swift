// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Serving
import Testing
import cierzo

@Suite struct ConfigurationFileTests {
    @Test func `config/cierzo.yaml is what serve --print-default-config prints`() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("config/cierzo.yaml")
        #expect(try String(contentsOf: file, encoding: .utf8) == ConfigurationFile.text)
    }

    @Test func `the printed file changes no default`() throws {
        try withConfigurationFile(ConfigurationFile.text) { path in
            let settings = try Settings(flags: [:], file: path, environment: [:])
            for setting in SettingTable.rows {
                #expect(
                    setting.value(in: settings.configuration) == setting.defaultValue,
                    "\(setting.key)")
            }
        }
    }

    @Test func `the printed file stays valid when its examples are taken`() throws {
        let lines = ConfigurationFile.text.split(separator: "\n").map { line in
            let words = line.split(separator: ":", maxSplits: 1)
            let key = words.first.map { String($0.dropFirst(2)) } ?? ""
            // The keys of an entry of models are indented.
            return line.hasPrefix("# ") && SettingTable.row(key) != nil || line.hasPrefix("#   ")
                ? String(line.dropFirst(2)) : String(line)
        }
        try withConfigurationFile(lines.joined(separator: "\n")) { path in
            let settings = try Settings(flags: [:], file: path, environment: [:])
            #expect(
                settings.listing().split(separator: "\n").allSatisfy { $0.hasSuffix("# \(path)") })
            let models = try settings.configuration.validatedModels()
            #expect(
                models.map(\.path) == [
                    "models/smollm2-135m-instruct-8x.json", "models/smollm2-135m-instruct-8x.json",
                ])
            #expect(models[1].aliases == ["tiny"])
            #expect(models[1].temperature == 0.3)
            #expect(models[1].assembly.context == 8192)
        }
    }

    /// The help without the line breaks that depend on the terminal.
    private static let help = Serve.helpMessage().split(whereSeparator: \.isWhitespace)
        .joined(separator: " ")

    @Test(arguments: SettingTable.rows)
    func `serve --help names every flag with its unit, values and default`(_ setting: Setting) {
        let expected =
            switch setting.form {
            case .onOff: "\(setting.flag) \(setting.summary)"
            case .text, .texts: "\(setting.flag) <text> \(setting.summary) \(setting.facts)"
            case .size: "\(setting.flag) <size> \(setting.summary) \(setting.facts)"
            case .choice: "\(setting.flag) <name> \(setting.summary) \(setting.facts)"
            case .number, .numbers:
                "\(setting.flag) <\(setting.unit ?? "number")> \(setting.summary) \(setting.facts)"
            }
        #expect(Self.help.contains(expected))
    }
}
