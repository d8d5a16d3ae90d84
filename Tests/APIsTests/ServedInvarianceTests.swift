// SPDX-License-Identifier: Apache-2.0

import APIs
import Generation
import HTTP
import HTTPTypes
import JSON
import Serving
import ServingSupport
import TestSupport
import Testing
import Tokenization

/// The law of batch invariance from end to end: requests as clients send them, to a transformer.
@Suite struct ServedInvarianceTests {
    #if DEBUG
    static let requestCount = 100
    #else
    static let requestCount = 200
    #endif

    /// Many requests of all kinds; some begin alike, some are the same.
    static let requests: [(path: String, body: String)] = (0..<requestCount).map { index in
        let shared = String(repeating: "the same beginning ", count: index % 3)
        let own = String(repeating: "w\(index % 29) ", count: 1 + index * 7 % 13)
        var members = [
            #""model":"default""#, #""max_tokens":\#(2 + index * 11 % 43)"#,
            #""ignore_eos":\#(index % 3 != 0)"#, #""seed":\#(index / 2)"#,
            [
                #""temperature":0"#, #""temperature":0.8,"top_p":0.9"#, #""top_k":7"#,
                #""min_p":0.05,"repetition_penalty":1.2"#, #""frequency_penalty":0.7"#,
            ][index % 5],
        ]
        if index % 4 == 1 { members.append(#""n":3"#) }
        if index % 6 == 2 { members.append(#""stop":["a","~"]"#) }
        if index % 7 == 3 { members.append(#""stream":true"#) }
        if index % 2 == 0 {
            members.append(#""prompt":"\#(shared)\#(own)","logprobs":\#(index % 4)"#)
            if index % 10 == 4 { members.append(#""echo":true"#) }
            if index % 10 == 6 { members.append(#""best_of":4"#) }
            return ("/v1/completions", "{" + members.joined(separator: ",") + "}")
        }
        members.append(#""messages":[{"role":"user","content":"\#(shared)\#(own)"}]"#)
        members.append(#""logprobs":true,"top_logprobs":\#(index % 3)"#)
        return ("/v1/chat/completions", "{" + members.joined(separator: ",") + "}")
    }

    private struct Served {
        let engine: GenerationEngine
        let server: APIServer

        init(blockCount: Int, maxBatchTokens: Int, maxSequences: Int) throws {
            engine = GenerationEngine(
                model: try TinyTransformer.make(
                    vocabularyCount: ByteTokenizer.count, blockCount: blockCount,
                    maxBatchTokens: maxBatchTokens),
                tokenizer: ByteTokenizer(),
                configuration: .init(
                    maxSequences: maxSequences, maxQueuedSequences: 1_000,
                    prefillChunkTokens: 24, prefillChunkTokensWhileDecoding: 7))
            let description = ModelDescription(
                name: "tiny", creationTime: 1, contextLength: engine.contextLength)
            let models = ModelRegistry()
            models.announce(description).serve(
                ServedModel(
                    description: description, engine: engine, tokenizer: ByteTokenizer(),
                    prompts: PlainPrompts(), fingerprint: "fp"))
            // No comments in the streams, however long the machine takes.
            server = APIServer(
                models: models, configuration: .init(keepAliveInterval: .seconds(3_600)),
                unixTime: { 7 })
        }

        /// Everything of an answer that may not depend on anything but its request.
        func answer(_ index: Int) async throws -> [String] {
            let (path, body) = ServedInvarianceTests.requests[index]
            let response = await server.handle(TestClient.request(.post, path, body, [:]))
            var bytes: [UInt8] = []
            switch response.body {
            case .bytes(let whole): bytes = whole
            case .stream(let produce):
                let sink = ByteSink()
                try await produce(ResponseWriter { sink.append($0) })
                bytes = sink.bytes
            }
            let reply = Reply(
                status: response.head.status.code, fields: response.head.headerFields, body: bytes)
            guard reply.text.hasPrefix("data:") else {
                return try ["\(reply.status)", Self.choices(reply.json)]
            }
            // Choices of a stream come in any order, each in its own.
            return try reply.events.filter { $0 != "data: [DONE]" }
                .map { Self.choices(try JSONParser.parse($0)) }.sorted()
        }

        private static func choices(_ json: JSONValue) -> String {
            json.objectValue?["choices"]?.serialized() ?? json.serialized()
        }
    }

    @Test func `alone or under load, cached or preempted, an answer has the same bytes`()
        async throws
    {
        let roomy = try Served(blockCount: 400, maxBatchTokens: 64, maxSequences: 32)
        var expected: [[String]] = []
        for index in Self.requests.indices { expected.append(try await roomy.answer(index)) }
        #expect(expected.allSatisfy { !$0.isEmpty })

        let tight = try Served(blockCount: 17, maxBatchTokens: 40, maxSequences: 12)
        let answers = try await withThrowingTaskGroup(of: (Int, [String])?.self) { group in
            for index in Self.requests.indices {
                group.addTask { (index, try await tight.answer(index)) }
                guard index % 3 == 0 else { continue }
                // A neighbour with the same request goes away at some moment.
                group.addTask {
                    let doomed = Task { try await tight.answer(index) }
                    for _ in 0..<index % 50 { await Task.yield() }
                    doomed.cancel()
                    _ = try? await doomed.value
                    return nil
                }
            }
            var answers = Array(repeating: [String](), count: Self.requestCount)
            for try await case (let index, let answer)? in group { answers[index] = answer }
            return answers
        }
        for index in Self.requests.indices where answers[index] != expected[index] {
            Issue.record("\(Self.requests[index]): \(answers[index]), alone \(expected[index])")
        }
        #expect(tight.engine.statistics.preemptions > 0)
        #expect(tight.engine.statistics.cacheHitTokens > 0)
        #expect(tight.engine.statistics.evictedBlocks > 0)
        await tight.engine.shutdown(grace: .seconds(60))
        #expect(tight.engine.statistics.usedBlocks == 0)
    }
}
