// SPDX-License-Identifier: Apache-2.0

/// A token named in a grammar: `<[42]>`, `<[1-3,7]>` or `<name>`.
enum ControlReference {
    /// How many tokens one reference may name.
    private static let maxTokens = 1024

    /// Reads a reference at its `<`.
    static func parse(
        _ cursor: inout GrammarCursor, controls: ControlTokens
    ) throws(RecognitionError) -> GrammarExpression {
        let place = cursor.index
        guard cursor.take("<") else {
            throw cursor.error(
                "a token that must not come cannot be written; name those that may", at: place)
        }
        guard cursor.take("[") else {
            let name = cursor.take { $0 != UInt8(ascii: ">") && $0 != 10 }
            guard cursor.take(">") else { throw cursor.error("expected >", at: place) }
            guard let token = controls.id(of: "<\(name)>") ?? controls.id(of: name) else {
                throw cursor.error("the vocabulary has no control token <\(name)>", at: place)
            }
            return .control(token)
        }
        var tokens: [GrammarExpression] = []
        repeat {
            guard let low = cursor.takeNumber() else { throw cursor.error("expected a token's id") }
            var high = low
            if cursor.take("-") {
                guard let last = cursor.takeNumber() else {
                    throw cursor.error("expected a token's id")
                }
                high = last
            }
            guard low <= high, high <= Int(Int32.max), high - low < maxTokens - tokens.count else {
                throw cursor.error("a reference may name \(maxTokens) tokens at most", at: place)
            }
            for token in low...high {
                if let problem = controls.problem(with: Int32(token)) {
                    throw cursor.error(problem, at: place)
                }
                tokens.append(.control(Int32(token)))
            }
        } while cursor.take(",")
        guard cursor.take("]>") else { throw cursor.error("expected ]>") }
        return tokens.count == 1 ? tokens[0] : .choice(tokens)
    }
}
