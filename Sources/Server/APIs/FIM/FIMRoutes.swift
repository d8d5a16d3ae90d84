// SPDX-License-Identifier: Apache-2.0

import Access
import Generation
import JSON
import Serving

extension RouteGroup {
    /// Gaps that are to be filled, which Mistral's API has; answers have the shape of a chat's.
    static let fim = RouteGroup(
        for: .fim,
        .post("/v1/fim/completions", dialect: .mistral, contract: .fim) {
            body, context throws(APIError) in
            let request = try APIError.reading { () throws(FieldError) in
                try FIMCompletionRequest(
                    body, dialect: context.dialect, limits: context.backend.configuration.limits)
            }
            let model = try context.model(named: request.model)
            var question = request.options.asking([
                .gap(before: request.prompt, after: request.suffix)
            ])
            question.generation.continuesText = true
            let fields = QuestionFields(prompt: "prompt", gap: "model")
            let requests = try fields.naming { () throws(ServingError) in
                try model.requests(for: question)
            }
            return .generation(
                PlannedAnswer(
                    model: model, requests: requests, fields: fields,
                    codec: ChatCodec(request.options, requests, in: context.dialect)))
        })
}
