// SPDX-License-Identifier: Apache-2.0

package import Access

/// Why a request gets no answer; each case has one status and one body per dialect.
package enum APIError: Error, Hashable {
    /// The body is wrong.
    case invalidRequest(FieldError)

    /// The conversation cannot be rendered with this model's template.
    case invalidConversation(reason: String, field: String = "messages")

    /// There is no key, or an unknown one.
    case unauthorized

    /// There is a token, and it opens nothing.
    case invalidToken(TokenRefusal)

    /// The server is not for whoever asks.
    case forbidden(reason: String)

    /// The body is of a type that a web page can send unasked.
    case unsupportedMediaType(found: String)

    /// No such model; the name may be shown.
    case modelNotFound(String)

    /// Nothing of that name is kept; the name may be shown.
    case itemNotFound(String)

    /// No such route: method and path, harmless to show, and the one that may be meant.
    case routeNotFound(String, nearest: String?)

    /// A route of an API that is known and not built.
    case unbuilt(String, instead: String)

    /// The route exists, with these methods only.
    case methodNotAllowed(allowed: [String])

    /// The prompt does not fit; the field says where it came from. It may have more tokens than
    /// were counted.
    case promptTooLong(
        field: String, tokenCount: Int, contextLength: Int, isLeastCount: Bool = false)

    /// Whoever asks has consumed what his key allows.
    case limited(LimitRefusal)

    /// Too many requests wait already.
    case overloaded(retryAfterSeconds: Int)

    /// The request would start after its own time limit.
    case tooLate(retryAfterSeconds: Int)

    /// The request's time limit passed before its answer was complete.
    case expired

    /// The model is loading, or the server is stopping.
    case unavailable(reason: String, retryAfterSeconds: Int = 1)

    /// What came is larger than this server takes.
    case tooLarge(reason: String)

    /// Something else stands in the way for now, which the client can see to.
    case conflict(reason: String)

    /// The server has no room to keep it.
    case noStorage(reason: String)

    /// The server failed.
    case failed(reason: String)

    /// A field has a wrong value.
    package static func invalid(_ path: FieldPath, expected: String) -> APIError {
        .invalidRequest(.invalid(path, expected: expected))
    }
}

extension APIError: CustomStringConvertible {
    /// One line for the client.
    package var description: String {
        switch self {
        case .invalidRequest(let error): error.description
        case .invalidConversation(let reason, let field): "\(field): \(reason)"
        case .unauthorized: "A valid API key is required: 'Authorization: Bearer KEY'."
        case .invalidToken(let refusal): refusal.description
        case .forbidden(let reason): reason
        case .unsupportedMediaType(let found):
            "Content-Type: expected application/json from a web page, found "
                + (found.isEmpty ? "none." : "'\(EchoableText.of(found))'.")
        case .modelNotFound(let name):
            "The model '\(EchoableText.of(name))' does not exist; GET /v1/models lists those that do."
        case .itemNotFound(let name):
            "'\(EchoableText.of(name))' does not exist here, or does not any more."
        case .routeNotFound(let route, let nearest):
            "\(route): there is no such route" + (nearest.map { "; do you mean \($0)?" } ?? ".")
                + " " + RouteTable.standard.summary
        case .unbuilt(let route, let instead):
            "\(route): this server does not have that route; \(instead)."
        case .methodNotAllowed(let allowed):
            "This route allows only \(allowed.joined(separator: ", "))."
        case .promptTooLong(let field, let count, let limit, let isLeastCount):
            // OpenAI's words, which clients look for before they send something shorter.
            "This model's maximum context length is \(limit) tokens. However, your \(field) "
                + "resulted in \(isLeastCount ? "at least " : "")\(count) tokens, and the answer needs at least one. "
                + "Please reduce the length of the \(field)."
        case .limited(let refusal): refusal.description
        case .overloaded(let seconds):
            "The server is busy: its queue is full. Try again in \(seconds) s."
        case .tooLate(let seconds):
            "max_time: the answer would only begin in \(seconds) s, after that."
        case .expired: "max_time has passed before the answer was complete."
        case .unavailable(let reason, _): reason
        case .tooLarge(let reason), .conflict(let reason), .noStorage(let reason): reason
        case .failed(let reason): reason
        }
    }
}
