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

    private static func selection(
        _ context: RequestContext
    ) throws(APIError) -> (UsageSelection, isCSV: Bool) {
        let query = try context.queryFields(UsageFields.list)
        return try APIError.reading { () throws(FieldError) in
            // Whoever misspells what is to be left out would take what is told for the whole.
            try FieldReader.refuseOthers(in: context.query, than: UsageFields.list)
            var selection = UsageSelection()
            selection.start = try query.read(UsageFields.start) ?? selection.start
            selection.end = try query.read(UsageFields.end) ?? selection.end
            selection.limit = try query.read(UsageFields.limit)
            selection.key = try query.read(UsageFields.key)
            selection.model = try query.read(UsageFields.model)
            selection.grouping = .init(rawValue: try query.read(UsageFields.group)) ?? .day
            return (selection, try query.read(UsageFields.format) == "csv")
        }
    }
}

/// What stands after the `?` of `/v1/admin/usage`.
enum UsageFields {
    private static let times = 0...Int(Int32.max) * 1000
    private static let defaults = UsageSelection()

    static let start = Field.integer("start", in: times, "The first second, since 1970.")
    static let end = Field.integer("end", in: times, "The first second after it, since 1970.")
    static let limit = Field.integer("limit", in: 1...100_000, "The most rows.")
        .defaulting(to: defaults.limit)
    static let key = Field.string("key", "The name or id of the only key that is told of.")
    static let model = Field.string("model", "The only model that is told of.")
    static let group = Field.choice(
        "group", of: UsageSelection.Grouping.allCases.map(\.rawValue), "What becomes one row."
    ).defaulting(to: defaults.grouping.rawValue)
    static let format = Field.choice("format", of: ["json", "csv"], "How it is written.")
        .defaulting(to: "json")

    /// All of them.
    static let list = FieldList {
        start
        end
        limit
        key
        model
        group
        format
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
        contract.otherTypes = ["text/csv"]
        return contract.queried(UsageFields.list).needing(.usage)
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
