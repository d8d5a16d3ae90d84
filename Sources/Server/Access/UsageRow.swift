// SPDX-License-Identifier: Apache-2.0

package import JSON

/// Which rows of usage are wanted, and how they are put together.
package struct UsageSelection: Hashable, Sendable {
    /// What becomes one row.
    package enum Grouping: String, CaseIterable, Sendable {
        /// An hour.
        case hour

        /// A day of UTC.
        case day

        /// A month of UTC.
        case month

        /// All of it.
        case total

        /// Their names.
        package static let expectation =
            "one of " + allCases.map(\.rawValue).joined(separator: ", ")

        /// When the row of an hour begins, in SQL.
        var start: String {
            switch self {
            case .hour: "hour * 3600"
            case .day: "hour / 24 * 86400"
            case .month:
                "CAST(strftime('%s', hour * 3600, 'unixepoch', 'start of month') AS INTEGER)"
            case .total: "0"
            }
        }
    }

    /// The first second, in seconds since 1970.
    package var start = 0

    /// The first second after it.
    package var end = Int(Int32.max) * 1000

    /// The name or id of the only key; nil for all.
    package var key: String?

    /// The only model; nil for all.
    package var model: String?

    /// What becomes one row.
    package var grouping = Grouping.day

    /// The most rows.
    package var limit = 100_000

    /// All rows, by days.
    package init() {}
}

/// What somebody has consumed in some time.
package struct UsageRow: Hashable, Sendable {
    /// Who, of which model, by which family.
    package let subject: UsageLedger.Subject

    /// When that time begins, in seconds since 1970; 0 for all time.
    package let start: Int

    /// What was counted.
    package let counts: UsageLedger.Counts

    /// A row.
    package init(subject: UsageLedger.Subject, start: Int, counts: UsageLedger.Counts) {
        self.subject = subject
        self.start = start
        self.counts = counts
    }

    /// The members of an object.
    package var json: JSONValue {
        var members: [(String, JSONValue)] = [
            ("key", .string(subject.key)), ("name", .string(subject.name)),
            ("model", .string(subject.model)), ("family", .string(subject.family)),
            ("start", .integer(start)),
        ]
        for field in UsageLedger.Counts.fields {
            members.append((field.name, .integer(counts[keyPath: field.path])))
        }
        return .object(JSONObject(members))
    }

    /// Rows as CSV (RFC 4180), with a line of names.
    package static func csv(_ rows: [UsageRow]) -> String {
        let names =
            ["key", "name", "model", "family", "start"] + UsageLedger.Counts.fields.map(\.name)
        let lines = rows.map { row in
            let texts = [
                row.subject.key, row.subject.name, row.subject.model, row.subject.family,
            ].map(quoted)
            let numbers =
                [row.start] + UsageLedger.Counts.fields.map { row.counts[keyPath: $0.path] }
            return (texts + numbers.map(String.init)).joined(separator: ",")
        }
        return ([names.joined(separator: ",")] + lines).map { $0 + "\r\n" }.joined()
    }

    private static func quoted(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { byte in
            byte > 0x20 && byte != UInt8(ascii: ",") && byte != UInt8(ascii: "\"")
        }
        if isPlain { return text }
        return "\""
            + text.split(separator: "\"", omittingEmptySubsequences: false)
            .joined(separator: "\"\"") + "\""
    }
}
