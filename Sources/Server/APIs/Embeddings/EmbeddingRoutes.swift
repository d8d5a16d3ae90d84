// SPDX-License-Identifier: Apache-2.0

import Access
import HTTP
import JSON
import Serving

extension RouteGroup {
    /// Vectors of texts, and scores of pairs of texts.
    static let embeddings = RouteGroup(
        for: .embeddings,
        .post("/v1/embeddings", contract: .embeddings) { body, context throws(APIError) in
            let request = try APIError.reading { () throws(FieldError) in
                try EmbeddingRequest(body, allowsTokens: context.allowsTokenInput)
            }
            let model = try context.model(named: request.model)
            let fields = QuestionFields(prompt: "input", isList: request.isList)
            var planned = try PlannedEmbedding(
                model: model, inputs: request.inputs, request.truncation, fields: fields,
                priority: request.priority, cacheScope: request.cacheScope)
            try request.format.check(modelDimension: model.embedding?.dimension ?? 0)
            let header = context.header(model, object: "list", idPrefix: "embd-")
            planned.write = { embeddings, usage throws(APIError) in
                try EmbeddingList.json(embeddings, usage, header, as: request.format)
            }
            return .embedding(planned)
        },
        .post(
            "/v1/rerank", "/v2/rerank", "/v1/reranking", contract: .rerank,
            answer: RerankRequest.plan)
    )
}

/// The answer of `POST /v1/embeddings`, which both SDKs read.
private enum EmbeddingList {
    static func json(
        _ embeddings: [[Float]], _ usage: UsageReport, _ header: AnswerHeader,
        as format: EmbeddingFormat
    ) throws(APIError) -> [UInt8] {
        // Written by hand: the numbers of a large request would be a million JSON values.
        var json = Array(#"{"id":"#.utf8)
        json += JSONValue.string(header.id).serialized().utf8
        json += #","object":"list","created":\#(header.created),"model":"#.utf8
        json += JSONValue.string(header.model).serialized().utf8
        json += #","data":["#.utf8
        for (index, embedding) in embeddings.enumerated() {
            if index > 0 { json.append(UInt8(ascii: ",")) }
            json += #"{"object":"embedding","index":\#(index),"embedding":"#.utf8
            try format.append(embedding, to: &json)
            json.append(UInt8(ascii: "}"))
        }
        json += #"],"usage":"#.utf8
        json += usage.json.serialized().utf8
        json.append(UInt8(ascii: "}"))
        return json
    }
}
