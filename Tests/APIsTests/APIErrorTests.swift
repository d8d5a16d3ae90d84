// SPDX-License-Identifier: Apache-2.0

import APIs
import JSON
import Testing

@Suite struct APIErrorTests {
    @Test func `an OpenAI error has message, type, param and a string as code`() {
        let path = FieldPath("messages").appending(0).appending("role")
        let error = APIError.invalidRequest(.missing(path))
        #expect(
            error.body(in: .openAI).serialized()
                == #"{"error":{"message":"messages[0].role: field required","#
                + #""type":"invalid_request_error","param":"messages[0].role","#
                + #""code":"missing_required_parameter"}}"#)
    }

    @Test func `a Mistral validation error is a bare detail that begins with body`() {
        let path = FieldPath("messages").appending(0).appending("role")
        let error = APIError.invalidRequest(.missing(path))
        #expect(error.status(in: .mistral) == 422)
        #expect(
            error.body(in: .mistral).serialized()
                == #"{"detail":[{"type":"missing","loc":["body","messages",0,"role"],"#
                + #""msg":"Field required"}]}"#)
    }

    @Test(arguments: [
        (APIError.unauthorized, 401, 401), (.modelNotFound("x"), 404, 400),
        (.routeNotFound("GET /x", nearest: nil), 404, 404),
        (.unbuilt("GET /x", instead: "use y"), 501, 501),
        (.methodNotAllowed(allowed: ["GET"]), 405, 405),
        (.promptTooLong(field: "prompt", tokenCount: 9, contextLength: 8), 400, 400),
        (.tooLate(retryAfterSeconds: 3), 503, 503), (.expired, 504, 504),
        (.overloaded(retryAfterSeconds: 3), 503, 503), (.unavailable(reason: "loading"), 503, 503),
        (.failed(reason: "broken"), 500, 500), (.invalidConversation(reason: "roles"), 400, 400),
        (.invalidRequest(.malformed(reason: "byte 0")), 400, 422),
    ])
    func `each error has one status in each dialect`(
        error: APIError, openAI: Int, mistral: Int
    ) {
        #expect(error.status(in: .openAI) == openAI)
        #expect(error.status(in: .mistral) == mistral)
        #expect(error.body(in: .openAI)["error"]?["code"]?.stringValue != nil)
        #expect(error.body(in: .mistral).objectValue?.isEmpty == false)
    }

    @Test(arguments: [
        (APIError.unauthorized, 401, "authentication_error"),
        (.forbidden(reason: "no"), 403, "permission_error"),
        (.modelNotFound("x"), 404, "not_found_error"),
        (.routeNotFound("GET /x", nearest: nil), 404, "not_found_error"),
        (.methodNotAllowed(allowed: ["GET"]), 405, "invalid_request_error"),
        (.invalidRequest(.missing("model")), 400, "invalid_request_error"),
        (.invalidConversation(reason: "roles"), 400, "invalid_request_error"),
        (.overloaded(retryAfterSeconds: 3), 529, "overloaded_error"),
        (.tooLate(retryAfterSeconds: 3), 529, "overloaded_error"),
        (.unavailable(reason: "loading"), 503, "overloaded_error"),
        (.expired, 504, "timeout_error"), (.failed(reason: "broken"), 500, "api_error"),
    ])
    func `each error has Anthropic's status and type`(error: APIError, status: Int, type: String) {
        #expect(error.status(in: .anthropic) == status)
        let body = error.body(in: .anthropic, requestID: "r")
        #expect(body["type"] == "error" && body["request_id"] == "r")
        #expect(body["error"]?["type"] == .string(type))
        #expect(body["error"]?["message"]?.stringValue?.isEmpty == false)
    }

    @Test func `a prompt that is too long is told to Anthropic's clients in its words`() {
        let error = APIError.promptTooLong(
            field: "messages", tokenCount: 900, contextLength: 512)
        #expect(
            error.body(in: .anthropic)["error"]?["message"]
                == "prompt is too long: 900 tokens > 512 maximum")
    }

    @Test func `a flat Mistral error names an unknown model`() {
        #expect(
            APIError.modelNotFound("x").body(in: .mistral).serialized()
                == #"{"object":"error","message":"Invalid model: x","type":"invalid_model","#
                + #""param":"model","code":"1500"}"#)
    }

    @Test func `an overflow tells both counts`() {
        let error = APIError.promptTooLong(
            field: "messages", tokenCount: 900, contextLength: 512)
        let body = error.body(in: .openAI)["error"]
        #expect(body?["code"] == "context_length_exceeded")
        #expect(body?["n_prompt"] == 900)
        #expect(body?["n_ctx"] == 512)
        #expect(
            body?["message"]
                == .string(
                    "This model's maximum context length is 512 tokens. However, your messages resulted "
                        + "in 900 tokens, and the answer needs at least one. Please reduce the length "
                        + "of the messages."))
    }

    @Test func `overload says when to try again`() {
        #expect(APIError.overloaded(retryAfterSeconds: 0).retryAfterSeconds == 1)
        #expect(APIError.overloaded(retryAfterSeconds: 7).retryAfterSeconds == 7)
        #expect(APIError.unauthorized.retryAfterSeconds == nil)
    }

    @Test func `nothing of a client is repeated raw`() {
        let name = "<script>\u{1B}[31m\u{202E}" + String(repeating: "a", count: 500)
        let message = APIError.modelNotFound(name).body(in: .openAI).serialized()
        #expect(!message.contains("<"))
        #expect(message.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F })
        #expect(message.utf8.count < 300)
        let path = FieldPath("logit_bias").appending(name)
        #expect(APIError.invalid(path, expected: "x").description.utf8.count < 200)
    }
}
