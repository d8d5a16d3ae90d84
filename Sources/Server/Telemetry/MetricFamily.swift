// SPDX-License-Identifier: Apache-2.0

/// The labels of a series, sorted by name, with names that Prometheus allows.
struct SeriesLabels: Hashable, Sendable {
    let pairs: [Pair]

    struct Pair: Hashable, Sendable {
        let name: String
        let value: String
    }

    /// Reads the dimensions of swift-metrics; of equal names the last wins.
    init(_ dimensions: [(String, String)]) {
        var values: [String: String] = [:]
        for (name, value) in dimensions { values[MetricName.label(name)] = value }
        pairs = values.map { Pair(name: $0.key, value: $0.value) }.sorted { $0.name < $1.name }
    }

    private init(pairs: [Pair]) { self.pairs = pairs }

    /// The same names, every value replaced: where series beyond the limit are counted.
    var overflow: SeriesLabels {
        SeriesLabels(pairs: pairs.map { Pair(name: $0.name, value: "other") })
    }

    /// `{name="value",…}` with another label at the end, or nothing if there is none.
    func text(adding extra: (name: String, value: String)? = nil) -> String {
        var parts = pairs.map { "\($0.name)=\"\(Self.escaped($0.value))\"" }
        if let extra { parts.append("\(extra.name)=\"\(Self.escaped(extra.value))\"") }
        return parts.isEmpty ? "" : "{" + parts.joined(separator: ",") + "}"
    }

    private static func escaped(_ value: String) -> String {
        var text = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}

/// Makes names that Prometheus allows.
enum MetricName {
    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`; every other character becomes `_`.
    static func metric(_ label: String) -> String { sanitized(label, allowsColon: true) }

    /// `[a-zA-Z_][a-zA-Z0-9_]*`.
    static func label(_ name: String) -> String { sanitized(name, allowsColon: false) }

    private static func sanitized(_ name: String, allowsColon: Bool) -> String {
        var text = ""
        for scalar in name.unicodeScalars {
            let isDigit = scalar >= "0" && scalar <= "9"
            let isLetter =
                (scalar >= "a" && scalar <= "z") || (scalar >= "A" && scalar <= "Z")
                || scalar == "_" || (allowsColon && scalar == ":")
            if isDigit, text.isEmpty { text += "_" }
            if isDigit || isLetter { text.unicodeScalars.append(scalar) } else { text += "_" }
        }
        return text.isEmpty ? "_" : text
    }
}
