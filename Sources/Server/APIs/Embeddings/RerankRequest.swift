// SPDX-License-Identifier: Apache-2.0

import Foundation
package import JSON
package import Serving

/// The body of `POST /v1/rerank`, in the fields of Cohere, Jina and vLLM.
package struct RerankRequest: Hashable, Sendable {
    /// Which model is asked; nil for the one being served.
    package var model: String?

    /// What is looked for.
    package var query: String

    /// Where it is looked for.
    package var documents: [String]

    /// How many of the best are told; nil for all.
    package var topCount: Int?

    /// Whether the answer has the documents, too.
    package var returnsDocuments: Bool

    /// What is done with documents that are too long.
    package var truncation: Truncation

    /// Lower ones come first.
    package var priority: Int

    /// What is computed of the texts is only found again with the same text here.
    package var cacheScope: String

    /// Reads and checks the body.
    ///
    /// - Throws: `FieldError`, which names the field.
    package init(_ body: JSONObject) throws(FieldError) {
        let fields = FieldReader(body)
        model = try fields.read(RerankFields.model)
        query = try fields.require(RerankFields.query)
        guard !query.isEmpty else {
            throw .invalid("query", expected: "a text that is not empty")
        }
        var documents: [String] = []
        let elements = try fields.require(RerankFields.documents)
        for (value, path) in elements {
            switch value {
            case .string(let text): documents.append(text)
            case .object:
                let document = try FieldReader(value, at: path)
                documents.append(try document.require("text", document.string("text")))
            default:
                throw .wrongType(
                    path, expected: "a string or an object with 'text'", found: value.kindName)
            }
        }
        guard !documents.isEmpty else {
            throw .invalid("documents", expected: "at least one document")
        }
        self.documents = documents
        topCount = try fields.read(RerankFields.count)
        returnsDocuments = try fields.read(RerankFields.returnsDocuments)
        for field in RerankFields.others { try fields.refuse(field) }
        truncation = try Truncation(fields)
        // As with Cohere, documents are cut where nobody says otherwise.
        let documentLimit = try fields.read(RerankFields.maxDocumentTokens)
        switch truncation {
        case .never
        where fields.value("truncate_prompt_tokens") == nil && fields.value("truncate") == nil:
            truncation = .end(tokenCount: documentLimit)
        case .never, .beginning: break
        case .end(let count):
            truncation = .end(tokenCount: [count, documentLimit].compactMap { $0 }.min())
        }
        priority = try fields.read(EmbeddingFields.priority)
        cacheScope = try fields.read(GenerationFields.cacheSalt)
        // Who asks, in the client's own words, changes nothing here.
        _ = try fields.read(EmbeddingFields.user)
        try fields.refuse(RerankFields.rankFields)
    }

    /// `POST /v1/rerank`.
    static func plan(
        _ body: JSONObject, _ context: RequestContext
    ) throws(APIError) -> RequestPlan {
        let request = try APIError.reading { () throws(FieldError) in try RerankRequest(body) }
        let model = try context.model(named: request.model)
        var planned = try PlannedEmbedding(
            model: model, inputs: request.documents.map { .pair(request.query, $0) },
            request.truncation, fields: QuestionFields(prompt: "documents", isList: true),
            priority: request.priority, cacheScope: request.cacheScope)
        let header = context.header(model, object: "rerank", idPrefix: "rerank-")
        planned.write = { scores, usage throws(APIError) in
            Array(request.answer(scores.map { $0.first ?? 0 }, usage, header).serialized().utf8)
        }
        return .embedding(planned)
    }

    /// The documents by what the model gives for them, the best first.
    private func answer(
        _ scores: [Float], _ usage: UsageReport, _ header: AnswerHeader
    ) -> JSONValue {
        let ranked = scores.enumerated().sorted {
            ($1.element, $0.offset) < ($0.element, $1.offset)
        }
        let results = ranked.prefix(topCount ?? .max).map { index, score in
            var result: JSONObject = [
                "index": .integer(index),
                // The logit of one label as a probability, as cross-encoders are trained.
                "relevance_score": .number(1 / (1 + exp(-Double(score)))),
            ]
            if returnsDocuments { result["document"] = ["text": .string(documents[index])] }
            return JSONValue.object(result)
        }
        return [
            "id": .string(header.id), "object": "list", "model": .string(header.model),
            "results": .array(results), "usage": usage.json,
        ]
    }
}
