// SPDX-License-Identifier: Apache-2.0

/// Consecutive tokens of a choice: mostly one, for which no memory is allocated.
package struct TokenRun: Hashable, Sendable {
    private var first: TokenOutput?
    private var rest: [TokenOutput] = []

    /// A run of no tokens.
    package init() {}

    /// A run of one token.
    package init(_ token: TokenOutput) { first = token }

    /// A run of these tokens.
    package init(_ tokens: some Collection<TokenOutput>) {
        first = tokens.first
        rest = Array(tokens.dropFirst())
    }

    /// Adds the tokens that follow.
    package mutating func append(contentsOf tokens: TokenRun) {
        guard let token = tokens.first else { return }
        if first == nil {
            self = tokens
        } else {
            rest.append(token)
            rest.append(contentsOf: tokens.rest)
        }
    }
}

extension TokenRun: RandomAccessCollection, ExpressibleByArrayLiteral {
    /// A run of any tokens.
    package init(arrayLiteral tokens: TokenOutput...) {
        first = tokens.first
        rest = Array(tokens.dropFirst())
    }

    /// 0.
    package var startIndex: Int { 0 }

    /// The number of tokens.
    package var endIndex: Int { first == nil ? 0 : rest.count + 1 }

    /// The token in a place.
    package subscript(index: Int) -> TokenOutput {
        if index == 0, let first { return first }
        return rest[index - 1]
    }
}
