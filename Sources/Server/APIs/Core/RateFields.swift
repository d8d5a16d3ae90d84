// SPDX-License-Identifier: Apache-2.0

import Access
import HTTP
import HTTPTypes

/// What both vendors' clients read of how many requests a server takes from a key without limits.
///
/// The limit is of what may run and wait at once, whatever the minute, and the time until there is
/// more is the time until the next place is free.
struct RateFields: Sendable {
    /// How many requests may run and wait.
    let limit: Int

    /// How many more there is room for.
    let remaining: Int

    /// When there should be room for another.
    let reset: Duration

    /// Adds the fields by OpenAI's names and by Mistral's.
    func add(to fields: inout HTTPFields) {
        for name in ["x-ratelimit-limit-requests", "x-ratelimit-limit-req-minute"] {
            fields[name: name] = String(limit)
        }
        for name in ["x-ratelimit-remaining-requests", "x-ratelimit-remaining-req-minute"] {
            fields[name: name] = String(remaining)
        }
        fields[name: "x-ratelimit-reset-requests"] = Self.text(reset)
    }

    /// A duration as OpenAI writes it: `20ms`, `1s`, `6m0s`.
    static func text(_ duration: Duration) -> String {
        let milliseconds = Int(max(0, min(86_400_000, duration / .milliseconds(1))))
        if milliseconds == 0 { return "0s" }
        if milliseconds < 1000 { return "\(milliseconds)ms" }
        let seconds = milliseconds / 1000
        return seconds < 60 ? "\(seconds)s" : "\(seconds / 60)m\(seconds % 60)s"
    }
}

extension LimitReport {
    /// Adds the fields by OpenAI's names, by Mistral's where minutes count, and by Anthropic's.
    func add(to fields: inout HTTPFields, unixTime: Int) {
        for (allowance, openAI, mistral) in [
            (requests, "requests", "req-minute"), (tokens, "tokens", "tokens-minute"),
        ] {
            guard let allowance else { continue }
            fields[name: "x-ratelimit-limit-\(openAI)"] = String(allowance.limit)
            fields[name: "x-ratelimit-remaining-\(openAI)"] = String(allowance.remaining)
            fields[name: "x-ratelimit-reset-\(openAI)"] = RateFields.text(
                .milliseconds(allowance.reset))
            if allowance.isOfMinute {
                fields[name: "x-ratelimit-limit-\(mistral)"] = String(allowance.limit)
                fields[name: "x-ratelimit-remaining-\(mistral)"] = String(allowance.remaining)
            }
            let name = "anthropic-ratelimit-\(openAI)-"
            fields[name: name + "limit"] = String(allowance.limit)
            fields[name: name + "remaining"] = String(allowance.remaining)
            fields[name: name + "reset"] =
                CivilTime(
                    unixTime + (allowance.reset + 999) / 1000
                ).rfc3339
        }
    }
}
