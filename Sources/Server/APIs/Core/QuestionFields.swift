// SPDX-License-Identifier: Apache-2.0

import Recognition
import Serving

/// Where the parts of a question stand in a body.
struct QuestionFields: Sendable {
    /// The prompt, or the list of them.
    let prompt: FieldPath

    /// Whether there is a list.
    var isList = false

    /// What asks for a gap to be filled.
    var gap = FieldPath("prompt")

    /// What says what the text of an answer must look like.
    var output: FieldPath?

    /// What says what a call of each tool carries.
    var tools: [FieldPath] = []

    /// The field of a part.
    func path(of part: Question.Part) -> FieldPath {
        switch part {
        case .prompt(let index): isList ? prompt.appending(index) : prompt
        case .promptToken(let index, let token): path(of: .prompt(index)).appending(token)
        case .tools: "tools"
        case .tool(let index): tools.indices.contains(index) ? tools[index] : "tools"
        case .output: output ?? "response_format"
        case .gap: gap
        case .stopToken(let index): FieldPath("stop_token_ids").appending(index)
        case .bias(let token): FieldPath("logit_bias").appending(String(token))
        case .neededContext: "num_ctx"
        case .parameter(let name): FieldPath(name)
        }
    }

    /// Does something with a question; its error becomes the API's.
    func naming<Result>(
        _ work: () throws(ServingError) -> Result
    ) throws(APIError) -> Result {
        do throws(ServingError) { return try work() } catch { throw APIError(error, fields: self) }
    }
}

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
            case .unavailable(let reason, let delay):
                .unavailable(
                    reason: EchoableText.sentence(reason),
                    retryAfterSeconds: Self.retrySeconds(delay))
            case .invalid(let part, let expected):
                .invalid(fields.path(of: part), expected: expected)
            case .unsupported(let part, let reason):
                .invalidRequest(.unsupported(fields.path(of: part), reason: reason))
            case .unrecognizable(let part, let error):
                .invalidRequest(FieldError(error, in: fields.path(of: part)))
            case .conversation(let reason):
                .invalidConversation(
                    reason: EchoableText.sentence(reason),
                    field: fields.prompt.description)
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

extension FieldError {
    /// What of a schema, an expression or a grammar cannot be kept to.
    init(_ error: RecognitionError, in path: FieldPath) {
        let reason = EchoableText.sentence(error.reason)
        if error.place.isEmpty {
            self = .unsupported(path, reason: reason)
        } else if error.place.hasPrefix("/") {
            self = .unsupported(path.appending(pointer: error.place), reason: reason)
        } else {
            self = .unsupported(
                path, reason: EchoableText.sentence(error.place) + ": " + reason)
        }
    }
}
