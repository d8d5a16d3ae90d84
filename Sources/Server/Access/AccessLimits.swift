// SPDX-License-Identifier: Apache-2.0

/// What whoever has a key may do, and how much of it.
package struct AccessLimits: Hashable, Sendable {
    /// The models, by any of their names; nil for all.
    package var models: [String]?

    /// The families of the API; nil for all but `admin`.
    package var families: [AccessFamily]?

    /// Requests that may come in a minute; nil for any number.
    package var requestsPerMinute: Int?

    /// Requests that may come in a day of UTC.
    package var requestsPerDay: Int?

    /// Tokens of prompts and answers in a minute.
    package var tokensPerMinute: Int?

    /// Tokens of prompts and answers in a day of UTC.
    package var tokensPerDay: Int?

    /// Requests that may be under way at the same time.
    package var concurrency: Int?

    /// Tokens of a prompt and its answer together.
    package var context: Int?

    /// The most urgent priority of its requests, lower ones first; nil for any.
    package var priority: Int?

    /// Its share of the machine beside that of others; nil for 1.
    package var weight: Int?

    /// Whether it may hand in batches.
    package var mayBatch = true

    /// Whether what it asks and is answered is recorded, encrypted, where the operator keeps that of
    /// some keys.
    package var keepsContent = false

    /// Whether it may see and do what an operator may.
    package var isAdmin = false

    /// No limits.
    package init() {}

    /// Whether a family may be asked.
    package func allows(_ family: AccessFamily) -> Bool {
        switch family {
        case .admin, .operation: isAdmin
        case .batches where !mayBatch: false
        default: families?.contains(family) ?? true
        }
    }

    /// Whether a model may be asked.
    ///
    /// - Parameter isNamed: whether a name is one of the model's.
    /// - Returns: whether it is one of those that are allowed.
    package func allowsModel(_ isNamed: (String) -> Bool) -> Bool {
        models?.contains(where: isNamed) ?? true
    }
}

/// A limit that is a number, as files and command lines write it.
package struct NumericLimit: Sendable {
    /// The member of a key file.
    package let name: String

    /// What it sets.
    let field: any WritableKeyPath<AccessLimits, Int?> & Sendable

    /// The numbers that it takes.
    package let range: ClosedRange<Int>

    /// What it limits, for people.
    package let summary: String

    /// Every number, in the order of the file.
    package static let all = [
        NumericLimit(
            name: "requests-per-minute", field: \.requestsPerMinute, range: 1...1_000_000,
            summary: "requests in a minute, of which all may come at once"),
        NumericLimit(
            name: "requests-per-day", field: \.requestsPerDay, range: 1...1_000_000_000,
            summary: "requests in a day of UTC"),
        NumericLimit(
            name: "tokens-per-minute", field: \.tokensPerMinute, range: 1...1_000_000_000,
            summary: "tokens of prompts and answers in a minute"),
        NumericLimit(
            name: "tokens-per-day", field: \.tokensPerDay, range: 1...1_000_000_000_000,
            summary: "tokens of prompts and answers in a day of UTC"),
        NumericLimit(
            name: "concurrency", field: \.concurrency, range: 1...1_000_000,
            summary: "requests at the same time"),
        NumericLimit(
            name: "context", field: \.context, range: 16...16_777_216,
            summary: "tokens of a prompt and its answer together"),
        NumericLimit(
            name: "priority", field: \.priority, range: 0...1000,
            summary: "the most urgent priority of its requests, 0 before all others"),
        NumericLimit(
            name: "weight", field: \.weight, range: 1...1000,
            summary: "its share of the machine beside that of others"),
    ]

    /// Reads `NAME=NUMBER`.
    package static func set(_ text: String, in limits: inout AccessLimits) throws(AccessError) {
        let parts = text.split(separator: "=", omittingEmptySubsequences: false)
        guard let limit = all.first(where: { parts.first.map(String.init) == $0.name }) else {
            throw .wrong(
                what: "limit", expected: "one of " + all.map(\.name).joined(separator: ", "),
                found: text)
        }
        guard parts.count == 2, let number = Int(parts[1]), limit.range.contains(number) else {
            throw .wrong(
                what: limit.name,
                expected: "\(limit.name)=NUMBER, from \(limit.range.lowerBound) to "
                    + "\(limit.range.upperBound)",
                found: text)
        }
        limits[keyPath: limit.field] = number
    }

    /// Sets the number.
    ///
    /// - Precondition: it is in `range`.
    package func set(_ number: Int, in limits: inout AccessLimits) {
        precondition(range.contains(number), "\(name): \(number)")
        limits[keyPath: field] = number
    }

    /// The number that is set, if one is.
    package func value(in limits: AccessLimits) -> Int? { limits[keyPath: field] }
}
