// SPDX-License-Identifier: Apache-2.0

import Access
import JSON
import Serving

extension RouteGroup {
    /// Typed questions about one input, answered by the probabilities of their labels.
    static let decisions = RouteGroup(
        for: .decisions,
        .post("/v1/decisions", contract: .decisions) { body, context throws(APIError) in
            let request = try APIError.reading { () throws(FieldError) in
                try DecisionRequest(body, limits: context.backend.configuration.limits)
            }
            let model = try context.model(named: request.model)
            let fields = QuestionFields(prompt: "questions", isList: true)
            let readings: [LabelReading]
            do throws(ServingError) {
                readings = try request.readings(by: model)
            } catch {
                if case .conversation(let reason) = error {
                    throw .invalidRequest(
                        .unsupported("input", reason: EchoableText.sentence(reason)))
                }
                throw APIError(error, fields: fields)
            }
            for (index, reading) in readings.enumerated() {
                _ = try context.room(
                    after: reading.prompt.count, in: index, isAnswered: false, fields: fields)
            }
            let reader = model.labelReader(request.generation, for: context.asker)
            // A refusal is an answer of its own, and none after the first bytes of another.
            let promptCount = readings.reduce(0) { $0 + $1.prompt.count }
            try context.reserve(prompt: promptCount, answer: 0)
            return .json { context async throws(APIError) in
                var scores: [LabelScores]
                do throws(ServingError) {
                    scores = try await reader.scores(
                        of: readings,
                        queued: { place in
                            context.record.submitted(promptCount)
                            context.record.trail?.submitted(readings.map(\.prompt))
                            context.record.queued(place)
                        },
                        consumed: context.record.consumed)
                } catch {
                    throw APIError(error, fields: fields)
                }
                for index in scores.indices {
                    scores[index].usage = context.told(scores[index].usage)
                }
                return request.answer(scores, readings, model).serializedBytes()
            }
        })
}

extension DecisionRequest {
    /// The prompt of each question and its labels' ids.
    fileprivate func readings(
        by model: ServedModel
    ) throws(ServingError) -> [LabelReading] {
        let prompts = try SharedConversation(messages, with: model).prompts(
            for: questions.map(\.text))
        var tokens = LabelTokens(model.tokenizer)
        var readings: [LabelReading] = []
        for (question, prompt) in zip(questions, prompts) {
            readings.append(
                LabelReading(
                    prompt: prompt, labels: tokens.tokens(of: question.labels, after: prompt)))
        }
        return readings
    }

    /// The answer to all questions.
    fileprivate func answer(
        _ scores: [LabelScores], _ readings: [LabelReading], _ model: ServedModel
    ) -> JSONValue {
        var usage = UsageReport()
        var answers: [JSONValue] = []
        for (index, question) in questions.enumerated() {
            usage += UsageReport(scores[index].usage)
            var answer = question.answer(scores[index].logprobs)
            if returnsTokenIDs {
                let reading = readings[index]
                answer["prompt_token_ids"] = reading.prompt.json
                answer["labels"] = .array(
                    question.labels.enumerated().map { place, label in
                        [
                            "label": .string(label), "token_ids": reading.labels[place].json,
                            "logprob": .number(scores[index].logprobs[place]),
                        ]
                    })
            }
            answers.append(.object(answer))
        }
        var object: JSONObject = [
            "model": .string(model.description.name), "answers": .array(answers),
            "usage": [
                "input_tokens": .integer(usage.promptTokens),
                "input_tokens_details": [
                    "cached_tokens": .integer(usage.cachedTokens),
                    "cache_write_tokens": .integer(usage.cacheWriteTokens),
                ],
                "output_tokens": .integer(usage.completionTokens),
                "output_tokens_details": ["reasoning_tokens": .integer(usage.thinkingTokens)],
                "total_tokens": .integer(usage.promptTokens + usage.completionTokens),
            ],
        ]
        if let diagnosis = usage.diagnosis {
            object["prompt_cache_diagnostics"] = diagnosis.json
        }
        return .object(object)
    }
}
