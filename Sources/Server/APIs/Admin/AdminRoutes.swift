// SPDX-License-Identifier: Apache-2.0

import Access
import HTTP
import HTTPTypes
import JSON

extension RouteGroup {
    /// What tells of all keys, to those that are for it.
    static let admin = RouteGroup(
        for: .admin,
        .later("/v1/admin/usage", isListed: false, contract: .usage, answer: AdminRoutes.usage))
}

private enum AdminRoutes {
    /// `GET /v1/admin/usage`: what everybody has consumed, as JSON or as CSV.
    static func usage(_ context: RequestContext) async throws(APIError) -> ServerResponse {
        guard let ledger = context.backend.access?.usage else {
            throw .itemNotFound("usage (the server's setting 'usage-file' names no file)")
        }
        let (selection, isCSV) = try selection(context)
        let rows: [UsageRow]
        do throws(AccessError) {
            rows = try await ledger.rows(selection)
        } catch {
            throw .failed(reason: "The usage cannot be read.")
        }
        if isCSV {
            return ServerResponse(
                status: .ok, contentType: "text/csv; charset=utf-8",
                body: Array(UsageRow.csv(rows).utf8))
        }
        return ServerResponse(json: [
            "object": "list", "data": .array(rows.map(\.json)),
            "has_more": .bool(rows.count == selection.limit),
        ])
    }

    /// What stands after the `?`: `start` and `end` in seconds since 1970, `key`, `model`, `group`,
    /// `limit`, and `format`.
    private static func selection(
        _ context: RequestContext
    ) throws(APIError) -> (UsageSelection, isCSV: Bool) {
        var selection = UsageSelection()
        var isCSV = false
        for part in context.query.split(separator: "&") {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2, let value = PercentEncoding.decoded(pair[1]) else {
                throw .invalid(FieldPath(EchoableText.of(String(part))), expected: "NAME=VALUE")
            }
            func number(_ range: ClosedRange<Int>) throws(APIError) -> Int {
                guard let number = Int(value), range.contains(number) else {
                    throw .invalid(
                        FieldPath(String(pair[0])),
                        expected: "a whole number from \(range.lowerBound) to \(range.upperBound)")
                }
                return number
            }
            switch pair[0] {
            case "start": selection.start = try number(0...Int(Int32.max) * 1000)
            case "end": selection.end = try number(0...Int(Int32.max) * 1000)
            case "limit": selection.limit = try number(1...100_000)
            case "key": selection.key = value
            case "model": selection.model = value
            case "group":
                guard let grouping = UsageSelection.Grouping(rawValue: value) else {
                    throw .invalid("group", expected: UsageSelection.Grouping.expectation)
                }
                selection.grouping = grouping
            case "format":
                guard ["csv", "json"].contains(value) else {
                    throw .invalid("format", expected: "csv or json")
                }
                isCSV = value == "csv"
            default:
                throw .invalid(
                    FieldPath(EchoableText.of(String(pair[0]))),
                    expected: "start, end, key, model, group, limit or format")
            }
        }
        return (selection, isCSV)
    }
}

extension EndpointContract {
    /// `GET /v1/admin/usage`.
    static let usage: EndpointContract = {
        var contract = EndpointContract(
            "What each key has consumed.",
            gives: .object {
                FieldDeclaration("object", .choice(["list"]), "The kind of the answer.").required
                FieldDeclaration("data", .array(of: row), "What was counted.").required
                FieldDeclaration("has_more", .boolean, "Whether there are more rows.").required
            })
        contract.needsUsage = true
        return contract
    }()

    private static let row = FieldKind.object {
        FieldDeclaration("key", .string(), "The key's id.").required
        FieldDeclaration("name", .string(), "The key's name.").required
        FieldDeclaration("model", .string(), "The model.").required
        FieldDeclaration("family", .string(), "The family of the API.").required
        FieldDeclaration("start", AnswerMembers.count, "When the time begins, in Unix seconds.")
            .required
        UsageLedger.Counts.fields.map {
            FieldDeclaration($0.name, AnswerMembers.count, "How many.").required
        }
    }
}
