// SPDX-License-Identifier: Apache-2.0

import APIs
import Access
import AnswerParsing
import HTTP
import HTTPTypes
import JSON
import Jobs
import Serving
import ServingSupport
import Storage
import Synchronization
import Telemetry
import Testing

/// A response, read to its end.
struct Reply {
    let status: Int
    let fields: HTTPFields
    let body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }

    var json: JSONValue {
        get throws { try JSONParser.parse(body) }
    }

    /// The body without what differs from run to run.
    var stable: String {
        get throws {
            var object = try #require(try json.objectValue)
            guard let id = object["id"]?.stringValue else { return object.serialized() }
            object["id"] = "ID"
            // The items of a response have its identity in theirs.
            return object.serialized().replacing(id.suffix(32), with: "ID")
        }
    }

    /// The data of each event, with the same left out.
    var events: [String] {
        get throws {
            try text.split(separator: "\n\n").map { event in
                guard event.hasPrefix("data: {") else { return String(event) }
                var object = try #require(
                    try JSONParser.parse(String(event.dropFirst(6))).objectValue)
                for key in ["id", "created", "model", "system_fingerprint"] { object[key] = nil }
                return object.serialized()
            }
        }
    }

    func field(_ name: String) -> String? { HTTPField.Name(name).flatMap { fields[$0] } }
}

/// A server with a scripted engine, and the calls that tests make.
struct TestClient {
    let engine: ScriptedEngine
    let slot: ModelSlot
    let server: APIServer

    init(
        _ configuration: APIServer.Configuration = .init(),
        engine: ScriptedEngine = ScriptedEngine(), tokenizer: ByteTokenizer = ByteTokenizer(),
        prompts: PlainPrompts = PlainPrompts(), answerFormat: (any AnswerFormat)? = nil,
        access: AccessControl? = nil, storage: RecordStore? = nil, files: FileStore? = nil,
        batches: BatchStore? = nil,
        embedding: EmbeddingAbility? = nil, isLoaded: Bool = true, problem: String? = nil,
        registry: MetricsRegistry = MetricsRegistry(),
        unixTime: @escaping @Sendable () -> Int = { 7 }
    ) {
        self.engine = engine
        var configuration = configuration
        // No comment breaks a silence that only the machine's load made, unless a test wants one.
        if configuration.keepAliveInterval == APIServer.Configuration().keepAliveInterval {
            configuration.keepAliveInterval = .seconds(3_600)
        }
        var description = ModelDescription(
            name: "maker/model", aliases: ["small"], creationTime: 1, contextLength: 512,
            defaultTemperature: 0.25)
        description.generates = embedding?.isEncoder != true
        description.weightByteCount = 4_096
        let models = ModelRegistry()
        slot = models.announce(description)
        if isLoaded {
            slot.serve(
                ServedModel(
                    description: description, engine: engine, tokenizer: tokenizer,
                    prompts: prompts, answerFormat: answerFormat, embedding: embedding,
                    fingerprint: "fp", problem: { problem }))
        }
        server = APIServer(
            models: models, configuration: configuration, access: access, storage: storage,
            files: files, batches: batches, registry: registry, unixTime: unixTime)
    }

    static func request(
        _ method: HTTPRequest.Method, _ path: String, _ body: String, _ fields: [String: String]
    ) -> ServerRequest {
        var head = HTTPRequest(method: method, scheme: "http", authority: "localhost", path: path)
        for (name, value) in fields {
            if let name = HTTPField.Name(name) { head.headerFields[name] = value }
        }
        return ServerRequest(head: head, body: Array(body.utf8))
    }

    /// The whole answer; the body is told each piece of a stream as the client hears it.
    func send(
        _ method: HTTPRequest.Method, _ path: String, _ body: String = "",
        _ fields: [String: String] = [:],
        hearing hear: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> Reply {
        let response = await server.handle(Self.request(method, path, body, fields))
        let status = response.head.status.code
        switch response.body {
        case .bytes(let bytes):
            return Reply(status: status, fields: response.head.headerFields, body: bytes)
        case .stream(let produce):
            let sink = ByteSink()
            try await produce(
                ResponseWriter { bytes in
                    sink.append(bytes)
                    hear(String(decoding: bytes, as: UTF8.self))
                })
            return Reply(status: status, fields: response.head.headerFields, body: sink.bytes)
        }
    }

    func get(_ path: String, _ fields: [String: String] = [:]) async throws -> Reply {
        try await send(.get, path, "", fields)
    }

    func post(
        _ path: String, _ body: String, _ fields: [String: String] = [:]
    ) async throws -> Reply {
        try await send(.post, path, body, fields)
    }

    /// A chat with one message and these members besides.
    func chat(_ members: String = "", path: String = "/v1/chat/completions") async throws -> Reply {
        let more = members.isEmpty ? "" : "," + members
        return try await post(
            path, #"{"model":"default","messages":[{"role":"user","content":"Hi"}]\#(more)}"#)
    }

    /// A completion of "ab" with these members besides.
    func complete(_ members: String = "") async throws -> Reply {
        let more = members.isEmpty ? "" : "," + members
        return try await post("/v1/completions", #"{"model":"default","prompt":"ab"\#(more)}"#)
    }
}

/// Collects what is written.
final class ByteSink: Sendable {
    private let collected = Mutex<[UInt8]>([])

    func append(_ bytes: [UInt8]) { collected.withLock { $0 += bytes } }

    var bytes: [UInt8] { collected.withLock { $0 } }
}
