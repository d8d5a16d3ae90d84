// SPDX-License-Identifier: Apache-2.0

/// Reads the calls of a format that has two ways to write them.
struct EitherCallMachine<First: CallMachine, Second: CallMachine>: CallMachine {
    /// One of them is there; apart, so that each is changed in place.
    private var first: First?
    private var second: Second?

    /// A machine for a call that is written the first way.
    init(_ first: First) { self.first = first }

    /// A machine for a call that is written the second way.
    init(_ second: Second) { self.second = second }

    mutating func take(_ symbol: AnswerSymbol, into output: inout AnswerOutput) -> CallStep {
        first?.take(symbol, into: &output) ?? second?.take(symbol, into: &output)
            ?? .ended(rest: [symbol])
    }

    mutating func finish(into output: inout AnswerOutput) -> [UInt8] {
        first?.finish(into: &output) ?? second?.finish(into: &output) ?? []
    }
}
