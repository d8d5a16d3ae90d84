// SPDX-License-Identifier: Apache-2.0

import JSON

/// The fields of `POST /v1/embeddings`.
enum EmbeddingFields {
    static let model = Field.string(
        "model", maxBytes: 1024, "Which model embeds; the first one where it is left out."
    ).example("default")
    static let dimensions = Field.integer(
        "dimensions", in: 1...(1 << 20),
        "How many numbers a vector has, at most as many as the model gives; it is cut and brought "
            + "to length 1 again."
    ).peers("output_dimension")
    static let encodingFormat = Field.choice(
        "encoding_format", of: ["float", "base64"],
        "How vectors are written: a list of numbers, or their bytes in base64."
    ).defaulting(to: "float")
    static let outputType = Field.choice(
        "output_dtype", of: EmbeddingFormat.NumberType.allCases.map(\.rawValue),
        "What the numbers are."
    ).defaulting(to: "float")
    static let truncatePromptTokens = Field.integer(
        "truncate_prompt_tokens", in: -1...Int(Int32.max),
        "To how many tokens a longer text is cut; -1 for as many as the model takes.")
    static let truncationSide = Field.choice(
        "truncation_side", of: ["left", "right"], "Which end of a long text is cut off.")
    static let truncate = Field.boolean(
        "truncate", "Whether texts that are too long are cut; else they are an error.")
    static let priority = Field.integer(
        "priority", in: -1_000_000...1_000_000, "Lower ones come first."
    ).defaulting(to: 0)
    static let user = Field.string(
        "user", maxBytes: 65_536, "Who asks, in the client's own words.")
    static let metadata = Field.map("metadata", of: .any, "Taken; kept nowhere.")
    static let messages = FieldDeclaration.refused(
        "messages", reason: "not read; write the conversation into input as a text")
    static let input = FieldDeclaration(
        "input",
        .either([
            .string(),
            .array(
                of: .string(), minCount: 1, maxCount: { _ in EmbeddingRequest.maxInputCount }),
        ]), "A text, or a list of them; none is empty."
    ).example("Hello", ["Hello", "world"]).required

    static let truncation = FieldList {
        truncatePromptTokens
        truncationSide
        truncate
    }

    /// All of them.
    static let list = FieldList {
        model
        input
        dimensions
        encodingFormat
        outputType
        truncation
        priority
        user
        metadata
        messages
    }
}

/// The fields of `POST /v1/rerank`.
enum RerankFields {
    static let model = Field.string(
        "model", maxBytes: 1024, "Which model ranks; the first one where it is left out."
    ).example("default")
    static let query = Field.string("query", "What is looked for.").example("a").required
    static let documents = Field.array(
        "documents", of: .either([.string(), .map(of: .any)]), minCount: 1,
        maxCount: { _ in EmbeddingRequest.maxInputCount },
        "Where it is looked for: texts, or objects with a text."
    ).example(["a", "b"]).required
    static let count = Field.integer(
        "top_n", in: 1...Int(Int32.max), "How many of the best are told; all if left out.")
    static let returnsDocuments = Field.boolean(
        "return_documents", "Whether the texts are told, too."
    ).defaulting(to: true)
    static let maxDocumentTokens = Field.integer(
        "max_tokens_per_doc", in: 1...Int(Int32.max),
        "To how many tokens a longer document is cut, the query's included.")
    static let rankFields = FieldDeclaration.refused(
        "rank_fields", reason: "not read; write the fields into each text")

    /// All of them.
    static let list = FieldList {
        model
        query
        documents
        count
        returnsDocuments
        EmbeddingFields.truncation
        maxDocumentTokens
        rankFields
    }
}

extension EndpointContract {
    /// `POST /v1/embeddings`.
    static let embeddings = EndpointContract(
        "Make vectors of texts.", takes: EmbeddingFields.list,
        gives: .object {
            FieldDeclaration("id", .string(), "The identity of the answer.").required
            FieldDeclaration("object", .choice(["list"]), "The kind of the answer.").required
            FieldDeclaration("created", AnswerMembers.count, "Unix time in seconds.").required
            FieldDeclaration("model", .string(), "The model that answers.").required
            FieldDeclaration(
                "data",
                .array(
                    of: .object {
                        FieldDeclaration("object", .choice(["embedding"]), "What it is.").required
                        FieldDeclaration("index", AnswerMembers.count, "Of which text.").required
                        FieldDeclaration(
                            "embedding", .either([.array(of: .number), .string()]), "The vector."
                        ).required
                    }), "A vector for each text."
            ).required
            FieldDeclaration("usage", AnswerMembers.usage, "The token counts.").required
        })

    /// `POST /v1/rerank`.
    static let rerank = EndpointContract(
        "Rank documents by how well they go with a query.", takes: RerankFields.list,
        gives: .object {
            FieldDeclaration("id", .string(), "The identity of the answer.").required
            FieldDeclaration("object", .choice(["list"]), "The kind of the answer.").required
            FieldDeclaration("model", .string(), "The model that answers.").required
            FieldDeclaration(
                "results",
                .array(
                    of: .object {
                        FieldDeclaration("index", AnswerMembers.count, "Which document.").required
                        FieldDeclaration(
                            "relevance_score", .number(in: 0...1),
                            "How well it goes with the query."
                        ).required
                        FieldDeclaration(
                            "document",
                            .object {
                                FieldDeclaration("text", .string(), "Its text.").required
                            }, "The document.")
                    }), "The best first."
            ).required
            FieldDeclaration("usage", AnswerMembers.usage, "The token counts.").required
        })
}
