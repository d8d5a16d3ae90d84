// SPDX-License-Identifier: Apache-2.0

import Tokenization

/// The least part of an answer: a byte of its text, or a control token, which has none.
enum AnswerSymbol: Hashable, Sendable {
    case byte(UInt8)
    case control(Int32)
}

/// Reads an answer symbol by symbol, so that it cannot matter how the answer was cut.
protocol AnswerMachine: Sendable {
    /// The control tokens that mean something in an answer; others are passed over.
    var controls: Set<Int32> { get }

    /// Whether the symbols are thinking at the moment.
    var isThinking: Bool { get }

    /// Takes the next symbol and writes what became certain.
    mutating func take(_ symbol: AnswerSymbol, into output: inout AnswerOutput)

    /// The answer has ended.
    mutating func finish(into output: inout AnswerOutput)
}

/// Puts an answer's text and tokens into one order and has a machine read them.
struct SymbolReader<Machine: AnswerMachine>: AnswerReader {
    private var machine: Machine
    private var output: AnswerOutput
    private let controls: Set<Int32>

    /// Tokens whose place in the text has not come yet, in order.
    private var waiting: [(id: Int32, textOffset: Int)] = []

    /// How many scalars of the text have been read.
    private var scalarCount = 0

    private(set) var thinkingTokenCount = 0

    init(_ machine: Machine, plan: AnswerPlan) {
        self.machine = machine
        output = AnswerOutput(plan)
        controls = machine.controls
    }

    mutating func append(
        _ text: String, tokens: [(id: Int32, textOffset: Int)]
    ) -> [AnswerPiece] {
        waiting += tokens
        var taken = 0
        for scalar in text.unicodeScalars {
            takeTokens(&taken)
            let wasThinking = machine.isThinking
            for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter {
                machine.take(.byte(byte), into: &output)
            }
            // The token that opens thinking by its text belongs to it.
            if machine.isThinking, !wasThinking { thinkingTokenCount += 1 }
            scalarCount += 1
        }
        takeTokens(&taken)
        waiting.removeFirst(taken)
        return output.takePieces()
    }

    /// Takes the tokens that stand here in the text.
    private mutating func takeTokens(_ taken: inout Int) {
        while taken < waiting.count, waiting[taken].textOffset <= scalarCount {
            take(waiting[taken].id)
            taken += 1
        }
    }

    private mutating func take(_ token: Int32) {
        let wasThinking = machine.isThinking
        if controls.contains(token) { machine.take(.control(token), into: &output) }
        if wasThinking || machine.isThinking { thinkingTokenCount += 1 }
    }

    mutating func finish() -> [AnswerPiece] {
        for token in waiting { take(token.id) }
        waiting = []
        machine.finish(into: &output)
        output.endCall()
        return output.takePieces()
    }
}
