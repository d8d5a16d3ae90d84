// SPDX-License-Identifier: Apache-2.0

import APIs
import HTTP
import HTTPTypes
import JSON
import ServingSupport
import Testing

@Suite struct HeaderTests {
    private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let span = "00f067aa0ba902b7"
    private static let chat = #"{"model":"default","messages":[{"role":"user","content":"Hi"}]}"#

    @Test(arguments: [
        "00-\(trace)-\(span)-01", "00-\(trace)-\(span)-00", "01-\(trace)-\(span)-01-more",
    ])
    func `a trace is continued with a span of its own`(parent: String) async throws {
        let client = TestClient()
        for path in ["/v1/chat/completions", "/nowhere"] {
            let reply = try await client.post(path, Self.chat, ["traceparent": parent])
            let own = try #require(reply.field("traceparent")).split(separator: "-")
            #expect(own.count == 4)
            #expect(own[0] == "00")
            #expect(own[1] == Self.trace)
            #expect(own[2] != Self.span)
            #expect(own[2].utf8.count == 16)
            #expect(own[3] == parent.split(separator: "-")[3])
        }
    }

    @Test(arguments: [
        "", "00", "00-\(trace)-\(span)", "00-\(trace)-\(span)-01-more", "ff-\(trace)-\(span)-01",
        "00-00000000000000000000000000000000-\(span)-01", "00-\(trace)-0000000000000000-01",
        "00-\(trace.uppercased())-\(span)-01", "00-\(trace)x-\(span)-01", "0-\(trace)-\(span)-01",
    ])
    func `what is no trace is not continued`(parent: String) async throws {
        let reply = try await TestClient().post(
            "/v1/chat/completions", Self.chat, ["traceparent": parent])
        #expect(reply.status == 200)
        #expect(reply.field("traceparent") == nil)
    }

    @Test func `an answer tells how long it took, and a stream how long until it began`()
        async throws
    {
        let client = TestClient()
        let whole = try await client.chat()
        #expect(whole.field("openai-processing-ms").flatMap { Int($0) } != nil)
        #expect(try #require(whole.field("server-timing")).contains("total;dur="))
        let stream = try await client.chat(#""stream":true"#)
        #expect(stream.field("openai-processing-ms").flatMap { Int($0) } != nil)
        #expect(try #require(stream.field("server-timing")).contains("total;dur="))
    }

    @Test func `a server that knows how much it takes says how much more`() async throws {
        var configuration = APIServer.Configuration()
        configuration.requestCapacity = 8
        let reply = try await TestClient(configuration).chat()
        #expect(reply.field("x-ratelimit-limit-requests") == "8")
        #expect(reply.field("x-ratelimit-limit-req-minute") == "8")
        let remaining = try #require(
            reply.field("x-ratelimit-remaining-requests").flatMap { Int($0) })
        #expect((0...8).contains(remaining))
        #expect(reply.field("x-ratelimit-remaining-req-minute") == String(remaining))
        #expect(reply.field("x-ratelimit-reset-requests") != nil)
        let usage = try reply.json["usage"]?["total_tokens"]?.intValue
        #expect(reply.field("x-ratelimit-tokens-query-cost") == usage.map { String($0) })
        #expect(try await TestClient().chat().field("x-ratelimit-limit-requests") == nil)
    }

    @Test(arguments: [503, 413, 408, 400])
    func `what never became a request has an identity, too`(status: Int) throws {
        let response = TestClient().server.refusal(.init(code: status), "No.", nil)
        let id = try #require(HTTPField.Name("x-request-id"))
        #expect(response.head.headerFields[id]?.isEmpty == false)
    }
}
