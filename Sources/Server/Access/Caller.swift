// SPDX-License-Identifier: Apache-2.0

/// Who asks, and what he may do.
package struct Caller: Hashable, Sendable {
    /// The same for all requests of one key, and for those of no other; 0 where nobody is told apart.
    package let number: Int

    /// What it is counted and limited under, for as long as the key exists: the key's id.
    package let id: String

    /// What people call it.
    package let name: String

    /// What its things are kept under; of letters and digits.
    package let owner: String

    /// What it may do.
    package let limits: AccessLimits

    /// When it is let in no more, in seconds since 1970; nil for never.
    package let expires: Int?

    /// Whether it may load and unload models, and see how the server is doing.
    package let isOperator: Bool

    /// Somebody of whom no more is known than that he may ask.
    package static let anybody = Caller(
        number: 0, id: "anybody", name: "anybody", owner: "everybody")

    /// Somebody whom the configuration knows, or nobody has to know: an operator.
    ///
    /// - Parameters:
    ///   - number: his number.
    ///   - id: what he is counted under.
    ///   - name: what people call him.
    ///   - owner: what his things are kept under.
    ///   - limits: what he may do.
    package init(
        number: Int, id: String, name: String, owner: String, limits: AccessLimits = AccessLimits()
    ) {
        self.number = number
        self.id = id
        self.name = name
        self.owner = owner
        self.limits = limits
        expires = nil
        isOperator = true
    }

    /// Somebody who is known by an identity that outlives the process, whatever its secrets become.
    ///
    /// - Parameters:
    ///   - id: the identity.
    ///   - name: what people call him.
    ///   - limits: what he may do.
    ///   - expires: when he is let in no more.
    /// - Throws: ``AccessError`` where there is no libcrypto.
    init(
        id: String, name: String, limits: AccessLimits, expires: Int?
    ) throws(AccessError) {
        let digest = try Cryptography.digest(Array("caller \(id)".utf8))
        // Far from the small numbers of keys in the configuration.
        number = digest.suffix(7).reduce(1) { $0 << 8 | Int($1) }
        self.id = id
        self.name = name
        owner = "k" + Cryptography.hexadecimal(digest.prefix(16))
        self.limits = limits
        self.expires = expires
        isOperator = limits.isAdmin
    }

    /// Whether a family of the API may be asked.
    package func allows(_ family: AccessFamily) -> Bool {
        family == .operation ? isOperator : limits.allows(family)
    }
}
