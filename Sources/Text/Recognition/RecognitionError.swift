// SPDX-License-Identifier: Apache-2.0

/// Why a schema, an expression or a grammar cannot be honoured.
package struct RecognitionError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Where: the JSON pointer within a schema (empty for all of it), or the line and column of a
    /// grammar, or the byte of an expression.
    package var place: String

    /// What is wrong there, and what would do.
    package var reason: String

    /// An error at a place.
    package init(at place: String, _ reason: String) {
        self.place = place
        self.reason = reason
    }

    /// Both, in one line.
    package var description: String { place.isEmpty ? reason : "\(place): \(reason)" }
}

/// How much work one constraint may be.
package struct RecognitionLimits: Hashable, Sendable {
    /// The bytes of a schema, expression or grammar.
    package var maxSourceBytes = 4 << 20

    /// How deep a schema, an expression, a grammar and the texts that they describe may nest.
    package var maxDepth = 512

    /// The memory of all that is made of it.
    package var maxBytes = 64 << 20

    /// The time to compile it.
    package var maxTime = Duration.seconds(1)

    /// The limits of the server.
    package init() {}
}

/// How freely a text may be written where its meaning leaves a choice.
package struct RecognitionStyle: Hashable, Sendable {
    /// Which white space may stand between the tokens of a JSON text.
    package enum WhiteSpace: Hashable, Sendable {
        /// What `json.dumps` writes by default: one space after each comma and colon, else none.
        case fixed

        /// Any, of bounded length.
        case bounded
    }

    /// White space between tokens.
    package var whiteSpace: WhiteSpace

    /// Whether members stand in the order of `properties`, further ones after them.
    package var ordersKeys: Bool

    /// Whether keys and constants are written with as few escapes as JSON allows, and bounded
    /// numbers without exponents.
    package var isCanonical: Bool

    /// What a model is held to: one way to write each value, so that tokens without a choice need
    /// not be sampled.
    package static let generated = RecognitionStyle(
        whiteSpace: .fixed, ordersKeys: true, isCanonical: true)

    /// Whatever JSON allows.
    package static let any = RecognitionStyle(
        whiteSpace: .bounded, ordersKeys: false, isCanonical: false)
}
