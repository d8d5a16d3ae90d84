// SPDX-License-Identifier: Apache-2.0

package import AnswerParsing
import Generation
package import Tokenization

/// How answers are read that may be more than text.
package struct AnswerReading: Sendable {
    /// What was asked of their form.
    package let plan: AnswerPlan

    private let format: any AnswerFormat
    private let tokenizer: any Tokenizer

    /// A reading of the answers to a plan.
    ///
    /// - Parameters:
    ///   - plan: what is asked of their form.
    ///   - format: how the model writes calls and thinking.
    ///   - tokenizer: its vocabulary.
    package init(_ plan: AnswerPlan, as format: any AnswerFormat, by tokenizer: any Tokenizer) {
        self.plan = plan
        self.format = format
        self.tokenizer = tokenizer
    }

    /// What reads the choice in a place.
    fileprivate func makeReader(_ choice: Int) -> any AnswerReader {
        var plan = plan
        plan.seed = plan.seed.map { $0 &+ UInt64(choice) &* 0x9E37_79B9_7F4A_7C15 }
        return format.reader(for: plan, tokenizer: tokenizer)
    }

    /// Whether a stop is the model's own, and not one that the client asked for.
    fileprivate func isOwn(_ stop: MatchedStop?) -> Bool {
        switch stop {
        case .token(let token)?: tokenizer.eosTokenIDs.contains(token)
        case .string?: false
        case nil: true
        }
    }
}

/// An answer as far as it has been read: text becomes thinking, calls of tools, and what is left.
struct ReadAnswer {
    private struct Choice {
        var reader: any AnswerReader
        var begunCount = 0
        var endedCount = 0
        /// The Unicode scalars of the text that has been read.
        var readCount = 0
    }

    private let reading: AnswerReading
    private let choiceCount: Int
    private var choices: [Choice]

    /// An answer of which nothing has come yet.
    ///
    /// - Parameters:
    ///   - reading: how it is read.
    ///   - promptCount: how many prompts it answers.
    ///   - choiceCount: the choices of each of them.
    init(_ reading: AnswerReading, promptCount: Int, choiceCount: Int) {
        self.reading = reading
        self.choiceCount = choiceCount
        choices = (0..<promptCount * choiceCount).map { choice in
            Choice(reader: reading.makeReader(choice))
        }
    }

    /// Reads the next event; what becomes certain by it is said in the order of the answer.
    mutating func receive(_ event: AnswerEvent) -> [AnswerEvent] {
        switch event {
        case .output(let choice, .text(let text), let tokens):
            return read(text, tokens, of: choice)
        case .finished(let choice, let end): return finish(choice, end)
        case .usage(let prompt, var usage):
            let own = choices[prompt * choiceCount..<(prompt + 1) * choiceCount]
            usage.thinkingTokens = own.reduce(0) { $0 + $1.reader.thinkingTokenCount }
            return [.usage(prompt: prompt, usage)]
        default: return [event]
        }
    }

    /// Reads text token by token, so that what is said of a token does not depend on which others came
    /// with it; neighbours that lead to the same thing are one event.
    private mutating func read(
        _ text: String, _ tokens: TokenRun, of choice: Int
    ) -> [AnswerEvent] {
        var offset = choices[choice].readCount
        choices[choice].readCount += text.unicodeScalars.count
        if tokens.count <= 1 {
            let pieces = choices[choice].reader.append(
                text, tokens: tokens.map { ($0.id, $0.textOffset) })
            return events(pieces, of: choice, tokens)
        }
        var answer = CollectedAnswer.Choice()
        var rest = text.unicodeScalars[...]
        for (index, token) in tokens.enumerated() {
            let end = index + 1 < tokens.count ? tokens[index + 1].textOffset : .max
            let part = rest.prefix(max(0, end - offset))
            rest = rest[part.endIndex...]
            offset += part.count
            let pieces = choices[choice].reader.append(
                String(part), tokens: [(token.id, token.textOffset)])
            for case .output(_, let piece, let tokens)
                in events(pieces, of: choice, TokenRun(token))
            {
                answer.receive(piece, tokens)
            }
        }
        return answer.pieces.map { piece, tokens in
            .output(choice: choice, piece, tokens: TokenRun(tokens))
        }
    }

    /// The pieces as events, the first of which has the tokens.
    private mutating func events(
        _ pieces: [AnswerPiece], of choice: Int, _ tokens: TokenRun
    ) -> [AnswerEvent] {
        for piece in pieces {
            switch piece {
            case .callBegun: choices[choice].begunCount += 1
            case .callEnded: choices[choice].endedCount += 1
            default: break
            }
        }
        var events = pieces.map { AnswerEvent.output(choice: choice, $0, tokens: []) }
        guard !tokens.isEmpty else { return events }
        let first = pieces.first ?? .text("")
        events.replaceSubrange(
            0..<min(1, events.count), with: [.output(choice: choice, first, tokens: tokens)])
        return events
    }

    private mutating func finish(_ choice: Int, _ end: AnswerEvent.End) -> [AnswerEvent] {
        var isOwn = false
        if case .stop(let stop) = end { isOwn = reading.isOwn(stop) }
        // A call that only the model's own end could complete was cut short by any other.
        let pieces = choices[choice].reader.finish().map { piece in
            if !isOwn, case .callEnded(let call) = piece {
                AnswerPiece.callCut(call)
            } else {
                piece
            }
        }
        let events = events(pieces, of: choice, [])
        guard case .stop = end else { return events + [.finished(choice: choice, end)] }
        let callCount = choices[choice].begunCount
        if case .required = reading.plan.choice, callCount == 0, isOwn {
            // What holds the model to a call has failed; text must not pass for one.
            let error = ServingError.failed(reason: "the model has called no tool, as it had to")
            return [.failed(choice: choice, error)]
        }
        let hasCalls = callCount > 0 && choices[choice].endedCount == callCount
        return events + [.finished(choice: choice, hasCalls ? .toolCalls : end)]
    }
}
