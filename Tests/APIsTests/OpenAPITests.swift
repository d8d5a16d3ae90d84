// SPDX-License-Identifier: Apache-2.0

import APIs
import Access
import HTTPTypes
import JSON
import Jobs
import Recognition
import ServingSupport
import Storage
import TestSupport
import Testing

/// The document is what the server does.
@Suite struct OpenAPITests {
    private static let documents = [
        "/openapi.json", "/openai/openapi.json", "/mistral/openapi.json",
    ]

    /// Every reference in a value.
    private static func references(in value: JSONValue) -> [String] {
        switch value {
        case .array(let values): return values.flatMap(references)
        case .object(let object):
            if let reference = object["$ref"]?.stringValue { return [reference] }
            return object.flatMap { references(in: $0.value) }
        default: return []
        }
    }

    @Test(arguments: documents)
    func `the document shows every endpoint, and its references lead somewhere`(
        path: String
    ) async throws {
        let reply = try await TestClient().get(path)
        #expect(reply.status == 200)
        let document = try reply.json
        #expect(document["openapi"] == "3.1.0")
        for served in ServedContract.all
        where served.contract?.needed == nil || served.contract?.needed == .page {
            let operation = document["paths"]?[served.path]?[served.method.lowercased()]
            let status = served.path == "/docs" ? "302" : "200"
            #expect(operation?["responses"]?[status] != nil, "\(served.method) \(served.path)")
            #expect((operation?["requestBody"] != nil) == (served.contract?.request != nil))
        }
        let references = Self.references(in: document)
        #expect(references.count > 20)
        for reference in references {
            var found: JSONValue? = document
            for step in reference.split(separator: "/").dropFirst() { found = found?[String(step)] }
            #expect(found != nil, "\(reference)")
        }
    }

    @Test func `what needs kept responses is shown where they are kept`() async throws {
        let folder = try TemporaryFolder()
        let store = try RecordStore(folder: folder.path)
        let without = try await TestClient().get("/openapi.json").json
        let with = try await TestClient(storage: store).get("/openapi.json").json
        let stored = ServedContract.all.filter { $0.contract?.needed == .storage }
        #expect(stored.count == 4)
        for served in stored {
            let method = served.method.lowercased()
            #expect(without["paths"]?[served.path]?[method] == nil)
            #expect(with["paths"]?[served.path]?[method] != nil)
        }
        withExtendedLifetime(folder) {}
    }

    @Test func `what needs kept files is shown where they are kept, with its form`() async throws {
        let folder = try TemporaryFolder()
        let files = try FileStore(JobDatabase(folder: folder.path), unixTime: { 7 })
        let without = try await TestClient().get("/openapi.json").json
        let client = TestClient(files: files)
        let with = try await client.get("/openapi.json").json
        for served in ServedContract.all where served.contract?.needed == .files {
            let method = served.method.lowercased()
            #expect(without["paths"]?[served.path]?[method] == nil)
            let operation = try #require(with["paths"]?[served.path]?[method])
            #expect((operation["requestBody"] != nil) == (served.contract?.form != nil))
        }
        let form = with["paths"]?["/v1/files"]?["post"]?["requestBody"]?["content"]
        #expect(form?["multipart/form-data"]?["schema"]?["$ref"] != nil)
        // What is told of them has the members that are declared.
        let upload = try await client.post("/v1/files", FileTests.form(), FileTests.type)
        let id = try #require(try upload.json["id"]?.stringValue)
        for (method, path) in [
            (HTTPRequest.Method.get, "/v1/files"), (.get, "/v1/files/{id}"),
            (.delete, "/v1/files/{id}"),
        ] {
            let reply = try await client.send(method, path.replacing("{id}", with: id))
            let served = ServedContract.all.first {
                $0.path == path && $0.method == method.rawValue
            }
            guard case .json(let kind)? = served?.contract?.answer else {
                Issue.record("no contract of \(path)")
                continue
            }
            #expect(try Self.validator(kind, FieldRules()).accepts(reply.text), "\(reply.text)")
        }
        withExtendedLifetime(folder) {}
    }

    @Test func `keys and the page are shown where they are`() async throws {
        var bare = APIServer.Configuration()
        bare.page = nil
        let without = try await TestClient(bare).get("/openapi.json").json
        var full = APIServer.Configuration()
        full.keyFile = PrivateFile("nowhere")
        let with = try await TestClient(full).get("/openapi.json").json
        let parts = ServedContract.all.filter {
            $0.contract?.needed == .keys || $0.contract?.needed == .page
        }
        #expect(parts.count == 7)
        for served in parts {
            let method = served.method.lowercased()
            #expect(without["paths"]?[served.path]?[method] == nil)
            #expect(with["paths"]?[served.path]?[method] != nil)
        }
        let page = with["paths"]?["/page/{path}"]?["get"]?["responses"]
        #expect(page?["304"] != nil && page?["304"]?["content"] == nil)
        let docs = with["paths"]?["/docs"]?["get"]?["responses"]
        #expect(docs?["302"] != nil && docs?["200"] == nil)
    }

    @Test func `a document of one dialect has its ranges and its errors alone`() async throws {
        let client = TestClient()
        let openAI = try await client.get("/openai/openapi.json").json
        let mistral = try await client.get("/mistral/openapi.json").json
        func schemas(_ document: JSONValue) -> JSONValue? { document["components"]?["schemas"] }
        func temperature(_ document: JSONValue) -> JSONValue? {
            schemas(document)?["postChatCompletionsRequest"]?["properties"]?["temperature"]
        }
        #expect(temperature(openAI)?["maximum"] == 2)
        #expect(temperature(mistral)?["maximum"] == 1.5)
        #expect(schemas(openAI)?["MistralError"] == nil)
        #expect(schemas(mistral)?["OpenAIError"] == nil)
        let responses = mistral["paths"]?["/v1/chat/completions"]?["post"]?["responses"]
        #expect(responses?["422"] != nil)
    }

    @Test(arguments: [true, false])
    func `the document says whether a key is needed`(needsKey: Bool) async throws {
        let keys = APIKeys(needsKey ? ["secret"] : [])
        let reply = try await TestClient(.init(keys: keys)).get(
            "/openapi.json", ["authorization": "Bearer secret"])
        let chat = try reply.json["paths"]?["/v1/chat/completions"]?["post"]
        #expect(chat?["security"]?.arrayValue?.isEmpty == !needsKey)
    }

    // MARK: Answers

    /// A schema that allows no member which it does not name.
    private static func closed(_ schema: JSONValue) -> JSONValue {
        switch schema {
        case .array(let values): return .array(values.map(closed))
        case .object(var object):
            for (key, value) in object where key != "enum" { object[key] = closed(value) }
            if object["properties"]?.objectValue != nil, object["type"] == "object" {
                object["additionalProperties"] = false
            }
            return .object(object)
        default: return schema
        }
    }

    private static func validator(
        _ kind: FieldKind, _ rules: FieldRules
    ) throws -> SchemaValidator {
        try SchemaValidator(SchemaDocument(closed(.object(kind.schema(rules, isAnswer: true)))))
    }

    @Test(arguments: FieldLawTests.Asked.all)
    func `an answer has the members that are declared, and no others`(
        asked: FieldLawTests.Asked
    ) async throws {
        let client = FieldLawTests.client()
        let contract = try #require(
            ServedContract.all.first { $0.path == asked.path && $0.method == "POST" }?.contract)
        guard case .json(let kind) = contract.answer else { return }
        let answers = try Self.validator(kind, asked.rules)
        let events = try contract.events.map { try Self.validator($0, asked.rules) }
        for place in asked.fields.places(asked.rules) {
            for sample in [place.declaration.sample(asked.rules)] + place.declaration.examples {
                var body = place.body(sample)
                if place.path != "stream", place.path != "stream_options" { body["stream"] = false }
                let reply = try await client.post(asked.forcedPath, body.serialized())
                guard reply.status == 200,
                    reply.field("content-type")?.hasPrefix("application/json") == true
                else { continue }
                #expect(answers.accepts(reply.text), "\(place.path): \(reply.text)")
                guard let events, !place.path.hasPrefix("stream") else { continue }
                body["stream"] = true
                let stream = try await client.post(asked.forcedPath, body.serialized())
                for event in stream.text.split(separator: "\n\n") where event.hasPrefix("data: {") {
                    let data = String(event.dropFirst(6))
                    #expect(events.accepts(data), "\(place.path): \(data)")
                }
            }
        }
    }

    @Test(
        arguments: ServedContract.all.filter {
            $0.method == "GET" && ($0.contract?.needed == nil || $0.contract?.needed == .page)
        }
        .map(\.path))
    func `what is shown has the members that are declared`(path: String) async throws {
        let served = try #require(
            ServedContract.all.first { $0.path == path && $0.method == "GET" })
        guard case .json(let kind)? = served.contract?.answer else { return }
        let reply = try await TestClient().get(path.replacing("{id}", with: "maker/model"))
        // Nothing but a model has that name, and nothing is stored here.
        let isThere = reply.status == 200
        #expect(
            isThere || path.contains("{") && [404, 501].contains(reply.status),
            "\(path): \(reply.text)")
        guard isThere else { return }
        #expect(try Self.validator(kind, FieldRules()).accepts(reply.text), "\(reply.text)")
    }

    @Test(arguments: FieldLawTests.Asked.all)
    func `an error has a status and a shape that the document has`(
        asked: FieldLawTests.Asked
    ) async throws {
        let client = FieldLawTests.client()
        let prefix = "/" + asked.rules.dialect.rawValue
        let document = try await client.get(prefix + "/openapi.json").json
        let responses = try #require(document["paths"]?[asked.path]?["post"]?["responses"])
        for body in ["", "[]", "{", "{}", #"{"model":"nobody"}"#, #"{"model":3}"#] {
            let reply = try await client.post(asked.forcedPath, body)
            guard reply.status != 200 else { continue }
            let schema = responses[String(reply.status)]?["content"]?["application/json"]?["schema"]
            var root = try #require(schema?.objectValue, "\(reply.status) is not declared")
            root["components"] = document["components"]
            let validator = try SchemaValidator(SchemaDocument(.object(root)))
            #expect(validator.accepts(reply.text), "\(body): \(reply.text)")
        }
    }
}
