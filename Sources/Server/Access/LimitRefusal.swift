// SPDX-License-Identifier: Apache-2.0

/// Why a request has to come later.
package struct LimitRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// What there is too much of.
    package enum Kind: String, Sendable {
        /// Requests in a time.
        case requests

        /// Tokens in a time.
        case tokens

        /// Requests at the same time.
        case concurrency
    }

    /// What there is too much of.
    package let kind: Kind

    /// The time in which that is counted: `minute`, `day`, or nothing.
    package let span: String

    /// What people call whoever asks.
    package let name: String

    /// How much there may be.
    package let limit: Int

    /// How much of it is used.
    package let used: Int

    /// How much the request would take.
    package let requested: Int

    /// The milliseconds after which it fits, if nothing else comes; nil if it never does.
    package let wait: Int?

    /// One of them, for what describes all.
    package static let example = LimitRefusal(
        kind: .requests, span: "minute", name: "", limit: 1, used: 1, requested: 1, wait: 1000)

    /// The whole seconds after which it fits.
    package var retryAfterSeconds: Int? { wait.map { max(1, ($0 + 999) / 1000) } }

    /// One sentence, in OpenAI's words where its clients look for them.
    package var description: String {
        if kind == .concurrency {
            return "Rate limit reached for '\(name)' on requests at the same time: "
                + "limit \(limit), used \(used), requested 1. Please try again when one has ended."
        }
        let place = "\(kind.rawValue) per \(span)"
        guard let seconds = retryAfterSeconds else {
            return "Request too large for '\(name)' on \(place): limit \(limit), "
                + "requested \(requested). The prompt must be shorter."
        }
        return "Rate limit reached for '\(name)' on \(place): limit \(limit), used \(used), "
            + "requested \(requested). Please try again in \(seconds)s."
    }
}

/// What is left to somebody, as his clients are told.
package struct LimitReport: Hashable, Sendable {
    /// Of one kind.
    package struct Allowance: Hashable, Sendable {
        /// How much there is in all.
        package let limit: Int

        /// How much is left.
        package let remaining: Int

        /// The milliseconds until all of it is there again.
        package let reset: Int

        /// Whether it is counted by minutes, and not by days.
        package let isOfMinute: Bool
    }

    /// Requests, where they are limited: by the minute, or else by the day.
    package let requests: Allowance?

    /// Tokens, likewise.
    package let tokens: Allowance?

    /// Whether there is nothing to tell.
    package var isEmpty: Bool { requests == nil && tokens == nil }
}
