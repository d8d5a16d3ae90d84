// SPDX-License-Identifier: Apache-2.0

/// A set of byte strings, written as an expression.
///
/// Made by ``init(ecmaScript:)`` from a pattern, or by combining others. A value that is shared
/// freely; ``LazyAutomaton`` decides membership byte by byte.
package struct RegularExpression: Sendable {
    /// Parses a pattern in the syntax of ECMAScript with the `u` flag, as JSON Schema has it.
    ///
    /// The expression stands for the texts *in which* the pattern is found; `^` and `$` anchor it.
    package init(ecmaScript pattern: String) throws(RecognitionError) {
        throw RecognitionError(at: "", "not built yet")
    }
}

/// Decides, byte by byte, whether a text can still become one of an expression's.
///
/// Its states are made when they are first reached. Not safe to use from two threads at once.
package final class LazyAutomaton {
    /// The state from which no text is accepted; every other state accepts some text.
    package static let dead: Int32 = 0

    /// The state of the empty text.
    package private(set) var start: Int32 = 0

    /// An automaton of an expression.
    package init(_ expression: RegularExpression, limits: RecognitionLimits = .init()) {}

    /// The state after one more byte.
    package func next(_ state: Int32, _ byte: UInt8) -> Int32 { Self.dead }

    /// Whether the text so far is one of the expression's.
    package func accepts(_ state: Int32) -> Bool { false }

    /// Whether every text that goes on from here is one of the expression's.
    package func acceptsEverything(_ state: Int32) -> Bool { false }

    /// About how many bytes the states take.
    package var byteCount: Int { 0 }
}
