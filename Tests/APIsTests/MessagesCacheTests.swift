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

/// What is found in the prefix cache of a whole engine, as Anthropic's API counts it.
@Suite struct MessagesCacheTests {
    private let engine: GenerationEngine
    private let server: APIServer

    init() throws {
        engine = GenerationEngine(
            model: try TinyTransformer.make(
                vocabularyCount: ByteTokenizer.count, blockCount: 100, maxBatchTokens: 64),
            tokenizer: ByteTokenizer(), configuration: .init(maxSequences: 4))
        let description = ModelDescription(
            name: "tiny", creationTime: 1, contextLength: engine.contextLength)
        let models = ModelRegistry()
        models.announce(description).serve(
            ServedModel(
                description: description, engine: engine, tokenizer: ByteTokenizer(),
                prompts: PlainPrompts(), fingerprint: "fp"))
        server = APIServer(models: models, unixTime: { 7 })
    }

    /// The token counts of a request as Claude Code sends it, with this for its `cch`.
    private func usage(_ first: String) async throws -> (read: Int, input: Int) {
        let instructions = String(repeating: "You are. ", count: 12)
        let body = #"""
            {"model":"default","max_tokens":1,"temperature":0,"system":[
             {"type":"text","text":"\#(first)"},
             {"type":"text","text":"\#(instructions)","cache_control":{"type":"ephemeral"}}],
             "messages":[{"role":"user","content":"Hi"}]}
            """#
        let response = await server.handle(
            TestClient.request(.post, "/v1/messages?beta=true", body, [:]))
        guard case .bytes(let bytes) = response.body else { return (-1, -1) }
        let usage = try #require(try JSONParser.parse(bytes)["usage"])
        return (
            try #require(usage["cache_read_input_tokens"]?.intValue),
            try #require(usage["input_tokens"]?.intValue)
                + #require(usage["cache_creation_input_tokens"]?.intValue)
        )
    }

    @Test func `a billing line that changes leaves the prefix in the cache`() async throws {
        func line(_ hash: String) -> String {
            "x-anthropic-billing-header: cc_version=2.1.100.7b4; cc_entrypoint=cli; cch=\(hash);"
        }
        let first = try await usage(line("eb6c6"))
        #expect(first.read == 0)
        let second = try await usage(line("0aaa9"))
        #expect(second.read > first.input / 2)
        #expect(second.read + second.input == first.input)
        // Any other text that changes there is read, and nothing after it can be found.
        let other = try await usage("note 1")
        #expect(try await usage("note 2").read < second.read)
        #expect(other.input > first.input)
        await engine.shutdown(grace: .seconds(60))
    }
}
