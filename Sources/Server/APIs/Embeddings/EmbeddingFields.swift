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

    /// What vLLM takes besides where texts are embedded or ranked.
    static let peers: [FieldDeclaration] = [
        .refused(
            "padding", neutral: ["do_not_pad"],
            reason: "texts are never padded; send do_not_pad"),
        .refused(
            "use_activation", neutral: [true],
            reason: "vectors always have length 1, and scores are probabilities; send true"),
        .refused("mm_processor_kwargs", reason: "this model takes text only"),
        .refused("chat_template_kwargs", reason: "texts stand in no template; leave it out"),
        .ignored("request_id", reason: "the header x-request-id names a request"),
    ]

    /// What vLLM and llama-server take besides where texts are embedded.
    static let others: [FieldDeclaration] =
        peers + [
            .refused(
                "add_special_tokens", neutral: [true],
                reason: "the model's own special tokens are always there; send true"),
            .refused(
                "embed_dtype", neutral: ["float32"], reason: "not read; use output_dtype"),
            .refused(
                "endianness", neutral: ["native", "little"],
                reason: "numbers are always little-endian; send little"),
            .refused("chat_template", reason: "texts stand in no template; leave it out"),
            .refused("add_generation_prompt", reason: "not read; messages are not, either"),
            .refused("continue_final_message", reason: "not read; messages are not, either"),
            .refused("media_io_kwargs", reason: "this model takes text only"),
            .refused("content", reason: "not read; use input"),
            .refused(
                "embd_normalize", neutral: [2], reason: "vectors always have length 1; send 2"),
            .refused(
                "normalize", neutral: [true], reason: "vectors always have length 1; send true"),
        ]

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
        GenerationFields.cacheSalt
        others
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
    static let others: [FieldDeclaration] =
        EmbeddingFields.peers + [
            .refused(
                "truncation_side", neutral: ["right"],
                reason: "documents are cut at their end; send right"),
            .refused(
                "max_tokens_per_query", reason: "queries are only cut with their documents"),
            .refused("instruction", reason: "not read; write it into the query"),
            .refused("texts", reason: "not read; use documents"),
        ]

    /// All of them.
    static let list = FieldList {
        model
        query
        documents
        count
        returnsDocuments
        EmbeddingFields.truncatePromptTokens
        EmbeddingFields.truncate
        maxDocumentTokens
        EmbeddingFields.priority
        EmbeddingFields.user
        GenerationFields.cacheSalt
        rankFields
        others
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
