// SPDX-License-Identifier: Apache-2.0

import APIs
import Generation
import JSON
import Scheduling
import ServingSupport
import Testing

@Suite struct CacheFieldTests {
    @Test(arguments: [
        (#""prompt_cache_key":7"#, "prompt_cache_key"),
        (#""cache_diagnostics":"yes""#, "cache_diagnostics"),
        (#""prompt_cache_retention":"for ever""#, "prompt_cache_retention"),
        (#""prompt_cache_options":7"#, "prompt_cache_options"),
        (#""prompt_cache_options":{"mode":"never"}"#, "prompt_cache_options.mode"),
        (#""prompt_cache_options":{"ttl":"1y"}"#, "prompt_cache_options.ttl"),
        (#""prompt_cache_options":{"prewarm":true}"#, "prompt_cache_options.prewarm"),
    ])
    func `what is wrong with a field of the cache is named`(
        member: String, path: String
    ) async throws {
        let client = TestClient()
        for reply in [try await client.chat(member), try await client.complete(member)] {
            #expect(reply.status == 400)
            #expect(try reply.json["error"]?["param"] == .string(path))
        }
    }

    @Test func `hints and breakpoints are accepted`() async throws {
        let reply = try await TestClient().post(
            "/v1/chat/completions",
            #"""
            {"model":"default","prompt_cache_key":"k","prompt_cache_retention":"24h",
            "prompt_cache_options":{"mode":"explicit","ttl":"30m","prewarm":false},
            "messages":[{"role":"user","content":[{"type":"text","text":"Hi",
            "prompt_cache_breakpoint":{"mode":"explicit"}}]}]}
            """#)
        #expect(reply.status == 200)
    }

    @Test(arguments: [
        (
            CacheDiagnosis.Reason.hit,
            #"{"type":"cache_hit","cached_tokens":16,"cache_missed_tokens":5}"#
        ),
        (
            .changed(position: 18),
            #"{"type":"cache_miss","reason":"input_changed","first_different_token":18,"cached_tokens":16,"cache_missed_tokens":5}"#
        ),
        (
            .evicted(position: 16),
            #"{"type":"unavailable","reason":"evicted","first_different_token":16,"cached_tokens":16,"cache_missed_tokens":5}"#
        ),
        (
            .otherSalt,
            #"{"type":"unavailable","reason":"cache_salt_changed","cached_tokens":16,"cache_missed_tokens":5}"#
        ),
        (
            .otherClient,
            #"{"type":"unavailable","reason":"other_client","cached_tokens":16,"cache_missed_tokens":5}"#
        ),
        (
            .unseen,
            #"{"type":"unavailable","reason":"not_seen","cached_tokens":16,"cache_missed_tokens":5}"#
        ),
    ])
    func `a diagnosis is told in the usage`(
        reason: CacheDiagnosis.Reason, json: String
    ) async throws {
        let engine = ScriptedEngine { _ throws(SubmissionError) in
            var usage = Usage(promptTokens: 21, cachedPromptTokens: 16, cacheWriteTokens: 2)
            usage.cacheDiagnosis = CacheDiagnosis(
                reason: reason, foundCount: 16, missedCount: 5)
            return ScriptedEngine.events([
                .finished(choice: 0, reason: .stop, stop: nil), .usage(usage),
            ])
        }
        let reply = try await TestClient(engine: engine).chat(#""cache_diagnostics":true"#)
        let usage = try #require(try reply.json["usage"])
        #expect(usage["prompt_cache_diagnostics"]?.serialized() == json)
        #expect(usage["prompt_tokens_details"]?["cache_write_tokens"] == 2)
    }

    @Test(arguments: [(16, 5, 1, 4), (16, 4, 1, 4), (21, 0, 0, 0), (0, 21, 1, 20)])
    func `Anthropic's counts add up, and its input is not none`(
        cached: Int, written: Int, input: Int, told: Int
    ) async throws {
        let engine = ScriptedEngine { _ throws(SubmissionError) in
            ScriptedEngine.events([
                .finished(choice: 0, reason: .stop, stop: nil),
                .usage(
                    Usage(
                        promptTokens: 21, cachedPromptTokens: cached, cacheWriteTokens: written)),
            ])
        }
        let usage = try #require(try await TestClient(engine: engine).message().json["usage"])
        #expect(usage["input_tokens"]?.intValue == input)
        #expect(usage["cache_read_input_tokens"]?.intValue == cached)
        #expect(usage["cache_creation_input_tokens"]?.intValue == told)
        #expect(usage["cache_creation"]?["ephemeral_5m_input_tokens"]?.intValue == told)
    }
}
