// SPDX-License-Identifier: Apache-2.0

import Access
package import JSON

/// How an API writes errors.
struct ErrorShape: Sendable {
    /// The status of a body that is wrong.
    var invalidRequestStatus = 400

    /// The status where a request names a model that does not exist.
    var modelNotFoundStatus = 404

    /// The status where too many requests wait already.
    var overloadedStatus = 503

    /// How the OpenAPI document describes them.
    var schema = ErrorSchema.openAI

    /// The body of an error, and the identity of its request where it is known.
    let body: @Sendable (_ error: APIError, _ requestID: String?) -> JSONValue

    /// The body for a request that never became one.
    var refusal: @Sendable (_ message: String, _ status: Int, _ requestID: String) -> JSONValue = {
        ["error": .object(Self.refusal($0, $1, $2))]
    }

    private static func refusal(
        _ message: String, _ status: Int, _: String
    ) -> JSONObject {
        [
            "message": .string(message),
            "type": status < 500 ? "invalid_request_error" : "server_error",
            "param": .null, "code": .null,
        ]
    }

    /// OpenAI's: all within `error`.
    static let openAI = ErrorShape { error, _ in ["error": .object(error.openAIError)] }

    /// Mistral's: flat, or a bare `detail`.
    static let mistral = ErrorShape(
        invalidRequestStatus: 422, modelNotFoundStatus: 400, schema: .mistral,
        body: { error, _ in error.mistralBody },
        refusal: { message, status, id in
            var body = refusal(message, status, id)
            body["object"] = "error"
            return .object(body)
        })

    /// Anthropic's: a type for each status, and the identity of the request.
    static let anthropic = ErrorShape(
        overloadedStatus: 529, schema: .anthropic,
        body: { anthropicBody($0.anthropicMessage, $0.status(in: .anthropic), $1) },
        refusal: { anthropicBody($0, $1, $2) })

    private static func anthropicBody(
        _ message: String, _ status: Int, _ requestID: String?
    ) -> JSONValue {
        let type =
            switch status {
            case 401: "authentication_error"
            case 403: "permission_error"
            case 404: "not_found_error"
            case 408, 504: "timeout_error"
            case 413: "request_too_large"
            case 429: "rate_limit_error"
            case 503, 529: "overloaded_error"
            case 500...: "api_error"
            default: "invalid_request_error"
            }
        return [
            "type": "error", "error": ["type": .string(type), "message": .string(message)],
            "request_id": requestID.map { .string($0) } ?? .null,
        ]
    }

    /// Ollama's: a bare text.
    static let ollama = ErrorShape(
        schema: .ollama, body: { error, _ in ["error": .string(error.ollamaMessage)] },
        refusal: { message, _, _ in ["error": .string(message)] })
}

extension APIError {
    /// What the table says of one error.
    private struct Entry {
        let status: Int
        let type: String
        let code: String
        /// Mistral's `type` and `code`.
        let mistralType: String
        let mistralCode: String

        init(
            _ status: Int, _ type: String, _ code: String, _ mistralType: String,
            _ mistralCode: String
        ) {
            self.status = status
            self.type = type
            self.code = code
            self.mistralType = mistralType
            self.mistralCode = mistralCode
        }
    }

    /// The table: every error's status, type and code.
    private var entry: Entry {
        switch self {
        case .invalidRequest(.unsupported):
            Entry(400, "invalid_request_error", "unsupported_parameter", "invalid_request", "3000")
        case .invalidRequest, .invalidConversation:
            Entry(
                400, "invalid_request_error", "invalid_value",
                "invalid_request_message_order", "3230")
        case .unauthorized:
            Entry(401, "invalid_request_error", "invalid_api_key", "unauthorized", "1000")
        case .invalidToken(.tenant):
            Entry(403, "invalid_request_error", "insufficient_scope", "forbidden", "1403")
        case .invalidToken:
            Entry(401, "invalid_request_error", "invalid_token", "unauthorized", "1000")
        case .forbidden:
            Entry(403, "invalid_request_error", "forbidden", "forbidden", "1403")
        case .unsupportedMediaType:
            Entry(
                415, "invalid_request_error", "unsupported_media_type", "unsupported_media_type",
                "1415")
        case .modelNotFound:
            Entry(404, "invalid_request_error", "model_not_found", "invalid_model", "1500")
        case .itemNotFound:
            Entry(404, "invalid_request_error", "not_found", "not_found", "1404")
        case .routeNotFound:
            Entry(404, "invalid_request_error", "unknown_url", "not_found", "1404")
        case .unbuilt:
            Entry(501, "invalid_request_error", "not_implemented", "not_implemented", "1501")
        case .methodNotAllowed:
            Entry(405, "invalid_request_error", "method_not_allowed", "method_not_allowed", "1405")
        case .promptTooLong:
            Entry(
                400, "invalid_request_error", "context_length_exceeded", "invalid_request",
                "3051")
        case .limited(let refusal):
            // OpenAI's type says of what there was too much.
            Entry(
                429, refusal.kind == .tokens ? "tokens" : "requests", "rate_limit_exceeded",
                "rate_limited", "1300")
        case .overloaded:
            Entry(503, "server_error", "overloaded", "service_unavailable", "1503")
        case .tooLate:
            Entry(503, "server_error", "deadline_unreachable", "service_unavailable", "1503")
        case .expired:
            Entry(504, "server_error", "deadline_exceeded", "gateway_timeout", "1504")
        case .unavailable:
            Entry(503, "server_error", "service_unavailable", "service_unavailable", "1503")
        case .tooLarge:
            Entry(413, "invalid_request_error", "file_too_large", "invalid_request", "1413")
        case .conflict:
            Entry(409, "invalid_request_error", "conflict", "conflict", "1409")
        case .noStorage:
            Entry(507, "server_error", "insufficient_storage", "insufficient_storage", "1507")
        case .failed:
            Entry(500, "server_error", "internal_error", "internal_server_error", "1500")
        }
    }

    /// The HTTP status in a dialect.
    package func status(in dialect: Dialect) -> Int {
        switch self {
        case .invalidRequest: dialect.errors.invalidRequestStatus
        case .modelNotFound: dialect.errors.modelNotFoundStatus
        case .overloaded, .tooLate: dialect.errors.overloadedStatus
        default: entry.status
        }
    }

    /// The seconds after which trying again makes sense.
    package var retryAfterSeconds: Int? {
        switch self {
        case .overloaded(let seconds), .tooLate(let seconds), .unavailable(_, let seconds):
            max(1, seconds)
        case .limited(let refusal): refusal.retryAfterSeconds
        default: nil
        }
    }

    /// The body in a dialect.
    ///
    /// - Parameters:
    ///   - dialect: who reads it.
    ///   - requestID: the identity of the request, which not every dialect tells.
    /// - Returns: an object of JSON.
    package func body(in dialect: Dialect, requestID: String? = nil) -> JSONValue {
        dialect.errors.body(self, requestID)
    }

    private var parameter: JSONValue {
        switch self {
        case .invalidRequest(let error): error.path.map { .string($0.description) } ?? .null
        case .invalidConversation(_, let field): .string(field)
        case .modelNotFound: "model"
        case .promptTooLong(let field, _, _, _): .string(field)
        default: .null
        }
    }

    fileprivate var openAIError: JSONObject {
        var error: JSONObject = [
            "message": .string(description), "type": .string(entry.type), "param": parameter,
            "code": .string(openAICode),
        ]
        addCounts(to: &error)
        return error
    }

    private var openAICode: String {
        guard case .invalidRequest(let error) = self else { return entry.code }
        return switch error {
        case .malformed, .unwritable: "invalid_json"
        case .missing: "missing_required_parameter"
        case .wrongType: "invalid_type"
        // Clients look for it, and send the whole conversation then.
        case .invalid("previous_response_id", _): "previous_response_not_found"
        case .invalid: "invalid_value"
        case .unsupported: "unsupported_parameter"
        case .unknownField: "unknown_parameter"
        }
    }

    /// Bare `detail` for 422, which is all that the SDK parses; else the flat shape.
    fileprivate var mistralBody: JSONValue {
        switch self {
        case .invalidRequest(let error):
            return ["detail": [error.mistralDetail]]
        case .unauthorized: return ["detail": "Unauthorized"]
        default:
            var body: JSONObject = [
                "object": "error",
                "message": .string(mistralMessage),
                "type": .string(entry.mistralType),
                "param": parameter,
                "code": .string(entry.mistralCode),
            ]
            addCounts(to: &body)
            return .object(body)
        }
    }

    private var mistralMessage: String {
        if case .modelNotFound(let name) = self {
            return "Invalid model: \(EchoableText.of(name))"
        }
        return description
    }

    /// Anthropic's words where its clients look for them, before they shorten a conversation.
    fileprivate var anthropicMessage: String {
        guard case .promptTooLong(_, let count, let limit, _) = self else { return description }
        return "prompt is too long: \(count) tokens > \(limit) maximum"
    }

    /// Ollama's words where its clients look for them.
    fileprivate var ollamaMessage: String {
        guard case .modelNotFound(let name) = self else { return description }
        return "model '\(EchoableText.of(name))' not found"
    }

    private func addCounts(to object: inout JSONObject) {
        guard case .promptTooLong(_, let count, let limit, _) = self else { return }
        object["n_prompt"] = .integer(count)
        object["n_ctx"] = .integer(limit)
    }
}

extension FieldError {
    fileprivate var mistralDetail: JSONValue {
        let (type, message): (String, String) =
            switch self {
            case .malformed(let reason): ("json_invalid", "JSON decode error: \(reason)")
            case .unwritable(_, let number):
                ("json_invalid", "Input should be a number that JSON can write, not \(number)")
            case .missing: ("missing", "Field required")
            case .wrongType(_, let expected, _): ("type_error", "Input should be \(expected)")
            case .invalid(_, let expected): ("value_error", "Input should be \(expected)")
            case .unsupported(_, let reason): ("unsupported", reason)
            case .unknownField: ("extra_forbidden", "Extra inputs are not permitted")
            }
        return [
            "type": .string(type), "loc": (path ?? FieldPath()).location, "msg": .string(message),
        ]
    }
}
