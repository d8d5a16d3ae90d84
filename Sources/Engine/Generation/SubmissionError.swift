// SPDX-License-Identifier: Apache-2.0

/// Why a request was not accepted.
package enum SubmissionError: Error, Equatable, CustomStringConvertible {
    /// A field has a value that it may not have.
    case invalid(field: String, reason: String)

    /// The prompt does not fit into the context with at least one token to generate.
    case promptTooLong(tokenCount: Int, contextLength: Int)

    /// The queue is full; a place should be free after the time given.
    case overloaded(retryAfter: Duration)

    /// The time limit would pass before the request starts; a place should be free after the time
    /// given.
    case tooLate(estimatedWait: Duration)

    /// The engine is shutting down or has shut down.
    case shuttingDown

    /// The model is not in memory and cannot be loaded now; the text says why.
    case unavailable(reason: String, retryAfter: Duration)

    /// One line that names the field.
    package var description: String {
        switch self {
        case .invalid(let field, let reason): "\(field): \(reason)"
        case .promptTooLong(let count, let limit):
            "the prompt has \(count) tokens and the context holds \(limit), the answer included"
        case .overloaded(let delay): "the queue is full; try again in \(delay)"
        case .tooLate(let wait): "the request would start in \(wait), after its time limit"
        case .shuttingDown: "the engine is shutting down"
        case .unavailable(let reason, _): reason
        }
    }
}
