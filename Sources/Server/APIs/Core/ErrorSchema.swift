// SPDX-License-Identifier: Apache-2.0

import Access

/// How the OpenAPI document describes a vendor's errors.
struct ErrorSchema: Sendable {
    /// Its name there.
    let name: String

    /// What the bodies look like.
    let kind: FieldKind

    /// OpenAI's.
    static let openAI = ErrorSchema(
        name: "OpenAIError",
        kind: .object {
            FieldDeclaration("error", .object { members }, "What went wrong.").required
        })

    private static let members = FieldList {
        FieldDeclaration("message", .string(), "What went wrong, in a sentence.").required
        FieldDeclaration("type", .string(), "The kind of error.").required
        FieldDeclaration("param", FieldKind.string().orNull, "The field.").required
        FieldDeclaration("code", FieldKind.string().orNull, "The error.").required
        FieldDeclaration("n_prompt", .integer(in: 0...Int.max), "The tokens of a prompt too long.")
        FieldDeclaration("n_ctx", .integer(in: 0...Int.max), "The tokens that there is room for.")
    }

    /// Mistral's: flat, or a bare `detail`.
    static let mistral = ErrorSchema(
        name: "MistralError",
        kind: .either([
            .object {
                FieldDeclaration("object", .choice(["error"]), "The kind of the answer.").required
                members
            },
            .object {
                FieldDeclaration(
                    "detail", .either([.string(), .array(of: detail)]),
                    "What is wrong with the body."
                ).required
            },
        ]))

    private static let detail = FieldKind.object {
        FieldDeclaration("type", .string(), "The kind of error.").required
        FieldDeclaration(
            "loc", .array(of: .either([.string(), .integer(in: 0...Int.max)])),
            "The way to the field."
        ).required
        FieldDeclaration("msg", .string(), "What was expected.").required
    }

    /// Anthropic's.
    static let anthropic = ErrorSchema(
        name: "AnthropicError",
        kind: .object {
            FieldDeclaration("type", .choice(["error"]), "The kind of the answer.").required
            FieldDeclaration(
                "error",
                .object {
                    FieldDeclaration("type", .string(), "The kind of error.").required
                    FieldDeclaration("message", .string(), "What went wrong.").required
                }, "What went wrong."
            ).required
            FieldDeclaration("request_id", FieldKind.string().orNull, "The request's identity.")
        })

    /// Ollama's.
    static let ollama = ErrorSchema(
        name: "OllamaError",
        kind: .object { FieldDeclaration("error", .string(), "What went wrong.").required })
}

extension APIError {
    /// The statuses of the errors that an endpoint may answer with.
    ///
    /// - Parameters:
    ///   - dialect: whose errors they are.
    ///   - hasBody: whether the endpoint reads a body.
    ///   - hasQuery: whether it reads what stands after the `?`.
    ///   - hasParameter: whether a part of its path names something.
    ///   - storesFiles: whether it changes which files are kept.
    /// - Returns: each status once.
    static func statuses(
        in dialect: Dialect, hasBody: Bool, hasQuery: Bool, hasParameter: Bool,
        storesFiles: Bool = false
    ) -> Set<Int> {
        var errors: [APIError] = [
            .unauthorized, .forbidden(reason: ""), .unavailable(reason: ""), .failed(reason: ""),
        ]
        if hasQuery { errors.append(.invalidRequest(.missing(FieldPath()))) }
        if storesFiles {
            errors += [
                .invalidRequest(.missing(FieldPath())), .unsupportedMediaType(found: ""),
                .conflict(reason: ""), .noStorage(reason: ""),
            ]
        }
        if hasBody {
            errors += [
                .invalidRequest(.missing(FieldPath())), .invalidConversation(reason: ""),
                .unsupportedMediaType(found: ""), .modelNotFound(""),
                .promptTooLong(field: "", tokenCount: 0, contextLength: 0),
                .limited(.example), .overloaded(retryAfterSeconds: 1),
                .tooLate(retryAfterSeconds: 1), .expired,
            ]
        }
        // What never became a request: malformed, too slow, too large, with too large a header.
        var statuses = Set(errors.map { $0.status(in: dialect) }).union([400, 408, 413, 414, 431])
        if hasParameter { statuses.insert(404) }
        return statuses
    }

    /// What a status of an error means, for the OpenAPI document.
    static func meaning(of status: Int) -> String {
        switch status {
        case 400: "The request is wrong."
        case 401: "There is no key, or an unknown one."
        case 403: "The server is not for whoever asks."
        case 404: "There is no such model."
        case 408: "The request came too slowly."
        case 409: "A job still needs it."
        case 413: "The body is too large."
        case 414: "The path is too long."
        case 415: "The body is of a type or coding that is not taken."
        case 422: "A field of the body is wrong."
        case 429: "A limit of the key is reached; Retry-After says when to try again."
        case 431: "The header is too large."
        case 503, 529: "Busy, loading or stopping; Retry-After says when to try again."
        case 504: "The request's own time limit passed."
        case 507: "The server has no room for it."
        default: "The server failed."
        }
    }
}
