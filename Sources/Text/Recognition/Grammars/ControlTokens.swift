// SPDX-License-Identifier: Apache-2.0

/// What a vocabulary has in the way of control tokens, which grammars and structural tags may name.
package struct ControlTokens: Sendable {
    private let find: @Sendable (String) -> Int32?
    private let check: @Sendable (Int32) -> Bool

    /// Those of a vocabulary.
    ///
    /// - Parameters:
    ///   - id: the id of a control token by its name.
    ///   - isControl: whether an id is that of a control token, which has no text.
    package init(
        id: @escaping @Sendable (String) -> Int32?,
        isControl: @escaping @Sendable (Int32) -> Bool
    ) {
        find = id
        check = isControl
    }

    /// The id of a control token by its name.
    func id(of name: String) -> Int32? { find(name) }

    /// Why an id cannot stand in a structure; nil where it can.
    func problem(with token: Int32) -> String? {
        check(token)
            ? nil
            : "the token \(token) is no control token of the vocabulary; write its text instead"
    }
}

extension ControlTokens: ExpressibleByDictionaryLiteral {
    /// These, and any others by their ids.
    package init(dictionaryLiteral elements: (String, Int32)...) {
        let ids = Dictionary(elements) { first, _ in first }
        self.init(id: { ids[$0] }, isControl: { _ in true })
    }
}

/// How a client names a control token.
package enum ControlName: Hashable, Sendable {
    case name(String)
    case id(Int32)
}
