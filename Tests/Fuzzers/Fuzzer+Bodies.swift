// SPDX-License-Identifier: Apache-2.0

import APIs
import Generation
import HTTP
import HTTPTypes
import JSON
import Serving
import ServingSupport
import Synchronization

extension Fuzzer {
    /// Bodies and whole requests, to a server whose engine says the same each time.
    static let bodies = [
        body("chat", ["/v1/chat/completions", "/mistral/v1/chat/completions", "/v1/decisions"]),
        body("completions", ["/v1/completions", "/v1/fim/completions"]),
        body("messages", ["/v1/messages", "/v1/messages/count_tokens"]),
        body("responses", ["/v1/responses", "/v1/responses/input_tokens"]),
        body("ollama", ["/api/chat", "/api/generate", "/api/embed", "/api/show"]),
        body("tokens", ["/v1/tokenize", "/v1/detokenize", "/v1/embeddings", "/v1/rerank"]),
        Fuzzer(
            "served-requests",
            awaiting: { input in
                var parser = RequestParser(limits: .init(maxBodyBytes: 1 << 16))
                parser.append(input)
                var head: HTTPRequest?
                var body: [UInt8] = []
                while let event = try parser.next() {
                    switch event {
                    case .head(let found): head = found.request
                    case .body(let bytes): body += bytes
                    case .end:
                        guard let head else { return "a request ends without a head" }
                        if let problem = await problem(with: ServerRequest(head: head, body: body))
                        {
                            return problem
                        }
                        body = []
                    }
                }
                return nil
            }),
    ]

    /// Bodies for some paths, of which the first byte chooses one.
    private static func body(_ family: String, _ paths: [String]) -> Fuzzer {
        Fuzzer(
            "bodies-\(family)",
            awaiting: { input in
                guard let first = input.first else { return nil }
                var head = HTTPRequest(
                    method: .post, scheme: "http", authority: "localhost",
                    path: paths[Int(first) % paths.count])
                head.headerFields[.contentType] = "application/json"
                return await problem(
                    with: ServerRequest(head: head, body: Array(input.dropFirst())))
            })
    }

    private static let server: APIServer = {
        let description = ModelDescription(
            name: "tiny", aliases: ["small"], creationTime: 1, contextLength: 512,
            defaultTemperature: 0.25)
        let models = ModelRegistry()
        models.announce(description).serve(
            ServedModel(
                description: description, engine: GreetingEngine(),
                tokenizer: ByteTokenizer(fillsGaps: true), prompts: PlainPrompts(),
                answerFormat: TaggedFormat(thinks: true), fingerprint: "fp", problem: { nil }))
        return APIServer(models: models, unixTime: { 7 })
    }()

    /// What is wrong with the answer to a request.
    private static func problem(with request: ServerRequest) async -> String? {
        let response = await server.handle(request)
        let status = response.head.status.code
        if status >= 500, status != 501, status != 503 { return "the status is \(status)" }
        var bytes: [UInt8] = []
        switch response.body {
        case .bytes(let whole): bytes = whole
        case .stream(let produce):
            let written = WrittenBytes()
            do {
                try await produce(ResponseWriter { written.append($0) })
            } catch {
                return "the stream breaks off: \(error)"
            }
            bytes = written.bytes
        }
        guard response.head.headerFields[.contentType]?.hasPrefix("application/json") == true,
            request.head.method != .head
        else { return nil }
        return (try? JSONParser.parse(bytes)) == nil ? "the answer is no JSON: \(bytes.text)" : nil
    }
}

/// Collects what is written.
private final class WrittenBytes: Sendable {
    private let collected = Mutex<[UInt8]>([])

    func append(_ bytes: [UInt8]) { collected.withLock { $0 += bytes } }

    var bytes: [UInt8] { collected.withLock { $0 } }
}

/// An engine that greets, and remembers nothing.
private struct GreetingEngine: CompletionEngine {
    let contextLength = 512
    var vocabularyCount: Int { ByteTokenizer.count }
    var statistics: EngineStatistics { EngineStatistics() }

    func accept(
        _ request: GenerationRequest, to stream: GenerationStream
    ) throws(SubmissionError) -> QueuePlace {
        guard request.promptTokens.count < contextLength else {
            throw .promptTooLong(
                tokenCount: request.promptTokens.count, contextLength: contextLength)
        }
        // What it says keeps to no form, so that nobody who asks for one gets an answer.
        guard request.constraint == nil else { throw .shuttingDown }
        let source = stream.open(choiceCount: request.choiceCount)
        for event in ScriptedEngine.greetingEvents(request) { source.send(event) }
        source.finish()
        return QueuePlace(position: 0, estimatedWait: .zero)
    }
}
