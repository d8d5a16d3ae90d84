// SPDX-License-Identifier: Apache-2.0

import JSON
import Serving

/// Embeddings as Ollama's API has them: of texts, and as it was first, of one text.
enum OllamaEmbedding {
    /// `POST /api/embed`.
    static func embed(
        _ body: JSONObject, _ context: RequestContext
    ) throws(APIError) -> RequestPlan {
        let (name, request) = try APIError.reading { () throws(FieldError) in
            let fields = FieldReader(body)
            let name = try fields.require("model", fields.string("model", maxCharacters: 1024))
            // Texts that are too long are cut here unless a client says otherwise.
            var body = body
            if fields.value("truncate") == nil { body["truncate"] = true }
            return (name, try EmbeddingRequest(body))
        }
        let model = try context.model(named: name)
        var planned = try PlannedEmbedding(
            model: model, inputs: request.inputs, request.truncation,
            fields: QuestionFields(prompt: "input", isList: request.isList))
        try request.format.check(modelDimension: model.embedding?.dimension ?? 0)
        let start = ContinuousClock.now
        planned.write = { embeddings, usage throws(APIError) in
            var json = Array(#"{"model":"#.utf8)
            json.append(quoted: name)
            json.append(text: #","embeddings":["#)
            for (index, embedding) in embeddings.enumerated() {
                if index > 0 { json.append(text: ",") }
                try request.format.append(embedding, to: &json)
            }
            json.append(text: #"],"total_duration":"#)
            json.append(number: Int((ContinuousClock.now - start) / .nanoseconds(1)))
            json.append(text: #","load_duration":0,"prompt_eval_count":"#)
            json.append(number: usage.promptTokens)
            json.append(text: "}")
            return json
        }
        return .embedding(planned)
    }

    /// `POST /api/embeddings`, the older one.
    static func embedOne(
        _ body: JSONObject, _ context: RequestContext
    ) throws(APIError) -> RequestPlan {
        let (name, text) = try APIError.reading { () throws(FieldError) in
            let fields = FieldReader(body)
            return (
                try fields.require("model", fields.string("model", maxCharacters: 1024)),
                try fields.require("prompt", fields.string("prompt"))
            )
        }
        if text.isEmpty { throw .invalid("prompt", expected: "a text that is not empty") }
        let model = try context.model(named: name)
        var planned = try PlannedEmbedding(
            model: model, inputs: [.text(text)], .end(tokenCount: nil),
            fields: QuestionFields(prompt: "prompt"))
        planned.write = { embeddings, _ throws(APIError) in
            var json = Array(#"{"embedding":"#.utf8)
            try EmbeddingFormat().append(embeddings.first ?? [], to: &json)
            json.append(text: "}")
            return json
        }
        return .embedding(planned)
    }
}
