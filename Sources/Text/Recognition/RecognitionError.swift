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

    /// The parts of a structure with the values of its schemas.
    package var maxParts = 1 << 21

    /// How deep a schema, an expression, a grammar and the texts that they describe may nest.
    package var maxDepth = 512

    /// The memory of all that is made of it.
    package var maxBytes = 64 << 20

    /// The processor time to compile it.
    package var maxTime = Duration.milliseconds(600)

    /// The processor time for all masks of one answer, and how much more each of its tokens adds.
    package var maxAnswerTime = Duration.seconds(1)
    package var timePerToken = Duration.milliseconds(10)

    /// The processor time for the masks of an answer of so many tokens.
    package func answerTime(ofTokens count: Int) -> Duration {
        maxAnswerTime + timePerToken * count
    }

    /// When compiling has to be done, by the time of the thread that does it.
    private var deadline: ProcessorTime?

    /// The limits of the server.
    package init() {}

    /// The limits from the moment when compiling begins; parts of what is compiled share it.
    package func begun() -> RecognitionLimits {
        guard deadline == nil else { return self }
        var limits = self
        limits.deadline = .now + maxTime
        return limits
    }

    /// Whether what began to be compiled has taken too long.
    var isOverdue: Bool { deadline.map { ProcessorTime.now >= $0 } ?? false }
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
