// SPDX-License-Identifier: Apache-2.0

import Access
import HTTP
import HTTPTypes
import JSON

extension ServerResponse {
    /// A response of JSON.
    init(json: JSONValue, status: HTTPResponse.Status = .ok) {
        self.init(
            status: status, contentType: "application/json", body: json.serializedBytes())
    }

    /// An error as the dialect of the request writes it.
    init(_ error: APIError, in context: RequestContext) {
        self.init(
            json: error.body(in: context.dialect, requestID: context.id),
            status: .init(code: error.status(in: context.dialect)))
        if let seconds = error.retryAfterSeconds {
            head.headerFields[.retryAfter] = String(seconds)
        }
        switch error {
        case .methodNotAllowed(let allowed):
            head.headerFields[.allow] = allowed.joined(separator: ", ")
        case .limited(let refusal):
            // OpenAI's clients read the exact time, and whether to come again at all.
            if let wait = refusal.wait {
                head.headerFields[name: "retry-after-ms"] = String(wait)
            } else {
                head.headerFields[name: "x-should-retry"] = "false"
            }
        case .invalidToken(let refusal):
            // RFC 6750 §3.
            head.headerFields[.wwwAuthenticate] =
                "Bearer error=\"\(refusal == .tenant ? "insufficient_scope" : "invalid_token")\", "
                + "error_description=\"\(refusal)\""
        case .unauthorized: head.headerFields[.wwwAuthenticate] = "Bearer"
        // The OpenAI SDK obeys: what failed will fail again.
        case .failed, .unbuilt, .conflict, .noStorage:
            head.headerFields[name: "x-should-retry"] = "false"
        default: break
        }
    }

    /// A stream of what an answer adds.
    static func stream(
        _ framing: StreamFraming,
        _ produce: @escaping @Sendable (ResponseWriter) async throws -> Void
    ) -> ServerResponse {
        var head = HTTPResponse(status: .ok)
        head.headerFields[.contentType] = framing.contentType
        head.headerFields[.cacheControl] = "no-cache"
        head.headerFields[name: "x-accel-buffering"] = "no"
        return ServerResponse(head: head, body: .stream(produce))
    }
}
