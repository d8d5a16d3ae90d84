// SPDX-License-Identifier: Apache-2.0

import APIs
import Foundation
import Generation
import Inference
import JSON
import ModelFiles
import Serving
import ServingSupport
import Testing

/// `/v1/embeddings` and `/v1/rerank`.
@Suite struct EmbeddingTests {
    /// Eight numbers that tell the ids, or for a pair the length of the second text.
    private static let engine: @Sendable () -> ScriptedEngine = {
        ScriptedEngine { request throws(SubmissionError) in
            let tokens = request.promptTokens
            let vector: [Float] =
                request.embedding == .score
                ? [Float(tokens.count - (request.secondTextStart ?? 0))]
                : (0..<8).map { Float(tokens[$0 % tokens.count]) / 512 - 0.2 }
            return ScriptedEngine.events([
                .embedding(vector), .finished(choice: 0, reason: .length, stop: nil),
                .usage(Usage(promptTokens: tokens.count)),
            ])
        }
    }

    private static let ability = EmbeddingAbility(
        Pooling(.mean, maxTokenCount: 20), dimension: 8, isEncoder: true)
    private static let scorer = EmbeddingAbility(
        Pooling(.mean), dimension: 8, embeds: false, hasScore: true, isEncoder: true)

    private func client(_ ability: EmbeddingAbility? = Self.ability) -> TestClient {
        TestClient(engine: Self.engine(), embedding: ability)
    }

    private func embed(
        _ members: String, _ fields: [String: String] = [:], by client: TestClient? = nil
    ) async throws -> Reply {
        try await (client ?? self.client()).post(
            "/v1/embeddings", #"{"model":"default",\#(members)}"#, fields)
    }

    private func numbers(_ reply: Reply, _ index: Int = 0) throws -> [Double] {
        try #require(reply.json["data"]?.arrayValue?[index]["embedding"]?.arrayValue)
            .compactMap(\.doubleValue)
    }

    @Test func `texts become vectors in their order, with what both SDKs require`() async throws {
        let reply = try await embed(#""input":["ab","b"],"user":"u","metadata":{"a":"b"}"#)
        #expect(reply.status == 200)
        let json = try reply.json
        #expect(json["object"] == "list" && json["model"] == "maker/model")
        #expect(json["id"]?.stringValue?.isEmpty == false)
        let data = try #require(json["data"]?.arrayValue)
        #expect(data.map { $0["index"] } == [0, 1])
        #expect(data.allSatisfy { $0["object"] == "embedding" })
        // BOS, a, b.
        #expect(try numbers(reply).prefix(3).map { (($0 + 0.2) * 512).rounded() } == [256, 97, 98])
        #expect(json["usage"]?["prompt_tokens"] == 5 && json["usage"]?["total_tokens"] == 5)
        #expect(try await numbers(embed(#""input":"b""#)) == numbers(reply, 1))
    }

    @Test func `base64 holds the same floats`() async throws {
        let floats = try await numbers(embed(#""input":"abc""#))
        let reply = try await embed(#""input":"abc","encoding_format":"base64""#)
        let text = try #require(reply.json["data"]?.arrayValue?[0]["embedding"]?.stringValue)
        let bytes = [UInt8](try #require(Data(base64Encoded: text)))
        let decoded = stride(from: 0, to: bytes.count, by: 4).map { start in
            Float(
                bitPattern: (0..<4).reduce(UInt32(0)) {
                    $0 | UInt32(bytes[start + $1]) << UInt32(8 * $1)
                })
        }
        #expect(decoded == floats.map { Float($0) })
    }

    @Test(arguments: ["dimensions", "output_dimension"])
    func `a shorter vector is cut and has length 1 again`(name: String) async throws {
        let whole = try await numbers(embed(#""input":"abc""#)).prefix(3)
        let length = whole.reduce(0) { $0 + $1 * $1 }.squareRoot()
        let cut = try await numbers(embed(#""input":"abc","\#(name)":3"#))
        #expect(cut.count == 3)
        for (one, other) in zip(cut, whole) { #expect(abs(one - other / length) < 1e-6) }
        let refused = try await embed(#""input":"abc","\#(name)":9"#)
        #expect(refused.status == 400 && refused.text.contains("at most 8"))
        #expect(try refused.json["error"]?["param"]?.stringValue == name)
        let both = try await embed(#""input":"abc","dimensions":3,"output_dimension":4"#)
        #expect(both.status == 400)
    }

    @Test func `numbers of eight bits and of one`() async throws {
        let floats = try await numbers(embed(#""input":"a!""#))
        let int8 = try await numbers(embed(#""input":"a!","output_dtype":"int8""#))
        #expect(int8 == floats.map { ($0 * 127).rounded(.toNearestOrEven) })
        let uint8 = try await numbers(embed(#""input":"a!","output_dtype":"uint8""#))
        #expect(uint8 == int8.map { $0 + 128 })
        let bits = floats.reduce(0) { $0 * 2 + ($1 > 0 ? 1 : 0) }
        #expect(
            try await numbers(embed(#""input":"a!","output_dtype":"ubinary""#)) == [Double(bits)])
        #expect(
            try await numbers(embed(#""input":"a!","output_dtype":"binary""#)) == [
                Double(bits) - 128
            ])
        let base64 = try await embed(
            #""input":"a!","output_dtype":"binary","encoding_format":"base64""#)
        let text = try #require(base64.json["data"]?.arrayValue?[0]["embedding"]?.stringValue)
        #expect(try [UInt8](#require(Data(base64Encoded: text))) == [UInt8(bits) &- 128])
        #expect(
            try await embed(#""input":"a","output_dtype":"binary","dimensions":4"#).status == 400)
        #expect(try await embed(#""input":"a","output_dtype":"int4""#).status == 400)
    }

    @Test func `a long list is answered in its order`() async throws {
        let texts = (0..<300).map { #""\#(Character(Unicode.Scalar(UInt8(33 + $0 % 50))))""# }
            .map { $0 == #"""""# ? #""x""# : $0 }.map { $0 == #""\""# ? #""y""# : $0 }
        let client = client()
        let reply = try await embed(
            #""input":[\#(texts.joined(separator: ","))]"#, by: client)
        #expect(reply.status == 200)
        let data = try #require(reply.json["data"]?.arrayValue)
        #expect(data.count == 300 && client.engine.requests.count == 300)
        for (index, text) in texts.enumerated() {
            let byte = Double(Array(text.utf8)[1])
            #expect(try ((numbers(reply, index)[1] + 0.2) * 512).rounded() == byte)
        }
    }

    @Test(arguments: [
        (#""input":["a",""]"#, "input[1]"), (#""input":"""#, "input"), (#""input":[]"#, "input"),
        (#""input":null"#, "input"), (#""input":3"#, "input"), (#""input":["a",null]"#, "input[1]"),
        (#""input":["a","aaaaaaaaaaaaaaaaaaaaaaa"]"#, "input[1]"),
        (#""input":"a","dimensions":0"#, "dimensions"),
        (#""input":"a","dimensions":"x""#, "dimensions"),
        (#""input":"a","encoding_format":"hex""#, "encoding_format"),
        (#""input":"a","truncate_prompt_tokens":-2"#, "truncate_prompt_tokens"),
        (#""input":"a","messages":[1]"#, "messages"),
        (#""input":[1,2]"#, "input"), (#""input":["a",[1,2]]"#, "input[1]"),
    ])
    func `what is wrong is named`(members: String, field: String) async throws {
        let reply = try await embed(members)
        #expect(reply.status == 400)
        #expect(try reply.json["error"]?["param"] == .string(field))
        let mistral = try await client().post(
            "/mistral/v1/embeddings", #"{"model":"default",\#(members)}"#)
        #expect(mistral.status == 422)
    }

    @Test func `more texts than a request may have are refused`() async throws {
        let texts = Array(repeating: #""a""#, count: 2049).joined(separator: ",")
        let reply = try await embed(#""input":[\#(texts)]"#)
        #expect(reply.status == 400 && reply.text.contains("2048"))
    }

    @Test func `token ids are read only where the client says whose they are`() async throws {
        let refused = try await embed(#""input":[[97,98]]"#)
        #expect(refused.status == 400 && refused.text.contains("cl100k"))
        let header = ["x-allow-token-input": "true"]
        let one = try await embed(#""input":[97,98]"#, header)
        let many = try await embed(#""input":[[97,98],[99]]"#, header)
        #expect(one.status == 200 && many.status == 200)
        #expect(try numbers(one) == numbers(many))
        let foreign = try await embed(#""input":[[97,9999]]"#, header)
        #expect(foreign.status == 400)
        #expect(try foreign.json["error"]?["param"] == "input[0][1]")
    }

    @Test func `a long text is cut where the client asks for it`() async throws {
        let text = String(repeating: "a", count: 18) + "zzzz"
        let client = client()
        for (members, expected) in [
            (#""truncate_prompt_tokens":-1"#, "aaaaaaaaaaaaaaaaaaz"),
            (#""truncate":true"#, "aaaaaaaaaaaaaaaaaaz"),
            (#""truncate_prompt_tokens":4"#, "aaa"),
            (#""truncate_prompt_tokens":6,"truncation_side":"left""#, "azzzz"),
        ] {
            let reply = try await embed(#""input":"\#(text)",\#(members)"#, by: client)
            #expect(reply.status == 200)
            let tokens = try #require(client.engine.requests.last?.promptTokens)
            #expect(tokens == [256] + expected.utf8.map { Int32($0) })
        }
        let refused = try await embed(#""input":"\#(text)","truncate":false"#)
        #expect(refused.status == 400 && refused.text.contains("maximum context length"))
    }

    @Test func `a model that only embeds answers no chat, and says what to do`() async throws {
        let client = client()
        for reply in [try await client.chat(), try await client.complete()] {
            #expect(reply.status == 400)
            #expect(try reply.json["error"]?["param"] == "model")
            #expect(reply.text.contains("/v1/embeddings"))
        }
        #expect(client.engine.requests.isEmpty)
    }

    @Test func `a model that makes no embeddings says so`() async throws {
        let reply = try await embed(#""input":"a""#, by: client(nil))
        #expect(reply.status == 400)
        #expect(try reply.json["error"]?["param"] == "model")
        let rerank = try await client().post(
            "/v1/rerank", #"{"query":"a","documents":["b"]}"#)
        #expect(rerank.status == 400 && rerank.text.contains("no head"))
        let scored = try await embed(#""input":"a""#, by: client(Self.scorer))
        #expect(scored.status == 400 && scored.text.contains("/v1/rerank"))
    }

    @Test func `a full queue is told at once`() async throws {
        let client = TestClient(
            engine: ScriptedEngine { _ throws(SubmissionError) in
                throw .overloaded(retryAfter: .seconds(7))
            }, embedding: Self.ability)
        let reply = try await embed(#""input":["a","b"]"#, by: client)
        #expect(reply.status == 503 && reply.field("retry-after") == "7")
    }

    @Test func `a long list does not need a long queue`() async throws {
        let client = TestClient(
            engine: ScriptedEngine { request throws(SubmissionError) in
                if request.placesBefore >= 10 { throw .overloaded(retryAfter: .seconds(7)) }
                return ScriptedEngine.events([
                    .embedding([1, 0]), .finished(choice: 0, reason: .length, stop: nil),
                    .usage(Usage(promptTokens: request.promptTokens.count)),
                ])
            }, embedding: Self.ability)
        let texts = Array(repeating: #""a""#, count: 30).joined(separator: ",")
        let reply = try await embed(#""input":[\#(texts)]"#, by: client)
        #expect(reply.status == 200)
        #expect(try reply.json["data"]?.arrayValue?.count == 30)
    }

    @Test func `what the engine fails at fails the request`() async throws {
        let client = TestClient(
            engine: ScriptedEngine { request throws(SubmissionError) in
                ScriptedEngine.events([
                    .finished(choice: 0, reason: .error("no luck"), stop: nil),
                    .usage(Usage(promptTokens: request.promptTokens.count)),
                ])
            }, embedding: Self.ability)
        let reply = try await embed(#""input":"a""#, by: client)
        #expect(reply.status == 500)
    }

    // MARK: Rerank

    @Test(arguments: ["/v1/rerank", "/rerank", "/v2/rerank", "/v1/reranking"])
    func `documents come back the best first`(path: String) async throws {
        let client = client(Self.scorer)
        let reply = try await client.post(
            path, #"{"query":"q","documents":["a",{"text":"abcd"},"ab"],"top_n":2}"#)
        #expect(reply.status == 200)
        let results = try #require(reply.json["results"]?.arrayValue)
        #expect(results.map { $0["index"] } == [1, 2])
        #expect(results[0]["document"]?["text"] == "abcd")
        let score = try #require(results[0]["relevance_score"]?.doubleValue)
        #expect(abs(score - 1 / (1 + exp(-4))) < 1e-9)
        #expect(client.engine.requests[1].secondTextStart == 2)
        let bare = try await client.post(
            path, #"{"query":"q","documents":["a"],"return_documents":false}"#)
        #expect(try bare.json["results"]?.arrayValue?[0]["document"] == nil)
    }

    @Test(arguments: [
        (#"{"documents":["a"]}"#, "query"), (#"{"query":"q"}"#, "documents"),
        (#"{"query":"q","documents":[]}"#, "documents"),
        (#"{"query":"q","documents":["a",1]}"#, "documents[1]"),
        (#"{"query":"q","documents":["a"],"top_n":0}"#, "top_n"),
        (
            #"{"query":"q","documents":["a"],"truncation_side":"left"}"#, "truncation_side"
        ),
    ])
    func `what is wrong with a ranking is named`(body: String, field: String) async throws {
        let reply = try await client(Self.scorer).post("/v1/rerank", body)
        #expect(reply.status == 400)
        #expect(try reply.json["error"]?["param"] == .string(field))
    }
}
