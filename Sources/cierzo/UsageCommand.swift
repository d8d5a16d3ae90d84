// SPDX-License-Identifier: Apache-2.0

import Access
import ArgumentParser
import Console
import Foundation
import JSON

/// `cierzo usage`.
struct UsageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "usage",
        abstract: "Show what each key has consumed.",
        discussion: """
            Reads the file of a server's `usage-file`, which may be running: a row for each key, \
            model, family and hour, put together by days unless --by says otherwise. Answers with \
            CSV, or with JSON. Times are UTC.

              cierzo usage --usage-file usage.sqlite --from 2026-11-01 --by month
              cierzo usage --usage-file usage.sqlite --key team-a --json

            CIERZO_USAGE_FILE stands for --usage-file.
            """)

    @Option(
        help: ArgumentHelp(
            "The file. Default: the variable CIERZO_USAGE_FILE.", valueName: "file"))
    var usageFile: String?
    @Option(help: ArgumentHelp("The first day, such as 2026-11-01.", valueName: "time"))
    var from: String?
    @Option(help: ArgumentHelp("The first day after it.", valueName: "time")) var to: String?
    @Option(help: "The name or the id of the only key.") var key: String?
    @Option(help: "The only model.") var model: String?
    @Option(
        help: ArgumentHelp(
            "What becomes one row: \(UsageSelection.Grouping.expectation).", valueName: "time"))
    var by = "day"
    @Flag(help: "One JSON array on stdout.") var json = false

    func run() throws {
        do {
            let variable = ProcessInfo.processInfo.environment["CIERZO_USAGE_FILE"]
            guard let path = usageFile ?? variable, !path.isEmpty else {
                throw SettingsError.missing(
                    key: "usage-file", hint: "give --usage-file FILE, or CIERZO_USAGE_FILE")
            }
            let rows = try UsageLedger.rows(try selection(), inFile: path)
            if json {
                return try printLine(JSONValue.array(rows.map(\.json)).serialized(.pretty))
            }
            try StandardOutput.write(UsageRow.csv(rows))
        } catch {
            throw failure(error)
        }
    }

    private func selection() throws -> UsageSelection {
        var selection = UsageSelection()
        if let from { selection.start = try KeyTime.date(from, what: "from") }
        if let to { selection.end = try KeyTime.date(to, what: "to") }
        selection.key = key
        selection.model = model
        guard let grouping = UsageSelection.Grouping(rawValue: by) else {
            throw AccessError.wrong(
                what: "by", expected: UsageSelection.Grouping.expectation, found: by)
        }
        selection.grouping = grouping
        selection.limit = .max
        return selection
    }
}
