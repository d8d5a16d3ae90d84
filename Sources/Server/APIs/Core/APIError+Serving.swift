// SPDX-License-Identifier: Apache-2.0

import Serving

extension APIError {
    /// The error of a question, in the API's words.
    ///
    /// - Parameters:
    ///   - error: why there is no answer.
    ///   - fields: where the parts of the question stand in the body.
    init(_ error: ServingError, fields: QuestionFields = QuestionFields(prompt: "prompt")) {
        self =
            switch error {
            case .unknownModel(let name): .modelNotFound(name)
            case .loading, .stopping, .cancelled: .unavailable(reason: error.description)
            case .broken(let reason): .unavailable(reason: reason)
            case .invalid(let part, let expected):
                .invalid(fields.path(of: part), expected: expected)
            case .unsupported(let part, let reason):
                .invalidRequest(.unsupported(fields.path(of: part), reason: reason))
            case .conversation(let reason):
                .invalidConversation(reason: EchoableText.sentence(reason))
            case .promptTooLong(let prompt, let count, let limit, let isLeastCount):
                .promptTooLong(
                    field: fields.path(of: .prompt(prompt)).description, tokenCount: count,
                    contextLength: limit, isLeastCount: isLeastCount)
            case .overloaded(let delay):
                .overloaded(retryAfterSeconds: Self.retrySeconds(delay))
            case .tooLate(let wait): .tooLate(retryAfterSeconds: Self.retrySeconds(wait))
            case .expired: .expired
            case .failed(let reason): .failed(reason: reason)
            }
    }

    /// Whole seconds; above 120 the OpenAI SDK gives up instead of waiting.
    private static func retrySeconds(_ delay: Duration) -> Int {
        Int(min(120, max(1, (delay / .seconds(1)).rounded(.up))))
    }
}
