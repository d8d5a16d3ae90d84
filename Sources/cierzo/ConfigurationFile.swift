// SPDX-License-Identifier: Apache-2.0

/// The configuration file with every key at its default: `config/cierzo.yaml`.
package enum ConfigurationFile {
    private static let lineLength = 100

    /// The text of the file.
    package static var text: String {
        let introduction = """
            Every key that `cierzo serve` knows, with its unit, range and default. Each is also a \
            flag (--max-queue) and an environment variable (CIERZO_MAX_QUEUE). A flag wins over the \
            environment, the environment over this file, this file over the default; \
            `cierzo serve --print-config` shows the result and where each value came from. A key \
            that is not listed here is an error. This file is the answer of \
            `cierzo serve --print-default-config`.
            """
        return ([comment(introduction)] + SettingTable.rows.map(entry)).joined(separator: "\n")
    }

    private static func entry(_ setting: Setting) -> String {
        let words = setting.summary + " " + setting.details
        if setting.key == "models" {
            return comment(words) + comment(setting.facts) + modelsExample
        }
        let line =
            if let example = setting.example {
                "# \(setting.key): \(example)"
            } else {
                "\(setting.key): \(setting.defaultText)"
            }
        return comment(words) + comment(setting.facts) + line + "\n"
    }

    /// An entry of `models` with every key, as a comment that stays valid YAML without its `#`.
    private static var modelsExample: String {
        var lines = ["models:"]
        var group: Substring?
        for row in ModelTable.rows {
            let parts = row.key.split(separator: ".")
            if parts.count > 1, parts.first != group { lines.append("    \(parts[0]):") }
            group = parts.count > 1 ? parts.first : nil
            let indent = String(repeating: " ", count: parts.count > 1 ? 6 : 4)
            let isFirst = lines.count == 1
            let words = row.summary + (row.facts.hasPrefix("Default: as") ? "" : " " + row.facts)
            lines += comment(words).split(separator: "\n").map { indent + $0 }
            lines.append(
                (isFirst ? "  - " : indent) + "\(parts.last ?? ""): "
                    + "\(row.example ?? row.defaultText)")
        }
        return lines.map { "# \($0)\n" }.joined() + "\n"
    }

    /// Lines of comment, none longer than a line should be.
    private static func comment(_ text: String) -> String {
        var lines: [String] = []
        var line = "#"
        for word in text.split(separator: " ") {
            if line.count + 1 + word.count > lineLength {
                lines.append(line)
                line = "#"
            }
            line += " " + word
        }
        lines.append(line)
        return lines.map { $0 + "\n" }.joined()
    }
}
