// SPDX-License-Identifier: Apache-2.0

import Generation
package import Recognition

/// Why a question gets no answer.
///
/// It names parts of the ``Question``; each API has its own names for them.
package enum ServingError: Error, Hashable {
    /// No model has that name.
    case unknownModel(String)

    /// The model is still loading.
    case loading

    /// The server is shutting down.
    case stopping

    /// The model cannot answer any more, or never could; the text says why.
    case broken(reason: String)

    /// The model is not in memory and cannot be loaded now; the text says why.
    case unavailable(reason: String, retryAfter: Duration)

    /// A part has a value that it may not have.
    case invalid(Question.Part, expected: String)

    /// A part asks for something that this model does not do.
    case unsupported(Question.Part, reason: String)

    /// What a part says of the answer's form cannot be kept to; the error says where in it and why.
    case unrecognizable(Question.Part, RecognitionError)

    /// The model's format cannot hold the conversation.
    case conversation(reason: String)

    /// The prompt in that place does not fit into the context together with one token of an answer.
    ///
    /// It may have more tokens than were counted.
    case promptTooLong(prompt: Int, tokenCount: Int, contextLength: Int, isLeastCount: Bool)

    /// Too many questions wait already; a place should be free after the time given.
    case overloaded(retryAfter: Duration)

    /// The time limit would pass before the answer begins; a place should be free after the time
    /// given.
    case tooLate(estimatedWait: Duration)

    /// The time limit passed before the answer was complete.
    case expired

    /// The answer broke off, because nobody waits for it or because the engine has ended.
    case cancelled

    /// The model failed on this answer; the text says why.
    case failed(reason: String)
}

extension ServingError: CustomStringConvertible {
    /// One line for people.
    package var description: String {
        switch self {
        case .unknownModel(let name): "there is no model '\(name)'"
        case .loading: "The model is still loading."
        case .stopping: "The server is shutting down."
        case .broken(let reason), .conversation(let reason), .failed(let reason): reason
        case .unavailable(let reason, _): reason
        case .invalid(let part, let expected): "\(part): expected \(expected)"
        case .unsupported(let part, let reason): "\(part): \(reason)"
        case .unrecognizable(let part, let error): "\(part): \(error)"
        case .promptTooLong(_, let count, let limit, let isLeastCount):
            "the prompt has \(isLeastCount ? "at least " : "")\(count) tokens and the context holds "
                + "\(limit), the answer included"
        case .overloaded(let delay): "the queue is full; try again in \(delay)"
        case .tooLate(let wait): "the answer would begin in \(wait), after its time limit"
        case .expired: "the time limit has passed before the answer was complete"
        case .cancelled: "The generation was cancelled."
        }
    }
}

extension ServingError {
    /// The engine's refusal of a request.
    init(_ error: SubmissionError, prompt: Int) {
        self =
            switch error {
            case .invalid(let name, let reason): .unsupported(.parameter(name), reason: reason)
            case .promptTooLong(let count, let limit):
                .promptTooLong(
                    prompt: prompt, tokenCount: count, contextLength: limit, isLeastCount: false)
            case .overloaded(let delay): .overloaded(retryAfter: delay)
            case .tooLate(let wait): .tooLate(estimatedWait: wait)
            case .shuttingDown: .stopping
            case .unavailable(let reason, let delay):
                .unavailable(reason: reason, retryAfter: delay)
            }
    }
}
