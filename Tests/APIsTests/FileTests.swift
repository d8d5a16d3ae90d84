// SPDX-License-Identifier: Apache-2.0

import APIs
import Access
import Foundation
import HTTP
import HTTPTypes
import JSON
import Jobs
import Synchronization
import TestSupport
import Testing

/// `/v1/files`.
@Suite struct FileTests {
    private let folder: TemporaryFolder
    private let now = Now()

    private final class Now: Sendable {
        let seconds = Mutex(1_000)
    }

    init() throws { folder = try TemporaryFolder() }

    private func store(_ limits: FileLimits = FileLimits()) throws -> FileStore {
        try FileStore(
            try JobDatabase(folder: folder.path + "/jobs"), limits: limits,
            unixTime: { [now] in now.seconds.withLock { $0 } })
    }

    private func client(_ limits: FileLimits = FileLimits()) throws -> TestClient {
        TestClient(files: try store(limits))
    }

    private func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path + "/jobs/files").sorted()
    }

    static let type = ["content-type": "multipart/form-data; boundary=b"]

    /// A part of a form.
    static func part(_ name: String, _ content: String, file: String? = nil) -> String {
        let fileName = file.map { "; filename=\"\($0)\"" } ?? ""
        return "--b\r\nContent-Disposition: form-data; name=\"\(name)\"\(fileName)\r\n\r\n"
            + "\(content)\r\n"
    }

    static func form(_ content: String = "{}\n", _ fields: String = "") -> String {
        fields + part("file", content, file: "in.jsonl") + "--b--\r\n"
    }

    private func upload(
        _ client: TestClient, _ body: String, path: String = "/v1/files"
    ) async throws -> Reply {
        try await client.post(path, body, Self.type)
    }

    private func id(_ client: TestClient, _ content: String = "{}\n") async throws -> String {
        try #require(try await upload(client, Self.form(content)).json["id"]?.stringValue)
    }

    @Test func `a file is uploaded, shown, listed, downloaded and deleted`() async throws {
        let client = try client()
        let content = "{\"a\":1}\n\n{\"b\":2}"
        let fields = Self.part("purpose", "batch")
        let reply = try await upload(client, Self.form(content, fields))
        #expect(reply.status == 200, "\(reply.text)")
        let id = try #require(try reply.json["id"]?.stringValue)
        #expect(UUID(uuidString: id) != nil)
        #expect(
            try reply.json == [
                "id": .string(id), "object": "file", "bytes": 16, "created_at": 1_000,
                "filename": "in.jsonl", "purpose": "batch", "status": "processed",
                "sample_type": "batch_request", "source": "upload", "num_lines": 2,
                "mimetype": "application/jsonl", "expires_at": .null, "deleted": false,
                "visibility": "user",
            ])
        #expect(try await client.get("/v1/files/\(id)").json == reply.json)
        let list = try await client.get("/v1/files").json
        #expect(list["data"] == [try reply.json])
        #expect(list["total"] == 1 && list["has_more"] == false)
        let scrape = try await client.get("/metrics").text
        #expect(scrape.contains("\ncierzo_files 1\n"))
        #expect(scrape.contains("\ncierzo_files_bytes 16\n"))
        let download = try await client.get("/v1/files/\(id)/content")
        #expect(download.text == content)
        #expect(download.field("content-type") == "application/octet-stream")
        #expect(download.field("content-length") == "16")
        #expect(download.field("content-disposition") == "attachment; filename*=UTF-8''in.jsonl")
        #expect(try await client.send(.delete, "/v1/files/\(id)").text.contains(#""deleted":true"#))
        #expect(try names() == [])
        for path in ["", "/content"] {
            #expect(try await client.get("/v1/files/\(id)\(path)").status == 404)
        }
        #expect(try await client.send(.delete, "/v1/files/\(id)").status == 404)
    }

    @Test(arguments: [0, 1, 65_536, 1_000_000])
    func `a download is what was uploaded`(count: Int) async throws {
        let client = try client()
        let content = String((0..<count).map { Character(UnicodeScalar(UInt8($0 % 251 / 2))) })
        let id = try await id(client, content)
        #expect(try await client.get("/v1/files/\(id)/content").text == content)
    }

    @Test func `each key has files of its own`() async throws {
        let server = try KeyedClient(
            ["one": AccessLimits(), "two": AccessLimits()], files: try store())
        func send(
            _ method: HTTPRequest.Method, _ path: String, _ body: String = "", as name: String
        ) async throws -> Reply {
            let fields = server.fields(name).merging(Self.type) { $1 }
            return try await server.client.send(method, path, body, fields)
        }
        #expect(
            try await server.client.send(.post, "/v1/files", Self.form(), Self.type).status == 401)
        let id = try #require(
            try await send(.post, "/v1/files", Self.form(), as: "one").json["id"]?.stringValue)
        #expect(try await send(.get, "/v1/files", as: "two").json["total"] == 0)
        for path in ["", "/content"] {
            #expect(try await send(.get, "/v1/files/\(id)\(path)", as: "two").status == 404)
        }
        #expect(try await send(.delete, "/v1/files/\(id)", as: "two").status == 404)
        #expect(try await send(.get, "/v1/files/\(id)", as: "one").status == 200)
    }

    @Test func `a key may be held to other families`() async throws {
        let server = try KeyedClient(
            ["chat": .with { $0.families = [.chat] }, "files": .with { $0.families = [.files] }],
            files: try store())
        #expect(try await server.get("/v1/files", as: "chat").status == 403)
        #expect(try await server.get("/v1/files", as: "files").status == 200)
    }

    @Test func `who uploads and deletes is on record, and no request is counted`() async throws {
        let server = try KeyedClient(
            ["one": AccessLimits()], files: try store(), isAccounted: true)
        let fields = server.fields("one").merging(Self.type) { $1 }
        let upload = try await server.client.send(.post, "/v1/files", Self.form(), fields)
        let id = try #require(try upload.json["id"]?.stringValue)
        #expect(try await server.get("/v1/files/\(id)", as: "one").status == 200)
        _ = try await server.client.send(.delete, "/v1/files/\(id)", "", fields)
        let routes = try server.records().map { $0["route"]?.stringValue }
        #expect(routes == ["/v1/files", "/v1/files/{id}"])
        #expect(try server.usage().isEmpty)
    }

    @Test func `without a folder the error says which setting names one`() async throws {
        let client = TestClient()
        for reply in [
            try await upload(client, Self.form()), try await client.get("/v1/files"),
            try await client.get("/v1/files/a"), try await client.get("/v1/files/a/content"),
            try await client.send(.delete, "/v1/files/a"),
        ] {
            #expect(reply.status == 501)
            #expect(reply.text.contains("jobs-directory"))
        }
    }

    @Test(arguments: ["openai", "mistral"])
    func `fields may come in any order, and unknown ones are ignored`(
        dialect: String
    ) async throws {
        let client = try client()
        let file = Self.part("file", "{}", file: "x")
        let others =
            Self.part("visibility", "workspace") + Self.part("purpose", "batch")
            + Self.part("expires_after[anchor]", "created_at")
            + Self.part("expires_after[seconds]", "3600") + Self.part("colour", "blue")
        for body in [others + file, file + others] {
            let reply = try await upload(client, body + "--b--", path: "/\(dialect)/v1/files")
            #expect(reply.status == 200, "\(reply.text)")
            #expect(try reply.json["expires_at"] == 4_600)
        }
        now.seconds.withLock { $0 = 4_600 }
        #expect(try await client.get("/v1/files").json["total"] == 0)
    }

    @Test func `the operator says how long files are kept that do not`() async throws {
        var limits = FileLimits()
        limits.maxAge = .seconds(60)
        let client = try client(limits)
        #expect(try await upload(client, Self.form()).json["expires_at"] == 1_060)
    }

    @Test(arguments: [
        (form("", part("purpose", "fine-tune")), "purpose"),
        (form("", part("purpose", "batch") + part("purpose", "batch")), "purpose"),
        (form("", part("expires_after[seconds]", "3600")), "expires_after[anchor]"),
        (form("", part("expires_after[anchor]", "created_at")), "expires_after[seconds]"),
        (form("", part("expires_after[seconds]", "1")), "expires_after[seconds]"),
        (form("", part("expires_after[seconds]", "soon")), "expires_after[seconds]"),
        (form("", part("expires_after[anchor]", "now")), "expires_after[anchor]"),
        (form("", part("expiry", "24")), "expiry"),
        (form("", part("note", String(repeating: "a", count: 1_025))), "note"),
        (form("", part("other", "", file: "a")), "other"),
        (form("", part("file", "", file: "a")), "file"),
        (part("file", "no file") + "--b--", "file"),
        (part("file", "", file: String(repeating: "a", count: 1_025)) + "--b--", "file"),
        (part("purpose", "batch") + "--b--", "file"),
        (part("file", "cut off", file: "a"), "body"),
        ("", "body"), ("{}", "body"),
    ])
    func `a wrong form is refused by the field's name, and leaves nothing`(
        body: String, field: String
    ) async throws {
        let client = try client()
        let reply = try await upload(client, body)
        #expect(reply.status == 400, "\(reply.text)")
        #expect(try reply.json["error"]?["param"] == .string(field), "\(reply.text)")
        let other = try await upload(client, body, path: "/mistral/v1/files")
        #expect(other.status == 422)
        #expect(try names() == [])
        #expect(try await client.get("/v1/files").json["total"] == 0)
    }

    @Test func `a body of another type is refused`() async throws {
        let client = try client()
        for type in ["application/json", "multipart/mixed; boundary=b", "multipart/form-data"] {
            let reply = try await client.post("/v1/files", Self.form(), ["content-type": type])
            #expect(reply.status == 400)
            #expect(reply.text.contains("multipart/form-data"), "\(reply.text)")
        }
    }

    @Test func `unknown fields are refused where Mistral's API is held to strictly`() async throws {
        var configuration = APIServer.Configuration()
        configuration.limits.isStrictMistral = true
        let client = TestClient(configuration, files: try store())
        let body = Self.form("", Self.part("colour", "blue"))
        #expect(try await upload(client, body).status == 200)
        let reply = try await upload(client, body, path: "/mistral/v1/files")
        #expect(reply.status == 422 && reply.text.contains("extra_forbidden"))
    }

    @Test func `quotas say what is left`() async throws {
        var limits = FileLimits()
        limits.maxFileByteCount = 60
        limits.maxByteCountPerOwner = 100
        limits.maxCountPerOwner = 3
        limits.maxByteCount = 120
        let client = try client(limits)
        func refusal(_ count: Int) async throws -> (Int, String) {
            let reply = try await upload(client, Self.form(String(repeating: "a", count: count)))
            return (reply.status, try reply.json["error"]?["message"]?.stringValue ?? "")
        }
        #expect(
            try await refusal(61) == (
                413,
                "The file is larger than 60 bytes, the most that this server takes "
                    + "(max-file-size)."
            ))
        #expect(try await refusal(60).0 == 200)
        #expect(
            try await refusal(41) == (
                403,
                "Your files may have 100 bytes together (files-size-per-key), of which 40 are "
                    + "left; delete some first."
            ))
        #expect(try await refusal(1).0 == 200)
        #expect(try await refusal(1).0 == 200)
        #expect(
            try await refusal(1) == (
                403, "You may keep 3 files (files-per-key), and do; delete some first."
            ))
        #expect(try names().count == 3)
    }

    @Test func `a full disk is told to that upload alone`() async throws {
        var limits = FileLimits()
        limits.freeByteCount = .max
        let client = try client(limits)
        let reply = try await upload(client, Self.form(String(repeating: "a", count: 2 << 20)))
        #expect(reply.status == 507)
        #expect(reply.field("x-should-retry") == "false")
        #expect(try names() == [])
        #expect(try await upload(client, Self.form()).status == 200)
    }

    @Test func `a file that a job reads is not deleted`() async throws {
        let store = try store()
        let client = TestClient(files: store)
        let id = try await id(client)
        _ = try store.hold(id, of: "everybody", by: "batch_1")
        let reply = try await client.send(.delete, "/v1/files/\(id)")
        #expect(reply.status == 409)
        #expect(reply.text.contains("batch_1"))
        #expect(reply.field("x-should-retry") == "false")
        try store.release(allOf: "batch_1")
        #expect(try await client.send(.delete, "/v1/files/\(id)").status == 200)
    }

    @Test func `lists have both vendors' filters and pages`() async throws {
        let store = try store()
        let client = TestClient(files: store)
        var ids: [String] = []
        for index in 0..<4 {
            let body = Self.part("file", "", file: "day-\(index)") + "--b--"
            ids.append(try #require(try await upload(client, body).json["id"]?.stringValue))
        }
        for purpose in [FilePurpose.batchOutput, .batchErrors] {
            let writer = try store.make(for: "everybody")
            ids.append(try writer.finish(name: "out", purpose: purpose).id)
        }
        func found(_ query: String, _ dialect: String = "openai") async throws -> [Int] {
            let list = try await client.get("/\(dialect)/v1/files?\(query)").json
            let found = list["data"]?.arrayValue ?? []
            return found.compactMap { file in ids.firstIndex { .string($0) == file["id"] } }
        }
        #expect(try await found("") == [5, 4, 3, 2, 1, 0])
        #expect(try await found("limit=2&order=asc&after=\(ids[1])") == [2, 3])
        #expect(try await found("purpose=batch") == [3, 2, 1, 0])
        #expect(try await found("purpose=batch_output") == [5, 4])
        #expect(try await found("purpose=assistants") == [])
        #expect(try await found("page=1&page_size=4", "mistral") == [1, 0])
        #expect(try await found("purpose=batch", "mistral") == [5, 4, 3, 2, 1, 0])
        #expect(
            try await found("sample_type=batch_result&sample_type=batch_error", "mistral") == [
                5, 4,
            ])
        #expect(try await found("source=upload&search=DAY-2", "mistral") == [2])
        #expect(try await found("source=repository", "mistral") == [])
        #expect(try await found("mimetypes=text/csv", "mistral") == [])
        let page = try await client.get("/v1/files?limit=2").json
        #expect(page["has_more"] == true && page["total"] == 6)
        #expect(page["first_id"] == .string(ids[5]) && page["last_id"] == .string(ids[4]))
        #expect(try await client.get("/v1/files?include_total=false").json["total"] == .null)
        #expect(try await client.get("/v1/files?after=none").status == 400)
    }

    @Test func `a name with anything in it is only a text`() async throws {
        let client = try client()
        let name = "../../etc/\u{0}\u{7F}<script>é"
        let reply = try await upload(client, Self.part("file", "", file: name) + "--b--")
        #expect(try reply.json["filename"] == .string(name))
        let id = try #require(try reply.json["id"]?.stringValue)
        #expect(try names() == [id])
        let download = try await client.get("/v1/files/\(id)/content")
        #expect(
            download.field("content-disposition")
                == "attachment; filename*=UTF-8''..%2F..%2Fetc%2F%00%7F%3Cscript%3E%C3%A9")
        for path in ["../jobs.sqlite", "..%2Fjobs.sqlite", "%2e%2e", "\(id).partial"] {
            #expect(try await client.get("/v1/files/\(path)").status == 404)
        }
    }

    @Test func `a page of another origin uploads nothing`() async throws {
        let client = try client()
        let fields = Self.type.merging(["origin": "https://evil.example"]) { $1 }
        #expect(try await client.post("/v1/files", Self.form(), fields).status == 403)
        let own = Self.type.merging(["origin": "http://localhost"]) { $1 }
        #expect(try await client.post("/v1/files", Self.form(), own).status == 200)
    }

    // MARK: As it arrives

    private static func arrival(_ fields: [String: String]) -> ArrivingRequest {
        ArrivingRequest(head: TestClient.request(.post, "/v1/files", "", fields).head)
    }

    @Test func `a body goes to the disk as it arrives, and is gone where it does not end`()
        async throws
    {
        let client = try client()
        let body = Array(Self.form(String(repeating: "a", count: 300_000)).utf8)
        do {
            guard case .sink(let sink) = await client.server.intake(Self.arrival(Self.type)) else {
                Issue.record("no sink")
                return
            }
            #expect(await sink.take(Array(body[..<200_000])) == nil)
            #expect(try names().first?.hasSuffix(".partial") == true)
        }
        #expect(try names() == [])
    }

    @Test func `who may not upload is refused before the body`() async throws {
        let server = try KeyedClient(
            ["chat": .with { $0.families = [.chat] }, "files": AccessLimits()],
            files: try store())
        for (name, status) in [("chat", 403), ("nobody", 401)] {
            let fields = server.fields(name).merging(Self.type) { $1 }
            guard
                case .refused(let response) = await server.client.server.intake(
                    Self.arrival(fields))
            else {
                Issue.record("not refused")
                continue
            }
            #expect(response.head.status.code == status)
        }
        let fields = server.fields("files").merging(Self.type) { $1 }
        guard case .sink = await server.client.server.intake(Self.arrival(fields)) else {
            Issue.record("refused")
            return
        }
        let long = fields.merging(["content-length": "1099511627776"]) { $1 }
        guard
            case .refused(let response) = await server.client.server.intake(Self.arrival(long))
        else {
            Issue.record("not refused")
            return
        }
        #expect(response.head.status.code == 413)
    }

    @Test func `other bodies go to memory`() async throws {
        let head = TestClient.request(.post, "/v1/completions", "", [:]).head
        let client = try client()
        guard case .memory = await client.server.intake(ArrivingRequest(head: head)) else {
            Issue.record("not to memory")
            return
        }
    }
}
