// SPDX-License-Identifier: Apache-2.0

import Generation
import Recognition
import Sampling
import StructuredOutput
import TestSupport
import Testing

/// Answers that are held to compiled structures.
@Suite struct CompiledConstraintTests {
    private static let vocabulary = ConstraintVocabulary(FakeTokenizer())

    static let expressions = [
        "(the |ne){1,3}end", "[a-f]{2,9}!", "(abc|abd|é){1,4}", "(a|b|the ){4}stop here, please\\.",
        "x{3}(😀|y)z", "STOP|the STOP!", "(.|😀){0,12}",
    ]

    private func request(_ expression: String, choices: Int) throws -> GenerationRequest {
        var request = GenerationRequest(
            promptTokens: FakeTokenizer.ids("a", "b", "|"),
            sampling: SamplingParameters(temperature: 1.5, topP: 0.95, seed: 5), maxTokens: 60,
            choiceCount: choices, continuesText: true)
        request.constraint = try Constraint(.expression(expression), vocabulary: Self.vocabulary)
        return request
    }

    @Test(arguments: expressions)
    func `every answer matches its expression`(expression: String) async throws {
        let engine = GenerationEngine(model: FakeModel(), tokenizer: FakeTokenizer())
        let result = try await engine.generate(try request(expression, choices: 12))
        let regex = try Regex(expression)
        for choice in result.choices.values {
            #expect(choice.reason == .stop)
            #expect(try regex.wholeMatch(in: choice.text) != nil, "\(choice.text)")
        }
    }

    @Test func `answers do not depend on the others, nor on threads`() async throws {
        let requests = try (Self.expressions + Self.expressions).enumerated().map {
            var request = try request($0.element, choices: 1 + $0.offset % 3)
            request.topLogprobs = $0.offset % 4 == 1 ? 2 : nil
            request.sampling.seed = UInt64($0.offset)
            return request
        }
        var expected: [Generated] = []
        let alone = GenerationEngine(
            model: try TinyTransformer.make(vocabularyCount: FakeTokenizer.vocabularyCount),
            tokenizer: FakeTokenizer())
        for request in requests { expected.append(try await alone.generate(request)) }
        let tight = GenerationEngine(
            model: try TinyTransformer.make(
                vocabularyCount: FakeTokenizer.vocabularyCount, blockCount: 12, maxBatchTokens: 21,
                maxLogitsRows: 12, threadCount: 2),
            tokenizer: FakeTokenizer())
        let submitted = try requests.map { try tight.submit($0) }
        for (request, expected) in zip(submitted, expected) {
            #expect(await Generated(request) == expected)
        }
    }
}
