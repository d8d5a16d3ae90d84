// SPDX-License-Identifier: Apache-2.0

import APIs
import Foundation
import JSON
import ServingSupport
import Testing

/// The rows of docs/fields.md are what the server does.
@Suite struct PeerTableTests {
    /// A row of the table of an endpoint.
    struct Row: Sendable {
        let endpoint: String
        let field: String
        let use: String
        let reason: String

        static let all: [Row] = {
            let page = URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "../../docs/fields.md")
            guard let text = try? String(contentsOf: page, encoding: .utf8) else { return [] }
            var endpoint = ""
            var rows: [Row] = []
            for line in text.split(separator: "\n") {
                if line.hasPrefix("## ") {
                    endpoint = line.split(separator: "`").last.map(String.init) ?? ""
                }
                let cells = line.split(separator: "|", omittingEmptySubsequences: false)
                    .map { $0.trimmingCharacters(in: .whitespaces) }
                guard cells.count == 5, cells[1].hasPrefix("`") else { continue }
                rows.append(
                    Row(
                        endpoint: endpoint, field: cells[1].filter { $0 != "`" }, use: cells[2],
                        reason: cells[3]))
            }
            return rows
        }()
    }

    private static func declaration(_ row: Row) -> FieldDeclaration? {
        ServedContract.all.first { $0.path == row.endpoint }?.contract?.request?
            .declaration(row.field)
    }

    /// A value that asks for something, whatever the field.
    private static func asking(_ declaration: FieldDeclaration) -> JSONValue? {
        guard case .values(let neutral) = declaration.kind else { return nil }
        let candidates: [JSONValue] = [true, false, 7, "something", [1], ["a": 1]]
        return candidates.first { !neutral.contains($0) }
    }

    @Test func `every row says what is declared`() throws {
        #expect(Row.all.count > 200)
        for row in Row.all {
            guard let declaration = Self.declaration(row) else {
                Issue.record("\(row.endpoint) \(row.field) is not declared")
                continue
            }
            let (use, reason) =
                switch declaration.use {
                case .read: ("read", "")
                case .refused(let reason): ("refused", reason)
                case .ignored(let reason): ("ignored", reason)
                }
            #expect(
                row.use == use && row.reason == reason,
                "| `\(row.field)` | \(use) | \(reason) | of \(row.endpoint)")
        }
    }

    @Test func `what is refused is refused in these words, and what is ignored changes nothing`()
        async throws
    {
        let client = FieldLawTests.client()
        for row in Row.all where ["refused", "ignored"].contains(row.use) {
            let declaration = try #require(Self.declaration(row))
            let fields = try #require(
                ServedContract.all.first { $0.path == row.endpoint }?.contract?.request)
            var body = fields.sample(FieldRules())
            let plain = try await client.post(row.endpoint, body.serialized())
            if row.use == "refused" {
                let asking: JSONValue = try #require(Self.asking(declaration))
                // Without these nobody looks at it.
                for (name, value) in declaration.companions { body[name] = value }
                body[row.field] = asking
                let reply = try await client.post(row.endpoint, body.serialized())
                #expect(reply.status == 400, "\(row.field)")
                #expect(
                    try reply.json["error"]?["message"] == .string("\(row.field): \(row.reason)"))
                continue
            }
            for value in [JSONValue.bool(true), .bool(false), 0, 7, "a", [], [:]] {
                body[row.field] = value
                let reply = try await client.post(row.endpoint, body.serialized())
                #expect(try reply.status == 200 && reply.stable == plain.stable, "\(row.field)")
            }
        }
    }
}
