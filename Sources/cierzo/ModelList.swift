// SPDX-License-Identifier: Apache-2.0

import Configuration
import Foundation

/// The entries of `models` in a configuration file: a list of small YAML documents, each of which has
/// keys of ``ModelTable``.
struct ModelList {
    /// An entry, where it stands, and its text as a document of its own.
    private struct Item {
        let line: Int
        var lines: [String]
    }

    /// Where `models` stands; nil where the file does not have it, or has it in one line.
    let line: Int?

    /// The file without the list, line for line.
    let rest: String

    private let path: String
    private let items: [Item]

    /// Finds the list of a file.
    ///
    /// - Parameters:
    ///   - text: of the file.
    ///   - path: of the file, for errors.
    init(of text: String, path: String) {
        self.path = path
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard
            let start = lines.firstIndex(where: { line in
                guard line.hasPrefix("models:") else { return false }
                let value = line.dropFirst(7).drop { $0 == " " || $0 == "\t" || $0 == "\r" }
                return value.isEmpty || value.hasPrefix("#")
            })
        else {
            line = nil
            rest = text
            items = []
            return
        }
        let following = lines.indices.dropFirst(start + 1)
        let end =
            following.first { index in
                guard let first = lines[index].first else { return false }
                return ![" ", "\t", "-", "#", "\r"].contains(first) || lines[index].hasPrefix("---")
            } ?? lines.endIndex
        items = Self.items(of: lines[start + 1..<end])
        line = start + 1
        for index in start..<end { lines[index] = index == start ? "models: []" : "" }
        rest = lines.joined(separator: "\n")
    }

    /// The entries, each from its dash on; the dash becomes a space.
    private static func items(of lines: ArraySlice<String>) -> [Item] {
        var items: [Item] = []
        var dashIndent: Int?
        for index in lines.indices {
            var line = lines[index]
            let indent = line.prefix { $0 == " " }.count
            let content = line.dropFirst(indent)
            if content.isEmpty || content.hasPrefix("#") { continue }
            let isDash = content == "-" || content.hasPrefix("- ") || content.hasPrefix("-\r")
            if isDash, indent == dashIndent ?? indent {
                dashIndent = indent
                line = String(repeating: " ", count: indent + 1) + content.dropFirst()
                items.append(Item(line: index + 1, lines: [line]))
            } else if !items.isEmpty {
                // Lines without entries keep their places, for errors.
                let missing = index + 1 - items[items.count - 1].line
                while items[items.count - 1].lines.count < missing {
                    items[items.count - 1].lines.append("")
                }
                items[items.count - 1].lines.append(line)
            } else {
                items.append(Item(line: index + 1, lines: [line]))
            }
        }
        return items
    }

    /// The models.
    ///
    /// - Throws: ``SettingsError``, which names the key and its line.
    func records() throws(SettingsError) -> [ModelRecord] {
        var records: [ModelRecord] = []
        for item in items { records.append(try record(of: item, number: records.count)) }
        return records
    }

    private func record(of item: Item, number: Int) throws(SettingsError) -> ModelRecord {
        let indent =
            item.lines.filter { !$0.allSatisfy(\.isWhitespace) }
            .map { $0.prefix { $0 == " " }.count }.min() ?? 0
        let lines = item.lines.map { String($0.dropFirst(indent)) }
        let places = try places(of: lines, from: item.line, number: number)
        // An entry without keys is a model as flags name it.
        if places.isEmpty {
            let text = lines.joined().trimmingCharacters(in: .whitespaces)
            try checkNoBraces(text[...], "models[\(number)]", line: item.line)
            return ModelRecord(text.trimmingCharacters(in: ["\"", "'"]))
        }
        let snapshot: YAMLSnapshot
        do {
            let document = lines.joined(separator: "\n") + "\n"
            snapshot = try YAMLSnapshot(
                data: Data(document.utf8).bytes, providerName: path, parsingOptions: .default)
        } catch {
            throw .unreadable(path: "\(path):\(item.line)", yaml: error)
        }
        var record = ModelRecord()
        for row in ModelTable.rows {
            guard let line = places[row.key] else { continue }
            let (key, source) = ("models[\(number)].\(row.key)", "\(path):\(line)")
            let value = try Settings.value(of: row, named: key, source: source) { type in
                try snapshot.value(
                    forKey: AbsoluteConfigKey(row.key.split(separator: ".").map(String.init)),
                    type: type
                ).value?.content
            }
            guard let value else { continue }
            do throws(SettingRejection) {
                try row.set(value, in: &record)
            } catch {
                throw .invalid(
                    key: key, source: source, expected: error.expected, found: error.found)
            }
        }
        return record
    }

    /// Refuses what is YAML and yet not read here.
    private func checkNoBraces(
        _ value: Substring, _ key: String, line: Int
    ) throws(SettingsError) {
        let text = value.trimmingCharacters(in: .whitespaces)
        guard text.hasPrefix("{") || text.hasPrefix("[") else { return }
        throw .invalid(
            key: key, source: "\(path):\(line)",
            expected: "its keys on lines of their own, without braces", found: text)
    }

    /// The lines of the keys of an entry; those of groups with a dot before them.
    private func places(
        of lines: [String], from first: Int, number: Int
    ) throws(SettingsError) -> [String: Int] {
        var places: [String: Int] = [:]
        var group: String?
        for (offset, line) in lines.enumerated() {
            let isInner = line.hasPrefix(" ")
            let content = line.drop { $0 == " " }
            guard let start = content.first, start.isLetter,
                let colon = content.firstIndex(of: ":"),
                content[content.index(after: colon)...].first.map(\.isWhitespace) ?? true
            else { continue }
            let name = String(content[..<colon])
            let isGroup =
                !isInner && ModelTable.rows.contains { $0.key.hasPrefix(name + ".") }
            if !isInner { group = isGroup ? name : nil }
            if isGroup {
                try checkNoBraces(
                    content[content.index(after: colon)...], "models[\(number)].\(name)",
                    line: first + offset)
                continue
            }
            if isInner, group == nil { continue }
            let key = (isInner ? group.map { $0 + "." } ?? "" : "") + name
            if let reason = ModelTable.refused[name] {
                throw .invalid(
                    key: "models[\(number)].\(key)", source: "\(path):\(first + offset)",
                    expected: reason, found: name)
            }
            guard ModelTable.row(key) != nil else {
                throw .unknownKey("models[\(number)].\(key)", path: path, line: first + offset)
            }
            places[key] = first + offset
        }
        return places
    }
}
