// SPDX-License-Identifier: Apache-2.0

import Serving

extension APIError {
    /// The error of a question, in the API's words.
    ///
    /// - Parameters:
    ///   - error: why there is no answer.
    ///   - field: the body's field for a part of the question.
    init(_ error: ServingError, field: (Question.Part) -> FieldPath) {
        self =
            switch error {
            case .unknownModel(let name): .modelNotFound(name)
            case .loading, .stopping, .cancelled: .unavailable(reason: error.description)
            case .broken(let reason): .unavailable(reason: reason)
            case .invalid(let part, let expected): .invalid(field(part), expected: expected)
            case .unsupported(let part, let reason):
                .invalidRequest(.unsupported(field(part), reason: reason))
            case .conversation(let reason):
                .invalidConversation(reason: EchoableText.sentence(reason))
            case .promptTooLong(let prompt, let count, let limit, let isLeastCount):
                .promptTooLong(
                    field: field(.prompt(prompt)).description, tokenCount: count,
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

extension APIServer {
    /// The model of that name, or the one that is served where there is none.
    func model(named name: String? = nil) throws(APIError) -> ServedModel {
        do throws(ServingError) {
            return try slot.model(named: name)
        } catch {
            throw APIError(error) { _ in "model" }
        }
    }
}
