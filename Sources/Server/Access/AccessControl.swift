// SPDX-License-Identifier: Apache-2.0

import JSON

/// Who may enter, besides those whom the configuration names, and how much of it.
package final class AccessControl: Sendable {
    /// What is known of a text at once.
    package enum Sighting: Sendable {
        /// It lets somebody in.
        case known(Caller)

        /// It is no key.
        case unknown

        /// It is a token, and opens nothing.
        case refused(TokenRefusal)

        /// It may be a key; ``AccessControl/verify(_:)`` says so, and takes long.
        case unverified(KeyRing.Unverified)
    }

    private let keys: KeyRing?
    private let issuer: TokenIssuer?

    /// Where what everybody consumes is counted; nil for nowhere.
    package let usage: UsageLedger?

    /// Where each request is recorded; nil for nowhere.
    package let audit: AuditLog?

    /// Where what is refused without a record of its own is counted; nil for nowhere.
    package let refusals: RefusalTally?

    /// What everybody has consumed.
    package let limits: LimitBook

    /// Lets in who has a key of a file, or a token.
    ///
    /// - Parameters:
    ///   - keys: the file of keys and tenants; nil for none.
    ///   - issuer: whose tokens are taken; nil for nobody's.
    ///   - usage: where what everybody consumes is counted.
    ///   - audit: where each request is recorded.
    ///   - clock: what time it is.
    /// - Throws: ``AccessError`` where it cannot be read what was consumed on this day.
    package init(
        keys: KeyRing? = nil, issuer: TokenIssuer? = nil, usage: UsageLedger? = nil,
        audit: AuditLog? = nil, clock: AccessClock
    ) throws(AccessError) {
        self.keys = keys
        self.issuer = issuer
        self.usage = usage
        self.audit = audit
        refusals = audit.map { RefusalTally(in: $0, unixTime: clock.unixTime) }
        limits = LimitBook(clock: clock)
        guard let usage else { return }
        // A day's limits hold whatever is restarted.
        let now = clock.unixTime()
        for total in try usage.totals(since: now - now % 86_400) {
            limits.recall(total.key, requests: total.requests, tokens: total.tokens)
        }
    }

    /// Whether somebody is let in whom the configuration does not name, so that nobody is unknown.
    package var knowsKeys: Bool { keys != nil }

    /// Says what is known of a text that a request came with.
    package func sight(_ text: String) throws(AccessError) -> Sighting {
        if let issuer, TokenIssuer.isToken(text) {
            let claims: JSONObject
            do throws(TokenRefusal) { claims = try issuer.claims(of: text) } catch {
                return .refused(error)
            }
            guard let tenant = keys?.tenant(of: claims),
                let subject = claims["sub"]?.stringValue
            else { return .refused(.tenant) }
            let end = claims["exp"]?.doubleValue.flatMap { Int(exactly: $0.rounded(.down)) }
            return .known(try Self.caller(subject, tenant, until: end))
        }
        guard let keys else { return .unknown }
        return switch try keys.sight(text) {
        case .known(let caller): .known(caller)
        case .unknown: .unknown
        case .unverified(let candidate): .unverified(candidate)
        }
    }

    /// A subject of a tenant: each has the tenant's limits to itself.
    private static func caller(
        _ subject: String, _ tenant: Tenant, until end: Int?
    ) throws(AccessError) -> Caller {
        // A slash is in no key's id, and what is no name may be anything.
        let isName = AccessKey.isName(subject)
        let own =
            isName
            ? subject
            : "~"
                + Cryptography.hexadecimal(
                    try Cryptography.digest(Array(subject.utf8)).prefix(16))
        let id = "\(tenant.name)/\(own)"
        return try Caller(id: id, name: id, limits: tenant.limits, expires: end)
    }

    /// Who is counted under an id, with what he may do now; nil where he may not enter any more.
    package func caller(id: String) throws(AccessError) -> Caller? {
        if let slash = id.firstIndex(of: "/") {
            let name = id[..<slash]
            guard issuer != nil, let tenant = keys?.tenant(named: String(name)) else { return nil }
            return try Caller(id: id, name: id, limits: tenant.limits, expires: nil)
        }
        return keys?.caller(id: id)
    }

    /// Finds out whose secret it is, if it is one; takes long.
    package func verify(_ candidate: KeyRing.Unverified) throws(AccessError) -> Caller? {
        try keys?.verify(candidate)
    }

    /// Reads what files say that have changed; nobody waits for it but the caller.
    ///
    /// - Parameter always: whether also what seems to be as it was.
    /// - Returns: what came of each.
    package func reload(always: Bool = false) -> [KeyRing.Change] {
        let changes = [
            keys?.reload(always: always), issuer?.reload(always: always),
        ]
        return changes.compactMap { $0 }
    }

    /// Waits until all that was counted and recorded is in its file.
    package func flush() {
        usage?.flush()
        refusals?.write()
        audit?.flush()
    }

    // MARK: Limits

    /// Why a request would have to come later, if it would.
    package func refusal(of caller: Caller) -> LimitRefusal? { limits.refusal(of: caller) }

    /// Lets a request in, and counts it.
    ///
    /// - Parameters:
    ///   - caller: whose it is.
    ///   - inBackground: whether it waits while anybody else asks, so that only days count.
    /// - Returns: its place.
    /// - Throws: why it has to come later.
    package func enter(
        _ caller: Caller, inBackground: Bool = false
    ) throws(LimitRefusal) -> AccessLease {
        try AccessLease(caller, in: limits, inBackground: inBackground)
    }

    /// What is left to somebody.
    package func report(of caller: Caller) -> LimitReport { limits.report(of: caller) }
}
