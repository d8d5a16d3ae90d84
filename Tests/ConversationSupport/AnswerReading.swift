// SPDX-License-Identifier: Apache-2.0

package import AnswerParsing
package import Tokenization

/// Reads whole answers in pieces.
package enum AnswerReading {
    /// The pieces of an answer, neighbours of one kind joined.
    ///
    /// The answer is cut every so many code points; control tokens in it are those that the
    /// tokenizer finds in a template's text.
    package static func pieces(
        of answer: String, _ format: any AnswerFormat, _ plan: AnswerPlan,
        _ tokenizer: any Tokenizer, cutEvery size: Int = .max
    ) -> [AnswerPiece] {
        pieces(of: tokenizer.encode([.templated(answer)]), format, plan, tokenizer) { _ in size }
    }

    /// The pieces of an answer of tokens; `batch` says how many of them are read at once.
    package static func pieces(
        of tokens: [Int32], _ format: any AnswerFormat, _ plan: AnswerPlan,
        _ tokenizer: any Tokenizer, batch: (_ read: Int) -> Int
    ) -> [AnswerPiece] {
        var reader = format.reader(for: plan, tokenizer: tokenizer)
        var detokenizer = StreamingDetokenizer(tokenizer: tokenizer, continuesText: true)
        var pieces: [AnswerPiece] = []
        var scalarCount = 0
        var read = 0
        while read < tokens.count {
            var text = ""
            var batchTokens: [(id: Int32, textOffset: Int)] = []
            for token in tokens[read...].prefix(max(1, batch(read))) {
                batchTokens.append((token, scalarCount))
                let more = detokenizer.append(token)
                text += more
                scalarCount += more.unicodeScalars.count
                read += 1
            }
            pieces += reader.append(text, tokens: batchTokens)
        }
        pieces += reader.append(detokenizer.flush(), tokens: [])
        return joined(pieces + reader.finish())
    }

    /// Neighbours of one kind as one piece.
    package static func joined(_ pieces: [AnswerPiece]) -> [AnswerPiece] {
        var result: [AnswerPiece] = []
        for piece in pieces {
            switch (result.last, piece) {
            case (.text(let first), .text(let second)):
                result[result.count - 1] = .text(first + second)
            case (.thinking(let first), .thinking(let second)):
                result[result.count - 1] = .thinking(first + second)
            case (.callArguments(let call, let first), .callArguments(let next, let second))
            where call == next:
                result[result.count - 1] = .callArguments(call, first + second)
            default: result.append(piece)
            }
        }
        return result
    }

    /// The identities that calls get where the seed is 0.
    package static func identities(_ count: Int) -> [String] {
        (0..<count).map { CallIdentities(seed: 0).identity(ofCall: $0) }
    }
}
