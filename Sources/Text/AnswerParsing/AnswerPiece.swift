// SPDX-License-Identifier: Apache-2.0

/// A piece of an answer.
package enum AnswerPiece: Hashable, Sendable {
    /// Text that answers.
    case text(String)

    /// Text that the model thinks before it answers.
    case thinking(String)

    /// A call of a tool begins; calls of a choice are counted from 0.
    case callBegun(Int, id: String, name: String)

    /// More of the JSON text of a call's arguments, or of a custom tool's input.
    case callArguments(Int, String)

    /// A call is complete.
    case callEnded(Int)

    /// The answer has ended within a call, of which no more will come.
    case callCut(Int)
}
