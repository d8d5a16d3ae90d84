// SPDX-License-Identifier: Apache-2.0

import APIs
import Access
import JSON
import Jobs
import Storage
import TestSupport
import Testing

/// What may stand after the `?` of a path, with every kind of wrong text.
@Suite struct QueryFieldTests {
    /// A field of an endpoint.
    struct Asked: Sendable, CustomTestStringConvertible {
        let path: String
        let field: FieldDeclaration

        var testDescription: String { "\(path)?\(field.name)" }

        static let all: [Asked] = ServedContract.all.flatMap { served in
            (served.contract?.query?.declarations ?? []).map {
                Asked(path: served.path, field: $0)
            }
        }

        /// Texts that clients have sent, and whether the field takes them.
        var texts: [(text: String, isTaken: Bool)] {
            let numbers = ["-1", "0.5", "1e18", "99999999999999999999", "NaN", "%20", "true", ""]
            switch (field.use, field.kind) {
            case (.ignored, _): return (numbers + ["%FF"]).map { ($0, $0 != "%FF") }
            case (.refused, _): return [("false", true), ("true", false), ("1", false)]
            case (_, .integer): return numbers.map { ($0, false) } + [("1", true)]
            case (_, .choice(let texts)):
                return texts.map { ($0, true) } + (numbers + ["null"]).map { ($0, false) }
            case (_, .boolean):
                return ["true", "false", "True"].map { ($0, true) }
                    + [("1", false), ("yes", false), ("%FF", false)]
            case (_, .array(of: .choice(let texts), _, _)):
                return texts.map { ($0, true) } + (numbers + ["null"]).map { ($0, false) }
            case (_, .array): return (numbers + ["a&\(field.name)=b"]).map { ($0, true) }
            // The id of something, of which there is nothing here.
            case (_, .string) where path == "/v1/files" && field.name == "after":
                return (numbers + ["%FF"]).map { ($0, $0.isEmpty) }
            case (_, .string) where path == "/v1/batches" && field.name == "after":
                return (numbers + ["%FF"]).map { ($0, false) }
            // A time.
            case (_, .string) where field.name == "created_after":
                return (numbers + ["%FF", "2026-13-30T08:00:00Z"]).map { ($0, false) }
                    + [("2026-11-30T08:00:00Z", true), ("2026-11-30T08:00:00.25%2B01:00", true)]
            // A place that a search has told.
            case (_, .string) where path == "/v1/admin/audit" && field.name == "before":
                return (numbers + ["%FF", "1-"]).map { ($0, false) } + [("1-0", true)]
            case (_, .string): return numbers.map { ($0, true) } + [("%FF", false), ("%zz", false)]
            default:
                Issue.record("no texts of this kind")
                return []
            }
        }
    }

    private let server: KeyedClient
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        server = try KeyedClient(
            ["admin": .with { $0.isAdmin = true }],
            storage: RecordStore(folder: folder.path + "/responses"),
            files: FileStore(JobDatabase(folder: folder.path + "/jobs"), unixTime: { 7 }),
            batches: BatchRouteTests.exampleStore(), isAccounted: true)
    }

    private func get(_ path: String) async throws -> Reply {
        try await server.get(path.replacing("{id}", with: "default"), as: "admin")
    }

    @Test func `each endpoint that reads a query declares it`() {
        let paths = Set(Asked.all.map(\.path))
        #expect(
            paths == [
                "/v1/admin/audit", "/v1/admin/usage", "/v1/responses/{id}",
                "/v1/responses/{id}/input_items", "/metrics", "/v1/files", "/v1/batches",
                "/v1/batch/jobs", "/v1/batch/jobs/{id}",
            ])
    }

    @Test(arguments: Asked.all, ["openai", "mistral"])
    func `a field says of every text what its declaration says`(
        asked: Asked, dialectName: String
    ) async throws {
        let dialect = try #require(Dialect.allCases.first { $0.rawValue == dialectName })
        let ledger = FieldLedger()
        try await FieldLedger.$current.withValue(ledger) {
            for (text, isTaken) in asked.texts {
                let query = "\(asked.field.name)=\(text)"
                let reply = try await get("/\(dialectName)\(asked.path)?\(query)")
                let comment: Comment = "\(query) gave \(reply.status) \(reply.text.prefix(200))"
                // Nothing is kept under that name.
                let taken = asked.path.contains("{") ? 404 : 200
                #expect(reply.status == (isTaken ? taken : dialect.invalidStatus), comment)
                if !isTaken {
                    let name = try FieldName.of(reply, dialect).replacing("[0]", with: "")
                    #expect(name == asked.field.name, comment)
                }
            }
        }
        if case .ignored = asked.field.use {
            #expect(!ledger.paths.contains(asked.field.name))
        } else {
            #expect(ledger.paths.contains(asked.field.name))
        }
    }

    @Test(arguments: Asked.all)
    func `the document has it`(asked: Asked) async throws {
        let document = try await get("/mistral/openapi.json").json
        let operation = try #require(document["paths"]?[asked.path]?["get"])
        let parameters = operation["parameters"]?.arrayValue ?? []
        let parameter = try #require(parameters.first { $0["name"] == .string(asked.field.name) })
        #expect(parameter["in"] == "query")
        #expect(parameter["required"] == false)
        #expect(parameter["schema"]?.objectValue != nil)
        #expect(operation["responses"]?["422"] != nil)
    }

    @Test func `the last of each name counts, and other names only where nothing is left out`()
        async throws
    {
        #expect(try await get("/metrics?names=tgi&names=vllm&more=1").status == 200)
        #expect(try await get("/v1/admin/usage?kye=a").status == 400)
        let reply = try await get("/v1/admin/usage?%FF=a")
        #expect(reply.status == 400)
        // Not a key of no name, for which there would be no usage.
        #expect(try await get("/v1/admin/usage?key").status == 400)
    }

    @Test(arguments: ["false", "False", "FALSE"])
    func `a word for no asks for nothing, as Python writes it, too`(word: String) async throws {
        #expect(try await get("/v1/responses/resp_none?stream=\(word)").status == 404)
    }
}
